//! The native module: which Envoy can load it.
//!
//! A module names the functions that it needs of Envoy, and Envoy those that it has: both are read from the files. What functions with the
//! same names mean is told by the version of the ABI, which Envoy compares too, but only to write a warning.

use crate::compile::Compiled;
use headgate_policy::document::IdentitySource;

/// Version of the ABI for which the module is written.
pub const ABI: &str = "v0.2.0";

/// The version of Envoy that has it.
pub const ENVOY: (u32, u32) = (1, 40);

/// Beginning of the names of Envoy's functions.
const CALLBACK: &str = "envoy_dynamic_module_callback_";

/// The dynamic symbols of a program or a module, in the format of Linux (ELF, 64 bits, little-endian).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbols {
    /// The machine, by its number.
    machine: u16,
    /// Functions of Envoy that it needs.
    needed: Vec<String>,
    /// Functions of Envoy that it has.
    offered: Vec<String>,
}

/// Returns why an Envoy of this version cannot load the module.
#[must_use]
pub fn version_problem(version: (u32, u32)) -> Option<String> {
    let ((major, minor), (our_major, our_minor)) = (version, ENVOY);
    (version != ENVOY).then(|| {
        format!(
            "the native module is for Envoy {our_major}.{our_minor} (ABI {ABI}), and Envoy {major}.{minor} has another ABI: use headgate.wasm"
        )
    })
}

/// Returns the part of a policy that the native module cannot carry out.
#[must_use]
pub fn obstacle(compiled: &Compiled) -> Option<&'static str> {
    let source = &compiled.document.identity.as_ref()?.source;
    matches!(source, IdentitySource::JwtClaim(_)).then_some(
        "`identity.jwt`: Envoy shows a native module no claims of tokens. Have `jwt_authn` write the claim into a header and name that header, or use headgate.wasm",
    )
}

impl Symbols {
    /// Reads a file. `None` if it is not of this format.
    #[must_use]
    pub fn read(file: &[u8]) -> Option<Self> {
        const DYNAMIC_SYMBOLS: u32 = 11;
        if !file.starts_with(b"\x7fELF\x02\x01") {
            return None;
        }
        let machine = u16::from_le_bytes(bytes(file, 18)?);
        let sections = usize::try_from(u64::from_le_bytes(bytes(file, 40)?)).ok()?;
        let (size, count) = (u16::from_le_bytes(bytes(file, 58)?), u16::from_le_bytes(bytes(file, 60)?));
        let section = |index: usize| file.get(sections.checked_add(index.checked_mul(size.into())?)?..);
        let mut found = Self { machine, needed: Vec::new(), offered: Vec::new() };
        for index in 0..usize::from(count) {
            let header = section(index)?;
            if u32::from_le_bytes(bytes(header, 4)?) == DYNAMIC_SYMBOLS {
                let names = usize::try_from(u32::from_le_bytes(bytes(header, 40)?)).ok()?;
                found.add(content(file, header)?, content(file, section(names)?)?);
            }
        }
        Some(found)
    }

    fn add(&mut self, symbols: &[u8], names: &[u8]) {
        for symbol in symbols.as_chunks::<24>().0 {
            let Some(name) = name_of(symbol, names).filter(|name| name.starts_with(CALLBACK)) else { continue };
            // The section of a symbol that is defined elsewhere.
            let is_needed = bytes(symbol, 6) == Some([0, 0]);
            if is_needed { &mut self.needed } else { &mut self.offered }.push(name.to_owned());
        }
    }

    /// Whether it has functions that only a module of Headgate, or another one, would ask for.
    #[must_use]
    pub fn is_module(&self) -> bool {
        !self.needed.is_empty()
    }

    /// Returns why this Envoy cannot load the module.
    #[must_use]
    pub fn problem_with(&self, envoy: &Self, envoy_file: &[u8]) -> Option<String> {
        if self.machine != envoy.machine {
            return Some("the native module and this Envoy are for different machines".to_owned());
        }
        let missing: Vec<&str> = self
            .needed
            .iter()
            .filter(|name| !envoy.offered.contains(name))
            .filter_map(|name| name.strip_prefix(CALLBACK))
            .collect();
        if let Some(first) = missing.first() {
            return Some(format!(
                "this Envoy lacks {} functions that the native module needs, among them `{first}`: use Envoy {}.{}",
                missing.len(),
                ENVOY.0,
                ENVOY.1
            ));
        }
        let version = [&[0], ABI.as_bytes(), &[0]].concat();
        let has_version = envoy_file.windows(version.len()).any(|window| window == version);
        (!has_version).then(|| format!("this Envoy has not ABI {ABI}: use Envoy {}.{}", ENVOY.0, ENVOY.1))
    }
}

fn bytes<const N: usize>(file: &[u8], at: usize) -> Option<[u8; N]> {
    file.get(at..)?.first_chunk().copied()
}

/// Returns the bytes of a section.
fn content<'a>(file: &'a [u8], header: &[u8]) -> Option<&'a [u8]> {
    let at = usize::try_from(u64::from_le_bytes(bytes(header, 24)?)).ok()?;
    let size = usize::try_from(u64::from_le_bytes(bytes(header, 32)?)).ok()?;
    file.get(at..at.checked_add(size)?)
}

fn name_of<'a>(symbol: &[u8], names: &'a [u8]) -> Option<&'a str> {
    let at = usize::try_from(u32::from_le_bytes(bytes(symbol, 0)?)).ok()?;
    let name = names.get(at..)?;
    let end = name.iter().position(|byte| *byte == 0)?;
    std::str::from_utf8(name.get(..end)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_are_not_read() {
        assert_eq!(Symbols::read(b""), None);
        assert_eq!(Symbols::read(b"\0asm\x01\0\0\0"), None);
        assert_eq!(Symbols::read(b"\x7fELF\x02\x01"), None);
    }

    #[test]
    fn a_missing_function_is_named() {
        let of = |names: &[&str]| names.iter().map(|name| format!("{CALLBACK}{name}")).collect();
        let module = Symbols { machine: 62, needed: of(&["log", "new_one"]), offered: Vec::new() };
        let envoy = Symbols { machine: 62, needed: Vec::new(), offered: of(&["log"]) };
        assert!(
            module
                .problem_with(&envoy, b"")
                .unwrap()
                .contains("1 functions that the native module needs, among them `new_one`")
        );
        let other = Symbols { machine: 183, ..envoy.clone() };
        assert!(module.problem_with(&other, b"").unwrap().contains("different machines"));
        let newer = Symbols { offered: of(&["log", "new_one", "more"]), ..envoy };
        assert!(module.problem_with(&newer, b"\0v0.3.0\0").unwrap().contains("has not ABI v0.2.0"));
        assert_eq!(module.problem_with(&newer, b"..\0v0.2.0\0.."), None);
    }

    #[test]
    fn versions_are_compared() {
        assert_eq!(version_problem((1, 40)), None);
        assert!(version_problem((1, 39)).unwrap().contains("Envoy 1.39 has another ABI"));
    }
}
