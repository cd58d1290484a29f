//! Compares the request scan with serde_json, and checks the changes of a rewrite.

use super::noted::noted;
use super::tree::Tree;
use super::usage_scan::{MAX_COUNT, count};
use headgate_exchange::{Dialect, RequestScan, ScanErrorKind, Splices, Surface, UsageAsk, rewrite, scan_request};
use serde::de::IgnoredAny;

/// Checks that the scan accepts exactly unambiguous JSON, finds the same as serde_json, and changes only the reported
/// parts, in either dialect; and that the strings that it notes change nothing for guardrails.
pub fn request_scan(body: &[u8]) {
    scan_as(Surface::ChatCompletions, body);
    scan_as(Surface::Messages, body);
}

fn scan_as(surface: Surface, body: &[u8]) {
    let is_json = is_json(body);
    match scan_request(surface, body) {
        Ok(scan) => {
            assert!(is_json, "accepted what is no JSON");
            noted(surface, &scan, body);
            if let Some(tree) = Tree::parse(body) {
                finds_the_same(&scan, &tree, body);
            }
            for ask in [false, true] {
                rewrites(body, &scan, "other \"model\"\n", ask);
                rewrites(body, &scan, &scan.model, ask);
            }
        }
        Err(error) => {
            assert!(error.offset <= body.len());
            assert!(!error.message().is_empty());
            refused_for_a_reason(error.kind, body, is_json);
        }
    }
}

