//! Plain reasons and remedies for the errors of the YAML parser.

use granit_parser::ErrorKind;

/// Remedy for errors without one of their own.
pub(super) const CLOSE: &str =
    "close every bracket and quotation mark, here or in the section before, and check the indentation";

/// YAML reads the brace of a bare `${NAME}` as a mapping.
const QUOTE_VARIABLE: &str = "inside `{…}` a variable must be in quotes: \"${NAME}\"";

/// Returns the reason and the remedy. `line` is the line of the error, `before` the line above it.
pub(super) fn explain(kind: &ErrorKind, line: &str, before: &str) -> (String, &'static str) {
    if let Some(space) = [before, line].iter().find_map(|line| strange_space(line)) {
        let message = format!("a space here is not a plain space (U+{:04X})", u32::from(space));
        return (message, "replace it with a plain space");
    }
    let (message, help) = of_kind(kind);
    let help = if has_bare_variable(line) { QUOTE_VARIABLE } else { help };
    (message.map_or_else(|| kind.to_string(), str::to_owned), help)
}

fn of_kind(kind: &ErrorKind) -> (Option<&'static str>, &'static str) {
    use ErrorKind as E;
    let (message, help) = match kind {
        E::TabNotAllowed | E::TabInBlockIndentation | E::TabInIndentation | E::TabAtBlockScalarStart => {
            ("a tab is used for indentation", "indent with spaces")
        }
        E::UnknownAnchor => (
            "this alias has no anchor above it",
            "define it above with `&NAME`; if this is a text that begins with `*`, put it in quotes",
        ),
        E::MissingAnchorOrAliasName => {
            ("a value begins with `*` or `&`", "put a text that begins with `*` or `&` in quotes: \"*\"")
        }
        E::UnexpectedCharacter { .. } => {
            ("this character is not allowed here", "remove it, or put the whole value in quotes")
        }
        E::UnclosedFlowCollection { .. } | E::UnexpectedEofFlowMapping | E::UnexpectedEofFlowSequence => {
            ("a bracket is never closed", CLOSE)
        }
        E::MismatchedFlowCollectionEnd { .. } => ("a bracket is closed by one of another kind", CLOSE),
        E::MisplacedFlowCollectionEnd => ("a bracket is closed that was never opened", CLOSE),
        E::ExpectedFlowMappingSeparator | E::ExpectedFlowSequenceSeparator => (
            "a comma or a closing bracket is missing",
            "put a comma between entries, and put values that contain `,`, `[`, `]`, `{` or `}` in quotes",
        ),
        E::UnclosedQuotedScalar | E::InvalidQuotedScalarIndent => ("a quotation mark is never closed", CLOSE),
        E::InvalidTrailingSingleQuotedScalar | E::InvalidTrailingDoubleQuotedScalar => {
            ("text follows a closing quotation mark", "check that every quotation mark is closed where the value ends")
        }
        E::UnknownQuotedScalarEscape | E::InvalidQuotedScalarHexEscape => {
            ("this backslash sequence is not known", "write `\\\\` for a backslash, or use single quotes")
        }
        E::MappingValueNotAllowed | E::SimpleKeyExpected | E::InvalidSimpleKey | E::MappingKeyNotAllowed => (
            "a key is not allowed here",
            "write a space after each colon, here and in the line above, and indent the keys of a section alike",
        ),
        E::ExpectedBlockMappingKey | E::ExpectedBlockSequenceEntry | E::InvalidIndentation => {
            ("the indentation does not match the lines above", "indent all entries of a section alike")
        }
        _ => return (None, CLOSE),
    };
    (Some(message), help)
}

fn strange_space(line: &str) -> Option<char> {
    line.chars().find(|c| matches!(c, '\u{a0}' | '\u{2000}'..='\u{200b}' | '\u{202f}' | '\u{3000}' | '\u{feff}'))
}

fn has_bare_variable(line: &str) -> bool {
    line.match_indices("${").any(|(at, _)| !line.get(..at).is_some_and(|before| before.ends_with(['"', '\''])))
}
