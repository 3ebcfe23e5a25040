//! `sandwire-server health`: asks the server of this machine whether it serves, for images that have no curl.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned,
};

use crate::config::{Listen, Settings};

/// For each step. A server that takes longer serves nobody.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks `/healthz` of the server that runs with these settings on this machine.
///
/// # Errors
/// Why it does not serve: a sentence that names its address. Draining is one reason.
pub fn health(settings: &Settings) -> Result<(), String> {
    let listen = settings.listen();
    let (shown, status) = match &listen {
        Listen::Tcp(address) => {
            let address = Listen::local(*address);
            (address.to_string(), ask(address, settings.tls_cert.is_some()))
        }
        Listen::Unix(path) => (listen.to_string(), ask_socket(path)),
    };
    let status = status.map_err(|error| {
        format!("{shown} does not answer: {error}; is the server there, and are its settings the same?")
    })?;
    match status.split(' ').nth(1) {
        Some("200") => Ok(()),
        Some("503") => Err(format!("{shown} is draining")),
        Some(_) | None => Err(format!("{shown} answers {status:?}; are its settings the same?")),
    }
}

fn ask_socket(path: &Path) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    exchange(&mut stream, "localhost")
}

/// The first line of the answer.
fn ask(address: SocketAddr, tls: bool) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    if !tls {
        return exchange(&mut stream, &address.to_string());
    }
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(std::io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Any(provider)))
        .with_no_client_auth();
    let connection =
        ClientConnection::new(Arc::new(config), ServerName::from(address.ip())).map_err(std::io::Error::other)?;
    exchange(&mut StreamOwned::new(connection, stream), &address.to_string())
}

fn exchange(stream: &mut (impl Read + Write), host: &str) -> std::io::Result<String> {
    stream.write_all(format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut start = [0; 64];
    let mut length = 0;
    while length < start.len() && !start[..length].contains(&b'\r') {
        match stream.read(&mut start[length..])? {
            0 => break,
            read => length += read,
        }
    }
    let line = start[..length].split(|byte| *byte == b'\r').next().unwrap_or_default();
    Ok(String::from_utf8_lossy(line).into_owned())
}

/// Takes every certificate: nothing is told to the server, and whose it is makes no difference to whether it serves.
#[derive(Debug)]
struct Any(Arc<CryptoProvider>);

impl ServerCertVerifier for Any {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
