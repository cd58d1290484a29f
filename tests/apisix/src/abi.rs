//! The imports that the host has, and the way from each to its behaviour.

use crate::buffers;
use crate::headers;
use crate::memory::{Guest, read_text};
use crate::network;
use crate::properties;
use crate::wasi;
use wasmi::{Error, FuncType, Linker, Val, ValType};

use crate::world::World;

/// Imports that the host was seen to have, each with its parameters: `i` for 32 bits, `I` for 64. A module with one that it lacks, such as
/// `proxy_get_log_level`, is not loaded.
pub const IMPORTS: [(&str, &str); 41] = [
    ("proxy_add_header_map_value", "iiiii"),
    ("proxy_call_foreign_function", "iiiiii"),
    ("proxy_close_stream", "i"),
    ("proxy_continue_stream", "i"),
    ("proxy_define_metric", "iiii"),
    ("proxy_dequeue_shared_queue", "iii"),
    ("proxy_done", ""),
    ("proxy_enqueue_shared_queue", "iii"),
    ("proxy_get_buffer_bytes", "iiiii"),
    ("proxy_get_current_time_nanoseconds", "i"),
    ("proxy_get_header_map_pairs", "iii"),
    ("proxy_get_header_map_value", "iiiii"),
    ("proxy_get_property", "iiii"),
    ("proxy_get_shared_data", "iiiii"),
    ("proxy_get_status", "iii"),
    ("proxy_grpc_call", "iiiiiiiiiiii"),
    ("proxy_grpc_cancel", "i"),
    ("proxy_grpc_close", "i"),
    ("proxy_grpc_send", "iiii"),
    ("proxy_grpc_stream", "iiiiiiiii"),
    ("proxy_http_call", "iiiiiiiiii"),
    ("proxy_increment_metric", "iI"),
    ("proxy_log", "iii"),
    ("proxy_record_metric", "iI"),
    ("proxy_register_shared_queue", "iii"),
    ("proxy_remove_header_map_value", "iii"),
    ("proxy_replace_header_map_value", "iiiii"),
    ("proxy_resolve_shared_queue", "iiiii"),
    ("proxy_send_local_response", "iiiiiiii"),
    ("proxy_set_buffer_bytes", "iiiii"),
    ("proxy_set_effective_context", "i"),
    ("proxy_set_header_map_pairs", "iii"),
    ("proxy_set_property", "iiii"),
    ("proxy_set_shared_data", "iiiii"),
    ("proxy_set_tick_period_milliseconds", "i"),
    ("clock_time_get", "iIi"),
    ("environ_get", "ii"),
    ("environ_sizes_get", "ii"),
    ("fd_write", "iiii"),
    ("proc_exit", "i"),
    ("random_get", "ii"),
];

fn parameters(signature: &str) -> Vec<ValType> {
    signature.chars().map(|one| if one == 'I' { ValType::I64 } else { ValType::I32 }).collect()
}

/// Defines all imports.
pub(crate) fn define(linker: &mut Linker<World>) {
    for (name, signature) in IMPORTS {
        let module = if name.starts_with("proxy_") { "env" } else { "wasi_snapshot_preview1" };
        let results: &[ValType] = if name == "proc_exit" { &[] } else { &[ValType::I32] };
        let kind = FuncType::new(parameters(signature), results.iter().copied());
        linker
            .func_new(module, name, kind, move |mut guest, given, results| {
                let given: Vec<u64> = given.iter().map(number).collect();
                let status = call(&mut guest, name, &given)?;
                if let Some(result) = results.first_mut() {
                    *result = Val::I32(status as i32);
                }
                Ok(())
            })
            .unwrap();
    }
}

fn number(value: &Val) -> u64 {
    match value {
        Val::I32(number) => u64::from(*number as u32),
        Val::I64(number) => *number as u64,
        other => panic!("{other:?} is no parameter of the ABI"),
    }
}

/// The status of a call that does not exist.
const UNIMPLEMENTED: u32 = 12;

fn call(guest: &mut Guest<'_>, name: &'static str, given: &[u64]) -> Result<u32, Error> {
    if !name.starts_with("proxy_") {
        return wasi::call(guest, name, given);
    }
    let given: Vec<u32> = given.iter().map(|value| *value as u32).collect();
    let world = guest.data_mut();
    *world.made.entry((world.callback, name.to_owned())).or_default() += 1;
    if let Some(status) = world.forced(name) {
        return Ok(status);
    }
    match name {
        "proxy_log" => {
            let line = read_text(guest, given[1], given[2]);
            guest.data_mut().say(line);
            Ok(0)
        }
        "proxy_get_buffer_bytes" => buffers::get(guest, &given),
        "proxy_get_header_map_pairs" => headers::all(guest, &given),
        "proxy_get_header_map_value" => headers::get(guest, &given),
        "proxy_replace_header_map_value" | "proxy_add_header_map_value" => headers::set(guest, name, &given),
        "proxy_remove_header_map_value" => headers::remove(guest, &given),
        "proxy_get_property" => properties::get(guest, &given),
        "proxy_set_property" => properties::set(guest, &given),
        "proxy_send_local_response" => headers::reply(guest, &given),
        "proxy_http_call" => network::call(guest, &given),
        "proxy_continue_request"
        | "proxy_continue_response"
        | "proxy_continue_stream"
        | "proxy_close_stream"
        | "proxy_set_effective_context"
        | "proxy_define_metric"
        | "proxy_increment_metric"
        | "proxy_record_metric" => Ok(0),
        _ => Ok(UNIMPLEMENTED),
    }
}
