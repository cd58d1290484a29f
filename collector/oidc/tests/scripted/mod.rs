//! An identity provider on loopback that answers as a test says. It signs with ES256.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{SystemTime, UNIX_EPOCH};

/// The provider; it ends when the value is dropped.
pub(crate) struct ScriptedProvider {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

/// The present script, and what was asked.
pub(crate) struct State {
    issuer: String,
    /// The key that signs, and its id.
    key: (u32, EcdsaKeyPair),
    /// Whether the key is published.
    pub(crate) publishes: bool,
    /// Whether tokens are signed with a key of somebody else.
    pub(crate) forges: bool,
    /// Members of the head that go before the usual ones.
    pub(crate) head: Value,
    /// Claims that go before the usual ones.
    pub(crate) claims: Value,
    /// The time of its clock, s; `None` is the true one.
    pub(crate) now_s: Option<i64>,
    /// Whether it answers.
    pub(crate) is_away: bool,
    /// The fields of each sign-in by its code.
    began: HashMap<String, HashMap<String, String>>,
    codes: u32,
    /// Requests by path.
    pub(crate) asked: HashMap<String, u32>,
    stops: bool,
}

fn new_key() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random).unwrap()
}

impl ScriptedProvider {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = State {
            issuer: format!("http://{address}"),
            key: (1, new_key()),
            publishes: true,
            forges: false,
            head: json!({}),
            claims: json!({}),
            now_s: None,
            is_away: false,
            began: HashMap::new(),
            codes: 0,
            asked: HashMap::new(),
            stops: false,
        };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.lock().unwrap().stops {
                    return;
                }
                // A client that has gone is no fault.
                let _ = stream.and_then(|stream| answer(&shared, stream));
            }
        });
        Self { address, state }
    }

    pub(crate) fn issuer(&self) -> String {
        self.lock().issuer.clone()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Replaces the key.
    pub(crate) fn rotate(&self) {
        let mut state = self.lock();
        state.key = (state.key.0 + 1, new_key());
    }

    /// Returns how often a path was asked for.
    pub(crate) fn asked(&self, path: &str) -> u32 {
        self.lock().asked.get(path).copied().unwrap_or(0)
    }

    /// Accepts a sign-in that was begun at this address; returns the query of its callback.
    pub(crate) fn accept(&self, authorization_url: &str) -> String {
        let query = authorization_url.split_once('?').unwrap().1;
        let fields: HashMap<_, _> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let mut state = self.lock();
        state.codes += 1;
        let code = format!("code-{}", state.codes);
        let callback = form_urlencoded::Serializer::new(String::new())
            .append_pair("code", &code)
            .append_pair("state", &fields["state"])
            .append_pair("iss", &state.issuer)
            .finish();
        state.began.insert(code, fields);
        callback
    }
}

impl Drop for ScriptedProvider {
    fn drop(&mut self) {
        if let Ok(mut state) = self.state.lock() {
            state.stops = true;
        }
        let _ = TcpStream::connect(self.address);
    }
}

fn answer(state: &Mutex<State>, mut stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut head, mut length) = (String::new(), 0);
    reader.read_line(&mut head)?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? <= 2 {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let path = head.split(' ').nth(1).unwrap_or_default();
    let Some(reply) = state.lock().unwrap().reply(path, &body) else { return Ok(()) };
    let text = reply.to_string();
    write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{text}", text.len())
}

impl State {
    fn reply(&mut self, path: &str, body: &[u8]) -> Option<Value> {
        *self.asked.entry(path.to_owned()).or_default() += 1;
        if self.is_away {
            return None;
        }
        let issuer = &self.issuer;
        Some(match path {
            "/token" => json!({"id_token": self.id_token(body), "access_token": "CANARY"}),
            "/keys" if !self.publishes => json!({"keys": []}),
            "/keys" => {
                let point = self.key.1.public_key().as_ref();
                let [x, y] = [&point[1..33], &point[33..]].map(|part| URL_SAFE_NO_PAD.encode(part));
                json!({"keys": [{"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": self.key.0.to_string()}]})
            }
            _ => json!({
                "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
                "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys"),
            }),
        })
    }

    fn id_token(&mut self, body: &[u8]) -> String {
        let form: HashMap<_, _> = form_urlencoded::parse(body).into_owned().collect();
        let began = self.began.remove(form["code"].as_str()).unwrap();
        let true_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let now_s = self.now_s.unwrap_or(i64::try_from(true_s).unwrap());
        let mut claims = json!({
            "iss": self.issuer, "sub": "ann", "aud": began["client_id"], "nonce": began["nonce"], "iat": now_s,
            "exp": now_s + 300, "email": "ann@example.com", "groups": ["ops"],
        });
        for (name, value) in self.claims.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let mut head = json!({"alg": "ES256", "kid": self.key.0.to_string()});
        for (name, value) in self.head.as_object().unwrap() {
            head[name] = value.clone();
        }
        let [head, claims] = [head, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{head}.{claims}");
        let stranger = new_key();
        let key = if self.forges { &stranger } else { &self.key.1 };
        let signature = key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
