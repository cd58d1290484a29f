//! The lines of Lua, as they are rendered, in a real nginx with its Lua module: what they do to requests, streams and the log.
//!
//! A few lines of Lua play the filter, which sets the variables. The provider of these tests sends a chunk when it is told to, so that a
//! chunk which is kept back is noticed without a clock.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "this is a test")]
#![allow(clippy::disallowed_methods, reason = "nginx is a process")]

mod common;
mod nginx_process;

use nginx_process::{Client, NginxProcess, Provider};

/// The provider's answer, chunk by chunk, and the bytes that the filter puts in their place.
const STREAM: [(&str, Option<&str>); 5] = [
    ("first\n", None),
    ("secret\n", Some("masked\n")),
    ("hidden\n", Some("")),
    ("short\n", Some("a longer text than that of the provider\n")),
    ("last\n", None),
];

#[test]
fn the_filter_s_body_is_sent() {
    let provider = Provider::start();
    let nginx = NginxProcess::start(&provider);
    let mut client = Client::connect(&nginx);
    client.send("POST /v1/chat/completions", "x-filter-body: {\"masked\":true,\"longer\":1}\r\n", "{\"secret\":1}");
    let seen = provider.request();
    assert!(seen.ends_with("\r\n\r\n{\"masked\":true,\"longer\":1}"), "{seen}");
    assert!(seen.to_ascii_lowercase().contains("content-length: 26\r\n"), "{seen}");
    provider.end();
    assert_eq!(client.status(), 200);
}

#[test]
fn nothing_is_sent_without_the_filter() {
    let provider = Provider::start();
    let nginx = NginxProcess::start(&provider);
    let mut client = Client::connect(&nginx);
    client.send("POST /v1/chat/completions", "", "{\"secret\":1}");
    assert_eq!(client.status(), 503);
    assert!(provider.has_seen_nothing());
}

#[test]
fn chunks_are_replaced_and_none_is_kept_back() {
    let provider = Provider::start();
    let nginx = NginxProcess::start(&provider);
    let mut client = Client::connect(&nginx);
    client.send("POST /v1/chat/completions", "x-filter-body: {}\r\n", "{}");
    provider.request();
    for (number, (sent, replaced)) in STREAM.iter().enumerate() {
        provider.send(sent);
        if number == 0 {
            assert_eq!(client.status(), 200);
        }
        let expected = replaced.unwrap_or(sent);
        if !expected.is_empty() {
            assert_eq!(client.chunk().as_deref(), Some(expected));
        } else {
            // The client cannot tell that this chunk has passed; the next one would join it.
            std::thread::sleep(std::time::Duration::from_millis(300));
        }
    }
    provider.end();
    assert_eq!(client.chunk().as_deref(), Some(""), "the stream ends in order");
    assert_eq!(nginx.record(), "record of the filter");
}

#[test]
fn a_cut_ends_the_client_s_and_the_provider_s_stream() {
    let provider = Provider::start();
    let nginx = NginxProcess::start(&provider);
    let mut client = Client::connect(&nginx);
    client.send("POST /v1/chat/completions", "x-filter-body: {}\r\n", "{}");
    provider.request();
    provider.send("first\n");
    assert_eq!(client.status(), 200);
    assert_eq!(client.chunk().as_deref(), Some("first\n"));
    provider.send("forbidden\n");
    assert_eq!(client.chunk(), None, "the stream breaks off");
    assert!(provider.sees_the_proxy_leave());
    assert_eq!(nginx.record(), "record of the filter", "the log phase comes all the same");
}
