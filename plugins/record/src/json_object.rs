//! Writes JSON objects from borrowed values, member by member, into a buffer that is kept.
//!
//! A record has some forty texts. To own them all first, in a [`crate::RequestRecord`], would take an allocation for each.

use serde::Serialize;

/// An object that is being written. Members come in the order of the calls.
#[derive(Debug)]
pub struct JsonObject<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> JsonObject<'a> {
    /// Writes an object with the members that `write` adds to the end of `out`.
    pub fn write(out: &'a mut Vec<u8>, write: impl FnOnce(&mut JsonObject<'_>)) {
        out.push(b'{');
        write(&mut JsonObject { out, empty: true });
        out.push(b'}');
    }

    /// Writes the name of the next member. `name` needs no escapes; its length is known where this is inlined, and copying it costs a few
    /// instructions then.
    #[inline(always)]
    fn name(&mut self, name: &'static str) {
        let begin: &[u8] = if std::mem::replace(&mut self.empty, false) { b"\"" } else { b",\"" };
        self.out.reserve(name.len().saturating_add(4));
        self.out.extend_from_slice(begin);
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    /// Writes a text.
    #[inline(always)]
    pub fn text(&mut self, name: &'static str, text: &str) {
        self.name(name);
        self.quoted(text);
    }

    fn quoted(&mut self, text: &str) {
        if !is_plain(text.as_bytes()) {
            return self.serialize(text);
        }
        self.out.reserve(text.len().saturating_add(2));
        self.out.push(b'"');
        self.out.extend_from_slice(text.as_bytes());
        self.out.push(b'"');
    }

    /// Writes a text, if there is one.
    #[inline(always)]
    pub fn some_text(&mut self, name: &'static str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    /// Writes a count, unless it is zero.
    pub(crate) fn nonzero(&mut self, name: &'static str, count: u64) {
        if count > 0 {
            self.value(name, &count);
        }
    }

    /// Writes a member of any type that serializes itself.
    pub fn value<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) {
        self.name(name);
        self.serialize(value);
    }

    fn serialize<T: Serialize + ?Sized>(&mut self, value: &T) {
        let begun = self.out.len();
        // Nothing that a record holds fails to serialize; a value that did must not leave half of itself.
        if serde_json::to_writer(&mut *self.out, value).is_err() {
            self.out.truncate(begun);
            self.out.extend_from_slice(b"null");
        }
    }

    /// Writes a member, if there is a value.
    pub fn some<T: Serialize>(&mut self, name: &'static str, value: Option<T>) {
        if let Some(value) = value {
            self.value(name, &value);
        }
    }

    /// Writes a word of a closed vocabulary, which needs no escapes.
    #[inline(always)]
    pub fn word(&mut self, name: &'static str, word: &'static str) {
        self.text(name, word);
    }

    /// Writes a member that is an object.
    pub fn object(&mut self, name: &'static str, write: impl FnOnce(&mut JsonObject<'_>)) {
        self.name(name);
        JsonObject::write(self.out, write);
    }

    /// Writes a member that is an array with an object for each item; none if there are no items.
    pub fn objects<T>(
        &mut self,
        name: &'static str,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut JsonObject<'_>, T),
    ) {
        let mut items = items.into_iter().peekable();
        if items.peek().is_none() {
            return;
        }
        self.name(name);
        self.out.push(b'[');
        let mut first = true;
        for item in items {
            if !std::mem::replace(&mut first, false) {
                self.out.push(b',');
            }
            JsonObject::write(self.out, |object| write(object, item));
        }
        self.out.push(b']');
    }
}

/// Returns whether a text needs no escapes. It is looked at in words of eight bytes.
fn is_plain(text: &[u8]) -> bool {
    let plain = |word: &[u8; 8]| is_plain_word(u64::from_le_bytes(*word));
    match text.last_chunk() {
        // The last word overlaps the one before it.
        Some(last) => text.as_chunks::<8>().0.iter().all(plain) && plain(last),
        None => text.iter().all(|byte| *byte >= b' ' && !matches!(byte, b'"' | b'\\')),
    }
}

/// Returns whether no byte of a word is a quote, a backslash, or below a space.
fn is_plain_word(word: u64) -> bool {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let below = |word: u64, bound: u8| word.wrapping_sub(EACH * u64::from(bound)) & !word & (EACH << 7);
    let is = |byte: u8| below(word ^ (EACH * u64::from(byte)), 1);
    below(word, b' ') | is(b'"') | is(b'\\') == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_written_as_serde_writes_them() {
        for code in (0..0x100).chain([0x2028, 0xFFFD, 0x1_F600]) {
            let character = char::from_u32(code).unwrap();
            for (before, after) in (0..20).flat_map(|before| [(before, 0), (before, 1), (before, 9)]) {
                let text = ["x".repeat(before), character.to_string(), "é".repeat(after)].concat();
                let (mut out, expected) = (Vec::new(), serde_json::json!({"text": text}).to_string());
                JsonObject::write(&mut out, |object| object.text("text", &text));
                assert_eq!(String::from_utf8(out).unwrap(), expected);
            }
        }
    }

    #[test]
    fn members_are_written_in_order_and_absent_ones_left_out() {
        let mut out = b"x".to_vec();
        JsonObject::write(&mut out, |object| {
            object.value("text", "a\"b\u{1}ü");
            object.some("none", None::<u64>);
            object.some("some", Some(7_u64));
            object.word("word", "plain");
            object.object("inner", |inner| inner.value("flag", &true));
            object.objects("nothing", [0_u8; 0], |_, _| {});
            object.objects("list", [1_u8, 2], |inner, number| inner.value("n", &number));
        });
        let expected =
            r#"x{"text":"a\"b\u0001ü","some":7,"word":"plain","inner":{"flag":true},"list":[{"n":1},{"n":2}]}"#;
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn an_object_may_be_empty() {
        let mut out = Vec::new();
        JsonObject::write(&mut out, |_| {});
        assert_eq!(out, b"{}");
    }
}
