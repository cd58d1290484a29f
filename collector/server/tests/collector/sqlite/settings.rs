//! Settings: their sources, the precedence among these, and the errors for wrong settings.

use crate::process::{BINARY, Collector, INGEST};
use crate::records::batch_of;
use headgate_record::INGEST_PATH;
use std::path::Path;
use std::process::Command;

/// Runs the command with only these variables; returns its success and its output.
fn command(args: &[&str], variables: &[(&str, &str)]) -> (bool, String) {
    let mut command = Command::new(BINARY);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HEADGATE_")) {
        command.env_remove(name);
    }
    let output = command.args(args).envs(variables.iter().copied()).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

fn file(folder: &Path, text: &str) -> String {
    let path = folder.join("collector.toml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Returns the line of `config show` about one setting.
fn shown(text: &str, name: &str) -> String {
    let line = text.lines().find(|line| line.starts_with(&format!("{name} =")));
    line.unwrap_or_else(|| panic!("{name}: {text}")).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn sources_of_settings_have_a_precedence() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "data = \"/from/file\"\nlisten = \"127.0.0.1:1\"\nshutdown_time = 3\n");
    let environment = [
        ("HEADGATE_COLLECTOR_CONFIG", path.as_str()),
        ("HEADGATE_COLLECTOR_LISTEN", "127.0.0.1:2"),
        ("HEADGATE_OWNER_TOKEN", "CANARY"),
    ];
    let (good, text) = command(&["config", "show", "--data", "/from/option"], &environment);
    assert!(good, "{text}");
    assert_eq!(shown(&text, "data"), "data = \"/from/option\" # option");
    assert_eq!(shown(&text, "listen"), "listen = \"127.0.0.1:2\" # HEADGATE_COLLECTOR_LISTEN");
    assert_eq!(shown(&text, "shutdown_time"), format!("shutdown_time = 3 # {path}:3"));
    assert_eq!(shown(&text, "max_body_mib"), "max_body_mib = 8 # default");
    assert!(text.contains("HEADGATE_OWNER_TOKEN is set") && !text.contains("CANARY"), "{text}");
    // The output is a file of settings with the same values.
    let again = file(folder.path(), &text);
    let (good, same) = command(&["config", "show", "--config", &again], &[]);
    assert!(good && shown(&same, "listen").starts_with("listen = \"127.0.0.1:2\""), "{same}");
}

#[test]
fn all_problems_of_a_file_have_their_lines() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = "listne = \"127.0.0.1:1\"\ndata = 5\n\nmax_body_mib = 0\nshutdown_time = \"soon\"\nlog_format = \"xml\"\n\
                 body_memory_mib = [1]\nlisten = \"${NOT_SET_ANYWHERE}\"\n";
    let path = file(folder.path(), wrong);
    let (good, text) = command(&["config", "check", "--config", &path], &[]);
    assert!(!good);
    let told: Vec<_> = text.lines().map(|line| line.split(&path).nth(1).unwrap_or(line)).collect();
    for (line, words) in [
        (1, "`listne` is no setting; there are: listen, data"),
        (4, "`max_body_mib`"),
        (5, "`shutdown_time`"),
        (6, "text, json"),
        (7, "whole number"),
        (8, "NOT_SET_ANYWHERE"),
    ] {
        let found = told.iter().any(|one| one.starts_with(&format!(":{line}: ")) && one.contains(words));
        assert!(found, "line {line}, {words}: {text}");
    }
    assert_eq!(told.len(), 6, "{text}");
}

#[test]
fn an_unreadable_file_is_reported_in_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "listen = \nlisten = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\"\n[[");
    let (good, text) = command(&["config", "check", "--config", &path], &[]);
    assert!(!good && text.contains(":1: "), "{text}");
    let nowhere = folder.path().join("nowhere.toml");
    let (good, text) = command(&["serve", "--config", nowhere.to_str().unwrap()], &[]);
    assert!(!good && text.contains("check --config") && text.lines().count() == 1, "{text}");
    std::fs::write(&nowhere, vec![b'#'; 100_000]).unwrap();
    let (good, text) = command(&["serve", "--config", nowhere.to_str().unwrap()], &[]);
    assert!(!good && text.contains("larger"), "{text}");
}

#[test]
fn secrets_are_named_and_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "data = \"postgres://headgate:CANARY@db/headgate\"\n");
    let (good, text) = command(&["config", "check", "--config", &path], &[]);
    assert!(!good && text.contains("${NAME}") && !text.contains("CANARY"), "{text}");
    let path = file(folder.path(), "data = \"postgres://headgate:${PASSWORD}@db/headgate\"\n");
    let (good, text) = command(&["config", "show", "--config", &path], &[("PASSWORD", "CANARY")]);
    assert!(good && text.contains("${PASSWORD}") && !text.contains("CANARY"), "{text}");
    for url in ["postgres://headgate:CAN@RY@db/headgate", "postgres://headgate:…@db/headgate?password=CAN@RY&x=1"] {
        let (good, text) = command(&["config", "show", "--data", url], &[]);
        assert!(good && text.contains("headgate:…@") && !text.contains("RY"), "{text}");
    }
}

