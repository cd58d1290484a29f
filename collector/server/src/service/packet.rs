//! `packet`: an evidence packet from the store, without the service.

use super::{cannot_open, operator, print_line};
use crate::args::PacketOptions;
use crate::packets::{PacketSettings, build};
use crate::signers::Signers;
use headgate_collector_api::{PacketOrder, StatedSource, packet_scope};
use headgate_collector_store as store;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Runs `packet`.
pub(super) fn run(options: &PacketOptions, sources: &[StatedSource]) -> Result<(), String> {
    let out = &options.out;
    if out.exists() {
        return Err(format!("{} is there already: choose another --out", out.display()));
    }
    let scope = packet_scope(body(options)?.to_string().as_bytes())?;
    let location = options.place.location()?;
    if !location.exists() {
        return Err(format!("there is no database in {location}; check --data"));
    }
    let keys = Signers::given(options.log_key.clone(), options.log_public_key.clone(), None)?;
    let mut db = store::open_writer(&location).map_err(|e| cannot_open(&location, e))?;
    let redaction_key = store::change(&mut db, store::packet_key).map_err(|e| e.to_string())?;
    let order = PacketOrder::new(scope.clone(), operator(), None, redaction_key)?;
    let reader = store::open_reader(&location).map_err(|e| cannot_open(&location, e))?;
    let max_bytes = u64::from(options.max_mib) << 20;
    let settings = PacketSettings { keys: keys.map(Arc::new), max_bytes, sources: sources.to_vec() };
    let built = build(reader, &|| true, &order, &settings, out);
    let built = built.map_err(|fault| format!("no packet was made: {}", fault.message()))?;
    let noted = store::change(&mut db, |tx| store::note_packet(tx, &json!(scope), &built.sha256, operator()));
    if let Err(error) = noted {
        // A packet that the audit log does not know must not leave.
        let _ = std::fs::remove_file(out);
        return Err(format!("no packet was made: the audit log could not note it: {error}"));
    }
    print_line(&format!(
        "packet={} records={} bytes={} sha256={}",
        out.display(),
        built.records,
        built.bytes,
        built.sha256
    ))
}

/// Returns the request as the API has it.
fn body(options: &PacketOptions) -> Result<Value, String> {
    let mut filters = Map::new();
    for filter in &options.filter {
        let (name, value) = filter.split_once('=').ok_or("--filter has the form NAME=VALUE")?;
        let values = filters.entry(name).or_insert_with(|| json!([]));
        values.as_array_mut().into_iter().for_each(|values| values.push(json!(value)));
    }
    let mut body = json!({"from": options.from, "to": options.to, "filters": filters, "redact": options.redact});
    let more = [
        ("sections", (!options.section.is_empty()).then(|| json!(options.section))),
        ("sample_request", options.sample_request.as_ref().map(|id| json!(id))),
    ];
    if let Value::Object(members) = &mut body {
        members.extend(more.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    }
    Ok(body)
}