/// Checks JSON after RFC 8259, with any nesting, any number and lone surrogates.
fn is_json(body: &[u8]) -> bool {
    std::str::from_utf8(body).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

fn refused_for_a_reason(kind: ScanErrorKind, body: &[u8], is_json: bool) {
    match kind {
        ScanErrorKind::EmptyBody
        | ScanErrorKind::BlankBody
        | ScanErrorKind::ByteOrderMark
        | ScanErrorKind::Malformed(_)
        | ScanErrorKind::TrailingBytes => assert!(!is_json, "refused JSON as {kind:?}"),
        ScanErrorKind::TooDeep => {
            let opened = body.iter().filter(|byte| b"[{".contains(byte)).count();
            assert!(opened > 128);
        }
        ScanErrorKind::NotAnObject => {
            assert_ne!(body.trim_ascii_start().first(), Some(&b'{'));
        }
        ScanErrorKind::MissingModel if is_json => {
            if let Some(tree) = Tree::parse(body) {
                assert!(tree.get("model").is_none());
            }
        }
        ScanErrorKind::DuplicateField(field) if is_json => {
            if let Some(tree) = Tree::parse(body) {
                repeats(&tree, field.path());
            }
        }
        _ => {}
    }
}

fn repeats(tree: &Tree, path: &str) {
    let count = match path.split_once('.') {
        // A body is refused at its first fault, so a later object of the same name may be without one.
        Some((outer, inner)) => tree.all(outer).map(|object| object.all(inner).count()).max().unwrap_or(0),
        None => {
            let same = |name: &str| name == path || name.eq_ignore_ascii_case("model") && path == "model";
            tree.members().iter().filter(|(name, _)| same(name)).count()
        }
    };
    assert!(count > 1, "{path} was called a duplicate");
}

/// Returns the largest number of answers to generate, under any spelling that a server may read; 1 if there is none.
fn answers(tree: &Tree) -> u64 {
    let is = |name: &str| ["n", "best_of"].iter().any(|known| name.eq_ignore_ascii_case(known));
    let given = tree.members().iter().filter(|(name, _)| is(name)).filter_map(|(_, value)| count(Some(value)));
    given.max().unwrap_or(1)
}

fn finds_the_same(scan: &RequestScan, tree: &Tree, body: &[u8]) {
    assert_eq!(Some(scan.model.as_str()), tree.get("model").and_then(Tree::str));
    let written: String = serde_json::from_slice(&body[scan.model_span.clone()]).unwrap();
    assert_eq!(written, scan.model);
    assert_eq!(scan.stream, tree.get("stream") == Some(&Tree::Bool(true)));
    // serde_json reads a number that is almost zero as zero.
    let is_tiny = body.windows(2).any(|two| matches!(two, b"e-" | b"E-"));
    let whole = |name| count(tree.get(name));
    let limit_of = |name| whole(name).filter(|limit| *limit > 0);
    let (wants_usage, limit, choices, attachments, text) = match scan.surface.dialect() {
        Dialect::Openai => {
            let limit = limit_of("max_tokens").max(limit_of("max_completion_tokens"));
            (asks(tree), limit, answers(tree), attachments(tree), text_bytes(tree))
        }
        Dialect::Anthropic => {
            let prompts = || tree.all("system").chain(tree.all("messages").flat_map(contents));
            let attached = prompts().map(attached_blocks).sum();
            (true, limit_of("max_tokens"), 1, attached, prompts().map(block_text).sum())
        }
    };
    assert_eq!(scan.client_wants_usage(), wants_usage);
    if !is_tiny {
        let large = |number: u64| number.min(MAX_COUNT);
        assert_eq!((scan.max_output_tokens.map(large), large(scan.choices)), (limit, choices));
    }
    assert_eq!(u64::from(scan.attachments), attachments);
    if !body.contains(&b'\\') {
        assert_eq!(scan.text_bytes, text);
    }
}

fn asks(tree: &Tree) -> bool {
    let options = tree.get("stream_options");
    options.and_then(|options| options.get("include_usage")) == Some(&Tree::Bool(true))
}

/// Returns every value that carries a prompt.
fn carriers(tree: &Tree) -> Vec<&Tree> {
    let messages = tree.all("messages").flat_map(contents);
    messages.chain(tree.all("prompt")).chain(tree.all("input")).collect()
}

fn contents(messages: &Tree) -> impl Iterator<Item = &Tree> {
    messages.elements().iter().flat_map(|message| message.all("content"))
}

/// Returns the bytes of text in Anthropic's content: a string, or blocks with content of their own.
fn block_text(content: &Tree) -> u64 {
    let len = |text: &Tree| text.str().map_or(0, |text| text.len() as u64);
    let of_source = |source: &Tree| {
        let last = |name| source.all(name).filter_map(Tree::str).last();
        let data = last("data").filter(|_| last("type") == Some("text"));
        data.map_or(0, |data| data.len() as u64) + source.all("content").map(block_text).sum::<u64>()
    };
    let of_block = |block: &Tree| {
        let own = block.all("text").chain(block.all("thinking")).map(len).sum::<u64>();
        own + block.all("content").map(block_text).sum::<u64>() + block.all("source").map(of_source).sum::<u64>()
    };
    len(content) + content.elements().iter().map(of_block).sum::<u64>()
}

fn attached_blocks(content: &Tree) -> u64 {
    let of_block = |block: &Tree| {
        let kinds = block.all("type").filter_map(Tree::str);
        let inner = block.all("content").chain(block.all("source").flat_map(|source| source.all("content")));
        let own = kinds.filter(|kind| ["image", "document"].contains(kind)).count() as u64;
        own + inner.map(attached_blocks).sum::<u64>()
    };
    content.elements().iter().map(of_block).sum()
}

fn text_bytes(tree: &Tree) -> u64 {
    let len = |text: &Tree| text.str().map_or(0, |text| text.len() as u64);
    carriers(tree)
        .into_iter()
        .map(|carrier| {
            let parts = carrier.elements().iter();
            len(carrier) + parts.map(|part| len(part) + part.all("text").map(len).sum::<u64>()).sum::<u64>()
        })
        .sum()
}

fn attachments(tree: &Tree) -> u64 {
    let kinds = ["image_url", "input_audio", "file"];
    carriers(tree)
        .into_iter()
        .flat_map(Tree::elements)
        .flat_map(|part| part.all("type"))
        .filter(|kind| kind.str().is_some_and(|kind| kinds.contains(&kind)))
        .count() as u64
}

fn rewrites(body: &[u8], scan: &RequestScan, model: &str, ask: bool) {
    let splices = rewrite(scan, model, ask);
    let after = splices.apply(body);
    assert_eq!(after.len(), splices.len_after(body.len()));
    assert_eq!(splices.pieces(body).collect::<Vec<_>>().concat(), after);
    leaves_the_rest_alone(body, &after, &splices);
    let again = scan_request(scan.surface, &after).unwrap();
    assert_eq!(again.model, model);
    assert!(rewrite(&again, model, ask).is_empty(), "a second rewrite finds nothing to do");
    let asked = ask && scan.stream && scan.surface.has_stream_options();
    assert_eq!(again.client_wants_usage(), asked || scan.client_wants_usage());
    assert_eq!((again.stream, again.text_bytes), (scan.stream, scan.text_bytes));
    if let Some(before) = Tree::parse(body) {
        let expected = changed(before, model, asked && !scan.client_wants_usage(), &scan.usage_ask);
        assert_eq!(Tree::parse(&after), Some(expected));
    }
}

/// Compares both bodies: outside the splices they are equal.
fn leaves_the_rest_alone(before: &[u8], after: &[u8], splices: &Splices) {
    let (mut from, mut to) = (0, 0);
    for splice in splices.list() {
        let kept = splice.at.start.checked_sub(from).expect("in order, without overlap");
        assert_eq!(before[from..splice.at.start], after[to..to + kept]);
        to += kept;
        assert_eq!(after[to..to + splice.with.len()], splice.with);
        to += splice.with.len();
        from = splice.at.end;
    }
    assert_eq!(before[from..], after[to..]);
}

/// Returns the expected document: the original one, with its model and its stream options changed in place.
fn changed(before: Tree, model: &str, ask: bool, how: &UsageAsk) -> Tree {
    let Tree::Object(mut members) = before else {
        panic!("no object");
    };
    let on = || ("include_usage".to_owned(), Tree::Bool(true));
    for (name, value) in &mut members {
        match name.as_str() {
            "model" => *value = Tree::String(model.to_owned()),
            "stream_options" if ask => match value {
                Tree::Object(options) if matches!(how, UsageAsk::Off(_)) => {
                    let flag = options.iter_mut().find(|(name, _)| name == "include_usage");
                    flag.expect("it is there").1 = Tree::Bool(true);
                }
                Tree::Object(options) => options.insert(0, on()),
                null => *null = Tree::Object(vec![on()]),
            },
            _ => {}
        }
    }
    if ask && matches!(how, UsageAsk::Absent(_)) {
        members.insert(0, ("stream_options".to_owned(), Tree::Object(vec![on()])));
    }
    Tree::Object(members)
}
