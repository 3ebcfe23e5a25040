//! `sandwire-server health`: asks the server of this machine whether it serves, for images that have no curl.

use std::io::{Read, Result as IoResult, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::config::{Listen, Settings};

/// For each step. A server that takes longer serves nobody.
const PATIENCE: Duration = Duration::from_secs(3);

/// How a TLS server answers what is no TLS: a record that is an alert.
const ALERT: u8 = 21;

/// Asks `/healthz` of the server that runs with these settings on this machine. One with TLS is only seen to answer: to ask more
/// would take a TLS client, which the program has no other use for.
///
/// # Errors
/// Why it does not serve: a sentence that names its address. Draining is one reason, without TLS.
pub fn health(settings: &Settings) -> Result<(), String> {
    let listen = settings.listen();
    let (shown, answer) = match &listen {
        Listen::Tcp(address) => {
            let address = Listen::local(*address);
            (address.to_string(), ask_port(address))
        }
        Listen::Unix(path) => (listen.to_string(), ask_socket(path)),
    };
    let answer = answer.map_err(|error| {
        format!("{shown} does not answer: {error}; is the server there, and are its settings the same?")
    })?;
    let line = String::from_utf8_lossy(answer.split(|byte| *byte == b'\r').next().unwrap_or_default());
    match line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)) {
        None if settings.tls_cert.is_some() && answer.first() == Some(&ALERT) => Ok(()),
        Some("200") if settings.tls_cert.is_none() => Ok(()),
        Some("503") => Err(format!("{shown} is draining")),
        Some(_) | None => Err(format!("{shown} answers {line:?}; are its settings the same?")),
    }
}

fn ask_port(address: SocketAddr) -> IoResult<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    ask(&mut stream, &address.to_string())
}

fn ask_socket(path: &Path) -> IoResult<Vec<u8>> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    ask(&mut stream, "localhost")
}

/// The first line of the answer, or a part of it.
fn ask(stream: &mut (impl Read + Write), host: &str) -> IoResult<Vec<u8>> {
    stream.write_all(format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut start = [0; 64];
    let mut length = 0;
    while length < start.len() && !start[..length].contains(&b'\r') {
        match stream.read(&mut start[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            // It may cut the connection behind an alert.
            Err(_) if length > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(start[..length].to_vec())
}
