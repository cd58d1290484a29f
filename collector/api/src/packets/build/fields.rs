//! The field dictionary, from the schema of the record.

use super::maker::{Listed, Maker, Writer};
use crate::packets::fault::PacketFault;
use headgate_collector_packet::FIELDS;
use headgate_collector_packet::page::Table;
use headgate_record::RequestRecord;
use serde_json::Value;

/// The names of the OpenTelemetry conventions.
const OTEL: &str = include_str!("../../../../../plugins/record/otel.json");
/// The most levels of a record.
const MAX_DEPTH: usize = 8;

impl Maker<'_, '_> {
    /// Writes the field dictionary, and returns it as a table.
    pub(super) fn fields(&mut self, packet: &mut Writer, listed: &mut Listed) -> Result<Table, PacketFault> {
        let rows = dictionary();
        let head = vec!["field", "type", "always", "description", "OpenTelemetry"];
        let mut out = Vec::new();
        crate::csv::line(&mut out, head.iter().map(|&name| name.to_owned()));
        for row in &rows {
            crate::csv::line(&mut out, row.iter().cloned());
        }
        packet.put(FIELDS, &out)?;
        listed.add(FIELDS, Some(rows.len() as u64));
        Ok(Table { head, rows })
    }
}

/// Returns name, type, whether it is always there, description and name in OpenTelemetry of every field.
fn dictionary() -> Vec<Vec<String>> {
    let schema = serde_json::to_value(schemars::schema_for!(RequestRecord)).unwrap_or_default();
    let names: Value = serde_json::from_str(OTEL).unwrap_or_default();
    let mut rows = Vec::new();
    add(&mut rows, &schema, &names, &schema, "", 0);
    rows
}

fn add(rows: &mut Vec<Vec<String>>, whole: &Value, names: &Value, schema: &Value, prefix: &str, depth: usize) {
    let required = schema.get("required").and_then(Value::as_array);
    for (field, schema) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let name = format!("{prefix}{field}");
        let always = required.is_some_and(|required| required.iter().any(|one| one == field));
        let (kind, below) = type_of(schema);
        let otel = names.get("fields").and_then(|fields| fields.get(&name)).and_then(Value::as_str).unwrap_or_default();
        let always = if always { "always" } else { "" };
        rows.push([&name, &kind, always, &described(schema), otel].map(str::to_owned).to_vec());
        let inner = below.and_then(|below| whole.get("$defs")?.get(below));
        if let Some(inner) = inner.filter(|inner| inner.get("properties").is_some() && depth < MAX_DEPTH) {
            add(rows, whole, names, inner, &format!("{name}."), depth + 1);
        }
    }
}

fn described(schema: &Value) -> String {
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace("[`", "`").replace("`]", "`")
}

/// Returns the name of a field's type, and the definition that has it.
fn type_of(schema: &Value) -> (String, Option<&str>) {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next()) {
        return (name.to_owned(), Some(name));
    }
    if let Some(items) = schema.get("items") {
        let (name, below) = type_of(items);
        return (format!("list of {name}"), below);
    }
    for choices in ["anyOf", "allOf"] {
        if let Some(first) = schema.get(choices).and_then(Value::as_array).and_then(|choices| choices.first()) {
            return type_of(first);
        }
    }
    let kind = schema.get("type");
    let name = kind.and_then(Value::as_str).or_else(|| kind?.get(0)?.as_str()).unwrap_or("value");
    (name.to_owned(), None)
}

#[cfg(test)]
mod tests {
    use super::dictionary;

    #[test]
    fn every_field_has_a_description() {
        let rows = dictionary();
        assert!(rows.len() > 60, "{}", rows.len());
        for name in
            ["id", "usage.input_tokens", "attempts.provider", "decisions.reason", "caller.owner", "cost.nano_usd"]
        {
            assert!(rows.iter().any(|row| row[0] == name), "{name}");
        }
        assert!(rows.iter().all(|row| !row[3].is_empty()), "{rows:?}");
        assert!(rows.iter().any(|row| row[4].starts_with("gen_ai.")), "names of OpenTelemetry");
    }
}
