//! Writes the JavaScript module, and the WebAssembly that fits it, as it is and compressed: `headgate-tryout-bindgen MODULE
//! FOLDER`.
//!
//! The command `wasm-bindgen` does the same, but has to be installed in the version of the library, and brings a web server
//! and a TLS library along.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(module), Some(folder)) = (arguments.next(), arguments.next()) else {
        return failed("usage: headgate-tryout-bindgen MODULE FOLDER");
    };
    match generate(&module, &folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => failed(&problem),
    }
}

fn generate(module: &str, folder: &str) -> Result<(), String> {
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(module)
        .out_name("tryout")
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true);
    bindgen
        .web(true)
        .and_then(|bindgen| bindgen.generate(folder))
        .map_err(|problem| format!("{module}: {problem:#}"))?;
    compress(&Path::new(folder).join("tryout_bg.wasm")).map_err(|problem| format!("{folder}: {problem}"))
}

/// Writes a file once more, with gzip and without a time: the same bytes in every build.
fn compress(file: &Path) -> std::io::Result<()> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&std::fs::read(file)?)?;
    std::fs::write(file.with_extension("wasm.gz"), encoder.finish()?)
}

#[allow(clippy::print_stderr, reason = "a command")]
fn failed(problem: &str) -> ExitCode {
    eprintln!("{problem}");
    ExitCode::FAILURE
}
