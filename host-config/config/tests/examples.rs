//! Checks the policies of `examples/`, and the Envoy files of `envoy/rendered`, which are rendered from one of them.
//!
//! `UPDATE_EXPECT=1 cargo test -p headgate-config --test examples` writes the Envoy files again.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helper functions too")]

use headgate_config::include::Source;
use headgate_config::render::{self, Module, RenderOptions};
use headgate_config::{Compiled, compile, diagnostic};
use std::fs;
use std::path::{Path, PathBuf};

/// 2026-11-29T00:00:00Z.
const NOW: u64 = 1_795_910_400;
/// The example that is rendered.
const RENDERED: &str = "failover.yaml";

fn root() -> &'static Path {
    let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    folders.find(|folder| folder.join("Cargo.lock").is_file()).unwrap()
}

fn examples() -> Vec<PathBuf> {
    let files = fs::read_dir(root().join("examples")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    files.sort();
    files
}

fn compiled(file: &Path) -> Compiled {
    let name = file.file_name().unwrap().to_string_lossy();
    let source = Source::new(fs::read_to_string(file).unwrap(), &name, |_| Err("no other file".to_owned()));
    let source = source.unwrap_or_else(|problems| panic!("{}", diagnostic::text(&problems)));
    compile(&source.text, &name, NOW).unwrap_or_else(|problems| panic!("{}", diagnostic::text(&problems)))
}

#[test]
fn every_example_is_without_problems() {
    let examples = examples();
    assert_eq!(examples.len(), 5, "{examples:?}");
    for file in examples {
        let warnings = compiled(&file).warnings;
        assert!(warnings.is_empty(), "{}:\n{}", file.display(), diagnostic::text(&warnings));
    }
}

#[test]
fn rendered_example_is_current() {
    let options = RenderOptions {
        root: "/etc/headgate/envoy".into(),
        module: Module::Wasm("/usr/lib/headgate/headgate.wasm".into()),
    };
    let files = render::envoy(&compiled(&root().join("examples").join(RENDERED)), &options);
    let folder = root().join("envoy/rendered");
    for (path, text) in files {
        if std::env::var_os("UPDATE_EXPECT").is_some_and(|value| !value.is_empty()) {
            fs::create_dir_all(folder.join(&path).parent().unwrap()).unwrap();
            fs::write(folder.join(&path), &text).unwrap();
        }
        let checked_in = fs::read_to_string(folder.join(&path)).unwrap_or_default();
        assert!(
            checked_in == text,
            "envoy/rendered/{} is out of date: run UPDATE_EXPECT=1 cargo test -p headgate-config --test examples",
            path.display()
        );
    }
}
