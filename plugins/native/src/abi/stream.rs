//! The calls about a stream.

#![allow(unsafe_code, reason = "as for the module above")]

use super::{
    Attribute, Buffer, Bytes, FEW, Field, Map, Metric, Stream, StreamScheduler, append_body, attribute_number,
    attribute_text, chunks, chunks_size, copy, drain_body, get_state, headers, headers_size, host_add_header,
    host_body_size, host_clear_route_cache, host_continue_decoding, host_continue_encoding, host_reset_stream,
    host_set_header, host_upstream_connection, increment_counter, record_histogram, request_is_buffered,
    response_is_buffered, room, send_response, set_state, stream_callout, stream_scheduler_new, with_fields,
};
use headgate_metrics::Kind;

impl Stream {
    /// Runs `act` on the headers, which must stay as they are meanwhile; on none if there is no such map.
    pub(crate) fn with_headers<T>(self, map: Map, act: impl FnOnce(&[(&[u8], &[u8])]) -> T) -> T {
        // SAFETY: the stream is there, and the host writes as many fields as it has said.
        let size = unsafe { headers_size(self, map as u32) };
        with_fields(size, |out| unsafe { headers(self, map as u32, out) }, act)
    }

    /// Sets a header; `None` removes it.
    pub(crate) fn set_header(self, map: Map, name: &str, value: Option<&str>) -> bool {
        let value = value.map_or(Bytes::NONE, |value| Bytes::of(value.as_bytes()));
        // SAFETY: the texts outlive the call.
        unsafe { host_set_header(self, map as u32, Bytes::of(name.as_bytes()), value) }
    }

    /// Adds a header, whether there is one of this name or not.
    pub(crate) fn add_header(self, map: Map, name: &str, value: &str) -> bool {
        // SAFETY: the texts outlive the call.
        unsafe { host_add_header(self, map as u32, Bytes::of(name.as_bytes()), Bytes::of(value.as_bytes())) }
    }

    /// Answers the stream. The host calls its filters meanwhile.
    pub(crate) fn reply(self, status: u16, fields: &[(&str, &str)], body: &[u8]) {
        let fields: Vec<Field> = fields.iter().map(Field::of).collect();
        // SAFETY: all bytes outlive the call.
        unsafe { send_response(self, u32::from(status), fields.as_ptr(), fields.len(), Bytes::of(body), Bytes::NONE) }
    }

    pub(crate) fn body_size(self, buffer: Buffer) -> usize {
        // SAFETY: the stream is there.
        unsafe { host_body_size(self, buffer as u32) }
    }

    /// Appends bytes of a body from `start` on to `out`, until it has `len`.
    pub(crate) fn copy_body(self, buffer: Buffer, mut start: usize, len: usize, out: &mut Vec<u8>) {
        let (mut few, mut many) = ([Bytes::NONE; FEW], Vec::new());
        // SAFETY: the stream is there, and the host writes as many slices as it has said.
        let slices = room(unsafe { chunks_size(self, buffer as u32) }, &mut few, &mut many);
        if slices.is_empty() || !unsafe { chunks(self, buffer as u32, slices.as_mut_ptr()) } {
            return;
        }
        for slice in slices {
            // SAFETY: the body does not change meanwhile.
            let bytes = unsafe { slice.get() };
            let unread = bytes.get(start..).unwrap_or_default();
            let room = len.saturating_sub(out.len());
            out.extend_from_slice(unread.get(..room).unwrap_or(unread));
            start = start.saturating_sub(bytes.len());
        }
    }

    pub(crate) fn append(self, buffer: Buffer, bytes: &[u8]) -> bool {
        // SAFETY: the bytes outlive the call.
        unsafe { append_body(self, buffer as u32, Bytes::of(bytes)) }
    }

    /// Takes all bytes out of a body.
    pub(crate) fn drain(self, buffer: Buffer) {
        let size = self.body_size(buffer);
        if size > 0 {
            // SAFETY: the stream is there.
            unsafe { drain_body(self, buffer as u32, size) };
        }
    }

