//! `sandwire-server health`: asks the server of this machine whether it serves, for images that have no curl.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::config::Settings;

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
    let address = Settings::local(settings.listen());
    let answer = ask(address).map_err(|error| {
        format!("{address} does not answer: {error}; is the server there, and are its settings the same?")
    })?;
    let line = String::from_utf8_lossy(answer.split(|byte| *byte == b'\r').next().unwrap_or_default());
    match line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)) {
        None if settings.tls_cert.is_some() && answer.first() == Some(&ALERT) => Ok(()),
        Some("200") if settings.tls_cert.is_none() => Ok(()),
        Some("503") => Err(format!("{address} is draining")),
        Some(_) | None => Err(format!("{address} answers {line:?}; are its settings the same?")),
    }
}

/// The first line of the answer, or a part of it.
fn ask(address: SocketAddr) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes())?;
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
