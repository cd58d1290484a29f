//! The tries of a request: each begins, and ends with an answer or without one.

use crate::case::{Failure, ProviderAct};
use crate::outcome::{Upstream, text};
use crate::play::{Player, pairs};
use crate::step::Step;
use headgate_policy::{Attempt, AttemptEnd, HeaderView, ProxyAnswer, RETRY_HEADER};
use headgate_record::AttemptError;
use std::collections::BTreeMap;

/// Response header after which Envoy makes no other try.
const NOT_AGAIN: &str = "x-envoy-ratelimited";

impl Player<'_, '_> {
    /// Makes tries until an answer goes to the client.
    pub(crate) fn tries(&mut self) -> Result<(), String> {
        while let Some(route) = self.route.clone().filter(|_| self.reply.is_none()) {
            let act = self.script.next(&route)?;
            self.acts.push(act.clone());
            if self.one_try(&route, &act)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Plays one try. Returns whether its answer went to the client.
    fn one_try(&mut self, route: &str, act: &ProviderAct) -> Result<bool, String> {
        self.pass_time(100);
        let (now, here) = (self.now(), route.trim_end_matches("#fresh"));
        let attempt = Attempt::begin(self.gate.call_mut(), here, now, &mut self.effects);
        let mut attempt = attempt.ok_or_else(|| format!("the try was not meant for `{here}`"))?;
        self.perform();
        let mut body = Vec::new();
        attempt.body(self.gate.call(), |piece| body.extend_from_slice(piece));
        let sent = Upstream { provider: route.to_owned(), headers: self.request_headers.clone(), body };
        self.step(|_| Step::Tries {
            provider: sent.provider.clone(),
            headers: sent.headers.clone(),
            body: text(&sent.body),
        });
        self.upstream.push(sent);
        match act.fails {
            Some(Failure::Silence) => match self.head(&mut attempt, act, false) {
                true => Ok(self.fails(&mut attempt, Failure::Timeout)),
                false => Err("a head alone was taken for an answer".to_owned()),
            },
            Some(failure) => Ok(self.fails(&mut attempt, failure)),
            None => Ok(self.answers(&mut attempt, act)),
        }
    }

    fn fails(&mut self, attempt: &mut Attempt, failure: Failure) -> bool {
        // The proxy's timers count from the beginning of its event loop's turn, and so fire a little early.
        self.pass_time(if failure == Failure::Timeout { 480_000 } else { 300 });
        let end = match failure {
            Failure::Connect => AttemptEnd::NotConnected,
            Failure::Lost => AttemptEnd::Lost,
            _ => AttemptEnd::NoResponse,
        };
        let now = self.now();
        attempt.ended(self.gate.call_mut(), now, end, &mut self.effects);
        self.perform();
        let again = self.retries > 0 && self.route.as_deref() != Some("");
        self.step(|_| Step::Fails { failure: failure.as_str(), again });
        if again {
            self.retries -= 1;
            return false;
        }
        // Envoy's answer when no try is left.
        let status = if failure == Failure::Timeout { "504" } else { "503" };
        self.response_headers = [(":status".to_owned(), status.to_owned())].into();
        self.respond_headers(false);
        self.respond(vec![b"upstream connect error or disconnect/reset before headers".to_vec()], true);
        true
    }

    fn answers(&mut self, attempt: &mut Attempt, act: &ProviderAct) -> bool {
        self.pass_time(400);
        let whole = act.body.is_empty() && !act.breaks_off;
        let chunks = (self.play.split)(act.body.as_bytes());
        let mut held = self.head(attempt, act, whole);
        let last = chunks.len().saturating_sub(1);
        for (index, chunk) in chunks.iter().enumerate() {
            if held {
                let (now, ends) = (self.now(), index == last && !act.breaks_off);
                held = attempt.response_body(self.gate.call_mut(), chunk, ends, now, &mut self.effects);
                self.perform();
            }
        }
        if held {
            return self.fails(attempt, Failure::Reset);
        }
        // Envoy's own header against retries takes precedence.
        let asks = self.response_headers.contains_key(RETRY_HEADER) && !self.response_headers.contains_key(NOT_AGAIN);
        let again = self.retries > 0 && asks;
        self.step(|_| Step::Answers { status: act.status, headers: act.headers.clone(), again });
        if again {
            self.retries -= 1;
            self.response_headers.clear();
            return false;
        }
        self.respond_headers(whole);
        self.respond(if whole { vec![] } else { chunks }, !act.breaks_off);
        true
    }

    /// Passes the headers of an answer to the attempt. Returns whether they are held.
    fn head(&mut self, attempt: &mut Attempt, act: &ProviderAct, whole: bool) -> bool {
        self.response_headers = act.headers.clone();
        self.response_headers.insert(":status".to_owned(), act.status.to_string());
        let headers = self.response_headers.clone();
        let (now, fields) = (self.now(), pairs(&headers));
        let call = self.gate.call_mut();
        let held = attempt.response_headers(call, now, HeaderView::new(&fields), whole, &mut self.effects);
        self.perform();
        held
    }

    fn respond_headers(&mut self, whole: bool) {
        let headers = self.response_headers.clone();
        let (now, fields) = (self.now(), pairs(&headers));
        let cooldowns = &self.worker.cooldowns;
        self.gate.response_headers(HeaderView::new(&fields), now, whole, cooldowns, &mut self.effects);
        self.perform();
    }

    fn respond(&mut self, chunks: Vec<Vec<u8>>, ends: bool) {
        let chunks = self.held_back(chunks, ends);
        let last = chunks.len().saturating_sub(1);
        let mut held_bytes: usize = 0;
        for (index, chunk) in chunks.into_iter().enumerate() {
            if self.cut {
                break;
            }
            self.pass_time(10);
            let now = self.now();
            self.gate.response_body(&chunk, ends && index == last, now, &mut self.effects);
            let before = self.body.len();
            self.body.extend_from_slice(&chunk);
            self.perform_on_chunk(before);
            let sent = self.body.get(before..).unwrap_or_default();
            held_bytes = held_bytes.saturating_add(chunk.len()).saturating_sub(sent.len());
            let step = Step::Chunk { received: text(&chunk), sent: text(sent), held_bytes };
            self.step(|_| step);
        }
    }

    /// Joins the chunks of a response that the gate holds.
    fn held_back(&mut self, chunks: Vec<Vec<u8>>, ends: bool) -> Vec<Vec<u8>> {
        if !self.gate.holds_response() {
            return chunks;
        }
        let (whole, now) = (chunks.concat(), self.now());
        let goes_on = self.gate.response_body_grows(whole.len() as u64, now, &mut self.effects);
        if ends && goes_on { vec![whole] } else { vec![] }
    }

    /// Plays the one try of a request that the proxy routes.
    pub(crate) fn proxied(&mut self, act: &ProviderAct) {
        let body = self.replaced.take().or_else(|| self.play.request.body.clone().map(String::into_bytes));
        let (provider, headers) = (act.provider.clone(), self.request_headers.clone());
        let sent = Upstream { provider, headers, body: body.unwrap_or_default() };
        self.step(|_| Step::Tries {
            provider: sent.provider.clone(),
            headers: sent.headers.clone(),
            body: text(&sent.body),
        });
        self.upstream.push(sent);
        self.acts.push(act.clone());
        self.pass_time(400);
        let failure = act.fails.map(|failure| match failure {
            Failure::Connect => AttemptError::Connect,
            Failure::Timeout | Failure::Silence => AttemptError::Timeout,
            Failure::Reset | Failure::Lost => AttemptError::Reset,
        });
        let answer = ProxyAnswer { from_provider: failure.is_none(), tries: 1, failure };
        let status = if failure.is_some() { 503 } else { act.status };
        self.response_headers = if failure.is_some() { BTreeMap::new() } else { act.headers.clone() };
        self.response_headers.insert(":status".to_owned(), status.to_string());
        let headers = self.response_headers.clone();
        let (head, whole) = (pairs(&headers), act.body.is_empty() && !act.breaks_off);
        let (head, now) = (HeaderView::new(&head), self.now());
        self.step(|_| Step::Answers { status, headers: act.headers.clone(), again: false });
        if self.gate.wants_response_head() {
            self.gate.proxied_response_headers(head, answer, now, whole, &mut self.effects);
            self.perform();
        }
        let body = if failure.is_some() { b"upstream connect error".to_vec() } else { act.body.as_bytes().to_vec() };
        self.respond(if whole { vec![] } else { vec![body] }, !act.breaks_off);
    }
}
