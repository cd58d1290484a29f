//! Tells addresses of crossings: at least once, from an outbox that was written together with the crossing.
//!
//! A call made while a report is counted would make proxies wait for a stranger's server, and one made after it would be
//! lost with the process. An address is the value of an environment variable and stays there: it often holds a secret,
//! so it stands in no table, line or error. A message may come twice; its `id` tells.

use super::Limits;
use crate::clock;
use crate::journal;
use crate::store::StoreError;
use crate::store::db::{Db, params};
use std::collections::HashSet;
use std::time::Duration;
use tokio::task::JoinSet;

/// Longest time for a call.
const CALL_TIME: Duration = Duration::from_secs(5);
/// Calls under way at once.
const CALLS: i64 = 8;
/// Longest sleep of the teller while nothing is due.
const PAUSE: Duration = Duration::from_secs(1);
/// Pause after the first failure, µs; each further one doubles it.
const FIRST_RETRY_US: i64 = 1_000_000;
/// Longest pause, µs.
const LAST_RETRY_US: i64 = 3_600 * 1_000_000;
/// How long it is tried, µs.
const GIVEN_UP_US: i64 = 86_400 * 1_000_000;

/// How long a message is one collector's to send, µs: longer than its call.
const CLAIM_US: i64 = 15_000_000;

/// Variables of which it is remembered that telling them fails.
const NOTED: usize = 1_000;

/// A message that is due.
#[derive(Debug, Clone)]
struct Message {
    id: String,
    variable: String,
    body: String,
    tries: u32,
    since: i64,
}

/// Why an address was not told. Said without the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    NoAddress,
    Unreachable,
    Status(u16),
}

impl Fault {
    fn text(self) -> String {
        match self {
            Self::NoAddress => "it is not set to an http or https address".to_owned(),
            Self::Unreachable => "the address in it cannot be reached, or not in time".to_owned(),
            Self::Status(status) => format!("the address in it answers with status {status}"),
        }
    }
}

impl Limits {
    pub(super) async fn keep_telling(&self) {
        let agent = headgate::http::agent(concat!("headgate-collector/", env!("CARGO_PKG_VERSION")), CALL_TIME);
        let mut failing = HashSet::new();
        loop {
            // A store that cannot be read now can be later.
            if !self.tell_due(&agent, &mut failing).await.unwrap_or(false) {
                let _ = tokio::time::timeout(PAUSE, self.told.notified()).await;
            }
        }
    }

    /// Sends what is due; tells whether there was anything.
    async fn tell_due(&self, agent: &ureq::Agent, failing: &mut HashSet<String>) -> Result<bool, StoreError> {
        let due = self.due().await?;
        let mut calls = JoinSet::new();
        for message in due {
            let agent = agent.clone();
            calls.spawn_blocking(move || {
                let outcome = call(&agent, &message);
                (message, outcome)
            });
        }
        let any = !calls.is_empty();
        while let Some(called) = calls.join_next().await {
            let Ok((message, outcome)) = called else { continue };
            note(failing, &message, outcome);
            self.settle(message, outcome).await?;
        }
        Ok(any)
    }

    async fn due(&self) -> Result<Vec<Message>, StoreError> {
        let now_us = clock::now_us();
        if self.readers.query(move |db| is_any_due(db, now_us)).await? {
            self.writes.transact(move |tx| claim(tx, now_us)).await
        } else {
            Ok(Vec::new())
        }
    }

    async fn settle(&self, message: Message, outcome: Result<(), Fault>) -> Result<(), StoreError> {
        let now_us = clock::now_us();
        let over = outcome.is_ok() || now_us.saturating_sub(message.since) >= GIVEN_UP_US;
        let due_at = now_us.saturating_add(pause(message.tries));
        let write = move |tx: &Db| {
            if over {
                tx.prepare_cached("DELETE FROM limit_outbox WHERE id = ?1")?.execute([&message.id])?;
            } else {
                tx.prepare_cached("UPDATE limit_outbox SET tries = tries + 1, due_at = ?2 WHERE id = ?1")?
                    .execute(params![message.id, due_at])?;
            }
            Ok(())
        };
        self.writes.transact(write).await
    }
}

