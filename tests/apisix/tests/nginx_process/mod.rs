//! A real nginx with the rendered lines, a client, and a provider that does as it is told.

use crate::common::rendered_from;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);
const REMEDY: &str = "nginx is missing: install it with its Lua module (apt-get install nginx libnginx-mod-http-lua)";

const POLICY: &str = r#"
environment: test
listen: 127.0.0.1:1
collector: {url: "http://127.0.0.1:3"}
providers: {alpha: {format: openai, url: "http://127.0.0.1:2/v1"}}
models: {chat: {targets: [{provider: alpha, model: gpt-4o-mini}]}}
prices: {alpha/gpt-4o-mini: {input: 0, output: 0}}
"#;

/// nginx as APISIX runs it around the filter.
pub(crate) struct NginxProcess {
    address: SocketAddr,
    process: Child,
    folder: tempfile::TempDir,
}

impl NginxProcess {
    /// Starts it, and waits until it listens.
    pub(crate) fn start(provider: &Provider) -> Self {
        assert!(Path::new("/usr/lib/nginx/modules/ngx_http_lua_module.so").exists(), "{REMEDY}");
        let folder = tempfile::tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        std::fs::write(folder.path().join("nginx.conf"), configuration(address, provider.address)).unwrap();
        let process = Command::new("/usr/sbin/nginx")
            .arg("-p")
            .arg(folder.path())
            .args(["-c", "nginx.conf", "-e", "error.log"])
            .stdin(Stdio::null())
            .spawn()
            .expect(REMEDY);
        let nginx = Self { address, process, folder };
        let listens = (0..500).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            TcpStream::connect(address).is_ok()
        });
        assert!(listens, "{}", nginx.log());
        nginx
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("error.log")).unwrap_or_default()
    }

    /// Returns the record that the log phase has found.
    pub(crate) fn record(&self) -> String {
        let found = (0..500).find_map(|_| {
            std::thread::sleep(Duration::from_millis(20));
            let log = self.log();
            let (_, rest) = log.split_once("<record>")?;
            Some(rest.split_once("</record>")?.0.to_owned())
        });
        found.unwrap_or_else(|| panic!("the log phase has not come: {}", self.log()))
    }
}

impl Drop for NginxProcess {
    fn drop(&mut self) {
        // A kill would leave its worker behind.
        let _ = Command::new("/usr/sbin/nginx")
            .arg("-p")
            .arg(self.folder.path())
            .args(["-c", "nginx.conf", "-e", "error.log", "-s", "stop"])
            .status();
        let _ = self.process.wait();
    }
}

/// Returns nginx's configuration: the rendered lines, around lines that play the filter.
fn configuration(listen: SocketAddr, provider: SocketAddr) -> String {
    let rendered = rendered_from(POLICY, Vec::new());
    let config: Value = serde_json::from_str(&rendered.config).unwrap();
    let rules: Value = serde_json::from_str(rendered.rules.strip_suffix("#END\n").unwrap()).unwrap();
    let snippet = config["nginx_config"]["http_server_location_configuration_snippet"].as_str().unwrap();
    let of = |plugins: &Value, name: &str, phase: &str| {
        assert_eq!(plugins[name]["phase"], phase);
        plugins[name]["functions"][0].as_str().unwrap().to_owned()
    };
    let body_shim = of(&rules["routes"][0]["plugins"], "serverless-pre-function", "access");
    let chunk_shim = of(&rules["global_rules"][0]["plugins"], "serverless-post-function", "body_filter");
    format!(
        r#"load_module /usr/lib/nginx/modules/ndk_http_module.so;
load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;
daemon off; worker_processes 1; pid nginx.pid; error_log error.log warn;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  server {{
    listen {listen};
    location / {{
{snippet}
      access_by_lua_block {{
        ngx.var.headgate_request_body = ngx.var.http_x_filter_body or ""
        loadstring([==[{body_shim}]==])()()
      }}
      body_filter_by_lua_block {{
        local filtered = {{["secret\n"] = "masked\n", ["hidden\n"] = "\0", ["forbidden\n"] = "\1",
          ["short\n"] = "a longer text than that of the provider\n"}}
        ngx.var.headgate_record = "record of the filter"
        ngx.var.headgate_response_chunk = filtered[ngx.arg[1]] or ""
        loadstring([==[{chunk_shim}]==])()()
      }}
      log_by_lua_block {{
        ngx.log(ngx.WARN, "<record>" .. ngx.var.headgate_record .. "</record>")
      }}
      proxy_http_version 1.1; proxy_buffering off; proxy_pass http://{provider};
    }}
  }}
}}
"#
    )
}

