//! `ai-proxy-multi`: one of several instances answers. It passes the client's headers on, sets credential and model, writes the body anew,
//! and drops the provider's headers.

use crate::network::{Begun, Chunks, Network, Outgoing};
use crate::world::Fields;
use serde_json::Value;

/// The response to a request, before the filter sees it.
pub(crate) struct Proxied {
    pub(crate) status: u16,
    pub(crate) headers: Fields,
    pub(crate) chunks: Chunks,
    /// The variable with the statuses of all tries.
    pub(crate) statuses: String,
    /// Time in which there was no answer, µs.
    pub(crate) waited_us: u64,
}

impl Proxied {
    /// A page of APISIX itself.
    pub(crate) fn page(status: u16, statuses: String) -> Self {
        let headers = vec![("content-type".to_owned(), "text/html; charset=utf-8".to_owned())];
        Self::of(status, headers, b"<html>openresty</html>".to_vec(), statuses)
    }

    /// A response with a body of one chunk.
    pub(crate) fn of(status: u16, headers: Fields, body: Vec<u8>, statuses: String) -> Self {
        Self { status, headers, chunks: Box::new(std::iter::once(body)), statuses, waited_us: 0 }
    }
}

/// A request that comes to the plugin.
pub(crate) struct Asked<'a> {
    pub(crate) headers: &'a Fields,
    pub(crate) body: &'a [u8],
    pub(crate) environment: &'a [(String, String)],
}

/// Headers of the client that do not go on.
const KEPT_BACK: [&str; 3] = ["host", "content-length", "accept-encoding"];

/// Tries the instances in the order of their priorities.
pub(crate) fn serve(plugin: &Value, asked: &Asked<'_>, network: &mut dyn Network) -> Proxied {
    let Ok(mut body) = serde_json::from_slice::<Value>(asked.body) else { return Proxied::page(400, String::new()) };
    let mut instances: Vec<&Value> = plugin["instances"].as_array().unwrap().iter().collect();
    instances.sort_by_key(|instance| std::cmp::Reverse(instance["priority"].as_u64()));
    let tries = plugin["max_retries"].as_u64().unwrap_or(0) as usize + 1;
    let mut statuses: Vec<String> = Vec::new();
    let mut waited_us = 0;
    for (number, instance) in instances.iter().enumerate().take(tries) {
        body["model"] = instance["options"]["model"].clone();
        match network.begin(&outgoing(instance, &body, plugin, asked)) {
            Begun::Nothing(after_us) => {
                waited_us += after_us;
                // A connection that is refused shows as an error of the host's own.
                statuses.push("500".to_owned());
            }
            Begun::Answer { status, headers, chunks } => {
                statuses.push(status.to_string());
                let another = number + 1 < instances.len().min(tries);
                if another && falls_back(plugin, status) {
                    continue;
                }
                let kept = headers.into_iter().filter(|(name, _)| name.eq_ignore_ascii_case("content-type"));
                let (headers, statuses) = (kept.collect(), statuses.join(", "));
                return Proxied { status, headers, chunks, statuses, waited_us };
            }
        }
    }
    Proxied { waited_us, ..Proxied::page(500, statuses.join(", ")) }
}

fn falls_back(plugin: &Value, status: u16) -> bool {
    let named =
        |name: &str| plugin["fallback_strategy"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
    status == 429 && named("http_429") || (500..600).contains(&status) && named("http_5xx")
}

fn outgoing(instance: &Value, body: &Value, plugin: &Value, asked: &Asked<'_>) -> Outgoing {
    let endpoint = instance["override"]["endpoint"].as_str().unwrap();
    let (_, rest) = endpoint.split_once("://").unwrap();
    let (to, path) = rest.split_once('/').unwrap();
    let mut headers: Fields = vec![
        (":method".to_owned(), "POST".to_owned()),
        (":path".to_owned(), format!("/{path}")),
        (":authority".to_owned(), to.to_owned()),
    ];
    let goes_on = |name: &str| !name.starts_with(':') && !KEPT_BACK.contains(&name);
    let mut set: Fields = vec![("content-type".to_owned(), "application/json".to_owned())];
    for (name, value) in instance["auth"]["header"].as_object().unwrap() {
        let value = value.as_str().unwrap();
        let secret = value.strip_prefix("$env://").map_or_else(
            || value.to_owned(),
            |name| {
                asked
                    .environment
                    .iter()
                    .find(|(one, _)| one == name)
                    .map(|(_, value)| value.clone())
                    .unwrap_or_default()
            },
        );
        set.push((name.to_ascii_lowercase(), secret));
    }
    let is_set = |name: &str| set.iter().any(|(one, _)| one == name);
    headers.extend(asked.headers.iter().filter(|(name, _)| goes_on(name) && !is_set(name)).cloned());
    headers.extend(set);
    Outgoing {
        to: to.to_owned(),
        headers,
        // A table of Lua has no order; serde_json sorts.
        body: serde_json::to_vec(body).unwrap(),
        timeout_ms: plugin["timeout"].as_u64().unwrap_or(0),
    }
}