fn is_any_due(db: &Db, now_us: i64) -> Result<bool, StoreError> {
    let mut select = db.prepare_cached("SELECT EXISTS (SELECT 1 FROM limit_outbox WHERE due_at <= ?1)")?;
    Ok(select.query_row([now_us], |row| row.get(0))?)
}

/// Takes what is due, and where other collectors look too, puts it off for them while it is sent.
fn claim(tx: &Db, now_us: i64) -> Result<Vec<Message>, StoreError> {
    let put_off = if tx.is_shared() { now_us.saturating_add(CLAIM_US) } else { now_us };
    let mut update = tx.prepare_cached(
        "UPDATE limit_outbox SET due_at = ?1
         WHERE id IN (SELECT id FROM limit_outbox WHERE due_at <= ?2 ORDER BY due_at LIMIT ?3)
         RETURNING id, variable, body, tries, since",
    )?;
    let rows = update.query_map([put_off, now_us, CALLS], |row| {
        Ok(Message {
            id: row.get(0)?,
            variable: row.get(1)?,
            body: row.get(2)?,
            tries: row.get(3)?,
            since: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Longer with each failure, µs.
fn pause(tries: u32) -> i64 {
    FIRST_RETRY_US.saturating_mul(1_i64 << tries.min(30)).min(LAST_RETRY_US)
}

/// Says when telling an address begins to fail, when it works again, and what was given up.
fn note(failing: &mut HashSet<String>, message: &Message, outcome: Result<(), Fault>) {
    let variable = shown(&message.variable);
    match outcome {
        Ok(()) if failing.remove(&message.variable) => {
            journal::line(&format!("the webhook in {variable} takes messages again"));
        }
        Ok(()) => {}
        Err(fault) if clock::now_us().saturating_sub(message.since) >= GIVEN_UP_US => journal::line(&format!(
            "a budget's crossing could not be told to the webhook in {variable} for a day and is given up: {}",
            fault.text()
        )),
        Err(fault) if failing.len() < NOTED && failing.insert(message.variable.clone()) => journal::line(&format!(
            "a budget's crossing could not be told to the webhook in {variable}: {}; it is tried again for a day",
            fault.text()
        )),
        Err(_) => {}
    }
}

/// A variable's name comes from a proxy; it is said only if it is shaped like one.
fn shown(variable: &str) -> &str {
    let shaped = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if (1..=128).contains(&variable.len()) && variable.bytes().all(shaped) { variable } else { "?" }
}

fn call(agent: &ureq::Agent, message: &Message) -> Result<(), Fault> {
    let address = address(&message.variable).ok_or(Fault::NoAddress)?;
    let answer = agent
        .post(&address)
        .header("content-type", "application/json")
        .send(message.body.as_str())
        .map_err(|_| Fault::Unreachable)?;
    if answer.status().is_success() { Ok(()) } else { Err(Fault::Status(answer.status().as_u16())) }
}

fn address(variable: &str) -> Option<String> {
    // The system's own functions take neither; a name comes from a proxy.
    if variable.is_empty() || variable.contains(['=', '\0']) {
        return None;
    }
    let address = std::env::var(variable).ok()?.trim().to_owned();
    let scheme = address.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("http" | "https")).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_tried_again_after_ever_longer_pauses_of_at_most_an_hour() {
        let pauses = [0, 1, 2, 11, 12, 40, u32::MAX].map(|tries| pause(tries) / 1_000_000);
        assert_eq!(pauses, [1, 2, 4, 2_048, 3_600, 3_600, 3_600]);
    }

    #[test]
    fn a_name_that_no_variable_has_is_neither_looked_up_nor_said() {
        for name in ["", "A=B", "A\0B", "a b", "\u{1b}[31m"] {
            assert_eq!((address(name), shown(name)), (None, "?"));
        }
        assert_eq!(shown("BUDGET_HOOK"), "BUDGET_HOOK");
    }
}
