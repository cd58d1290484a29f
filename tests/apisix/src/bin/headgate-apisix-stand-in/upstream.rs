//! Requests that leave the proxy, over HTTP/1.1: to providers, to checks, to the collector. Each has a connection of its own.
//!
//! As in lua-resty-http, a time limit holds for the connection, and for each wait after it.

use bytes::Bytes;
use headgate_test_apisix::{Begun, Fields, Network, Outgoing, Received};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::io::Error;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::timeout;

/// A network of threads that may wait.
#[derive(Clone)]
pub(crate) struct Upstream(pub(crate) Handle);

/// The next part of a body.
enum Part {
    Bytes(Vec<u8>),
    End,
    Broken,
    /// Nothing has come in time.
    Silence,
}

impl Network for Upstream {
    fn answer(&mut self, request: &Outgoing) -> Received {
        let (begun, limit) = (Instant::now(), limit(request));
        let nothing = || Received::Nothing(begun.elapsed().as_micros() as u64);
        self.0.block_on(async {
            let Ok(answer) = ask(request, limit).await else { return nothing() };
            let (status, headers) = head(&answer);
            let (mut body, mut chunks) = (answer.into_body(), Vec::new());
            loop {
                match next(&mut body, limit).await {
                    Part::Bytes(bytes) => chunks.push(bytes),
                    Part::End => return Received::Answer { status, headers, chunks, breaks_off: false },
                    Part::Broken => return Received::Answer { status, headers, chunks, breaks_off: true },
                    Part::Silence => return nothing(),
                }
            }
        })
    }

    fn begin(&mut self, request: &Outgoing) -> Begun {
        let (begun, limit) = (Instant::now(), limit(request));
        let nothing = || Begun::Nothing(begun.elapsed().as_micros() as u64);
        let Ok(answer) = self.0.block_on(ask(request, limit)) else { return nothing() };
        let (status, headers) = head(&answer);
        let mut body = answer.into_body();
        let first = match self.0.block_on(next(&mut body, limit)) {
            Part::Bytes(bytes) => Some(bytes),
            Part::End | Part::Broken => None,
            Part::Silence => return nothing(),
        };
        let handle = self.0.clone();
        let rest = std::iter::from_fn(move || match handle.block_on(next(&mut body, limit)) {
            Part::Bytes(bytes) => Some(bytes),
            _ => None,
        });
        Begun::Answer { status, headers, chunks: Box::new(first.into_iter().chain(rest)) }
    }
}

fn limit(request: &Outgoing) -> Duration {
    Duration::from_millis(request.timeout_ms)
}

async fn next(body: &mut Incoming, limit: Duration) -> Part {
    loop {
        match timeout(limit, body.frame()).await {
            Err(_) => return Part::Silence,
            Ok(None) => return Part::End,
            Ok(Some(Err(_))) => return Part::Broken,
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(bytes) if !bytes.is_empty() => return Part::Bytes(bytes.to_vec()),
                _ => {}
            },
        }
    }
}

fn head(answer: &Response<Incoming>) -> (u16, Fields) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = answer.headers().iter().map(|(name, value)| (name.to_string(), text(value.as_bytes())));
    (answer.status().as_u16(), headers.collect())
}

/// Connects, sends the request, and waits for the head of its answer.
async fn ask(request: &Outgoing, limit: Duration) -> Result<Response<Incoming>, Error> {
    let stream = timeout(limit, TcpStream::connect(&request.to)).await??;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(Error::other)?;
    tokio::spawn(connection);
    let pseudo =
        |wanted: &str| request.headers.iter().find(|(name, _)| name == wanted).map_or("", |(_, value)| value.as_str());
    let mut asked =
        Request::builder().method(pseudo(":method")).uri(pseudo(":path")).header("host", pseudo(":authority"));
    for (name, value) in request.headers.iter().filter(|(name, _)| !name.starts_with(':') && name != "host") {
        asked = asked.header(name, value);
    }
    let asked = asked.body(Full::new(Bytes::from(request.body.clone()))).map_err(Error::other)?;
    timeout(limit, sender.send_request(asked)).await?.map_err(Error::other)
}
