//! The life of one request in APISIX: the filter as a global rule, the two lines of Lua beside it, a route, and `ai-proxy-multi`.

use crate::ai_proxy::{Proxied, serve};
use crate::logger::Logger;
use crate::network::{Network, Outgoing, Received};
use crate::vm::{Decision, Loaded, Vm};
use crate::world::{Fields, LocalReply, Pending, Phase, field};
use serde_json::Value;

mod control;

/// Header in which plugins of APISIX tell the name of a consumer.
const CONSUMER: &str = "x-consumer-username";

/// A request of a client.
#[derive(Debug, Clone)]
pub struct ClientRequest {
    /// Method.
    pub method: String,
    /// Path with query.
    pub path: String,
    /// Headers without pseudo headers, `host` among them.
    pub headers: Fields,
    /// Body; empty for none.
    pub body: Vec<u8>,
}

/// The answer that the client gets.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: Fields,
    /// Body.
    pub body: Vec<u8>,
    /// Whether it was not cut off.
    pub whole: bool,
    /// The variable with the record, at the time of the log phase.
    pub record: Vec<u8>,
}

/// See the module's text.
pub struct Nginx {
    /// The worker.
    pub vm: Vm,
    rules: Value,
    variables: Vec<String>,
    configured: bool,
    pid: u32,
    consumer: Option<String>,
    stay: usize,
    lost: bool,
    logger: Option<Logger>,
    /// Another plugin that answers: before the filter or behind it, with a status.
    plugin: Option<(bool, u16)>,
}

