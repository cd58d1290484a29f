//! Sends crossings to webhooks at least once, from an outbox that is written together with the crossing.
//!
//! A call during the report would make proxies wait for an external server, and a call after it would be lost with the
//! process. An address is the value of an environment variable and often holds a secret, so it appears in no table, log
//! line or error. A message may arrive twice; receivers recognise it by its `id`.

use super::Limits;
use headgate_collector_db::{Db, StoreError, params};
use headgate_collector_types::clock;
use std::collections::HashSet;
use std::time::Duration;
use tokio::task::JoinSet;

/// The longest time for a call.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// The most concurrent calls.
const MAX_CALLS: i64 = 8;
/// The longest sleep while nothing is due.
const PAUSE: Duration = Duration::from_secs(1);
/// The pause after the first failure, in µs. Each further failure doubles it.
const FIRST_RETRY_US: i64 = 1_000_000;
/// The longest pause, in µs.
const LAST_RETRY_US: i64 = 3_600 * 1_000_000;
/// The time after which a message is given up, in µs.
const MAX_AGE_US: i64 = 86_400 * 1_000_000;

/// The time for which a message is claimed by one collector, in µs. Longer than its call.
const CLAIM_US: i64 = 15_000_000;

/// The most variables for which a failure is remembered.
const MAX_REMEMBERED: usize = 1_000;

/// A message that is due.
#[derive(Debug, Clone)]
struct Message {
    id: String,
    variable: String,
    body: String,
    tries: u32,
    since: i64,
}

/// The reason why a call failed, without the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CallError {
    NoAddress,
    Unreachable,
    Status(u16),
}

impl CallError {
    fn text(self) -> String {
        match self {
            Self::NoAddress => "it is not set to an http or https address".to_owned(),
            Self::Unreachable => "the address in it cannot be reached, or not in time".to_owned(),
            Self::Status(status) => format!("the address in it answers with status {status}"),
        }
    }
}

impl Limits {
    pub(super) async fn run_webhooks(&self) {
        let agent =
            headgate_http_client::agent(concat!("headgate-collector/", env!("CARGO_PKG_VERSION")), CALL_TIMEOUT);
        let mut failing = HashSet::new();
        loop {
            // A store that cannot be read now may be readable later.
            if !self.send_due(&agent, &mut failing).await.unwrap_or(false) {
                let _ = tokio::time::timeout(PAUSE, self.crossed.notified()).await;
            }
        }
    }

    /// Sends the messages that are due and returns whether there were any.
    async fn send_due(&self, agent: &ureq::Agent, failing: &mut HashSet<String>) -> Result<bool, StoreError> {
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
            self.complete(message, outcome).await?;
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

    async fn complete(&self, message: Message, outcome: Result<(), CallError>) -> Result<(), StoreError> {
        let now_us = clock::now_us();
        let is_done = outcome.is_ok() || now_us.saturating_sub(message.since) >= MAX_AGE_US;
        let due_at = now_us.saturating_add(pause(message.tries));
        let write = move |tx: &Db| {
            if is_done {
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

/// Claims the messages that are due. Where several collectors share the store, this postpones them for the others.
fn claim(tx: &Db, now_us: i64) -> Result<Vec<Message>, StoreError> {
    let claimed_until = if tx.is_shared() { now_us.saturating_add(CLAIM_US) } else { now_us };
    let mut update = tx.prepare_cached(
        "UPDATE limit_outbox SET due_at = ?1
         WHERE id IN (SELECT id FROM limit_outbox WHERE due_at <= ?2 ORDER BY due_at LIMIT ?3)
         RETURNING id, variable, body, tries, since",
    )?;
    let rows = update.query_map([claimed_until, now_us, MAX_CALLS], |row| {
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

/// Returns the pause after a number of failures, in µs.
fn pause(tries: u32) -> i64 {
    FIRST_RETRY_US.saturating_mul(1_i64 << tries.min(30)).min(LAST_RETRY_US)
}

/// Logs when calls to an address begin to fail, when they work again, and which message was given up.
fn note(failing: &mut HashSet<String>, message: &Message, outcome: Result<(), CallError>) {
    let variable = printable(&message.variable);
    match outcome {
        Ok(()) if failing.remove(&message.variable) => {
            tracing::info!("the webhook in {variable} takes messages again");
        }
        Ok(()) => {}
        Err(error) if clock::now_us().saturating_sub(message.since) >= MAX_AGE_US => tracing::warn!(
            "a budget's crossing could not be told to the webhook in {variable} for a day and is given up: {}",
            error.text()
        ),
        Err(error) if failing.len() < MAX_REMEMBERED && failing.insert(message.variable.clone()) => tracing::warn!(
            "a budget's crossing could not be told to the webhook in {variable}: {}; it is tried again for a day",
            error.text()
        ),
        Err(_) => {}
    }
}

/// Returns the name of a variable for logs. It comes from a proxy, so it is shown only if it has the form of one.
fn printable(variable: &str) -> &str {
    let shaped = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if (1..=128).contains(&variable.len()) && variable.bytes().all(shaped) { variable } else { "?" }
}

fn call(agent: &ureq::Agent, message: &Message) -> Result<(), CallError> {
    let address = address(&message.variable).ok_or(CallError::NoAddress)?;
    let answer = agent
        .post(&address)
        .header("content-type", "application/json")
        .send(message.body.as_str())
        .map_err(|_| CallError::Unreachable)?;
    if answer.status().is_success() { Ok(()) } else { Err(CallError::Status(answer.status().as_u16())) }
}

fn address(variable: &str) -> Option<String> {
    // The system's functions accept neither character, and the name comes from a proxy.
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
    fn retries_wait_longer_up_to_an_hour() {
        let pauses = [0, 1, 2, 11, 12, 40, u32::MAX].map(|tries| pause(tries) / 1_000_000);
        assert_eq!(pauses, [1, 2, 4, 2_048, 3_600, 3_600, 3_600]);
    }

    #[test]
    fn an_invalid_name_is_neither_read_nor_shown() {
        for name in ["", "A=B", "A\0B", "a b", "\u{1b}[31m"] {
            assert_eq!((address(name), printable(name)), (None, "?"));
        }
        assert_eq!(printable("BUDGET_HOOK"), "BUDGET_HOOK");
    }
}
