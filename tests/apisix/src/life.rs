//! The life of one request in APISIX: the filter as a global rule, the two lines of Lua beside it, a route, and `ai-proxy-multi`.
//!
//! The worker is lent for each callback alone, and not while the request waits for somebody.

use crate::ai_proxy::{Asked, Proxied, serve};
use crate::client::{Answer, Client, ClientRequest};
use crate::network::{Network, Outgoing, Received};
use crate::nginx::{Lender, Nginx};
use crate::vm::Decision;
use crate::world::{Fields, LocalReply, Pending, Phase, RequestState, field};
use serde_json::Value;

/// Header in which plugins of APISIX tell the name of a consumer.
const CONSUMER: &str = "x-consumer-username";

/// See the module's text.
pub(crate) struct Life<'a, W> {
    worker: W,
    state: RequestState,
    /// The id of its context.
    id: u32,
    request: &'a ClientRequest,
    network: &'a mut dyn Network,
    client: &'a mut dyn Client,
}

impl Nginx {
    /// Serves a request.
    ///
    /// # Panics
    /// If the real host would have crashed.
    pub fn serve(&mut self, request: &ClientRequest, network: &mut dyn Network) -> Answer {
        self.work_of_timers(network);
        let mut answer = Answer::default();
        let record = Life::of(&mut *self, request, network, &mut answer).serve();
        Answer { record, ..answer }
    }
}

impl<'a, W: Lender> Life<'a, W> {
    pub(crate) fn of(
        worker: W,
        request: &'a ClientRequest,
        network: &'a mut dyn Network,
        client: &'a mut dyn Client,
    ) -> Self {
        Self { worker, state: RequestState::default(), id: 0, request, network, client }
    }

    /// Serves the request. Returns the variable with its record, at the time of the log phase.
    pub(crate) fn serve(mut self) -> Vec<u8> {
        self.begin();
        self.rewrite();
        if !self.uri().starts_with("/v1/") {
            return self.own_page(404);
        }
        if self.worker.lend(|worker| worker.lost) {
            let Proxied { status, .. } = self.upstream();
            return self.own_page(status);
        }
        if !self.worker.lend(Nginx::is_configured) {
            return self.own_page(503);
        }
        self.state.phase = Phase::Access;
        self.id = self.with(|worker| worker.vm.open());
        let received = self.received();
        let record = self.respond(received);
        self.log_phase(&record);
        let id = self.id;
        self.with(|worker| worker.vm.free(id));
        record
    }

    /// Lends the worker with this request in sight.
    fn with<T>(&mut self, act: impl FnOnce(&mut Nginx) -> T) -> T {
        let state = &mut self.state;
        self.worker.lend(|worker| {
            std::mem::swap(&mut worker.vm.world().now, state);
            let result = act(worker);
            std::mem::swap(&mut worker.vm.world().now, state);
            result
        })
    }

    fn pass_us(&mut self, passed_us: u64) {
        self.worker.lend(|worker| worker.vm.world().pass_us(passed_us));
    }

