//! Who may do what, for every route.

use crate::process::{BINARY, Collector, run};
use crate::records::batch_of;
use headgate_record::INGEST_PATH;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn command(root: &Path, args: &[&str]) -> (bool, String) {
    let data = root.join("data");
    let mut args = args.to_vec();
    args.extend(["--data", data.to_str().unwrap()]);
    let output = run(BINARY, &args);
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

fn new_token(root: &Path, role: &str) -> String {
    let (made, text) = command(root, &["token", "new", "--role", role]);
    assert!(made);
    text.trim().strip_prefix("token=").unwrap().to_owned()
}

#[test]
fn every_route_asks_every_role_for_its_right() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start_without_tokens(root.path());
    assert!(collector.logs().contains("there is no token yet"));
    let roles = ["ingest", "viewer", "owner"].map(|role| new_token(root.path(), role));
    let none = String::new();
    let unknown = "hgc_0000".to_owned();
    let asking = [&none, &unknown, &roles[0], &roles[1], &roles[2]];
    let cases = [
        ("POST", INGEST_PATH, [401, 401, 200, 403, 403]),
        ("GET", "/v1/requests", [401, 401, 403, 200, 200]),
        ("GET", "/v1/requests/none", [401, 401, 403, 404, 404]),
        ("GET", "/v1/gaps", [401, 401, 403, 200, 200]),
        ("POST", "/v1/limits/sync", [401, 401, 400, 403, 403]),
        ("GET", "/v1/limits", [401, 401, 403, 200, 200]),
        ("GET", "/v1/budgets", [401, 401, 403, 200, 200]),
        ("GET", "/healthz", [200; 5]),
        ("GET", "/readyz", [200; 5]),
        ("GET", "/metrics", [200; 5]),
        ("GET", "/nothing", [404; 5]),
        ("DELETE", "/healthz", [405; 5]),
    ];
    for (method, path, expected) in cases {
        for (token, status) in asking.iter().zip(expected) {
            let body = batch_of("n", "b", 1..=1);
            let body: &[u8] = if method == "POST" { &body } else { b"" };
            let reply = collector.with_token(token).send(method, path, body).unwrap();
            assert_eq!(reply.status, status, "{method} {path}: {}", reply.text());
            if status >= 400 {
                assert_error_shape(&reply);
            }
        }
    }
}

fn assert_error_shape(reply: &crate::client::Reply) {
    let error = &reply.json()["error"];
    let keys: Vec<_> = error.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys.len(), 4, "{keys:?}");
    assert!(["message", "type", "param", "code"].iter().all(|key| keys.contains(key)));
    assert!(error["message"].as_str().unwrap().len() > 20);
    let challenge = reply.header("www-authenticate");
    assert_eq!(challenge.is_some(), reply.status == 401);
}

#[test]
fn the_first_owner_token_is_printed_once_and_no_token_is_stored() {
    let root = tempfile::tempdir().unwrap();
    let (made, text) = command(root.path(), &["init"]);
    assert!(made);
    let token = text.trim().strip_prefix("owner_token=").unwrap().to_owned();
    assert_eq!(command(root.path(), &["init"]), (false, String::new()));
    let collector = Collector::start_without_tokens(root.path());
    let mut owner = collector.with_token(&token);
    assert_eq!(owner.get("/v1/requests").unwrap().status, 200);
    assert!(collector.terminate().success());
    for file in std::fs::read_dir(root.path().join("data")).unwrap() {
        let path = file.unwrap().path();
        let rights = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(rights & 0o077, 0, "others may read {}", path.display());
        let bytes = std::fs::read(path).unwrap();
        assert!(!bytes.windows(token.len()).any(|part| part == token.as_bytes()));
    }
}

#[test]
fn a_token_for_a_folder_without_a_database_is_refused() {
    let root = tempfile::tempdir().unwrap();
    assert!(!command(root.path(), &["token", "new", "--role", "owner"]).0);
    assert!(!root.path().join("data").exists());
}

#[test]
fn help_teaches_the_first_steps() {
    let help = String::from_utf8(run(BINARY, &["--help"]).stdout).unwrap();
    for word in ["init", "token new", "serve", "curl", "HEADGATE_INGEST_TOKEN"] {
        assert!(help.contains(word), "{word}");
    }
}