#[test]
fn settings_are_obeyed() {
    let root = tempfile::tempdir().unwrap();
    let path = file(root.path(), "max_body_mib = 1\nlog_format = \"json\"\n");
    let collector = Collector::start_with_environment(root.path(), &[("HEADGATE_COLLECTOR_CONFIG", &path)]);
    for (length, status) in [(1_048_577, 413), (0, 400)] {
        let mut client = collector.ingest();
        let head = format!("POST {INGEST_PATH} HTTP/1.1\r\nhost: c\r\nauthorization: Bearer {INGEST}\r\n");
        client.raw(format!("{head}content-length: {length}\r\n\r\n").as_bytes()).unwrap();
        assert_eq!(client.reply().unwrap().status, status);
    }
    std::fs::rename(root.path().join("data"), root.path().join("away")).unwrap();
    assert_eq!(collector.ingest().post(INGEST_PATH, &batch_of("n", "b", 1..=1)).unwrap().status, 503);
    let logs = collector.logs();
    let line = logs.lines().find(|line| line.contains("cannot be written")).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!((&line["program"], &line["level"]), (&"headgate-collector".into(), &"warn".into()));
    assert!(line["time"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn other_commands_find_the_folder_in_the_file() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    let path = file(root.path(), &format!("data = {:?}\n", data.to_str().unwrap()));
    let (good, text) = command(&["init", "--config", &path], &[]);
    assert!(good && text.starts_with("owner_token="), "{text}");
    let (good, text) = command(&["token", "list", "--config", &path], &[]);
    assert!(good && text.contains("owner"), "{text}");
}

#[test]
fn help_teaches_roles_settings_backup_upgrade() {
    let (good, help) = command(&["--help"], &[]);
    assert!(good);
    for word in ["auditor", "config check", "backup --data", "restore --in", "To upgrade", "/openapi.json", "${NAME}"] {
        assert!(help.contains(word), "{word}");
    }
    let (_, serve) = command(&["serve", "--help"], &[]);
    for route in headgate_collector_api::routes() {
        let path = route.path.split('{').next().unwrap().trim_end_matches('/');
        assert!(serve.contains(path), "{} is not in `serve --help`", route.path);
    }
}

const OIDC: &str = "public_url = \"https://logs.example\"\n[oidc]\nissuer = \"https://login.example\"\nclient_id = \"headgate\"\n\
    roles = { ops = \"admin\" }\n";

#[test]
fn each_setting_of_sign_in_has_a_diagnostic() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), OIDC);
    let (good, text) = command(&["config", "check", "--config", &path], &[]);
    assert!(good, "{text}");
    for (wrong, words) in [
        ("isuer = \"a\"", "`isuer` is no setting of `[oidc]`; there are: issuer, name"),
        ("scopes = \"openid\"", "`scopes`: write a list"),
        ("scopes = [\"a b\"]", "`scopes`: write a list"),
        ("client_secret = \"CANARY\"", "`client_secret`: a secret does not belong into this file; write \"${NAME}\""),
        ("client_secret = \"${A}CANARY\"", "`client_secret`: a secret does not belong"),
        ("client_secret = 5", "`client_secret`: it must be a text"),
        ("client_secret_file = \"\"", "`client_secret_file`: it must be the path"),
        ("role_claim = \"\"", "`role_claim`: it must have"),
        ("default_role = \"ingest\"", "`default_role`: `ingest` is for proxies"),
        ("default_role = \"root\"", "`default_role`: there is no such role"),
        ("name = \"a\\u202e\"", "`name`: it must have"),
        ("logout_url = \"javascript:alert(1)\"", "`logout_url`: it is no https address"),
        ("redirect_uri = \"https://a.example\"", "`redirect_uri`: the collector makes it of `public_url`"),
    ] {
        let path = file(folder.path(), &format!("{OIDC}{wrong}\n"));
        let (good, text) = command(&["config", "check", "--config", &path], &[]);
        assert!(!good && text.contains(&format!("{path}:6: {words}")) && !text.contains("CANARY"), "{wrong}: {text}");
    }
    for (old, new, words) in [
        ("https://login.example", "http://login.example", "`issuer`: plain http is for a provider on this machine"),
        ("issuer = \"https://login.example\"\n", "", ":2: `[oidc]` has no `issuer`"),
        ("client_id = \"headgate\"\n", "", ":2: `[oidc]` has no `client_id`"),
        ("roles = { ops = \"admin\" }", "", ":2: `[oidc]` gives nobody a role"),
        ("\"admin\"", "\"ingest\"", "`roles`: of \"ops\": `ingest` is for proxies"),
        ("\"admin\"", "5", "`roles`: write a table"),
        ("{ ops = \"admin\" }", "{}", "`roles`: it gives nobody"),
        ("public_url = \"https://logs.example\"\n", "", "`[oidc]` needs `public_url`"),
        ("https://logs.example", "https://logs.example/a", "the pages are at the root"),
        ("https://logs.example", "http://logs.example", "a browser keeps no session"),
        ("https://logs.example", "logs.example", "it is no address"),
        ("[oidc]", "[[oidc]]", "`oidc` is a table"),
    ] {
        let path = file(folder.path(), &OIDC.replace(old, new));
        let (good, text) = command(&["config", "check", "--config", &path], &[]);
        assert!(!good && text.contains(words), "{new}: {text}");
    }
}

