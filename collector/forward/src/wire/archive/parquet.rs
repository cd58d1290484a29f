//! Parquet: the members that analysts ask for as columns, and the whole entry as text.

use crate::event::Event;
use headgate_collector_types::Log;
use parquet::basic::{Compression, ConvertedType, GzipLevel, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::errors::Result;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use serde_json::Value;
use std::sync::Arc;

/// The values of a column.
#[derive(Clone, Copy)]
enum Cell {
    /// Text at a path; what is no text there is written as JSON.
    Text(&'static str),
    /// A whole number at a path.
    Number(&'static str),
    /// A time at a path, µs since the Unix epoch.
    Time(&'static str),
    /// The position in the log.
    Position,
    /// The stored bytes.
    Entry,
}

use Cell::{Entry, Number, Position, Text, Time};

const REQUEST: [(&str, Cell); 36] = [
    ("position", Position),
    ("id", Text("id")),
    ("started_at", Time("started_at")),
    ("node", Text("node")),
    ("environment", Text("environment")),
    ("config_revision", Text("config_revision")),
    ("surface", Text("surface")),
    ("requested_model", Text("requested_model")),
    ("provider", Text("served_by.provider")),
    ("served_model", Text("served_by.model")),
    ("response_model", Text("response_model")),
    ("status", Number("status")),
    ("ended_by", Text("ended_by")),
    ("finish_reason", Text("finish_reason")),
    ("rejected_by", Text("rejected_by")),
    ("error_code", Text("error_code")),
    ("key_id", Text("caller.key_id")),
    ("owner", Text("caller.owner")),
    ("team", Text("caller.team")),
    ("project", Text("caller.project")),
    ("application", Text("caller.application")),
    ("cost_center", Text("caller.cost_center")),
    ("tenant", Text("caller.tenant")),
    ("use_case", Text("caller.use_case")),
    ("risk_class", Text("caller.risk_class")),
    ("end_user", Text("client.end_user")),
    ("session_id", Text("client.session_id")),
    ("trace_id", Text("trace_id")),
    ("duration_us", Number("duration_us")),
    ("time_to_first_token_us", Number("time_to_first_token_us")),
    ("input_tokens", Number("usage.input_tokens")),
    ("cached_input_tokens", Number("usage.cached_input_tokens")),
    ("output_tokens", Number("usage.output_tokens")),
    ("reasoning_tokens", Number("usage.reasoning_tokens")),
    ("cost_nano_usd", Number("cost.nano_usd")),
    ("entry", Entry),
];

const AUDIT: [(&str, Cell); 15] = [
    ("position", Position),
    ("id", Text("id")),
    ("time", Time("time")),
    ("type", Text("type")),
    ("operation", Text("operation")),
    ("outcome", Text("outcome")),
    ("code", Text("code")),
    ("actor_id", Text("actor.id")),
    ("actor_name", Text("actor.name")),
    ("actor_address", Text("actor.address")),
    ("resource_kind", Text("resource.kind")),
    ("resource_id", Text("resource.id")),
    ("source", Text("source")),
    ("ticket", Text("justification.ticket")),
    ("entry", Entry),
];

/// Returns the file of events of one log.
pub(super) fn bytes(events: &[Event]) -> Result<Vec<u8>> {
    let columns: &[(&str, Cell)] = match events.first().map(|event| event.log) {
        Some(Log::Audit) => &AUDIT,
        _ => &REQUEST,
    };
    let fields = columns.iter().map(|(name, cell)| field(name, *cell)).collect::<Result<_>>()?;
    let schema = Type::group_type_builder("entry").with_fields(fields).build()?;
    let properties = WriterProperties::builder()
        // The bytes are to depend on the entries alone.
        .set_created_by("headgate".to_owned())
        .set_compression(Compression::GZIP(GzipLevel::default()))
        .build();
    let mut file = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties))?;
    let mut group = file.next_row_group()?;
    for (_, cell) in columns {
        let Some(mut column) = group.next_column()? else { break };
        match cell {
            Cell::Number(_) | Cell::Time(_) | Cell::Position => {
                let (values, levels) = optional(events.iter().map(|event| number(event, *cell)));
                column.typed::<Int64Type>().write_batch(&values, Some(&levels), None)?;
            }
            Cell::Text(_) | Cell::Entry => {
                let (values, levels) = optional(events.iter().map(|event| text(event, *cell)));
                column.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None)?;
            }
        }
        column.close()?;
    }
    group.close()?;
    file.into_inner()
}

fn field(name: &str, cell: Cell) -> Result<Arc<Type>> {
    let (physical, converted) = match cell {
        Cell::Text(_) | Cell::Entry => (Physical::BYTE_ARRAY, ConvertedType::UTF8),
        Cell::Time(_) => (Physical::INT64, ConvertedType::TIMESTAMP_MICROS),
        Cell::Number(_) | Cell::Position => (Physical::INT64, ConvertedType::INT_64),
    };
    let builder = Type::primitive_type_builder(name, physical).with_repetition(Repetition::OPTIONAL);
    Ok(Arc::new(builder.with_converted_type(converted).build()?))
}

/// Returns the values that are there, and for each row whether it has one.
fn optional<T>(cells: impl Iterator<Item = Option<T>>) -> (Vec<T>, Vec<i16>) {
    let mut levels = Vec::new();
    let values = cells.inspect(|cell| levels.push(i16::from(cell.is_some()))).flatten().collect();
    (values, levels)
}

fn number(event: &Event, cell: Cell) -> Option<i64> {
    match cell {
        Cell::Position => Some(event.position),
        Cell::Number(path) | Cell::Time(path) => event.at(path).and_then(Value::as_i64),
        Cell::Text(_) | Cell::Entry => None,
    }
}

fn text(event: &Event, cell: Cell) -> Option<ByteArray> {
    match cell {
        Cell::Entry => Some(ByteArray::from(event.text.as_str())),
        Cell::Text(path) => match event.at(path)? {
            Value::String(text) => Some(ByteArray::from(text.as_str())),
            other => Some(ByteArray::from(other.to_string().as_str())),
        },
        Cell::Number(_) | Cell::Time(_) | Cell::Position => None,
    }
}
