//! The gateway's own no, and the host's failures put into the API's words.

use super::limit::quota_headers;
use super::state::{Flow, Gate, Phase};
use crate::effect::{Effect, Effects, Reply};
use headgate_exchange::{Dialect, Rejection, Surface, error_event};
use headgate_record::RejectedBy;
use std::borrow::Cow;

impl Gate {
    /// Answers with this rejection; nothing has gone upstream.
    pub(super) fn reject(&mut self, rejection: Rejection, out: &mut Effects) -> Flow {
        let body = self.rejection_body_of(&rejection);
        let mut headers = rejection_headers(&rejection);
        headers.push(("x-headgate-request-id", Cow::Owned(self.id().to_text())));
        headers.extend(quota_headers(&self.call.quotas));
        headers.extend(self.anthropic_request_id());
        headers.extend(self.cors.iter().cloned());
        self.note_rejection(rejection);
        self.phase = Phase::Answered;
        self.response_whole = true;
        out.clear();
        out.push(Effect::Reply(Reply { status: self.status, headers, body }));
        Flow::Answered
    }

    /// Turns an answer that the host made up by itself, after its tries or before, into this rejection. Its body
    /// follows with the first chunk.
    pub(super) fn reword(&mut self, rejection: Rejection, out: &mut Effects) {
        out.push(Effect::SetResponseHeader(":status", Cow::Owned(rejection.status().to_string())));
        let length = self.rejection_body_of(&rejection).len().to_string();
        out.push(Effect::SetResponseHeader("content-length", Cow::Owned(length)));
        out.extend(
            rejection_headers(&rejection).into_iter().map(|(name, value)| Effect::SetResponseHeader(name, value)),
        );
        out.extend(self.anthropic_request_id().map(|(name, value)| Effect::SetResponseHeader(name, value)));
        self.note_rejection(rejection);
        self.phase = Phase::RewrittenLocalReply;
    }

    /// Puts this rejection in the place of an answer that has been held so far.
    pub(super) fn refuse_answer(&mut self, rejection: Rejection, out: &mut Effects) {
        let body = self.rejection_body_of(&rejection);
        self.reword(rejection, out);
        self.first_byte.get_or_insert_default();
        out.push(Effect::ReplaceChunk(body));
    }

    /// Anthropic's SDKs show developers this header's id, not the body's.
    fn anthropic_request_id(&self) -> Option<(&'static str, Cow<'static, str>)> {
        let call = &self.call;
        (call.dialect == Dialect::Anthropic).then(|| ("request-id", Cow::Owned(call.id.to_text())))
    }

    /// In the words of the API that was called.
    pub(super) fn rejection_body_of(&self, rejection: &Rejection) -> Vec<u8> {
        rejection.body(self.call.dialect, &self.call.id.to_text())
    }

    /// Ends a stream under way with this rejection: `passed` is the part of this chunk that still goes to the client, in whole
    /// events; behind it comes the error event, and no `[DONE]`. The status has been sent and stays.
    pub(super) fn cut(&mut self, rejection: Rejection, mut passed: Vec<u8>, out: &mut Effects) {
        let status = self.status;
        passed.extend(self.rejection_event(&rejection));
        self.note_rejection(rejection);
        self.status = status;
        self.phase = Phase::Aborted;
        out.push(Effect::ReplaceChunk(passed));
        out.push(Effect::EndStream);
    }

    fn rejection_event(&self, rejection: &Rejection) -> Vec<u8> {
        let call = &self.call;
        error_event(call.surface.unwrap_or(Surface::ChatCompletions), rejection, &call.id.to_text())
    }

    fn note_rejection(&mut self, rejection: Rejection) {
        self.status = rejection.status();
        self.rejected_by = Some(RejectedBy::Gateway);
        self.rejection = Some(rejection);
        self.guarding.kept_bytes = 0;
        self.release_request();
    }
}

fn rejection_headers(rejection: &Rejection) -> Vec<(&'static str, Cow<'static, str>)> {
    let mut headers =
        vec![("content-type", Cow::Borrowed("application/json")), ("x-headgate-rejected-by", Cow::Borrowed("gateway"))];
    if let Some(seconds) = rejection.retry_after_s() {
        headers.push(("retry-after", Cow::Owned(seconds.to_string())));
    }
    if rejection.should_retry_false() {
        headers.push(("x-should-retry", Cow::Borrowed("false")));
    }
    if let Some(allow) = rejection.allow() {
        headers.push(("allow", Cow::Borrowed(allow)));
    }
    headers
}
