//! Bodies.

use crate::memory::{Guest, give};
use wasmi::Error;

const BAD_ARGUMENT: u32 = 2;
const NOT_FOUND: u32 = 1;
const UNIMPLEMENTED: u32 = 12;

pub(crate) fn get(guest: &mut Guest<'_>, given: &[u32]) -> Result<u32, Error> {
    let (kind, start, size) = (given[0], given[1] as i32, given[2] as i32);
    let world = guest.data();
    let bytes = match kind {
        0 if world.callback == "proxy_on_request_body" => world.now.request_body.clone(),
        1 if world.callback == "proxy_on_response_body" => world.now.chunk.clone(),
        4 => world.now.call_answer.as_ref().map(|(_, body)| body.clone()).unwrap_or_default(),
        // Start and size mean nothing here.
        7 => {
            let configuration = world.configuration.clone();
            return give(guest, &configuration, given[3], given[4]);
        }
        0 | 1 => Vec::new(),
        _ => return Ok(UNIMPLEMENTED),
    };
    if bytes.is_empty() {
        return Ok(NOT_FOUND);
    }
    if start < 0 || size <= 0 || start as usize >= bytes.len() {
        return Ok(BAD_ARGUMENT);
    }
    let Some(end) = start.checked_add(size) else {
        return Err(Error::new("the host would have read beyond a body: start and size overflow"));
    };
    let part = bytes[start as usize..(end as usize).min(bytes.len())].to_vec();
    give(guest, &part, given[3], given[4])
}