    fn uri(&self) -> &'a str {
        self.request.path.split('?').next().unwrap_or_default()
    }

    /// The log phase. It comes for every request, also for one whose client has gone; the filter has no callback in it.
    fn log_phase(&mut self, record: &[u8]) {
        self.worker.lend(|worker| {
            let now_us = worker.clock();
            if let Some(logger) = &mut worker.logger {
                logger.log(record, now_us);
            }
        });
    }

    fn received(&mut self) -> Proxied {
        let plugin = self.worker.lend(|worker| worker.plugin);
        let reply = match plugin {
            Some((true, _)) => None,
            _ => self.access(),
        };
        match (reply, plugin) {
            (Some(reply), _) => from_reply(reply),
            (None, Some((_, status))) => from_plugin(status),
            (None, None) => self.upstream(),
        }
    }

    fn begin(&mut self) {
        let request = self.request;
        let host = field(&request.headers, "host").map(str::to_owned);
        let protocol = if host.is_some() { "HTTP/1.1" } else { "HTTP/1.0" };
        self.state.request = vec![
            (":method".to_owned(), request.method.clone()),
            (":path".to_owned(), request.path.clone()),
            (":scheme".to_owned(), "http".to_owned()),
            (":authority".to_owned(), host.clone().unwrap_or_default()),
        ];
        self.state.request.extend(request.headers.iter().cloned());
        self.state.request_body.clone_from(&request.body);
        let (node, pid, set) =
            self.worker.lend(|worker| (worker.node.clone(), worker.pid.to_string(), worker.variables.clone()));
        let variables = [
            ("hostname", node.as_str()),
            ("pid", &pid),
            ("remote_addr", "127.0.0.1"),
            ("request_method", &request.method),
            ("server_protocol", protocol),
            ("wasm_process_req_body", ""),
            ("wasm_process_resp_body", ""),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        self.state.variables.extend(variables);
        self.state.variables.extend(host.map(|host| ("http_host".to_owned(), host.into_bytes())));
        self.state.variables.extend(set.into_iter().map(|name| (name, Vec::new())));
    }

    /// The rewrite phase: headers go, and a plugin that authenticates sets one.
    fn rewrite(&mut self) {
        let (plugin, consumer) = self.worker.lend(|worker| {
            (worker.rules["global_rules"][0]["plugins"]["proxy-rewrite"].clone(), worker.consumer.clone())
        });
        let removed = plugin["headers"]["remove"].as_array().cloned().unwrap_or_default();
        let headers = &mut self.state.request;
        headers.retain(|(name, _)| !removed.iter().any(|one| one == name));
        if let Some(consumer) = consumer {
            headers.retain(|(name, _)| name != CONSUMER);
            headers.push((CONSUMER.to_owned(), consumer));
        }
    }

    /// The access phase. Returns an answer of the filter, or of the host for it.
    fn access(&mut self) -> Option<LocalReply> {
        let (id, size) = (self.id, self.request.body.len() as u32);
        let decision = self.with(|worker| worker.vm.decide("proxy_on_request_headers", &[id, 0, 1]));
        let reply = self.settle(decision);
        if reply.is_some() || self.state.variable("wasm_process_req_body").is_empty() {
            return reply;
        }
        let decision = self.with(|worker| worker.vm.decide("proxy_on_request_body", &[id, size, 1]));
        self.settle(decision)
    }

    /// Makes the calls of the filter until it has decided.
    fn settle(&mut self, mut decision: Decision) -> Option<LocalReply> {
        loop {
            match decision {
                Decision::Continue => return None,
                Decision::Reply(reply) => return Some(reply),
                Decision::Failed => return Some(LocalReply { status: 503, ..LocalReply::default() }),
                Decision::Call(call) => {
                    self.fetch(&call);
                    let id = self.id;
                    decision = self.with(|worker| worker.vm.answered(id, &call));
                }
            }
        }
    }

    /// Makes a call of the filter. It has an answer only if all of it has come in time.
    fn fetch(&mut self, call: &Pending) {
        let mut headers = call.headers.clone();
        headers.push(("content-length".to_owned(), call.body.len().to_string()));
        let outgoing = Outgoing { to: call.to.clone(), headers, body: call.body.clone(), timeout_ms: call.timeout_ms };
        let received = self.network.answer(&outgoing);
        self.pass_us(300);
        match received {
            Received::Nothing(after_us) => self.pass_us(after_us),
            Received::Answer { breaks_off: true, .. } => {}
            Received::Answer { status, headers, chunks, .. } => {
                let mut head: Fields =
                    headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
                head.push((":status".to_owned(), status.to_string()));
                self.state.call_answer = Some((head, chunks.concat()));
            }
        }
    }

    /// The route of the request, and its `ai-proxy-multi`.
    fn upstream(&mut self) -> Proxied {
        // Routes are chosen by the body that came, before any plugin has changed it.
        let asked: Value = serde_json::from_slice(&self.request.body).unwrap_or_default();
        let uri = self.uri();
        let is_meant = |route: &&Value| route["uri"] == uri && route["vars"][0][2] == asked["model"];
        let (route, environment) = self.worker.lend(|worker| {
            let route = worker.rules["routes"].as_array().unwrap().iter().find(is_meant).cloned();
            (route, worker.vm.world().environment.clone())
        });
        let Some(route) = route else { return Proxied::page(502, String::new()) };
        let body = self.state.variables.get("headgate_request_body").cloned().unwrap_or_default();
        // The line of Lua on the route.
        let has_shim = route["plugins"]["serverless-pre-function"]["phase"] == "access";
        if has_shim && body.is_empty() {
            return Proxied::page(503, String::new());
        }
        let body = if has_shim { &body } else { &self.request.body };
        let asked = Asked { headers: &self.state.request, body, environment: &environment };
        let proxied = serve(&route["plugins"]["ai-proxy-multi"], &asked, self.network);
        self.pass_us(proxied.waited_us + 400);
        proxied
    }

    /// The response passes the filter and the line of Lua behind it. Returns the variable with the record.
    fn respond(&mut self, proxied: Proxied) -> Vec<u8> {
        let Proxied { status, headers, chunks, statuses, .. } = proxied;
        let (id, stay) = (self.id, self.worker.lend(|worker| worker.stay));
        let state = &mut self.state;
        state.phase = Phase::HeaderFilter;
        state.response = headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        state.response.insert(0, (":status".to_owned(), status.to_string()));
        if !statuses.is_empty() {
            state.variables.insert("upstream_status".to_owned(), statuses.into_bytes());
        }
        self.with(|worker| worker.vm.callback("proxy_on_response_headers", &[id, 0, 1])).unwrap();
        self.send_head(status);
        for (number, chunk) in chunks.map(Some).chain([None]).enumerate() {
            if number == stay {
                // There is no last chunk, and no log phase in which a variable could be read.
                self.client.cut();
                return Vec::new();
            }
            let is_last = chunk.is_none();
            match self.pass(chunk) {
                Passed::On => {}
                Passed::Cut => break,
                // `ai-proxy-multi` reads no more, and the response ends for the filters of nginx.
                Passed::Left if !is_last => {
                    self.pass(None);
                    break;
                }
                Passed::Left => {}
            }
        }
        self.state.variables.get("headgate_record").cloned().unwrap_or_default()
    }

    fn send_head(&mut self, status: u16) {
        let state = &mut self.state;
        state.phase = Phase::BodyFilter;
        state.reply = None;
        let status = field(&state.response, ":status").and_then(|status| status.parse().ok()).unwrap_or(status);
        let headers = state.response.iter().filter(|(name, _)| !name.starts_with(':')).cloned().collect();
        self.client.head(status, headers);
    }

    /// One call of the body filter; without a chunk, it is the last one.
    fn pass(&mut self, chunk: Option<Vec<u8>>) -> Passed {
        let (id, is_last) = (self.id, u32::from(chunk.is_none()));
        let bytes = chunk.unwrap_or_default();
        self.pass_us(10);
        if !self.state.variable("wasm_process_resp_body").is_empty() {
            self.state.chunk.clone_from(&bytes);
            let given = [id, bytes.len() as u32, is_last];
            self.with(|worker| {
                if let Err(trap) = worker.vm.callback("proxy_on_response_body", &given) {
                    worker.vm.trapped(trap);
                }
            });
        }
        let variable = self.state.variables.get_mut("headgate_response_chunk");
        let stays = match variable.map(std::mem::take).as_deref() {
            None | Some(b"") => self.client.chunk(&bytes),
            Some(b"\x01") => {
                self.client.cut();
                return Passed::Cut;
            }
            Some(b"\0") => true,
            Some(other) => self.client.chunk(other),
        };
        if stays { Passed::On } else { Passed::Left }
    }

    fn own_page(&mut self, status: u16) -> Vec<u8> {
        self.client.head(status, Fields::new());
        self.client.chunk(br#"{"error_msg":"404 Route Not Found"}"#);
        Vec::new()
    }
}

/// The way of a chunk.
enum Passed {
    /// The response goes on.
    On,
    /// The filter has ended it.
    Cut,
    /// The client has left.
    Left,
}

/// An answer of the filter, on which all response callbacks run too.
fn from_reply(reply: LocalReply) -> Proxied {
    if reply.body.is_empty() {
        return Proxied::page(reply.status as u16, String::new());
    }
    Proxied::of(reply.status as u16, reply.headers, reply.body, String::new())
}

/// An answer of another plugin of APISIX.
fn from_plugin(status: u16) -> Proxied {
    let body = b"{\"message\":\"of another plugin\"}".to_vec();
    let headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("content-length".to_owned(), body.len().to_string()),
    ];
    Proxied::of(status, headers, body, String::new())
}
