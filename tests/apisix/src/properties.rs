//! Properties: variables of nginx.

use crate::memory::{Guest, give, read, read_text};
use wasmi::Error;

const NOT_FOUND: u32 = 1;
const BAD_ARGUMENT: u32 = 2;
const INTERNAL_FAILURE: u32 = 10;

/// Variables that nothing but nginx sets.
const FIXED: [&str; 9] = [
    "hostname",
    "http_host",
    "pid",
    "remote_addr",
    "request_method",
    "server_protocol",
    "status",
    "upstream_addr",
    "upstream_status",
];

pub(crate) fn get(guest: &mut Guest<'_>, given: &[u32]) -> Result<u32, Error> {
    let name = read_text(guest, given[0], given[1]).to_ascii_lowercase();
    if name == "plugin_root_id" {
        return give(guest, b"headgate", given[2], given[3]);
    }
    if !guest.data().now.is_there() {
        return Ok(BAD_ARGUMENT);
    }
    match guest.data().now.variables.get(&name).cloned() {
        Some(value) => give(guest, &value, given[2], given[3]),
        None => Ok(NOT_FOUND),
    }
}

pub(crate) fn set(guest: &mut Guest<'_>, given: &[u32]) -> Result<u32, Error> {
    let name = read_text(guest, given[0], given[1]).to_ascii_lowercase();
    let value = read(guest, given[2], given[3]);
    let world = guest.data_mut();
    if !world.now.is_there() {
        return Ok(BAD_ARGUMENT);
    }
    if FIXED.contains(&name.as_str()) {
        return Ok(INTERNAL_FAILURE);
    }
    match world.now.variables.get_mut(&name) {
        Some(variable) => {
            *variable = value;
            Ok(0)
        }
        None => Ok(NOT_FOUND),
    }
}
