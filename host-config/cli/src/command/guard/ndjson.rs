//! `--ndjson`: one answer for each line, at the speed of the detectors. A line that cannot be read is answered with an
//! error, and the others continue.

use super::input::{open, unreadable};
use crate::exit::Failure;
use headgate_guardrails::Guard;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::io::{BufRead as _, BufReader, BufWriter, Write};
use std::path::Path;

#[derive(Deserialize)]
struct InputLine<'a> {
    /// Returned unchanged.
    #[serde(borrow)]
    id: &'a RawValue,
    #[serde(borrow)]
    text: Cow<'a, str>,
}

#[derive(Serialize)]
struct LineFindings<'a> {
    id: &'a RawValue,
    findings: Vec<FindingRow<'a>>,
}

#[derive(Serialize)]
struct FindingRow<'a> {
    kind: &'a str,
    start: usize,
    end: usize,
    policy: Option<&'a str>,
    score: f32,
}

/// The `id` of a line with other invalid fields.
#[derive(Deserialize)]
struct InputId<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct LineError<'a> {
    id: Option<&'a RawValue>,
    error: String,
}

pub(super) fn run(guard: &Guard, file: &Path, named: bool) -> Result<(), Failure> {
    let mut input = BufReader::with_capacity(1 << 16, open(file)?);
    let mut output = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    let (mut line, mut number, mut wrong) = (Vec::new(), 0, 0);
    loop {
        if input.buffer().is_empty() {
            // A client that waits for each answer gets it.
            output.flush().map_err(|error| closed(&error))?;
        }
        line.clear();
        number += 1;
        if input.read_until(b'\n', &mut line).map_err(|error| unreadable(file, &error))? == 0 {
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        wrong += usize::from(!answer(guard, &line, number, named, &mut output).map_err(|error| closed(&error))?);
    }
    output.flush().map_err(|error| closed(&error))?;
    if wrong > 0 { Err(format!("{wrong} lines could not be read\n")) } else { Ok(()) }
}

/// Writes the answer to a line, and returns whether the line could be read.
fn answer(guard: &Guard, bytes: &[u8], number: usize, named: bool, output: &mut impl Write) -> std::io::Result<bool> {
    match serde_json::from_slice::<InputLine<'_>>(bytes) {
        Ok(line) => {
            let findings = guard.find(&line.text).into_iter().map(|finding| FindingRow {
                kind: finding.kind.name(),
                start: finding.start,
                end: finding.end,
                policy: guard.policy(&finding).filter(|_| named).map(|policy| policy.id.as_str()),
                score: finding.score,
            });
            serde_json::to_writer(&mut *output, &LineFindings { id: line.id, findings: findings.collect() })?;
            output.write_all(b"\n")?;
            Ok(true)
        }
        Err(error) => {
            let id = serde_json::from_slice::<InputId<'_>>(bytes).ok().and_then(|line| line.id);
            // The parser's message could quote the text.
            let error = format!("line {number}, column {}: not an object with an id and a text", error.column());
            serde_json::to_writer(&mut *output, &LineError { id, error })?;
            output.write_all(b"\n")?;
            Ok(false)
        }
    }
}

fn closed(error: &std::io::Error) -> Failure {
    format!("standard output: {error}\n")
}
