//! What is rendered for one policy, to the byte, and that the filter takes it.
//!
//! `UPDATE_EXPECT=1 cargo test -p headgate` writes the expectations anew.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helper functions too")]

use headgate::render::{self, RenderOptions};
use headgate::{Compiled, compile, deploy};
use headgate_policy::Policy;
use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/render")
}

fn compiled() -> Compiled {
    let source = fs::read_to_string(folder().join("gateway.yaml")).unwrap();
    compile(&source, "gateway.yaml", 0).unwrap()
}

fn rendered(compiled: &Compiled) -> Vec<(PathBuf, String)> {
    let options = RenderOptions { root: "/etc/headgate".into(), wasm: "/usr/lib/headgate.wasm".into() };
    render::envoy(compiled, &options)
}

#[test]
fn a_policy_is_rendered_as_expected() {
    let files = rendered(&compiled());
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        deploy::write(&folder().join("envoy"), &files).unwrap();
    }
    for (path, content) in files {
        let expected = fs::read_to_string(folder().join("envoy").join(&path)).unwrap_or_default();
        assert!(content == expected, "{} differs", path.display());
    }
}

#[test]
fn what_is_referred_to_is_put_in_place_first() {
    let names: Vec<_> = rendered(&compiled()).into_iter().map(|(path, _)| path).collect();
    let expected = ["cds.json", "ecds/headgate-gate.json", "rds.json", "lds.json", "bootstrap.json"];
    assert_eq!(names, expected.map(PathBuf::from));
}

#[test]
fn the_filter_loads_the_document_and_asks_for_the_variables_that_the_proxy_passes_on() {
    let compiled = compiled();
    let policy = Policy::load(compiled.document_json().as_bytes(), |_| None).unwrap();
    assert_eq!(policy.revision(), compiled.document.revision);
    let passed: Vec<String> = compiled.settings.environment_variables.iter().cloned().collect();
    let mut missing = policy.missing().to_vec();
    missing.sort();
    assert_eq!(missing, passed);
}

#[test]
fn the_revision_follows_the_policy_and_not_the_ports() {
    let source = fs::read_to_string(folder().join("gateway.yaml")).unwrap();
    let revision = |source: &str| compile(source, "gateway.yaml", 0).unwrap().document.revision;
    assert_eq!(revision(&source), revision(&source.replace("8443", "8444")));
    assert_ne!(revision(&source), revision(&source.replace("weight: 3", "weight: 4")));
    assert_eq!(revision(&source).len(), 16);
}

#[test]
fn writing_again_touches_only_what_changed_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = rendered(&compiled());
    deploy::write(folder.path(), &files).unwrap();
    let age = |name: &str| fs::metadata(folder.path().join(name)).unwrap().modified().unwrap();
    let (clusters, routes) = (age("cds.json"), age("rds.json"));
    std::thread::sleep(std::time::Duration::from_millis(20));
    files[2].1.push('\n');
    deploy::write(folder.path(), &files).unwrap();
    assert_eq!(age("cds.json"), clusters);
    assert!(age("rds.json") > routes);
    let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["bootstrap.json", "cds.json", "ecds", "lds.json", "rds.json"]);
}