#[test]
fn the_secret_and_the_certificates_of_sign_in_are_read_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    let text = secret.to_str().unwrap();
    let cases = [
        ("client_secret = \"${OIDC_SECRET}\"".to_owned(), "`client_secret`: ${OIDC_SECRET} is not set"),
        (format!("client_secret_file = {text:?}"), "`client_secret_file`"),
        (format!("ca_file = {text:?}"), "`ca_file`"),
        (format!("client_secret_file = {text:?}\nclient_secret = \"${{A}}\""), "are both there"),
    ];
    for (line, words) in &cases {
        let path = file(folder.path(), &format!("{OIDC}{line}\n"));
        for command_line in [vec!["config", "check"], vec!["serve", "--data", "/nowhere"]] {
            let (good, text) = command(&[command_line.as_slice(), &["--config", &path]].concat(), &[]);
            assert!(!good && text.contains(words), "{line}: {text}");
        }
    }
    std::fs::write(&secret, "  \n").unwrap();
    for (line, words) in [(&cases[1].0, "is empty"), (&cases[2].0, "no certificate")] {
        let path = file(folder.path(), &format!("{OIDC}{line}\n"));
        let (good, text) = command(&["config", "check", "--config", &path], &[]);
        assert!(!good && text.contains(words), "{line}: {text}");
    }
    std::fs::write(&secret, "CANARY\n").unwrap();
    let path = file(folder.path(), &format!("{OIDC}{}\n", cases[1].0));
    let (good, text) = command(&["config", "show", "--config", &path], &[]);
    assert!(good && !text.contains("CANARY"), "{text}");
    let path = file(folder.path(), &format!("{OIDC}{}\nscopes = [\"openid\"]\n", cases[0].0));
    let (good, text) = command(&["config", "show", "--config", &path], &[("OIDC_SECRET", "CANARY")]);
    assert!(good && text.contains("client_secret = \"${OIDC_SECRET}\"") && !text.contains("CANARY"), "{text}");
    let again = file(folder.path(), &text);
    let (good, same) = command(&["config", "check", "--config", &again], &[("OIDC_SECRET", "CANARY")]);
    assert!(good, "what is shown is a file of settings: {text}{same}");
}

#[test]
fn a_changed_setting_is_an_entry_of_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let change = |owner: &mut crate::client::Client| {
        let log = owner.get("/v1/audit?event_types[]=collector.settings_changed").unwrap().json();
        log["data"].as_array().unwrap().iter().map(|entry| entry["changes"].clone()).collect::<Vec<_>>()
    };
    let with = |variables: &[(&str, &str)]| Collector::start_with(folder.path(), folder.path(), variables);
    for _ in 0..2 {
        let collector = with(&[]);
        assert!(change(&mut collector.owner()).is_empty(), "the same settings");
        assert!(collector.terminate().success());
    }
    let collector = with(&[("HEADGATE_COLLECTOR_SHUTDOWN_TIME", "7")]);
    let changes = change(&mut collector.owner());
    assert_eq!(changes, [serde_json::json!([{"path": "shutdown_time", "before": "10", "after": "7"}])]);
    collector.kill();
    let collector = with(&[("HEADGATE_COLLECTOR_SHUTDOWN_TIME", "7")]);
    assert_eq!(change(&mut collector.owner()).len(), 1);
    let log = collector.owner().get("/v1/audit?event_types[]=collector.stopped&order=desc").unwrap().json();
    let last = &log["data"][0]["changes"];
    assert_eq!((&last[1]["path"], &last[1]["after"]), (&"clean".into(), &false.into()), "{last}");
    assert_eq!(last[2]["path"], "last_seen_at");
}
