//! Clients of the stand-in, over HTTP/1.1.

use crate::body::{Chunked, Chunks, body};
use crate::upstream::Upstream;
use headgate_test_apisix::{Client, ClientRequest, Fields, Shared};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::TokioIo;
use std::io::{Error, ErrorKind};
use std::pin::pin;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, oneshot, watch};

/// Largest body of a request.
const BODY: usize = 64 << 20;
/// Time that a connection has for its first request once the worker ends.
const FIRST_REQUEST: Duration = Duration::from_secs(2);
/// Largest head of a request.
const HEAD: usize = 64 << 10;

type Answered = Response<Chunked>;

/// Accepts connections until the end, and serves all of them.
pub(crate) async fn accept(
    listener: &TcpListener,
    worker: &Shared,
    network: &Upstream,
    mut ends: watch::Receiver<bool>,
) {
    let (open, mut closed) = mpsc::channel::<()>(1);
    loop {
        let stream = tokio::select! {
            _ = ends.changed() => break,
            accepted = listener.accept() => accepted,
        };
        if let Ok((stream, _)) = stream {
            let connection = serve(stream, worker.clone(), network.clone(), ends.clone(), open.clone());
            tokio::spawn(connection);
        }
    }
    drop(open);
    closed.recv().await;
}

async fn serve(
    stream: TcpStream,
    worker: Shared,
    network: Upstream,
    mut ends: watch::Receiver<bool>,
    _open: mpsc::Sender<()>,
) {
    let _ = stream.set_nodelay(true);
    let asked = Notify::new();
    let service = service_fn(|request| {
        asked.notify_one();
        answer(request, worker.clone(), network.clone())
    });
    let mut http = http1::Builder::new();
    http.max_buf_size(HEAD).max_headers(1_000);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = ends.changed() => {}
    }
    // A connection that has not brought a request yet is no idle one.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = asked.notified() => {}
        () = tokio::time::sleep(FIRST_REQUEST) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

/// Answers a request in a thread of its own.
async fn answer(request: Request<Incoming>, worker: Shared, mut network: Upstream) -> Result<Answered, Error> {
    let is_old = request.version() == Version::HTTP_10;
    let request = read(request).await?;
    let (head, answered) = oneshot::channel();
    let handle = Handle::current();
    tokio::task::spawn_blocking(move || {
        let mut client = Connected { handle, head: Some(head), body: None };
        if is_old || request.headers.iter().any(|(name, _)| name == "host") {
            worker.serve(&request, &mut network, &mut client);
        } else {
            client.head(400, Fields::new());
        }
    });
    answered.await.map_err(|_| Error::from(ErrorKind::UnexpectedEof))
}

async fn read(request: Request<Incoming>) -> Result<ClientRequest, Error> {
    let (head, body) = request.into_parts();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = head.headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let body = Limited::new(body, BODY).collect().await.map_err(Error::other)?.to_bytes().to_vec();
    Ok(ClientRequest { method: head.method.to_string(), path, headers, body })
}

/// A client that gets its answer.
struct Connected {
    handle: Handle,
    head: Option<oneshot::Sender<Answered>>,
    body: Option<Chunks>,
}

impl Client for Connected {
    fn head(&mut self, status: u16, headers: Fields) {
        let (chunks, body) = body();
        let mut answer = Response::builder().status(status);
        let of_the_connection = ["connection", "transfer-encoding"];
        for (name, value) in headers.iter().filter(|(name, _)| !of_the_connection.contains(&name.as_str())) {
            answer = answer.header(name, value);
        }
        self.body = Some(chunks);
        let is_sent = self.head.take().is_some_and(|head| head.send(answer.body(body).unwrap()).is_ok());
        if !is_sent {
            self.body = None;
        }
    }

    fn chunk(&mut self, bytes: &[u8]) -> bool {
        let Some(body) = &mut self.body else { return false };
        bytes.is_empty() || body.send(&self.handle, bytes)
    }

    fn cut(&mut self) {
        if let Some(body) = self.body.take() {
            body.cut(&self.handle);
        }
    }
}
