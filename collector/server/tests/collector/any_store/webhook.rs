//! Threshold crossings sent to a real server: repeated after a failure, over TLS, and without showing the address.

use crate::any_store::fleet::{Proxy, budget, day, listed, row};
use crate::client::PATIENCE;
use crate::patience::until;
use crate::process::Collector;
use headgate_limits::Rule;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

const SECRET: &str = "c4n4ry-in-the-address";

/// A server that answers successive calls with these statuses and reports the received bodies.
struct Hook {
    port: u16,
    calls: Receiver<(String, Value)>,
}

trait Connection: Read + Write {}
impl<T: Read + Write> Connection for T {}

impl Hook {
    fn start(statuses: Vec<u16>, wrap: impl Fn(TcpStream) -> Box<dyn Connection> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, calls) = channel();
        thread::spawn(move || {
            for status in statuses {
                let (stream, _) = listener.accept().unwrap();
                answer(wrap(stream), status, &tell);
            }
        });
        Self { port, calls }
    }

    fn plain(statuses: Vec<u16>) -> Self {
        Self::start(statuses, |stream| Box::new(stream))
    }

    fn next(&self) -> (String, Value) {
        self.calls.recv_timeout(PATIENCE).expect("a call")
    }
}

/// Returns the head of a call and the length of its body. The head of a connection that was closed, as by a client that rejects the
/// certificate, is empty.
pub(crate) fn read_head(stream: &mut impl BufRead) -> (String, usize) {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).unwrap_or(0) <= 2 {
            return (head, length);
        }
        if let Some((_, value)) = line.to_ascii_lowercase().split_once("content-length:") {
            length = value.trim().parse().unwrap();
        }
        head.push_str(&line);
    }
}

