//! The memory of the VM, and the ABI's form of header pairs.

use crate::world::{Fields, World};
use wasmi::{Caller, Error, Extern, Memory};

pub(crate) type Guest<'a> = Caller<'a, World>;

fn memory(guest: &Guest<'_>) -> Memory {
    guest.get_export("memory").and_then(Extern::into_memory).unwrap()
}

/// Reads bytes of the VM.
pub(crate) fn read(guest: &Guest<'_>, at: u32, len: u32) -> Vec<u8> {
    let mut bytes = vec![0; len as usize];
    memory(guest).read(guest, at as usize, &mut bytes).unwrap();
    bytes
}

pub(crate) fn read_text(guest: &Guest<'_>, at: u32, len: u32) -> String {
    String::from_utf8_lossy(&read(guest, at, len)).into_owned()
}

pub(crate) fn write(guest: &mut Guest<'_>, at: u32, bytes: &[u8]) {
    memory(guest).write(guest, at as usize, bytes).unwrap();
}

/// Hands bytes over in memory that the VM allocates. Of an empty value the length alone is written.
pub(crate) fn give(guest: &mut Guest<'_>, bytes: &[u8], data: u32, len: u32) -> Result<u32, Error> {
    if !bytes.is_empty() {
        let allocate = guest.get_export("proxy_on_memory_allocate").and_then(Extern::into_func).unwrap();
        let allocate = allocate.typed::<u32, u32>(&mut *guest)?;
        let at = allocate.call(&mut *guest, bytes.len() as u32)?;
        write(guest, at, bytes);
        write(guest, data, &at.to_le_bytes());
    }
    write(guest, len, &(bytes.len() as u32).to_le_bytes());
    Ok(0)
}

/// Reads header pairs.
pub(crate) fn pairs(bytes: &[u8]) -> Fields {
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let count = number(0);
    let mut at = 4 + count * 8;
    let mut text = |len: usize| {
        let part = String::from_utf8_lossy(&bytes[at..at + len]).into_owned();
        at += len + 1;
        part
    };
    (0..count).map(|index| (text(number(4 + index * 8)), text(number(8 + index * 8)))).collect()
}

/// Writes header pairs.
pub(crate) fn encoded(fields: &Fields) -> Vec<u8> {
    let mut bytes = (fields.len() as u32).to_le_bytes().to_vec();
    for (name, value) in fields {
        bytes.extend((name.len() as u32).to_le_bytes());
        bytes.extend((value.len() as u32).to_le_bytes());
    }
    for text in fields.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend(text.as_bytes());
        bytes.push(0);
    }
    bytes
}
