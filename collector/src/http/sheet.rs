//! Lines of CSV (RFC 4180) that are safe to open in a spreadsheet and to look at in a terminal.

use headgate::diagnostic::is_hidden;

/// Writes one line, each cell quoted if it has to be.
pub(super) fn line(out: &mut Vec<u8>, cells: impl Iterator<Item = String>) {
    for (place, cell) in cells.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(quoted(&tamed(&cell)).as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// Nano-USD as USD, without rounding.
pub(super) fn usd(nano: u64) -> String {
    format!("{}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000)
}

/// A time in µs as RFC 3339 has it.
pub(super) fn time(us: u64) -> String {
    let time = i64::try_from(us).ok().and_then(|us| jiff::Timestamp::from_microsecond(us).ok());
    time.map_or(us.to_string(), |time| time.to_string())
}

/// A text that is no formula and no command to a terminal.
fn tamed(cell: &str) -> String {
    let formula = cell.trim_start().starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'])
        || cell.starts_with(['\t', '\r', '\n']);
    let lead = if formula { "'" } else { "" };
    let mut out = String::with_capacity(cell.len() + 1);
    out.push_str(lead);
    for char in cell.chars() {
        if is_hidden(char) {
            out.extend(char.escape_unicode());
        } else {
            out.push(char);
        }
    }
    out
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
    fn no_cell_is_a_formula_breaks_its_line_or_commands_a_terminal() {
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