fn answer(stream: Box<dyn Connection>, status: u16, tell: &Sender<(String, Value)>) {
    let mut stream = BufReader::new(stream);
    let (head, length) = read_head(&mut stream);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    let reply =
        format!("HTTP/1.1 {status} x\r\nlocation: /elsewhere\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let sent = stream.get_mut().write_all(reply.as_bytes()).and_then(|()| stream.get_mut().flush());
    assert!(sent.is_ok() || head.is_empty(), "who has asked waits for the answer");
    tell.send((head, serde_json::from_slice(&body).unwrap_or(Value::Null))).unwrap();
}

fn with_hook(id: &str, variable: &str) -> Rule {
    Rule { webhook_env: Some(variable.to_owned()), ..budget(id, &[75, 100]) }
}

fn assert_nowhere(root: &Path, collector: Collector, secret: &str) {
    let logs = collector.logs();
    assert!(collector.terminate().success());
    assert!(!logs.contains(secret), "{logs}");
    crate::store::assert_nowhere(root, secret);
}

#[test]
fn a_crossing_is_sent_until_it_is_taken() {
    let root = tempfile::tempdir().unwrap();
    let hook = Hook::plain(vec![500, 302, 204, 200]);
    let address = format!("http://127.0.0.1:{}/{SECRET}", hook.port);
    let collector = Collector::start_with_environment(root.path(), &[("BUDGET_HOOK", &address)]);
    let mut proxy = Proxy::with_rules("one", vec![with_hook("team", "BUDGET_HOOK")]);
    proxy.report(&collector, vec![row("team", "search", 800)]);
    let (head, first) = hook.next();
    assert!(head.starts_with(&format!("POST /{SECRET} HTTP/1.1\r\n")), "{head}");
    assert!(head.to_ascii_lowercase().contains("content-type: application/json"), "{head}");
    let (second, third) = (hook.next().1, hook.next().1);
    assert!(first == second && second == third, "the same message after a 500, and after being sent elsewhere");
    let entry = &listed(&collector, "/v1/audit?event_types[]=budget.threshold_crossed")[0];
    let (start, end) = day();
    let expected = json!({
        "id": entry["id"], "type": "budget.threshold_crossed", "budget": "team", "subject": {"team": "search"},
        "percent": 75, "period": "day", "window_start": start, "window_end": end, "at": first["at"],
    });
    assert_eq!(first, expected, "and no amounts");
    proxy.report(&collector, vec![row("team", "search", 200)]);
    assert_eq!(hook.next().1["percent"], 100, "the next one is another message");
    let logs = collector.logs();
    assert!(logs.contains("BUDGET_HOOK: the address in it answers with status 500"), "{logs}");
    assert_nowhere(root.path(), collector, SECRET);
}

#[test]
fn unsent_crossings_are_sent_after_a_kill() {
    let root = tempfile::tempdir().unwrap();
    let hook = Hook::plain(vec![200]);
    let collector = Collector::start(root.path());
    let mut proxy = Proxy::with_rules("one", vec![with_hook("team", "BUDGET_HOOK")]);
    proxy.report(&collector, vec![row("team", "search", 800)]);
    collector.kill();
    let address = format!("http://127.0.0.1:{}/", hook.port);
    let collector = Collector::start_with_environment(root.path(), &[("BUDGET_HOOK", &address)]);
    assert_eq!(hook.next().1["budget"], "team");
    drop(collector);
}

#[test]
fn an_address_that_hangs_delays_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let hook = Hook::plain(vec![200]);
    let deaf_address = format!("http://{}/{SECRET}", deaf.local_addr().unwrap());
    let address = format!("http://127.0.0.1:{}/", hook.port);
    let variables = [("DEAF", deaf_address.as_str()), ("GOOD", address.as_str()), ("ODD", "file:///etc/passwd")];
    let collector = Collector::start_with_environment(root.path(), &variables);
    let rules = vec![with_hook("deaf", "DEAF"), with_hook("good", "GOOD"), with_hook("odd", "ODD")];
    let rows = rules.iter().map(|rule| row(&rule.id, "search", 800)).collect();
    Proxy::with_rules("one", rules).report(&collector, rows);
    assert_eq!(hook.next().1["budget"], "good");
    let mut proxy = Proxy::new("two");
    proxy.report(&collector, vec![row("good", "search", 1)]);
    assert!(!collector.logs().contains("DEAF: "), "the report waited until the other address was given up");
    until("both are complained of", || {
        let logs = collector.logs();
        logs.contains("DEAF: the address in it cannot be reached, or not in time")
            && logs.contains("ODD: it is not set to")
    });
    assert_nowhere(root.path(), collector, SECRET);
}

/// Returns a self-signed certificate for `localhost`, and a server configuration with it.
fn tls(root: &Path) -> (String, Arc<rustls::ServerConfig>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let file = root.join("ca.pem");
    std::fs::write(&file, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    (file.to_str().unwrap().to_owned(), Arc::new(config))
}

#[test]
fn https_needs_a_trusted_certificate() {
    let root = tempfile::tempdir().unwrap();
    let (trusted, config) = tls(root.path());
    let serve = move |stream| -> Box<dyn Connection> {
        let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
        Box::new(rustls::StreamOwned::new(connection, stream))
    };
    let hook = Hook::start(vec![200], serve.clone());
    let address = format!("https://localhost:{}/{SECRET}", hook.port);
    let variables = [("BUDGET_HOOK", address.as_str()), ("SSL_CERT_FILE", trusted.as_str())];
    let collector = Collector::start_with_environment(root.path(), &variables);
    let mut proxy = Proxy::with_rules("one", vec![with_hook("team", "BUDGET_HOOK")]);
    proxy.report(&collector, vec![row("team", "search", 800)]);
    assert_eq!(hook.next().1["budget"], "team");
    collector.kill();

    let other = Hook::start(vec![200], serve);
    let address = format!("https://localhost:{}/{SECRET}", other.port);
    let collector = Collector::start_with_environment(root.path(), &[("BUDGET_HOOK", &address)]);
    proxy.report(&collector, vec![row("team", "ads", 800)]);
    let (head, body) = other.next();
    assert_eq!((head.as_str(), body), ("", Value::Null), "a server nobody vouches for is told nothing");
    drop(collector);
}
