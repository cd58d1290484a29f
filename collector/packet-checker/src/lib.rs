//! The check of a packet as four functions of WebAssembly without imports: the page reserves room for the key and for the packet,
//! writes both there, and reads the verdict.

#![allow(unsafe_code, reason = "a function has to be exported under its name; nothing else here is unsafe")]

use headgate_collector_packet::check::check;
use headgate_collector_tree::VerifyingKey;
use serde_json::json;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The memory that the page has reserved, in its order, and the last verdict.
static ROOM: Mutex<Room> = Mutex::new(Room { parts: Vec::new(), verdict: Vec::new() });

struct Room {
    parts: Vec<Vec<u8>>,
    verdict: Vec<u8>,
}

fn room() -> MutexGuard<'static, Room> {
    ROOM.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reserves bytes and returns where they are; nothing if there is no room.
#[unsafe(no_mangle)]
pub extern "C" fn packet_reserve(length: usize) -> *const u8 {
    let mut part = Vec::new();
    if part.try_reserve_exact(length).is_err() {
        return std::ptr::null();
    }
    part.resize(length, 0);
    let at = part.as_ptr();
    room().parts.push(part);
    at
}

/// Checks a packet: the first part that was reserved is the key as text or nothing, the second the archive. Returns where the verdict is,
/// as JSON.
#[unsafe(no_mangle)]
pub extern "C" fn packet_check() -> *const u8 {
    let mut room = room();
    let parts = std::mem::take(&mut room.parts);
    let (key, packet) = (parts.first().map_or(&[][..], Vec::as_slice), parts.get(1).map_or(&[][..], Vec::as_slice));
    room.verdict = verdict(key, packet).to_string().into_bytes();
    room.verdict.as_ptr()
}

/// Returns the number of bytes of the verdict.
#[unsafe(no_mangle)]
pub extern "C" fn packet_verdict_length() -> usize {
    room().verdict.len()
}

fn verdict(key: &[u8], packet: &[u8]) -> serde_json::Value {
    let text = std::str::from_utf8(key).unwrap_or_default().trim();
    let keys = match VerifyingKey::parse(text) {
        _ if text.is_empty() => Vec::new(),
        Ok(key) => vec![key],
        Err(error) => {
            let check = json!({"of": "key", "judgement": "unknown", "text": error.to_string()});
            return json!({"judgement": "unknown", "checks": [check], "more": 0});
        }
    };
    let verdict = check(&packet, &keys, None);
    json!({"judgement": verdict.judgement(), "checks": verdict.checks, "more": verdict.more})
}
