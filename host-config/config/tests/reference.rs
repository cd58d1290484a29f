//! The reference page of gateway.yaml, as it is checked in.
//!
//! `UPDATE_EXPECT=1 cargo test -p headgate-config --test reference` writes them again.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helper functions too")]

use headgate_config::schema;
use std::fs;
use std::path::{Path, PathBuf};

/// Returns the page; the workspace is found by its lock file.
fn page() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().find(|folder| folder.join("Cargo.lock").is_file());
    root.unwrap().join("docs/reference/gateway-yaml.md")
}

#[test]
fn gateway_yaml_page_is_current() {
    let text = schema::reference();
    if std::env::var_os("UPDATE_EXPECT").is_some_and(|value| !value.is_empty()) {
        fs::write(page(), &text).unwrap();
    }
    assert!(
        fs::read_to_string(page()).unwrap_or_default() == text,
        "docs/reference/gateway-yaml.md is out of date: run UPDATE_EXPECT=1 cargo test -p headgate-config --test reference"
    );
}
