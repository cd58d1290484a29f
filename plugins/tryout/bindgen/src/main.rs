//! Writes the JavaScript module, and the WebAssembly that fits it, as it is and compressed: `headgate-tryout-bindgen MODULE
//! FOLDER`.
//!
//! The command `wasm-bindgen` does the same, but has to be installed in the version of the library, and brings a web server
//! and a TLS library along.

mod ordered;

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
    bindgen.input_path(module).out_name("tryout").typescript(false);
    bindgen
        .web(true)
        .and_then(|bindgen| bindgen.generate(folder))
        .map_err(|problem| format!("{module}: {problem:#}"))?;
    let file = Path::new(folder).join("tryout_bg.wasm");
    let failed = |problem: std::io::Error| format!("{}: {problem}", file.display());
    let module = std::fs::read(&file).map_err(failed)?;
    let module = ordered::ordered(&module).map_err(|problem| format!("{}: {problem}", file.display()))?;
    std::fs::write(&file, &module).and_then(|()| compress(&module, &file.with_extension("wasm.gz"))).map_err(failed)
}

/// Writes a module with gzip and without a time: the same bytes in every build.
fn compress(module: &[u8], file: &Path) -> std::io::Result<()> {
    let mut compressed = Vec::new();
    zopfli::compress(zopfli::Options::default(), zopfli::Format::Gzip, module, &mut compressed)?;
    std::fs::write(file, compressed)
}

#[allow(clippy::print_stderr, reason = "a command")]
fn failed(problem: &str) -> ExitCode {
    eprintln!("{problem}");
    ExitCode::FAILURE
}
