//! Writes the JavaScript module, and the WebAssembly that fits it: `headgate-tryout-bindgen MODULE FOLDER`.
//!
//! The command `wasm-bindgen` does the same, but has to be installed in the version of the library, and brings a web server
//! and a TLS library along.

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
    bindgen.input_path(module).out_name("tryout").typescript(false).remove_name_section(true).remove_producers_section(true);
    bindgen.web(true).and_then(|bindgen| bindgen.generate(folder)).map_err(|problem| format!("{module}: {problem:#}"))
}

#[allow(clippy::print_stderr, reason = "a command")]
fn failed(problem: &str) -> ExitCode {
    eprintln!("{problem}");
    ExitCode::FAILURE
}