    /// Whether the body that has just come is the one that is buffered.
    pub(crate) fn is_buffered(self, map: Map) -> bool {
        // SAFETY: the stream is there.
        match map {
            Map::Request => unsafe { request_is_buffered(self) },
            Map::Response => unsafe { response_is_buffered(self) },
        }
    }

    /// Resets the stream, and the provider's with it. The host calls its filters meanwhile.
    pub(crate) fn reset(self) {
        const LOCAL_RESET: u32 = 0;
        // SAFETY: the stream is there.
        unsafe { host_reset_stream(self, LOCAL_RESET, Bytes::NONE) }
    }

    pub(crate) fn set_state(self, key: &str, value: &[u8]) -> bool {
        // SAFETY: all bytes outlive the call.
        unsafe { set_state(self, Bytes::of(key.as_bytes()), Bytes::of(value)) }
    }

    pub(crate) fn state(self, key: &str) -> Option<Vec<u8>> {
        // SAFETY: the key outlives the call.
        copy(|out| unsafe { get_state(self, Bytes::of(key.as_bytes()), out) })
    }

    pub(crate) fn clear_route_cache(self) {
        // SAFETY: the stream is there.
        unsafe { host_clear_route_cache(self) }
    }

    pub(crate) fn text(self, attribute: Attribute) -> Option<Vec<u8>> {
        // SAFETY: the stream is there.
        copy(|out| unsafe { attribute_text(self, attribute as u32, out) })
    }

    /// Whether an attribute is this text.
    pub(crate) fn is_text(self, attribute: Attribute, text: &[u8]) -> bool {
        let mut bytes = Bytes::NONE;
        // SAFETY: the stream is there, and the host's bytes are until its callback ends.
        unsafe { attribute_text(self, attribute as u32, &raw mut bytes) && bytes.get() == text }
    }

    pub(crate) fn number(self, attribute: Attribute) -> Option<u64> {
        let mut number = 0;
        // SAFETY: the number outlives the call.
        unsafe { attribute_number(self, attribute as u32, &raw mut number) }.then_some(number)
    }

    /// Lets a request go on. The host calls its filters meanwhile.
    pub(crate) fn continue_request(self) {
        // SAFETY: the stream is there.
        unsafe { host_continue_decoding(self) }
    }

    /// Lets a response go on. The host calls its filters meanwhile.
    pub(crate) fn continue_response(self) {
        // SAFETY: the stream is there.
        unsafe { host_continue_encoding(self) }
    }

    /// Returns the number of the connection to a provider; 0 for none.
    pub(crate) fn upstream_connection(self) -> u64 {
        // SAFETY: the stream is there.
        unsafe { host_upstream_connection(self) }
    }

    /// Sends a request. Returns its number, or the host's refusal.
    pub(crate) fn call(self, to: &str, fields: &[(&str, &str)], body: &[u8], timeout_ms: u64) -> Result<u64, u32> {
        let fields: Vec<Field> = fields.iter().map(Field::of).collect();
        let (mut id, to) = (0, Bytes::of(to.as_bytes()));
        // SAFETY: all bytes outlive the call.
        let refused = unsafe {
            stream_callout(self, &raw mut id, to, fields.as_ptr(), fields.len(), Bytes::of(body), timeout_ms)
        };
        if refused == 0 { Ok(id) } else { Err(refused) }
    }

    /// Adds to a counter, or a value to a histogram.
    pub(crate) fn update(self, metric: Metric, values: &[&str], amount: u64) -> bool {
        let update = if metric.kind == Kind::Histogram { record_histogram } else { increment_counter };
        let values: Vec<Bytes> = values.iter().map(|value| Bytes::of(value.as_bytes())).collect();
        // SAFETY: all bytes outlive the call.
        unsafe { update(self, metric.id, values.as_ptr(), values.len(), amount) == 0 }
    }

    pub(crate) fn scheduler(self) -> StreamScheduler {
        // SAFETY: the stream is there.
        unsafe { stream_scheduler_new(self) }
    }
}
