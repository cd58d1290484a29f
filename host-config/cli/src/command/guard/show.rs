//! Prints findings for a person: position, kind, and the line with the match highlighted.

use headgate_guardrails::{Action, Finding, Group, Guard};

/// Bytes of a line that are printed before and after a match.
const AROUND: usize = 40;

/// Returns all findings of a text, a few lines each.
pub(super) fn findings(guard: &Guard, path: &str, text: &str, colour: bool) -> String {
    guard.find(text).iter().map(|finding| one(guard, path, text, finding, colour)).collect()
}

fn one(guard: &Guard, path: &str, text: &str, finding: &Finding, colour: bool) -> String {
    let before = text.get(..finding.start).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before.get(line_start..).map_or(0, |text| text.chars().count()) + 1;
    let place = if path.is_empty() { String::new() } else { format!("{path}: ") };
    let head = paint(colour, hue(finding), finding.kind.name());
    let policy = guard.policy(finding).filter(|policy| !policy.id.is_empty());
    let policy = policy.map_or(String::new(), |policy| format!("  {} ({})", policy.id, action(policy.action)));
    let score = if finding.score < 1.0 { format!("  score {:.2}", finding.score) } else { String::new() };
    let line_end = text.get(finding.end..).and_then(|rest| rest.find('\n')).map_or(text.len(), |at| finding.end + at);
    let left =
        text.get(cut(text, finding.start.saturating_sub(AROUND).max(line_start))..finding.start).unwrap_or_default();
    let right = text.get(finding.end..cut(text, (finding.end + AROUND).min(line_end))).unwrap_or_default();
    let matched = text.get(finding.start..finding.end).unwrap_or_default();
    let matched = paint(colour, "1", &visible(matched));
    format!("{place}{line}:{column}  {head}{score}{policy}\n    {}{matched}{}\n", visible(left), visible(right))
}

/// Escapes characters that would control the terminal.
fn visible(text: &str) -> String {
    text.chars().flat_map(|c| if c == '"' || c == '\'' { vec![c] } else { c.escape_debug().collect() }).collect()
}

/// Returns the nearest character boundary at or after `at`.
fn cut(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}

fn hue(finding: &Finding) -> &'static str {
    match finding.kind.info().group {
        Group::Secrets => "31",
        Group::Pii => "33",
        Group::PromptInjection => "35",
        Group::InvisibleText => "36",
        Group::Custom => "34",
    }
}

fn action(action: Action) -> &'static str {
    match action {
        Action::Block => "block",
        Action::Mask => "mask",
        Action::Monitor => "monitor",
    }
}

fn paint(colour: bool, code: &str, text: &str) -> String {
    if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}
