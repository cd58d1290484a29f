//! Compiles the addresses to listen on, and their TLS.

use crate::diagnostic::Report;
use crate::proxy_settings::{ClientCertificates, ListenerTls, Socket};
use crate::scalar;
use crate::tree::Span;
use crate::typed_view::View;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// Largest number of addresses. Envoy opens each once per worker.
const MAX_ADDRESSES: usize = 16;

/// The addresses of the proxy.
#[derive(Debug)]
pub(super) struct Addresses {
    pub(super) listen: Vec<Socket>,
    pub(super) health: Option<Socket>,
    pub(super) admin: Socket,
}

/// An address and its place in the file.
struct Written {
    key: &'static str,
    span: Span,
    address: SocketAddr,
}

impl Addresses {
    /// Compiles the addresses, and reports those that cannot be opened side by side.
    pub(super) fn of(root: View<'_>, report: &mut Report) -> Self {
        let listen: Vec<Written> = root.several("listen").filter_map(|view| written("listen", view)).collect();
        if let Some(list) = root.get("listen").filter(|list| list.text().is_none() && list.is_empty()) {
            report.error(list.span, "there is no address here", "write an address: `listen: 0.0.0.0:8080`");
        }
        if let Some(many) = root.items("listen").nth(MAX_ADDRESSES) {
            report.error(many.span, "there are more than 16 addresses", "remove addresses from here on");
        }
        let health = root.get("health").and_then(|view| written("health", view));
        let admin = root.get("admin").and_then(|view| written("admin", view));
        let is_written = admin.is_some();
        let default = Written { key: "admin", span: root.span, address: ([127, 0, 0, 1], 9901).into() };
        let admin = admin.unwrap_or(default);
        exposed(&admin, report);
        let all: Vec<&Written> = listen.iter().take(MAX_ADDRESSES).chain(&health).collect();
        clashes(&all, report);
        clashes_with_admin(&all, &admin, is_written, report);
        Self { listen: listen.iter().map(socket).collect(), health: health.as_ref().map(socket), admin: socket(&admin) }
    }
}

fn written(key: &'static str, view: View<'_>) -> Option<Written> {
    let address = scalar::socket(view.text()?).ok()?;
    Some(Written { key, span: view.span, address })
}

fn socket(written: &Written) -> Socket {
    Socket { address: written.address.ip().to_string(), port: written.address.port() }
}

fn exposed(admin: &Written, report: &mut Report) {
    if !admin.address.ip().is_loopback() {
        report.warning(
            admin.span,
            "the admin page has no password, and can stop the proxy",
            "write a loopback address, such as `127.0.0.1:9901`",
        );
    }
}

/// Reports addresses of which one includes the other: only one of them could be opened.
fn clashes(all: &[&Written], report: &mut Report) {
    for (number, one) in all.iter().enumerate() {
        let Some(other) = all.iter().take(number).find(|other| overlap(one.address, other.address)) else { continue };
        if one.address == other.address && one.key == other.key {
            report.error(one.span, "this address is repeated", "remove one of the two");
        } else {
            let message = format!("the same port is open for `{}`, under `{}`", other.address, other.key);
            report.error(
                one.span,
                &message,
                "give one of them another port; an address for all interfaces includes the others",
            );
        }
    }
}

/// Reports addresses with the port of the admin page, on whatever interface: it is never taken for a gateway.
fn clashes_with_admin(all: &[&Written], admin: &Written, is_written: bool, report: &mut Report) {
    for one in all.iter().filter(|one| one.address.port() == admin.address.port()) {
        let message = format!("`{}` and `admin` have the same port", one.key);
        report.error(if is_written { admin.span } else { one.span }, &message, "give one of them another port");
    }
}

fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let family = one.is_ipv4() == other.is_ipv4();
    let any = |ip: IpAddr| ip.is_unspecified();
    one.port() == other.port() && (one.ip() == other.ip() || family && (any(one.ip()) || any(other.ip())))
}

/// Compiles the TLS of the addresses.
pub(super) fn tls(root: View<'_>, report: &mut Report) -> Option<ListenerTls> {
    let section = root.get("tls")?;
    let file = |key: &str| section.read(key, path).unwrap_or_default();
    let tls = ListenerTls {
        certificate_file: file("certificate_file"),
        key_file: file("key_file"),
        clients: section.get("client_certificates").map(clients),
    };
    let folder = |file: &str| Path::new(file).parent().map(Path::to_path_buf);
    let both = !tls.certificate_file.is_empty() && !tls.key_file.is_empty();
    if let Some(key) =
        section.get("key_file").filter(|_| both && folder(&tls.key_file) != folder(&tls.certificate_file))
    {
        report.error(
            key.span,
            "the key is in another folder than the certificate, so a new key is not noticed",
            "put both files into one folder",
        );
    }
    Some(tls)
}

fn path(text: &str) -> Result<String, scalar::ScalarError> {
    scalar::Scalar::Path.check(text).map(|()| text.to_owned())
}

fn clients(section: View<'_>) -> ClientCertificates {
    ClientCertificates {
        ca_file: section.read("ca_file", path).unwrap_or_default(),
        required: section.read("required", scalar::flag).unwrap_or(true),
    }
}
