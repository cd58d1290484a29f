//! Compares the usage scan, in any pieces, with serde_json.

use super::pieces;
use super::tree::Tree;
use headgate_exchange::{AnswerFacts, Dialect, Reading, Tokens, UsageScan};

pub(super) const MAX_COUNT: u64 = 1 << 53;

/// Checks an answer. The first byte gives the size of the pieces in one of the readings.
pub fn usage_scan(data: &[u8]) {
    let Some((&size, answer)) = data.split_first() else {
        return;
    };
    let tree = Tree::parse(answer).filter(|tree| matches!(tree, Tree::Object(_)) && !tree.repeats());
    for (dialect, reference) in [(Dialect::Openai, completion as Reference), (Dialect::Anthropic, message)] {
        let whole = read(dialect, answer, answer.len());
        assert_eq!(read(dialect, answer, 1), whole, "byte by byte");
        assert_eq!(read(dialect, answer, usize::from(size)), whole, "in pieces of {size}");
        if let Some(tree) = &tree {
            // serde_json reads a number that is almost zero as zero.
            if answer.windows(2).any(|two| matches!(two, b"e-" | b"E-")) {
                continue;
            }
            // The scan counts escapes as they are written, which a parsed document does not show.
            let text = answer.contains(&b'\\').then_some(whole.output_text_bytes);
            // Tests beside the scan check which words are kept.
            let facts = AnswerFacts::default();
            let whole = Reading { facts, flawed: false, understood: false, ..whole.clone() };
            assert_eq!(reference(tree, text), whole, "{dialect:?}");
        }
    }
}

/// Returns the expected reading of a whole document. The second argument is the count of text bytes, if given.
type Reference = fn(&Tree, Option<u64>) -> Reading;

fn read(dialect: Dialect, answer: &[u8], size: usize) -> Reading {
    let mut scan = UsageScan::new(dialect);
    for piece in pieces(answer, size) {
        scan.push(piece);
    }
    scan.finish()
}

fn completion(tree: &Tree, text: Option<u64>) -> Reading {
    let choices = tree.get("choices");
    let text = text.unwrap_or_else(|| choices.map_or(0, |choices| choices.elements().iter().map(choice_text).sum()));
    Reading {
        usage: tokens(&usages(tree), text),
        begun: None,
        finish_reason: choices.and_then(|choices| finish_reason(choices.elements())),
        choices_empty: matches!(choices, Some(Tree::Array(list)) if list.is_empty()),
        error: matches!(tree.get("error"), Some(Tree::Object(_))),
        output_text_bytes: text,
        complete: true,
        ..Reading::default()
    }
}

/// Reads an Anthropic answer, or one event.
fn message(tree: &Tree, text: Option<u64>) -> Reading {
    let begun = tree.get("message");
    let own = tree.get("usage").filter(is_object);
    let first = begun.and_then(|message| message.get("usage")).filter(is_object);
    let tokens = message_tokens(&[own, first]);
    Reading {
        usage: tokens.filter(|_| own.is_some()),
        begun: tokens.filter(|_| own.is_none()),
        finish_reason: stop_reason(tree),
        choices_empty: false,
        error: tree.get("error").filter(is_object).is_some(),
        output_text_bytes: text.unwrap_or_else(|| message_text(tree) + begun.map_or(0, content_text)),
        complete: true,
        ..Reading::default()
    }
}

fn is_object(tree: &&Tree) -> bool {
    matches!(tree, Tree::Object(_))
}

/// Returns, for each count, the largest of all objects.
fn message_tokens(usages: &[Option<&Tree>]) -> Option<Tokens> {
    let most = |name| usages.iter().flatten().filter_map(|usage| count(usage.get(name))).max();
    let inner = |outer, name| usages.iter().flatten().filter_map(|usage| count(usage.get(outer)?.get(name))).max();
    let hours = inner("cache_creation", "ephemeral_1h_input_tokens");
    let thinking = inner("output_tokens_details", "thinking_tokens");
    let output = most("output_tokens")?;
    let (cached_input, cache_write) =
        (most("cache_read_input_tokens").unwrap_or(0), most("cache_creation_input_tokens").unwrap_or(0));
    Some(Tokens {
        input: most("input_tokens")? + cached_input + cache_write,
        output,
        cached_input,
        cache_write,
        cache_write_1h: hours.unwrap_or(0).min(cache_write),
        reasoning: thinking.unwrap_or(0).min(output),
    })
}

/// Returns the last stop reason that is a word, in the order of the document.
fn stop_reason(tree: &Tree) -> Option<String> {
    let of = |name: &str, value: &Tree| match name {
        "stop_reason" => value.str().filter(plain_word).map(str::to_owned),
        "message" | "delta" => value.get("stop_reason").and_then(Tree::str).filter(plain_word).map(str::to_owned),
        _ => None,
    };
    tree.members().iter().filter_map(|(name, value)| of(name, value)).next_back()
}

fn message_text(event: &Tree) -> u64 {
    let block = |name| event.get(name).map_or(0, block_text);
    content_text(event) + block("content_block") + block("delta")
}

fn content_text(message: &Tree) -> u64 {
    message.get("content").map_or(0, |content| content.elements().iter().map(block_text).sum())
}

fn block_text(block: &Tree) -> u64 {
    ["text", "thinking", "partial_json"].iter().filter_map(|name| block.get(name)).map(text_bytes).sum()
}

