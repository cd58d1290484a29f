//! Lines of CSV (RFC 4180) that are safe in spreadsheets and terminals.

use headgate_collector_types::visible;

/// Writes one line; cells are quoted where necessary.
pub(super) fn line(out: &mut Vec<u8>, cells: impl Iterator<Item = String>) {
    for (place, cell) in cells.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(quoted(&escaped(&cell)).as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// Formats nano-USD as USD, without rounding.
pub(super) fn usd(nano: u64) -> String {
    format!("{}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000)
}

/// Formats a time in µs as RFC 3339.
pub(super) fn time(us: u64) -> String {
    let time = i64::try_from(us).ok().and_then(|us| jiff::Timestamp::from_microsecond(us).ok());
    time.map_or(us.to_string(), |time| time.to_string())
}

/// Formats a time in µs as the store has it; one before the Unix epoch as nothing.
pub(super) fn stored_time(us: i64) -> String {
    u64::try_from(us).map(time).unwrap_or_default()
}

/// Escapes a text that could act as a formula or control a terminal.
fn escaped(cell: &str) -> String {
    let formula = cell.trim_start().starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'])
        || cell.starts_with(['\t', '\r', '\n']);
    let lead = if formula { "'" } else { "" };
    format!("{lead}{}", visible(cell))
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', ';', '\'']) || cell.starts_with(' ') || cell.ends_with(' ') {
        return format!("\"{}\"", cell.replace('"', "\"\""));
    }
    cell.to_owned()
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn cells_are_harmless_to_sheets_and_terminals() {
        for (cell, expected) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("a\"b", "\"a\"\"b\""),
            ("=1+1", "\"'=1+1\""),
            (" =1+1", "\"' =1+1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("-1", "\"'-1\""),
            ("\t=1", "\"'\\u{9}=1\""),
            ("a\r\nb", "a\\u{d}\\u{a}b"),
            ("\u{1b}[31m", "\\u{1b}[31m"),
            ("\u{202e}x", "\\u{202e}x"),
            ("a\u{200b}b\u{e0041}", "a\\u{200b}b\\u{e0041}"),
        ] {
            let mut out = Vec::new();
            line(&mut out, [cell.to_owned(), "z".to_owned()].into_iter());
            assert_eq!(String::from_utf8(out).unwrap(), format!("{expected},z\r\n"));
        }
    }
}
