//! A connection over TCP or TLS, without HTTP.

use crate::Trust;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

/// A connection; each read and write has a time limit.
#[derive(Debug)]
pub enum Stream {
    /// Over TCP.
    Plain(TcpStream),
    /// Over TLS.
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    /// Connects to `tcp://HOST:PORT` or `tls://HOST:PORT`.
    ///
    /// # Errors
    /// The address has another form, or cannot be reached in time.
    pub fn connect(url: &str, time: Duration, trust: &Trust) -> Result<Self> {
        let (scheme, place) = url.split_once("://").ok_or(ErrorKind::InvalidInput)?;
        let tcp = connect(place.trim_end_matches('/'), time)?;
        tcp.set_read_timeout(Some(time))?;
        tcp.set_write_timeout(Some(time))?;
        match scheme {
            "tcp" => Ok(Self::Plain(tcp)),
            "tls" => {
                let host = place.rsplit_once(':').map_or(place, |(host, _)| host);
                let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
                let name = ServerName::try_from(host).map_err(|_| ErrorKind::InvalidInput)?;
                let config = trust.client_config().map_err(tls)?;
                let session = ClientConnection::new(Arc::new(config), name).map_err(tls)?;
                Ok(Self::Tls(Box::new(StreamOwned::new(session, tcp))))
            }
            _ => Err(ErrorKind::InvalidInput.into()),
        }
    }

    /// Ends this side of the connection; the other side may still be read.
    ///
    /// # Errors
    /// The connection is broken.
    pub fn finish(&mut self) -> Result<()> {
        match self {
            Self::Plain(tcp) => tcp.shutdown(Shutdown::Write),
            Self::Tls(stream) => {
                stream.conn.send_close_notify();
                stream.flush()?;
                stream.sock.shutdown(Shutdown::Write)
            }
        }
    }
}

fn connect(place: &str, time: Duration) -> Result<TcpStream> {
    let mut error = Error::from(ErrorKind::NotFound);
    for address in place.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, time) {
            Ok(stream) => return Ok(stream),
            Err(why) => error = why,
        }
    }
    Err(error)
}

fn tls(error: rustls::Error) -> Error {
    Error::new(ErrorKind::InvalidData, error)
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.read(into),
            Self::Tls(stream) => stream.read(into),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> Result<()> {
        match self {
            Self::Plain(tcp) => tcp.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
