//! Checks that the collector counted every request exactly once.
//!
//! Otherwise limits would look cheap because they lose counts under load.

use crate::Outcome;
use crate::evidence::{PATIENCE, get};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The use of all subjects of a limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) requests: u64,
    pub(crate) subjects: u64,
}

/// Waits until a limit's requests of today are exactly so many; a run over midnight UTC fails, for only current windows
/// of limits are listed.
pub(crate) async fn wait_for(requests: u64, rule: &str, collector: SocketAddr) -> Outcome<Counted> {
    let end = Instant::now() + PATIENCE;
    loop {
        let counted = counted(rule, collector).await?;
        if counted.requests == requests {
            return Ok(counted);
        }
        if counted.requests > requests || Instant::now() > end {
            return Err(format!("{rule}: {} requests counted, {requests} answered", counted.requests).into());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn counted(rule: &str, collector: SocketAddr) -> Outcome<Counted> {
    let mut counted = Counted::default();
    let list = format!("/v1/limits?id={rule}&meter=requests/day&limit=500");
    let mut path = list.clone();
    loop {
        let next = add(&mut counted, &get(collector, &path).await?)?;
        let Some(next) = next else { return Ok(counted) };
        path = format!("{list}&after={next}");
    }
}

/// Adds a page, and says where the next one begins.
fn add(counted: &mut Counted, answer: &str) -> Outcome<Option<String>> {
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("an answer without an end of its head")?;
    if !head.starts_with("HTTP/1.1 200 ") {
        return Err(format!("the collector's counts: {head:.12}").into());
    }
    let page: Value = serde_json::from_str(body)?;
    for entry in page.get("data").and_then(Value::as_array).ok_or("a page without data")? {
        counted.requests += entry.get("used").and_then(Value::as_u64).ok_or("a count without a number")?;
        counted.subjects += 1;
    }
    Ok(page.get("next").and_then(Value::as_str).map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_added_up_to_the_last() {
        let mut counted = Counted::default();
        let page = "HTTP/1.1 200 OK\r\n\r\n{\"data\":[{\"used\":2},{\"used\":3}],\"next\":\"l1_0_1\"}";
        assert_eq!(add(&mut counted, page).unwrap().as_deref(), Some("l1_0_1"));
        assert_eq!(add(&mut counted, "HTTP/1.1 200 OK\r\n\r\n{\"data\":[{\"used\":4}],\"next\":null}").unwrap(), None);
        assert_eq!(counted, Counted { requests: 9, subjects: 3 });
    }

    #[test]
    fn an_answer_without_counts_is_an_error() {
        for answer in ["HTTP/1.1 503 No\r\n\r\n{\"data\":[]}", "HTTP/1.1 200 OK\r\n\r\n{}", "HTTP/1.1 200 OK"] {
            assert!(add(&mut Counted::default(), answer).is_err(), "{answer}");
        }
    }
}
