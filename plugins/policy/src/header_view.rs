//! A header map as the host hands it over: borrowed bytes in order, names in lower case.
//!
//! Header values need not be UTF-8 and may come more than once; nothing is copied to look at them.

/// Headers of a request or a response, pseudo-headers such as `:path` among them.
#[derive(Debug, Clone, Copy, Default)]
pub struct HeaderView<'a> {
    fields: &'a [(&'a [u8], &'a [u8])],
}

impl<'a> HeaderView<'a> {
    /// Wraps name and value pairs.
    #[must_use]
    pub fn new(fields: &'a [(&'a [u8], &'a [u8])]) -> Self {
        Self { fields }
    }

    /// First value of the header with this lower-case name.
    #[must_use]
    pub fn bytes(&self, name: &str) -> Option<&'a [u8]> {
        self.fields.iter().find(|(field, _)| *field == name.as_bytes()).map(|(_, value)| *value)
    }

    /// The same, if it is UTF-8.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.bytes(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Whether there is such a header.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.bytes(name).is_some()
    }

    /// All fields, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone + use<'a> {
        self.fields.iter().copied()
    }
}