/// Returns the places where an answer can report its usage.
fn usages(tree: &Tree) -> Vec<&Tree> {
    let groq = tree.get("x_groq").and_then(|own| own.get("usage"));
    let choices = tree.get("choices").map_or(&[][..], Tree::elements);
    let all = [tree.get("usage"), groq].into_iter().chain(choices.iter().map(|choice| choice.get("usage")));
    all.flatten().filter(is_object).collect()
}

/// Reads a whole number in any spelling. One that is too large saturates.
pub(super) fn count(value: Option<&Tree>) -> Option<u64> {
    let number = match value? {
        Tree::Number(Some(whole), _) => return Some((*whole).min(MAX_COUNT)),
        Tree::Number(None, number) => *number,
        Tree::String(text) => match Tree::parse(text.as_bytes()) {
            Some(Tree::Number(..)) if text.trim() == text => return count(Tree::parse(text.as_bytes()).as_ref()),
            _ => return None,
        },
        _ => return None,
    };
    (number >= 0.0 && number.fract() == 0.0).then(|| (number as u64).min(MAX_COUNT))
}

fn tokens(usages: &[&Tree], text: u64) -> Option<Tokens> {
    let most = |names: &[&str]| {
        let one = |usage: &&Tree| names.iter().filter_map(|name| count(usage.get(name))).max();
        usages.iter().filter_map(one).max()
    };
    let inner = |outers: &[&str], names: &[&str]| {
        let details = usages.iter().flat_map(|usage| outers.iter().filter_map(|outer| usage.get(outer)));
        details.filter_map(|one| names.iter().filter_map(|name| count(one.get(name))).max()).max()
    };
    let total = most(&["total_tokens"]);
    let given = most(&["completion_tokens", "output_tokens"]);
    let prompt = most(&["prompt_tokens", "input_tokens"]).or_else(|| total?.checked_sub(given?))?;
    let (read, created) = (most(&["cache_read_input_tokens"]), most(&["cache_creation_input_tokens"]));
    let details = ["prompt_tokens_details", "input_tokens_details"];
    let cached = most(&["cached_tokens", "prompt_cache_hit_tokens"])
        .max(inner(&details, &["cached_tokens", "cache_read_tokens"]));
    let written = most(&["cache_write_tokens"])
        .max(inner(&details, &["cache_write_tokens", "cache_creation_tokens", "cached_creation_tokens"]));
    let reasoning = most(&["reasoning_tokens"])
        .max(inner(&["completion_tokens_details", "output_tokens_details"], &["reasoning_tokens"]))
        .unwrap_or(0);
    let beside = read.unwrap_or(0) + created.unwrap_or(0);
    let sum = prompt + beside + given.unwrap_or(0);
    let is_beside = beside > prompt || (beside > 0 && total.is_some_and(|all| all == sum || all == sum + reasoning));
    let input = if is_beside { prompt + beside } else { prompt };
    let rest = total.and_then(|total| total.checked_sub(input));
    let output = match given.max(rest) {
        Some(output) if output < reasoning => output + reasoning,
        Some(output) => output,
        None if text == 0 => 0,
        None => return None,
    };
    let cached_input = cached.max(read).filter(|cached| *cached <= input).unwrap_or(0);
    let cache_write = written.max(created).unwrap_or(0).min(input - cached_input);
    let hours = inner(&["cache_creation"], &["ephemeral_1h_input_tokens"]).unwrap_or(0);
    Some(Tokens {
        input,
        output,
        cached_input,
        cache_write,
        cache_write_1h: hours.min(cache_write),
        reasoning: reasoning.min(output),
    })
}

fn plain_word(word: &&str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    (1..=64).contains(&word.len()) && word.bytes().all(plain)
}

fn finish_reason(choices: &[Tree]) -> Option<String> {
    let index = |at: usize, choice: &Tree| choice.get("index").and_then(index).unwrap_or(at as u64);
    let first = choices.iter().enumerate().filter(|(at, choice)| index(*at, choice) == 0);
    first.filter_map(|(_, choice)| choice.get("finish_reason")?.str().filter(plain_word)).next_back().map(str::to_owned)
}

fn index(value: &Tree) -> Option<u64> {
    matches!(value, Tree::Number(..)).then(|| count(Some(value))).flatten().filter(|&index| index <= MAX_COUNT)
}

fn choice_text(choice: &Tree) -> u64 {
    let text = |object: &Tree, name| object.get(name).map_or(0, text_bytes);
    let arguments = |call: &Tree| text(call, "arguments");
    let of_message = |message: &Tree| {
        let written = ["content", "refusal", "reasoning_content", "reasoning"];
        let calls = message.get("tool_calls").map_or(&[][..], Tree::elements);
        let called = calls.iter().filter_map(|call| call.get("function")).map(arguments);
        written.iter().map(|name| text(message, name)).sum::<u64>()
            + called.sum::<u64>()
            + message.get("function_call").map_or(0, arguments)
    };
    let messages = ["message", "delta"].iter().filter_map(|name| choice.get(name));
    text(choice, "text") + messages.map(of_message).sum::<u64>()
}

/// Counts a string, or a list of parts that have one. Parts can contain lists of parts to any depth.
fn text_bytes(value: &Tree) -> u64 {
    let own = value.str().map_or(0, |text| text.len() as u64);
    let parts = value.elements().iter().filter_map(|part| part.get("text"));
    own + parts.map(text_bytes).sum::<u64>()
}
