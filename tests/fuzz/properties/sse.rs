//! Compares the event stream parser, in any pieces, with a direct reading of the WHATWG grammar on the whole stream.

use super::pieces;
use super::tree::Tree;
use headgate_exchange::{HOLD_LIMIT, Part, Passage, SseParser, StreamReader, StreamReading, Surface};

/// Checks a stream. The first byte gives the size of the pieces in one of the readings.
pub fn sse(data: &[u8]) {
    let Some((&size, stream)) = data.split_first() else {
        return;
    };
    let sizes = [stream.len(), 1, usize::from(size)];
    let reference = literal(stream);
    for size in sizes {
        assert_eq!(parse(stream, size), reference, "in pieces of {size}");
    }
    let of_message = read_as(Surface::Messages, stream, stream.len(), true);
    assert_eq!(of_message.0, stream, "there is nothing to hide in a message's stream");
    for size in sizes {
        assert_eq!(read_as(Surface::Messages, stream, size, true), of_message, "in pieces of {size}");
    }
    let (plain, seen) = read(stream, stream.len(), false);
    let (hidden, _) = read(stream, stream.len(), true);
    assert_eq!(plain, stream);
    for size in sizes {
        assert_eq!(read(stream, size, false), (plain.clone(), seen.clone()), "in pieces of {size}");
        assert_eq!(read(stream, size, true), (hidden.clone(), seen.clone()), "in pieces of {size}");
    }
    let dispatched = reference.iter().filter(|event| event.dispatched).count();
    assert_eq!(seen.events, dispatched as u64);
    if let Some(expected) = without_usage(stream, &reference) {
        assert_eq!(hidden, expected);
    }
}

#[derive(Debug, Default, PartialEq)]
struct Event {
    /// Its range, including its blank line and that line's end.
    span: std::ops::Range<usize>,
    name: Vec<u8>,
    data: Vec<u8>,
    dispatched: bool,
}

/// Runs the parser and collects its events.
fn parse(stream: &[u8], size: usize) -> Vec<Event> {
    let mut parser = SseParser::new();
    let mut events = Vec::new();
    let mut event = None::<Event>;
    let mut at = 0;
    for piece in pieces(stream, size) {
        let mut rest = piece;
        while let Some(step) = parser.step(rest) {
            assert!((1..=rest.len()).contains(&step.used));
            let start = at;
            at += step.used;
            rest = &rest[step.used..];
            let begun = || Event { span: start..start, ..Event::default() };
            match step.part {
                Part::Outside => extend_over_lf(&mut events, &event, stream, start),
                Part::Field => drop(event.get_or_insert_with(begun)),
                Part::Data(data) => event.get_or_insert_with(begun).data.extend(data),
                Part::Name(name) => event.get_or_insert_with(begun).name.extend(name),
                Part::End { dispatched } => {
                    let mut ended = event.take().expect("an end has a beginning");
                    ended.span.end = at;
                    ended.dispatched = dispatched;
                    events.push(ended);
                }
            }
        }
    }
    assert_eq!(at, stream.len());
    events.iter_mut().for_each(settle);
    events
}

/// Adds the LF of the CRLF that ended the last event.
fn extend_over_lf(events: &mut [Event], under_way: &Option<Event>, stream: &[u8], at: usize) {
    if let (Some(last), None) = (events.last_mut(), under_way)
        && last.span.end == at
        && stream[at - 1] == b'\r'
        && stream[at] == b'\n'
    {
        last.span.end += 1;
    }
}

/// Removes an event without data, whose other fields mean nothing.
fn settle(event: &mut Event) {
    if !event.dispatched {
        event.data.clear();
    }
    // Of several `event` fields the last one counts, which pieces do not show.
    event.name.clear();
}

/// Applies the grammar, line by line.
fn literal(stream: &[u8]) -> Vec<Event> {
    let mark = usize::from(stream.starts_with(b"\xEF\xBB\xBF")) * 3;
    // A part of a byte order mark belongs to no event, although it spoils the field name after it.
    let partial = match mark {
        0 => stream.iter().zip(b"\xEF\xBB").take_while(|(a, b)| a == b).count(),
        _ => 0,
    };
    let mut events = Vec::new();
    let mut event = None::<Event>;
    let mut at = mark;
    while let Some((line, next)) = line(stream, at) {
        let start = if at == 0 { partial } else { at };
        let begun = || Event { span: start..start, ..Event::default() };
        match line {
            [] => events.extend(event.take().map(|event| end(event, next))),
            [b':', ..] => {}
            _ => field(line, event.get_or_insert_with(begun)),
        }
        at = next;
    }
    events
}

fn end(mut event: Event, at: usize) -> Event {
    event.span.end = at;
    if event.dispatched {
        event.data.pop();
    }
    event
}

fn field(line: &[u8], event: &mut Event) {
    let colon = line.iter().position(|&byte| byte == b':');
    let (name, value) = match colon {
        Some(colon) => (&line[..colon], &line[colon + 1..]),
        None => (line, &[][..]),
    };
    if name == b"data" {
        event.data.extend(value.strip_prefix(b" ").unwrap_or(value));
        event.data.push(b'\n');
        event.dispatched = true;
    }
}

/// Returns the line at `at` and the beginning of the next one, or none if it has no end.
fn line(stream: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let rest = &stream[at..];
    let end = rest.iter().position(|byte| b"\r\n".contains(byte))?;
    let line_end = if rest[end..].starts_with(b"\r\n") { 2 } else { 1 };
    Some((&rest[..end], at + end + line_end))
}

fn read(stream: &[u8], size: usize, hide: bool) -> (Vec<u8>, StreamReading) {
    read_as(Surface::ChatCompletions, stream, size, hide)
}

fn read_as(surface: Surface, stream: &[u8], size: usize, hide: bool) -> (Vec<u8>, StreamReading) {
    let mut reader = StreamReader::new(surface, hide);
    let mut out = Vec::new();
    for piece in pieces(stream, size) {
        match reader.push(piece, false) {
            Passage::AsIs => out.extend(piece),
            Passage::Replace(bytes) => {
                assert!(hide, "nothing is replaced unless something is to be hidden");
                out.extend(bytes);
            }
        }
        assert!(out.len() <= stream.len());
    }
    if let Passage::Replace(bytes) = reader.push(&[], true) {
        out.extend(bytes);
    }
    (out, reader.reading())
}

/// Returns the stream without its usage events, if the data of each event is an unambiguous document.
fn without_usage(stream: &[u8], events: &[Event]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut at = 0;
    for event in events {
        let hide = is_usage_only(&event.data)? && event.span.len() <= HOLD_LIMIT;
        if hide {
            out.extend(&stream[at..event.span.start]);
            at = event.span.end;
        }
    }
    out.extend(&stream[at..]);
    Some(out)
}

fn is_usage_only(data: &[u8]) -> Option<bool> {
    if data.trim_ascii().is_empty() || data == b"[DONE]" {
        return Some(false);
    }
    let tree = Tree::parse(data)?;
    let is_object = |value: Option<&Tree>| matches!(value, Some(Tree::Object(_)));
    // An answer may be an element of a list.
    if !matches!(tree, Tree::Object(_)) || tree.repeats() {
        return None;
    }
    let empty = tree.get("choices").is_none_or(|choices| choices.elements().is_empty());
    let groq = tree.get("x_groq").and_then(|own| own.get("usage"));
    let usage = is_object(tree.get("usage")) || is_object(groq);
    Some(empty && usage && !is_object(tree.get("error")))
}
