//! The access rights of every route.

use crate::process::{BINARY, Collector, run};
use headgate_collector_api::Access;
use headgate_collector_types::Role;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

pub(crate) fn command(root: &Path, args: &[&str]) -> (bool, String) {
    let mut command = Command::new(BINARY);
    command.args(args);
    crate::store::place(&mut command, root);
    let output = command.output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

pub(crate) fn new_token(root: &Path, role: &str) -> String {
    let (made, text) = command(root, &["token", "new", "--role", role]);
    assert!(made);
    text.trim().strip_prefix("token=").unwrap().to_owned()
}

/// Returns a route's path with examples for its parameters.
pub(crate) fn example(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { "none" } else { part }).collect::<Vec<_>>().join("/")
}

#[test]
fn every_route_checks_the_role() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start_without_tokens(root.path());
    assert!(collector.logs().contains("there is no token yet"));
    let known: Vec<_> = Role::ALL.iter().map(|role| (Some(*role), new_token(root.path(), role.as_str()))).collect();
    let strangers = [(None, String::new()), (None, "hgc_0000".to_owned())];
    let routes = headgate_collector_api::routes();
    assert!(routes.len() >= 10);
    for route in &routes {
        for (role, token) in strangers.iter().chain(&known) {
            let reply = collector.with_token(token).send(route.method, &example(route.path), b"").unwrap();
            let (open, allowed) = (route.access == Access::Open, role.map(|role| route.access.roles().contains(&role)));
            let case = format!("{} {} as {role:?}: {} {}", route.method, route.path, reply.status, reply.text());
            match (open, allowed) {
                (false, None) => assert_eq!(reply.status, 401, "{case}"),
                (false, Some(false)) => assert_eq!(reply.status, 403, "{case}"),
                _ => assert!(!matches!(reply.status, 401 | 403 | 405), "{case}"),
            }
            if reply.status >= 400 {
                assert_error_shape(&reply);
            }
        }
    }
}

#[test]
fn the_rights_of_roles_are_as_listed_here() {
    let may = |role| {
        let routes = headgate_collector_api::routes();
        let mine =
            routes.into_iter().filter(|route| route.access != Access::Open && route.access.roles().contains(&role));
        mine.map(|route| format!("{} {}", route.method, route.path)).collect::<Vec<_>>()
    };
    assert_eq!(
        may(Role::Ingest),
        [
            "POST /v1/ingest/requests",
            "POST /v1/ingest/lines",
            "POST /v1/limits/sync",
            "POST /v1/heartbeat",
            "POST /v1/audit"
        ]
    );
    assert!(
        may(Role::Viewer)
            .iter()
            .all(|route| route.starts_with("GET ") && !route.contains("/v1/audit") && !route.contains("/policy"))
    );
    assert!(
        may(Role::Auditor)
            .iter()
            .all(|route| route.starts_with("GET ") || route.contains(" /v1/packets") || route.contains(" /v1/reviews"))
    );
    for (less, more) in [(Role::Viewer, Role::Auditor), (Role::Auditor, Role::Admin), (Role::Admin, Role::Owner)] {
        assert!(may(less).iter().all(|route| may(more).contains(route)), "{less:?} {more:?}");
    }
}

#[test]
fn unknown_paths_and_methods_are_reported() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    for (method, path, status) in [("GET", "/nothing", 404), ("DELETE", "/healthz", 405), ("PATCH", "/v1/audit", 405)] {
        let reply = collector.owner().send(method, path, b"").unwrap();
        assert_eq!(reply.status, status, "{method} {path}");
        assert_error_shape(&reply);
    }
}

#[test]
fn a_path_that_is_not_utf8_is_unknown() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    for route in headgate_collector_api::routes().iter().filter(|route| route.path.contains('{')) {
        for name in ["%ff%fe", "%00", "%", "%2e%2e%2f", "a%0d%0ab"] {
            let path = example(route.path).replace("none", name);
            let reply = collector.allowed(route).send(route.method, &path, b"").unwrap();
            assert_eq!(reply.status, 404, "{} {path}: {}", route.method, reply.text());
            assert_error_shape(&reply);
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
fn the_first_owner_token_is_printed_once() {
    let root = tempfile::tempdir().unwrap();
    let (made, text) = command(root.path(), &["init"]);
    assert!(made);
    let token = text.trim().strip_prefix("owner_token=").unwrap().to_owned();
    assert_eq!(command(root.path(), &["init"]), (false, String::new()));
    let collector = Collector::start_without_tokens(root.path());
    let mut owner = collector.with_token(&token);
    assert_eq!(owner.get("/v1/requests").unwrap().status, 200);
    assert!(collector.terminate().success());
    crate::store::assert_nowhere(root.path(), &token);
}

#[test]
fn files_are_readable_by_their_owner_alone() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    assert!(run(BINARY, &["init", "--data", data.to_str().unwrap()]).status.success());
    for file in std::fs::read_dir(data).unwrap() {
        let path = file.unwrap().path();
        let rights = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(rights & 0o077, 0, "others may read {}", path.display());
    }
}

#[test]
fn no_token_without_a_database() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    let output = run(BINARY, &["token", "new", "--role", "owner", "--data", data.to_str().unwrap()]);
    assert!(!output.status.success());
    assert!(!data.exists());
}

#[test]
fn help_teaches_the_first_steps() {
    let help = String::from_utf8(run(BINARY, &["--help"]).stdout).unwrap();
    for word in ["init", "token new", "serve", "curl", "HEADGATE_INGEST_TOKEN"] {
        assert!(help.contains(word), "{word}");
    }
}
