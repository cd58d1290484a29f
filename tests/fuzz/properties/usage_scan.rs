//! The usage scan against serde_json, in any pieces.

use super::pieces;
use super::tree::Tree;
use headgate_exchange::{Reading, Tokens, UsageScan};

const MAX_COUNT: u64 = 1 << 53;

/// The first byte says how large the pieces of one of the readings are; the rest is the answer.
pub fn usage_scan(data: &[u8]) {
    let Some((&size, answer)) = data.split_first() else {
        return;
    };
    let whole = read(answer, answer.len());
    assert_eq!(read(answer, 1), whole, "byte by byte");
    assert_eq!(read(answer, usize::from(size)), whole, "in pieces of {size}");
    if let Some(tree) = Tree::parse(answer)
        && matches!(tree, Tree::Object(_))
        && !tree.repeats()
    {
        assert_eq!(expected(&tree, answer, &whole), whole);
    }
}

fn read(answer: &[u8], size: usize) -> Reading {
    let mut scan = UsageScan::new();
    for piece in pieces(answer, size) {
        scan.push(piece);
    }
    scan.finish()
}

/// What a reader with the whole document in hand would say.
fn expected(tree: &Tree, answer: &[u8], got: &Reading) -> Reading {
    let choices = tree.get("choices");
    let text = choices.map_or(0, |choices| choices.elements().iter().map(choice_text).sum());
    // Escapes are counted as they are written, which a document in hand does not tell.
    let text = match answer.contains(&b'\\') {
        true => got.output_text_bytes,
        false => text,
    };
    Reading {
        usage: tree.get("usage").and_then(|usage| tokens(usage, text)),
        finish_reason: choices.and_then(|choices| finish_reason(choices.elements())),
        choices_empty: matches!(choices, Some(Tree::Array(list)) if list.is_empty()),
        error: matches!(tree.get("error"), Some(Tree::Object(_))),
        output_text_bytes: text,
        complete: true,
    }
}

fn tokens(usage: &Tree, text: u64) -> Option<Tokens> {
    let count = |object: &Tree, name| object.get(name)?.whole().filter(|&count| count <= MAX_COUNT);
    let either = |one, other| count(usage, one).max(count(usage, other));
    let detail = |one, other, name| {
        let part = |details| count(usage.get(details)?, name);
        part(one).max(part(other)).unwrap_or(0)
    };
    if !matches!(usage, Tree::Object(_)) {
        return None;
    }
    let total = count(usage, "total_tokens");
    let given_output = either("completion_tokens", "output_tokens");
    let input = match (either("prompt_tokens", "input_tokens"), total, given_output) {
        (Some(input), _, _) => input,
        (None, Some(total), Some(output)) => total.checked_sub(output)?,
        _ => return None,
    };
    let output = match (given_output, total.and_then(|total| total.checked_sub(input))) {
        (Some(output), _) | (None, Some(output)) => output,
        (None, None) if text == 0 => 0,
        (None, None) => return None,
    };
    let cached = detail("prompt_tokens_details", "input_tokens_details", "cached_tokens");
    let reasoning = detail("completion_tokens_details", "output_tokens_details", "reasoning_tokens");
    Some(Tokens { input, output, cached_input: cached.min(input), reasoning: reasoning.min(output) })
}

fn finish_reason(choices: &[Tree]) -> Option<String> {
    let plain = |word: &&str| {
        (1..=64).contains(&word.len())
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
    };
    let index = |at: usize, choice: &Tree| choice.get("index").and_then(index).unwrap_or(at as u64);
    let first = choices.iter().enumerate().filter(|(at, choice)| index(*at, choice) == 0);
    first.filter_map(|(_, choice)| choice.get("finish_reason")?.str().filter(plain)).next_back().map(str::to_owned)
}

fn index(value: &Tree) -> Option<u64> {
    value.whole().filter(|&index| index <= MAX_COUNT)
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

/// A string, or a list of parts that have one. Parts can have lists of parts, as deep as they like.
fn text_bytes(value: &Tree) -> u64 {
    let own = value.str().map_or(0, |text| text.len() as u64);
    let parts = value.elements().iter().filter_map(|part| part.get("text"));
    own + parts.map(text_bytes).sum::<u64>()
}