impl Nginx {
    /// Starts a worker with the files that `headgate render apisix` writes.
    ///
    /// # Panics
    /// If they cannot be read.
    #[must_use]
    pub fn start(loaded: &Loaded, config: &str, rules: &str, environment: &[(String, String)]) -> Self {
        let rules = rules.strip_suffix("#END\n").expect("APISIX takes a file without its last line for half written");
        let config: Value = serde_json::from_str(config).unwrap();
        let nginx = &config["nginx_config"];
        let names: Vec<&str> = nginx["envs"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
        let seen: Vec<(String, String)> =
            environment.iter().filter(|(name, _)| names.contains(&name.as_str())).cloned().collect();
        let snippet = nginx["http_server_location_configuration_snippet"].as_str().unwrap();
        let set = snippet.lines().filter_map(|line| line.strip_prefix("set $")?.split(' ').next().map(str::to_owned));
        let rules: Value = serde_json::from_str(rules).unwrap();
        Self {
            vm: Vm::start(loaded, &seen),
            logger: Logger::start(&rules["global_rules"][0]["plugins"]["http-logger"], &seen),
            rules,
            variables: set.collect(),
            configured: false,
            pid: 4711,
            consumer: None,
            stay: usize::MAX,
            lost: false,
            plugin: None,
        }
    }

    /// Serves a request.
    ///
    /// # Panics
    /// If the real host would have crashed.
    pub fn serve(&mut self, request: &ClientRequest, network: &mut dyn Network) -> Answer {
        self.work_of_timers(network);
        self.begin(request);
        self.rewrite();
        let uri = request.path.split('?').next().unwrap_or_default().to_owned();
        if !uri.starts_with("/v1/") {
            return own_page(404);
        }
        if self.lost {
            let Proxied { status, .. } = self.upstream(request, network);
            return own_page(status);
        }
        if !self.configured {
            let conf = self.rules["global_rules"][0]["plugins"]["headgate"]["conf"].as_str().unwrap().to_owned();
            self.configured = self.vm.configure(&conf);
            if !self.configured {
                return own_page(503);
            }
        }
        self.vm.world().phase = Phase::Access;
        let id = self.vm.open();
        let answer = self.in_context(id, request, network);
        self.log_phase(&answer.record);
        self.vm.free(id);
        answer
    }

    /// The log phase. It comes for every request, also for one whose client has gone; the filter has no callback in it.
    fn log_phase(&mut self, record: &[u8]) {
        let now_us = self.clock();
        if let Some(logger) = &mut self.logger {
            logger.log(record, now_us);
        }
    }

    fn in_context(&mut self, id: u32, request: &ClientRequest, network: &mut dyn Network) -> Answer {
        let reply = match self.plugin {
            Some((true, _)) => None,
            _ => self.access(id, request, network),
        };
        let received = match (reply, self.plugin) {
            (Some(reply), _) => from_reply(reply),
            (None, Some((_, status))) => from_plugin(status),
            (None, None) => self.upstream(request, network),
        };
        self.respond(id, received)
    }

    fn begin(&mut self, request: &ClientRequest) {
        let world = self.vm.world();
        world.request = vec![
            (":method".to_owned(), request.method.clone()),
            (":path".to_owned(), request.path.clone()),
            (":scheme".to_owned(), "http".to_owned()),
        ];
        let host = field(&request.headers, "host").map(str::to_owned);
        let protocol = if host.is_some() { "HTTP/1.1" } else { "HTTP/1.0" };
        world.request.push((":authority".to_owned(), host.clone().unwrap_or_default()));
        world.request.extend(request.headers.iter().cloned());
        world.response.clear();
        world.request_body = request.body.clone();
        world.chunk.clear();
        world.variables.clear();
        world.call_answer = None;
        world.reply = None;
        for (name, value) in [
            ("hostname", "stand-in"),
            ("pid", self.pid.to_string().as_str()),
            ("remote_addr", "127.0.0.1"),
            ("request_method", &request.method),
            ("server_protocol", protocol),
            ("wasm_process_req_body", ""),
            ("wasm_process_resp_body", ""),
        ] {
            world.variables.insert(name.to_owned(), value.as_bytes().to_vec());
        }
        let world = self.vm.world();
        if let Some(host) = host {
            world.variables.insert("http_host".to_owned(), host.into_bytes());
        }
        for name in self.variables.clone() {
            self.vm.world().variables.insert(name, Vec::new());
        }
    }

    /// The rewrite phase: headers go, and a plugin that authenticates sets one.
    fn rewrite(&mut self) {
        let plugin = &self.rules["global_rules"][0]["plugins"]["proxy-rewrite"];
        let removed = plugin["headers"]["remove"].as_array().cloned().unwrap_or_default();
        let consumer = self.consumer.clone();
        let world = self.vm.world();
        world.request.retain(|(name, _)| !removed.iter().any(|one| one == name));
        if let Some(consumer) = consumer {
            world.request.retain(|(name, _)| name != CONSUMER);
            world.request.push((CONSUMER.to_owned(), consumer));
        }
    }

    /// The access phase. Returns an answer of the filter, or of the host for it.
    fn access(&mut self, id: u32, request: &ClientRequest, network: &mut dyn Network) -> Option<LocalReply> {
        let decision = self.vm.decide("proxy_on_request_headers", &[id, 0, 1]);
        let reply = self.settle(decision, network);
        if reply.is_some() || self.vm.world().variable("wasm_process_req_body").is_empty() {
            return reply;
        }
        let decision = self.vm.decide("proxy_on_request_body", &[id, request.body.len() as u32, 1]);
        self.settle(decision, network)
    }

    /// Makes the calls of the filter until it has decided.
    fn settle(&mut self, mut decision: Decision, network: &mut dyn Network) -> Option<LocalReply> {
        loop {
            match decision {
                Decision::Continue => return None,
                Decision::Reply(reply) => return Some(reply),
                Decision::Failed => return Some(LocalReply { status: 503, ..LocalReply::default() }),
                Decision::Call(call) => {
                    self.fetch(&call, network);
                    decision = self.vm.answered(&call);
                }
            }
        }
    }

    /// Makes a call of the filter. It has an answer only if all of it has come in time.
    fn fetch(&mut self, call: &Pending, network: &mut dyn Network) {
        let mut headers = call.headers.clone();
        headers.push(("content-length".to_owned(), call.body.len().to_string()));
        let outgoing = Outgoing { to: call.to.clone(), headers, body: call.body.clone(), timeout_ms: call.timeout_ms };
        let received = network.answer(&outgoing);
        let world = self.vm.world();
        world.clock_us += 300;
        match received {
            Received::Nothing(after_us) => world.clock_us += after_us,
            Received::Answer { breaks_off: true, .. } => {}
            Received::Answer { status, headers, chunks, .. } => {
                let mut head: Fields =
                    headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
                head.push((":status".to_owned(), status.to_string()));
                world.call_answer = Some((head, chunks.concat()));
            }
        }
    }

    /// The route of the request, and its `ai-proxy-multi`.
    fn upstream(&mut self, request: &ClientRequest, network: &mut dyn Network) -> Proxied {
        // Routes are chosen by the body that came, before any plugin has changed it.
        let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let uri = request.path.split('?').next().unwrap_or_default();
        let is_meant = |route: &&Value| route["uri"] == uri && route["vars"][0][2] == asked["model"];
        let route = self.rules["routes"].as_array().unwrap().iter().find(is_meant).cloned();
        let Some(route) = route else { return Proxied::page(502, String::new()) };
        let body = self.vm.world().variables.get("headgate_request_body").cloned().unwrap_or_default();
        // The line of Lua on the route.
        let has_shim = route["plugins"]["serverless-pre-function"]["phase"] == "access";
        if has_shim && body.is_empty() {
            return Proxied::page(503, String::new());
        }
        let body = if has_shim { &body } else { &request.body };
        let proxied = serve(&route["plugins"]["ai-proxy-multi"], body, self.vm.world(), network);
        self.vm.world().clock_us += 400;
        proxied
    }

    /// The response passes the filter and the line of Lua behind it.
    fn respond(&mut self, id: u32, proxied: Proxied) -> Answer {
        let Proxied { status, headers, chunks, statuses } = proxied;
        let world = self.vm.world();
        world.phase = Phase::HeaderFilter;
        world.response = headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        world.response.insert(0, (":status".to_owned(), status.to_string()));
        if !statuses.is_empty() {
            world.variables.insert("upstream_status".to_owned(), statuses.into_bytes());
        }
        self.vm.callback("proxy_on_response_headers", &[id, 0, 1]).unwrap();
        let world = self.vm.world();
        world.phase = Phase::BodyFilter;
        world.reply = None;
        let status = field(&world.response, ":status").and_then(|status| status.parse().ok()).unwrap_or(status);
        let headers = world.response.iter().filter(|(name, _)| !name.starts_with(':')).cloned().collect();
        let wanted = !world.variable("wasm_process_resp_body").is_empty();
        let mut answer = Answer { status, headers, whole: true, ..Answer::default() };
        let ends = chunks.iter().map(Some).chain([None]);
        for (number, chunk) in ends.enumerate() {
            if number == self.stay {
                // There is no last chunk, and no log phase in which a variable could be read.
                answer.whole = false;
                return answer;
            }
            if !self.pass(id, wanted, chunk, &mut answer) {
                answer.whole = false;
                break;
            }
        }
        answer.record = self.vm.world().variables.get("headgate_record").cloned().unwrap_or_default();
        answer
    }

    /// One call of the body filter; without a chunk, it is the last one. Returns whether the response goes on.
    fn pass(&mut self, id: u32, wanted: bool, chunk: Option<&Vec<u8>>, answer: &mut Answer) -> bool {
        let bytes = chunk.cloned().unwrap_or_default();
        let world = self.vm.world();
        world.clock_us += 10;
        if wanted {
            world.chunk.clone_from(&bytes);
            let given = [id, bytes.len() as u32, u32::from(chunk.is_none())];
            if let Err(trap) = self.vm.callback("proxy_on_response_body", &given) {
                self.vm.traps.push(trap);
            }
        }
        let variable = self.vm.world().variables.get_mut("headgate_response_chunk");
        match variable.map(std::mem::take).as_deref() {
            None | Some(b"") => answer.body.extend(bytes),
            Some(b"\x01") => return false,
            Some(b"\0") => {}
            Some(other) => answer.body.extend(other),
        }
        true
    }
}

/// An answer of the filter, on which all response callbacks run too.
fn from_reply(reply: LocalReply) -> Proxied {
    if reply.body.is_empty() {
        return Proxied::page(reply.status as u16, String::new());
    }
    Proxied { status: reply.status as u16, headers: reply.headers, chunks: vec![reply.body], statuses: String::new() }
}

/// An answer of another plugin of APISIX.
fn from_plugin(status: u16) -> Proxied {
    let body = b"{\"message\":\"of another plugin\"}".to_vec();
    let headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("content-length".to_owned(), body.len().to_string()),
    ];
    Proxied { status, headers, chunks: vec![body], statuses: String::new() }
}

fn own_page(status: u16) -> Answer {
    let body = br#"{"error_msg":"404 Route Not Found"}"#.to_vec();
    Answer { status, body, whole: true, ..Answer::default() }
}
