//! The native module on this machine: whether an Envoy can load it, and a policy can be carried out by it.

use crate::exit::Failure;
use headgate_config::Compiled;
use headgate_config::native::{Symbols, obstacle, version_problem};
use std::fs;
use std::path::{Path, PathBuf};

/// Returns the path of a native module for a rendering. A new version must have a new name: Envoy never loads a path twice, and a file that is
/// overwritten while it runs crashes the proxy. The file itself may be elsewhere, as in a container.
pub(super) fn rendered(path: &Path, compiled: &Compiled) -> Result<PathBuf, Failure> {
    let (name, version) = (path.file_name().unwrap_or_default().to_string_lossy(), env!("CARGO_PKG_VERSION"));
    if !name.contains(version) {
        return Err(format!(
            "{}: the name of a native module must have its version, as in headgate-{version}.so: Envoy never loads a path twice. Rename the file.\n",
            path.display()
        ));
    }
    carries_out(path, compiled)?;
    if path.exists() {
        symbols(path)?;
    }
    std::path::absolute(path).map_err(|error| format!("{}: {error}\n", path.display()))
}

/// Checks a native module for a policy and an Envoy.
pub(super) fn fits(
    path: &Path,
    compiled: &Compiled,
    version: Option<(u32, u32)>,
    envoy: Option<&Path>,
) -> Result<(), Failure> {
    carries_out(path, compiled)?;
    let module = symbols(path)?;
    let mut problem = version.and_then(version_problem);
    if let Some(envoy) = envoy {
        let file = read(envoy)?;
        let offered =
            Symbols::read(&file).ok_or_else(|| format!("{}: this is no Envoy for Linux\n", envoy.display()))?;
        problem = problem.or_else(|| module.problem_with(&offered, &file));
    }
    problem.map_or(Ok(()), |problem| Err(format!("{}: {problem}\n", path.display())))
}

fn carries_out(path: &Path, compiled: &Compiled) -> Result<(), Failure> {
    obstacle(compiled).map_or(Ok(()), |part| Err(format!("{} cannot carry out {part}.\n", path.display())))
}

fn symbols(path: &Path) -> Result<Symbols, Failure> {
    let module = Symbols::read(&read(path)?).filter(Symbols::is_module);
    module.ok_or_else(|| {
        format!(
            "{}: this is no native module of Headgate: `just native` builds one, a release has one\n",
            path.display()
        )
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| format!("{} cannot be read: {error}\n", path.display()))
}
