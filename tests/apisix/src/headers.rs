//! Header maps, and replies of the filter.

use crate::memory::{Guest, encoded, give, pairs, read, read_text};
use crate::world::{Fields, LocalReply, Phase, field};
use wasmi::Error;

const REQUEST: u32 = 0;
const RESPONSE: u32 = 2;
const CALL: u32 = 6;
const BAD_ARGUMENT: u32 = 2;
const NOT_FOUND: u32 = 1;
const UNIMPLEMENTED: u32 = 12;

/// Returns a header map; a status if it cannot be had.
fn map(guest: &Guest<'_>, kind: u32) -> Result<Fields, u32> {
    let world = guest.data();
    match kind {
        REQUEST | RESPONSE if !world.now.is_there() => Err(BAD_ARGUMENT),
        REQUEST => Ok(world.now.request.clone()),
        RESPONSE => Ok(world.now.response.clone()),
        CALL => world.now.call_answer.as_ref().map(|(head, _)| head.clone()).ok_or(BAD_ARGUMENT),
        _ => Err(UNIMPLEMENTED),
    }
}

fn needs_host(fields: &Fields, kind: u32) -> Result<(), Error> {
    let crashes = kind == REQUEST && field(fields, "host").is_none();
    if crashes { Err(Error::new("the host would have crashed: the request has no Host")) } else { Ok(()) }
}

pub(crate) fn all(guest: &mut Guest<'_>, given: &[u32]) -> Result<u32, Error> {
    let fields = match map(guest, given[0]) {
        Ok(fields) => fields,
        Err(status) => return Ok(status),
    };
    needs_host(&fields, given[0])?;
    if given[0] == RESPONSE {
        return Err(Error::new("the host's list of response headers is wrong once there are more than 20"));
    }
    give(guest, &encoded(&fields), given[1], given[2])
}

pub(crate) fn get(guest: &mut Guest<'_>, given: &[u32]) -> Result<u32, Error> {
    let fields = match map(guest, given[0]) {
        Ok(fields) => fields,
        Err(status) => return Ok(status),
    };
    let name = read_text(guest, given[1], given[2]);
    if name == ":authority" {
        needs_host(&fields, given[0])?;
    }
    match field(&fields, &name).map(str::to_owned) {
        Some(value) => give(guest, value.as_bytes(), given[3], given[4]),
        None => Ok(NOT_FOUND),
    }
}

pub(crate) fn set(guest: &mut Guest<'_>, call: &str, given: &[u32]) -> Result<u32, Error> {
    let name = read_text(guest, given[1], given[2]).to_ascii_lowercase();
    let value = read_text(guest, given[3], given[4]);
    if value.contains(['\r', '\n', '\0']) {
        return Ok(BAD_ARGUMENT);
    }
    Ok(change(guest, given[0], |fields| {
        if call == "proxy_replace_header_map_value" || name.starts_with(':') {
            fields.retain(|(one, _)| *one != name);
        }
        if !value.is_empty() {
            fields.push((name, value));
        }
    }))
}

pub(crate) fn remove(guest: &mut Guest<'_>, given: &[u32]) -> Result<u32, Error> {
    let name = read_text(guest, given[1], given[2]).to_ascii_lowercase();
    if name.starts_with(':') {
        return Ok(BAD_ARGUMENT);
    }
    Ok(change(guest, given[0], |fields| fields.retain(|(one, _)| *one != name)))
}

fn change(guest: &mut Guest<'_>, kind: u32, act: impl FnOnce(&mut Fields)) -> u32 {
    let world = guest.data_mut();
    match kind {
        REQUEST | RESPONSE if !world.now.is_there() => return BAD_ARGUMENT,
        REQUEST => act(&mut world.now.request),
        RESPONSE if world.now.phase == Phase::BodyFilter => {
            world.say("attempt to set a header after the head was sent".to_owned());
        }
        RESPONSE => act(&mut world.now.response),
        _ => return UNIMPLEMENTED,
    }
    0
}

pub(crate) fn reply(guest: &mut Guest<'_>, given: &[u32]) -> Result<u32, Error> {
    let (status, body) = (given[0], read(guest, given[3], given[4]));
    let head = read(guest, given[5], given[6]);
    let headers = if head.is_empty() { Fields::new() } else { pairs(&head) };
    if headers.iter().any(|(_, value)| value.contains(['\r', '\n', '\0'])) {
        return Ok(BAD_ARGUMENT);
    }
    let world = guest.data_mut();
    if !world.now.is_there() {
        return Ok(BAD_ARGUMENT);
    }
    world.now.reply = Some(LocalReply { status, headers, body });
    Ok(0)
}
