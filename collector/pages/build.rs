//! Finds the module that tries a policy in the browser, if it has been built: `just tryout` writes it to `target/tryout`. Without it
//! the page says how to build it, so that `cargo build` alone stays quick.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// The files of the module.
const FILES: [&str; 2] = ["tryout.js", "tryout_bg.wasm.gz"];

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-env-changed=HEADGATE_TRYOUT");
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = env::var_os("HEADGATE_TRYOUT").map_or_else(|| own.join("../../target/tryout"), PathBuf::from);
    // A path that is missing would have this script run, and the crate built, every time.
    fs::create_dir_all(&folder)?;
    println!("cargo::rerun-if-changed={}", folder.display());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let files = FILES.map(|name| folder.join(name));
    let text = match files.iter().all(|file| file.is_file()) {
        true => {
            let [script, module] = files.map(|file| format!("include_bytes!({:?})", file.display().to_string()));
            format!("Some(({script}, {module}))")
        }
        false => "None".to_owned(),
    };
    fs::write(out.join("tryout.rs"), text)
}
