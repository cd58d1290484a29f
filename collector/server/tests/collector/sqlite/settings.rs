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
