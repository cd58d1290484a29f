//! The names of tools on the walk: offered, chosen and called ones, and those of MCP servers.

use super::{Context, ObjectFacts, Walk};
use crate::json::{Cursor, NameBuffer, ParseError, Text};
use crate::text_fields::text::BodyItem;
use crate::text_fields::words::{self, FoldedName, MCP};

impl<'a> Walk<'a, '_> {
    /// Reads the `type` of a tool ahead, since a provider's tool has no other name.
    pub(super) fn kind_ahead(&self, cursor: &Cursor<'a>) -> Option<String> {
        let mut ahead = cursor.ahead();
        if ahead.peek() != Some(b'{') || ahead.enter().is_err() {
            return None;
        }
        let (mut first, mut kind) = (true, None);
        while let Ok(Some(written)) = ahead.member(&mut first) {
            if FoldedName::of(&written).bytes() == b"type" && ahead.peek() == Some(b'"') {
                kind = ahead.string().ok()?.unescaped(usize::MAX);
            } else {
                ahead.skip().ok()?;
            }
        }
        kind
    }

    /// Notes a tool without a name by its type, and the tools of a server without one by nothing.
    pub(super) fn unnamed(&mut self, context: Context, kind: Option<String>) {
        let name = kind.filter(|_| context == Context::ToolList).unwrap_or_default();
        self.tool(if context == Context::Servers { MCP.to_owned() } else { name });
    }

    pub(super) fn end_request_object(&mut self, context: Context, facts: &ObjectFacts<'a>, kind: &[u8], tools: u64) {
        if facts.attached || words::is_attachment(kind) {
            self.found.attachments = self.found.attachments.saturating_add(1);
        }
        let is_other = |role: &Text<'_>| !words::is_speaker(role.name(&mut NameBuffer::default()));
        let names_tool = match context {
            Context::Text | Context::Prompt => words::is_call(kind) || facts.role.as_ref().is_some_and(is_other),
            _ => false,
        };
        if let (true, Some(name)) = (names_tool, facts.name) {
            self.tool(name.unescaped(usize::MAX).unwrap_or_default());
        }
        if context == Context::Choosing && self.tools == tools && !kind.is_empty() && !words::is_choice(kind) {
            self.tool(String::from_utf8_lossy(kind).into_owned());
        }
    }

    /// Reads the choice of a tool, as a word or as an object.
    pub(super) fn choice(&mut self, cursor: &mut Cursor<'a>) -> Result<(), ParseError> {
        if cursor.peek() != Some(b'"') {
            return self.value(cursor, Context::Choosing, b"tool_choice").map(drop);
        }
        let text = cursor.string()?;
        let name = text.unescaped(usize::MAX).unwrap_or_default();
        if !words::is_choice(name.as_bytes()) {
            self.plain(text);
            self.tool(name);
        }
        Ok(())
    }

    pub(super) fn tool_name(&mut self, cursor: &mut Cursor<'a>, context: Context) -> Result<(), ParseError> {
        let text = cursor.string()?;
        self.name(text);
        if self.is_request() {
            let name = text.unescaped(usize::MAX).unwrap_or_default();
            self.tool(if context == Context::Servers { format!("{MCP}{name}") } else { name });
        }
        Ok(())
    }

    pub(super) fn tool(&mut self, name: String) {
        self.tools = self.tools.saturating_add(1);
        match &mut self.sink {
            Some(sink) => sink(BodyItem::Tool(name)),
            None => self.found.tools.push(name),
        }
    }
}
