//! Orders the functions of a module so that it compresses well.
//!
//! Generic code is there once per type. DEFLATE finds a repetition only within 32 KiB, and the generator orders functions by
//! size, so the copies lie far apart.

use std::collections::HashMap;
use std::convert::Infallible;
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{CodeSection, FunctionSection, Module};
use wasmparser::{
    CodeSectionReader, CustomSectionReader, FunctionSectionReader, KnownCustom, Name, Parser, Payload, TypeRef,
};

type Result<T> = std::result::Result<T, Error<Infallible>>;

/// Returns the module with functions of similar names beside each other, and without custom sections.
///
/// # Errors
/// The module cannot be read.
pub(crate) fn ordered(module: &[u8]) -> Result<Vec<u8>> {
    let mut order = Order::of(module)?;
    let mut written = Module::new();
    order.parse_core_module(&mut written, Parser::new(0), module)?;
    Ok(written.finish())
}

/// The new places of the functions.
struct Order {
    /// Functions that are imported: they keep their places, before all others.
    imported: u32,
    /// The other functions, each by its old place among them, in the new order.
    functions: Vec<usize>,
    /// Their new places, by the old ones.
    places: Vec<u32>,
}

impl Order {
    fn of(module: &[u8]) -> Result<Self> {
        let (mut imported, mut names, mut sizes) = (0_u32, HashMap::new(), Vec::new());
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        imported += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                    }
                }
                Payload::CodeSectionEntry(body) => sizes.push(body.range().len()),
                Payload::CustomSection(section) => {
                    if let KnownCustom::Name(section) = section.as_known() {
                        for subsection in section {
                            let Name::Function(map) = subsection? else { continue };
                            for named in map {
                                let named = named?;
                                names.insert(named.index, named.name);
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        let mut functions: Vec<usize> = (0..sizes.len()).collect();
        functions.sort_by_key(|place| {
            let index = u32::try_from(*place).unwrap_or(u32::MAX).saturating_add(imported);
            (names.get(&index).map_or("", |name| without_hash(name)), sizes.get(*place).copied())
        });
        let mut places = vec![0; functions.len()];
        for (new, old) in (0..).zip(&functions) {
            if let Some(place) = places.get_mut(*old) {
                *place = new;
            }
        }
        Ok(Self { imported, functions, places })
    }

    /// Returns the items in the new order.
    fn sort<T: Clone>(&self, items: &[T]) -> Vec<T> {
        self.functions.iter().filter_map(|old| items.get(*old).cloned()).collect()
    }
}

/// Returns a mangled name without the hash at its end, `17h0123456789abcdefE`.
fn without_hash(name: &str) -> &str {
    name.len().checked_sub(20).and_then(|end| name.get(..end)).filter(|_| name.ends_with('E')).unwrap_or(name)
}

impl Reencode for Order {
    type Error = Infallible;

    fn function_index(&mut self, index: u32) -> Result<u32> {
        let place = index.checked_sub(self.imported).and_then(|place| self.places.get(place as usize));
        Ok(place.map_or(index, |place| place.saturating_add(self.imported)))
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<()> {
        let types = section.into_iter().collect::<std::result::Result<Vec<u32>, _>>()?;
        for of in self.sort(&types) {
            functions.function(of);
        }
        Ok(())
    }

    fn parse_code_section(&mut self, code: &mut CodeSection, section: CodeSectionReader<'_>) -> Result<()> {
        let bodies = section.into_iter().collect::<std::result::Result<Vec<_>, _>>()?;
        self.sort(&bodies).into_iter().try_for_each(|body| utils::parse_function_body(self, code, body))
    }

    fn parse_custom_section(&mut self, _: &mut Module, _: CustomSectionReader<'_>) -> Result<()> {
        Ok(())
    }
}
