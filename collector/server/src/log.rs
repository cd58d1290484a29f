//! The operator's log: events of `tracing`, as lines on standard error.
//!
//! A subscriber of our own, because a line may contain text from outside. It is escaped so that a terminal shows it as text and a
//! parser of JSON reads it back.

use headgate_collector_types::audit::canonical;
use headgate_collector_types::clock;
use headgate_config::diagnostic::plain;
use serde_json::json;
use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

static AS_JSON: AtomicBool = AtomicBool::new(false);

/// Writes all events of this program from now on, as text for people.
pub fn start() {
    // Fails only if it has been called before.
    let _ = tracing::subscriber::set_global_default(Lines);
}

/// Sets whether each line is a JSON object of `time` (RFC 3339), `level`, `program` and `message` from now on.
pub fn write_json(yes: bool) {
    AS_JSON.store(yes, Ordering::Relaxed);
}

struct Lines;

impl Subscriber for Lines {
    fn enabled(&self, event: &Metadata<'_>) -> bool {
        // Libraries may log data that clients sent.
        *event.level() <= Level::INFO && event.target().starts_with("headgate")
    }

    fn event(&self, event: &Event<'_>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        write(event.metadata().level(), &message.0);
    }

    // There are no spans.
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            // A text takes whatever is written into it.
            let _ = write!(self.0, "{value:?}");
        }
    }
}

/// Writes one line. A closed standard error is no reason to stop.
fn write(level: &Level, message: &str) {
    let line = if AS_JSON.load(Ordering::Relaxed) {
        as_json(level, message)
    } else {
        format!("headgate-collector: {}", plain(message))
    };
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

fn as_json(level: &Level, message: &str) -> String {
    let time = jiff::Timestamp::from_microsecond(clock::now_us()).map_or(String::new(), |time| time.to_string());
    let level = level.as_str().to_ascii_lowercase();
    let line = json!({"time": time, "level": level, "program": "headgate-collector", "message": message});
    canonical(&line).ok().and_then(|line| String::from_utf8(line).ok()).unwrap_or_default()
}