/// The provider: it answers with the chunks that a test gives it.
pub(crate) struct Provider {
    address: SocketAddr,
    seen: Receiver<String>,
    chunks: Sender<String>,
    left: Receiver<()>,
}

impl Provider {
    /// Starts a provider for one request.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let ((seen_by, seen), (chunks, to_send), (leaves, left)) = (channel(), channel(), channel());
        std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            seen_by.send(read_request(&stream)).unwrap();
            serve(&stream, &to_send);
            // Nothing more comes from a proxy; the end of its stream does.
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let _ = (&stream).read(&mut [0; 64]).map(|read| (read == 0).then(|| leaves.send(())));
        });
        Self { address, seen, chunks, left }
    }

    /// Returns the request, once it has come.
    pub(crate) fn request(&self) -> String {
        self.seen.recv_timeout(PATIENCE).unwrap()
    }

    /// Whether nothing has come.
    pub(crate) fn has_seen_nothing(&self) -> bool {
        self.seen.recv_timeout(Duration::from_millis(300)).is_err()
    }

    /// Sends a chunk.
    pub(crate) fn send(&self, chunk: &str) {
        self.chunks.send(chunk.to_owned()).unwrap();
    }

    /// Ends the answer.
    pub(crate) fn end(&self) {
        self.send("");
    }

    /// Waits until the proxy has left. The thread reads only when it has nothing to send.
    pub(crate) fn sees_the_proxy_leave(self) -> bool {
        drop(self.chunks);
        self.left.recv_timeout(PATIENCE).is_ok()
    }
}

fn read_request(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        head.push_str(&line);
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" || line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    head + &String::from_utf8(body).unwrap()
}

fn serve(mut stream: &TcpStream, chunks: &Receiver<String>) {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut begun = false;
    for chunk in chunks {
        let text = format!("{:x}\r\n{chunk}\r\n", chunk.len());
        let text = if begun { text } else { format!("{head}{text}") };
        begun = true;
        if stream.write_all(text.as_bytes()).is_err() || chunk.is_empty() {
            return;
        }
    }
}

/// A client with one request.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects.
    pub(crate) fn connect(nginx: &NginxProcess) -> Self {
        let stream = TcpStream::connect(nginx.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    /// Sends a request.
    pub(crate) fn send(&mut self, line: &str, headers: &str, body: &str) {
        let length = body.len();
        let text = format!("{line} HTTP/1.1\r\nhost: gateway\r\n{headers}content-length: {length}\r\n\r\n{body}");
        self.stream.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// Reads the head of the response.
    pub(crate) fn status(&mut self) -> u16 {
        let first = self.line().unwrap();
        while self.line().is_some_and(|line| line != "\r\n") {}
        first.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// Reads a chunk; an empty one is the end. `None` if the stream broke off.
    pub(crate) fn chunk(&mut self) -> Option<String> {
        let size = usize::from_str_radix(self.line()?.trim(), 16).unwrap();
        let mut bytes = vec![0; size + 2];
        self.stream.read_exact(&mut bytes).ok()?;
        bytes.truncate(size);
        Some(String::from_utf8(bytes).unwrap())
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
        Some(line)
    }
}
