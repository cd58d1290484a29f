//! Measures the cost of a request: limits on its output, and text outside its messages.
//!
//! Limits and budgets reserve by these before a provider is asked, so nothing may make a request look smaller than it is.
//! A number counts in any spelling. A limit under a name that only lenient servers read, such as `Max_Tokens`, can raise
//! a reservation but not lower it, because a strict server ignores it.

use super::containers::{array, object};
use super::scan_error::{Field, ScanError, ScanErrorKind};
use crate::json::{Cursor, NameBuffer, whole_number};

/// The sizes of one request.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    /// The largest limit under one of the API's own names.
    pub(super) max_output: Option<u64>,
    /// The largest limit under another name.
    pub(super) min_output: u64,
    /// The largest number of answers to generate.
    pub(super) choices: Option<u64>,
    /// Whether the API has a number of answers.
    pub(super) has_answers: bool,
    /// The first limit that is not a whole number.
    pub(super) odd: Option<ScanError>,
    /// Bytes of values outside the messages that a provider reads as text.
    pub(super) more_bytes: u64,
    /// Whether a provider may add input that is not in the body.
    pub(super) brings_more_input: bool,
    pub(super) asks_for_reasoning: bool,
}

impl Sizes {
    /// Reads a limit on the output under one of the API's own names. Servers treat 0 as their default.
    pub(super) fn limit(&mut self, field: Field, cursor: &mut Cursor<'_>) -> Result<(), ScanError> {
        let given = self.number(field, cursor)?.filter(|limit| *limit > 0);
        self.max_output = self.max_output.max(given);
        Ok(())
    }

    /// Reads the number of answers to generate.
    pub(super) fn answers(&mut self, field: Field, cursor: &mut Cursor<'_>) -> Result<(), ScanError> {
        let given = self.number(field, cursor)?;
        self.choices = self.choices.max(given);
        Ok(())
    }

    /// Reads a field whose exact name the scan does not know.
    pub(super) fn unknown(&mut self, name: &[u8], cursor: &mut Cursor<'_>) -> Result<(), ScanError> {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if is("max_tokens") || is("max_completion_tokens") {
            let given = self.number(Field::MaxTokens, cursor)?.unwrap_or(0);
            self.min_output = self.min_output.max(given);
            return Ok(());
        }
        if self.has_answers && (is("n") || is("best_of")) {
            return self.answers(Field::N, cursor);
        }
        match name {
            b"thinking" | b"reasoning" => self.thinking(cursor),
            b"reasoning_effort" | b"enable_thinking" | b"thinking_budget" | b"output_config" => {
                self.asks_for_reasoning |= cursor.peek() != Some(b'n');
                Ok(cursor.skip()?)
            }
            b"tools" => self.tools(cursor),
            b"functions" | b"response_format" | b"prediction" | b"suffix" | b"instructions" => self.text(cursor),
            _ if is_plain(name) => Ok(cursor.skip()?),
            _ => {
                self.brings_more_input |= cursor.peek() != Some(b'n');
                self.text(cursor)
            }
        }
    }

    /// Counts a value of any type as text that the provider reads as written.
    pub(super) fn text(&mut self, cursor: &mut Cursor<'_>) -> Result<(), ScanError> {
        self.more_bytes = self.more_bytes.saturating_add(written_bytes(cursor)?);
        Ok(())
    }

    /// Reads `thinking.budget_tokens` of Anthropic, or `reasoning.max_tokens` of others.
    fn thinking(&mut self, cursor: &mut Cursor<'_>) -> Result<(), ScanError> {
        if cursor.peek() != Some(b'{') {
            return Ok(cursor.skip()?);
        }
        self.asks_for_reasoning = true;
        object(cursor, |cursor, name| match name.name(&mut NameBuffer::default()) {
            b"budget_tokens" | b"max_tokens" => {
                let given = self.number(Field::Thinking, cursor)?.unwrap_or(0);
                self.min_output = self.min_output.max(given);
                Ok(())
            }
            _ => Ok(cursor.skip()?),
        })
    }

    /// Counts the tools. The provider runs those that are neither functions nor custom ones, and adds their results.
    fn tools(&mut self, cursor: &mut Cursor<'_>) -> Result<(), ScanError> {
        if cursor.peek() != Some(b'[') {
            return self.text(cursor);
        }
        let start = cursor.at();
        array(cursor, |cursor| {
            if cursor.peek() != Some(b'{') {
                return Ok(cursor.skip()?);
            }
            object(cursor, |cursor, name| {
                if name.name(&mut NameBuffer::default()) != b"type" || cursor.peek() != Some(b'"') {
                    return Ok(cursor.skip()?);
                }
                let kind = cursor.string()?;
                let own = matches!(kind.name(&mut NameBuffer::default()), b"function" | b"custom");
                self.brings_more_input |= !own;
                Ok(())
            })
        })?;
        self.more_bytes = self.more_bytes.saturating_add((cursor.at() - start) as u64);
        Ok(())
    }

    /// Reads a whole number in any spelling, also in quotes; null is none. Other values are kept as an error for the case
    /// that a limit applies; otherwise the provider judges them.
    fn number(&mut self, field: Field, cursor: &mut Cursor<'_>) -> Result<Option<u64>, ScanError> {
        let start = cursor.at();
        let first = cursor.peek();
        let number = if first == Some(b'"') {
            whole_number(cursor.string()?.name(&mut NameBuffer::default()))
        } else {
            let rest = cursor.rest();
            cursor.skip()?;
            whole_number(rest.get(..cursor.at() - start).unwrap_or_default())
        };
        if number.is_none() && first != Some(b'n') {
            self.odd.get_or_insert(ScanErrorKind::InvalidType(field).at(start));
        }
        Ok(number)
    }
}

/// Returns whether a field adds nothing to the model's input.
fn is_plain(name: &[u8]) -> bool {
    matches!(
        name,
        b"temperature"
            | b"top_p"
            | b"top_k"
            | b"min_p"
            | b"stop"
            | b"stop_sequences"
            | b"seed"
            | b"user"
            | b"metadata"
            | b"logprobs"
            | b"top_logprobs"
            | b"logit_bias"
            | b"presence_penalty"
            | b"frequency_penalty"
            | b"repetition_penalty"
            | b"tool_choice"
            | b"function_call"
            | b"parallel_tool_calls"
            | b"store"
            | b"verbosity"
            | b"modalities"
            | b"audio"
            | b"echo"
            | b"encoding_format"
            | b"dimensions"
            | b"prompt_cache_key"
            | b"prompt_cache_retention"
            | b"safety_identifier"
            | b"speed"
            | b"stream_options"
    )
}

/// Skips a value. Returns its bytes as written if it can contain text, else 0.
pub(super) fn written_bytes(cursor: &mut Cursor<'_>) -> Result<u64, ScanError> {
    let is_text = matches!(cursor.peek(), Some(b'"' | b'{' | b'['));
    let start = cursor.at();
    cursor.skip()?;
    Ok(if is_text { (cursor.at() - start) as u64 } else { 0 })
}
