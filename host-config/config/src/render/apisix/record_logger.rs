//! APISIX's `http-logger`, which takes the records to the collector: the filter leaves each record in a variable.

use headgate_policy::document::Document;
use headgate_record::LINES_PATH;
use serde_json::{Value, json};

/// Declares the variable for nginx.
pub(super) const DECLARATION: &str = "set $headgate_record '';\n";
/// The environment variable with `Bearer ` and the ingest token: `http-logger` sends the whole value as a header.
const AUTHORIZATION: &str = "HEADGATE_INGEST_AUTHORIZATION";
/// Most records in one call.
const BATCH: u32 = 200;
/// Longest time until a record is sent while others follow, s; after the last one it is 1 s.
const GATHER_S: u32 = 2;
/// Tries of a batch after the first, 1 s apart. Then its records are lost.
const RETRIES: u32 = 60;

/// Returns the name of the environment variable that APISIX reads, if the collector asks for a token.
pub(super) fn variable(document: &Document) -> Option<String> {
    document.collector.as_ref()?.token_env.as_ref().map(|_| AUTHORIZATION.to_owned())
}

/// Returns the plugin's configuration, if there is a collector.
pub(super) fn plugin(document: &Document, filter: &Value) -> Option<Value> {
    let collector = document.collector.as_ref()?;
    let mut plugin = json!({
        "_meta": {"filter": filter},
        "uri": format!("{}{}{LINES_PATH}", collector.cluster, collector.path_prefix),
        "ssl_verify": true,
        "log_format": {"record": "$headgate_record"},
        "concat_method": "new_line",
        "batch_max_size": BATCH,
        "inactive_timeout": 1,
        "buffer_duration": GATHER_S,
        "max_retry_count": RETRIES,
        "retry_delay": 1,
    });
    if let (Some(name), Some(members)) = (variable(document), plugin.as_object_mut()) {
        members.insert("auth_header".to_owned(), json!(format!("$env://{name}")));
    }
    Some(plugin)
}
