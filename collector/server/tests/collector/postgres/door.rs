//! Authentication at a real server: verified TLS, refusals that name the remedy, and a password that
//! may change.

use super::outage::{eventually, is_ready};
use super::output;
use super::server::Server;
use crate::process::Collector;
use crate::records::batch_of;
use crate::sqlite::faults::everything::everything_is_written;
use crate::store;
use headgate_record::INGEST_PATH;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use std::path::{Path, PathBuf};

const PASSWORD: &str = "s3cr3t-of-the-database";
/// Admits only connections with TLS.
const ONLY_TLS: &str = "hostssl all all all scram-sha-256\n";

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut about = CertificateParams::new(Vec::new()).unwrap();
    about.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(about, KeyPair::generate().unwrap()).unwrap()
}

/// Writes the authority's certificate to a file.
fn file(root: &Path, name: &str, authority: &Authority) -> PathBuf {
    let file = root.join(name);
    std::fs::write(&file, authority.pem()).unwrap();
    file
}

/// Returns certificate and key for `localhost`, valid until the end of this year.
fn signed_by(authority: &Authority, until: i32) -> (String, String) {
    let mut about = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    about.not_after = date_time_ymd(until, 12, 31);
    let key = KeyPair::generate().unwrap();
    (about.signed_by(&key, authority).unwrap().pem(), key.serialize_pem())
}

fn url(server: &Server, host: &str, query: &str) -> String {
    format!("postgres://headgate:{PASSWORD}@{host}:{}/postgres?{query}", server.port())
}

/// Runs `init` on this address; returns its success and its output.
fn init(url: &str) -> (bool, String) {
    let (done, text) = output(&["init"], &[("HEADGATE_COLLECTOR_STORE", url)]);
    assert!(!text.contains(PASSWORD), "{text}");
    (done, text)
}

#[test]
#[ignore = "needs a PostgreSQL: just contract"]
fn tls_needs_a_certificate_of_the_authority() {
    let root = tempfile::tempdir().unwrap();
    let ours = authority();
    let ca = file(root.path(), "ca.pem", &ours);
    let server = Server::start_with_tls(root.path(), PASSWORD, ONLY_TLS, &signed_by(&ours, 2090));
    for mode in ["require", "verify-ca", "verify-full"] {
        let (done, text) = init(&url(&server, "localhost", &format!("sslmode={mode}&sslrootcert={}", ca.display())));
        assert!(done || text.contains("already"), "{mode}: {text}");
    }
    let url = url(&server, "localhost", &format!("sslrootcert={}&sslmode=verify-full", ca.display()));
    let collector = Collector::start_on(root.path(), &url);
    let reply = collector.ingest().post(INGEST_PATH, &batch_of("n", "b", 1..=50)).unwrap();
    assert_eq!(reply.json()["stored"], 50, "{}", reply.text());
    assert!(!collector.logs().contains(PASSWORD));
}

#[test]
#[ignore = "needs a PostgreSQL: just contract"]
fn an_unverified_server_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let (ours, theirs) = (authority(), authority());
    let (ca, other) = (file(root.path(), "ca.pem", &ours), file(root.path(), "other.pem", &theirs));
    let (ca, other) = (format!("sslmode=verify-full&sslrootcert={}", ca.display()), other.display());
    let mut server = Server::start_with_tls(root.path(), PASSWORD, ONLY_TLS, &signed_by(&ours, 2090));
    let refused = |server: &Server, host: &str, query: &str, remedy: &str| {
        let (done, text) = init(&url(server, host, query));
        assert!(!done && text.contains(remedy), "{host} {query}: {text}");
    };
    refused(&server, "localhost", "sslmode=disable", "say sslmode=verify-full");
    refused(&server, "localhost", "sslmode=require", "sslrootcert=FILE");
    refused(&server, "localhost", &format!("sslmode=require&sslrootcert={other}"), "sslrootcert=FILE");
    for mode in ["require", "verify-ca", "verify-full"] {
        refused(&server, "127.0.0.1", &ca.replace("verify-full", mode), "is for another host");
    }
    refused(&server, "localhost", &ca.replace("ca.pem", "none.pem"), "the file that `sslrootcert` names");
    server.use_certificate(&signed_by(&ours, 2020));
    refused(&server, "localhost", &ca, "out of date");
    server.set("ssl", "off");
    refused(&server, "localhost", &ca, "has no TLS");
}

#[test]
#[ignore = "needs a PostgreSQL: just contract"]
fn a_changed_password_is_read_again() {
    let root = tempfile::tempdir().unwrap();
    let (first, second) = ("first-s3cr3t", "second-s3cr3t");
    let rules = "host all operator all trust\nhost all all all scram-sha-256\n";
    let server = Server::start_with_tls(root.path(), first, rules, &signed_by(&authority(), 2090));
    let passfile = root.path().join("pgpass");
    let keep = |password: &str| std::fs::write(&passfile, format!("127.0.0.1:*:*:headgate:{password}\n")).unwrap();
    let address = format!("postgres://headgate@127.0.0.1:{}/postgres", server.port());
    let variables = [("HEADGATE_COLLECTOR_STORE", address.as_str()), ("PGPASSFILE", passfile.to_str().unwrap())];
    keep(second);
    let (done, text) = output(&["init"], &variables);
    assert!(!done && text.contains("refuses this user") && !text.contains(second), "{text}");
    keep(first);
    let collector = Collector::start_on_with(root.path(), &variables);
    everything_is_written(&collector, "before");
    let owner = format!("postgres://headgate:{first}@127.0.0.1:{}/postgres", server.port());
    store::query(&owner, &format!("ALTER ROLE headgate PASSWORD '{second}'; CREATE ROLE operator SUPERUSER LOGIN"));
    keep(second);
    let operator = format!("postgres://operator@127.0.0.1:{}/postgres", server.port());
    store::query(&operator, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'headgate'");
    eventually("the server", || is_ready(&collector));
    everything_is_written(&collector, "after");
    let logs = collector.logs();
    assert!(!logs.contains(first) && !logs.contains(second), "{logs}");
}
