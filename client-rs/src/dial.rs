//! From a URL to a socket whose upgrade is done.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sandwire_link::{Socket, websocket_config};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Request, Uri};
use tokio_tungstenite::tungstenite::{self};

use crate::error::Error;

/// Where to connect, and how to prove that we may.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) token: Option<String>,
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) timeout: Duration,
}

/// A connection on which nothing was said yet.
pub(crate) enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Target {
    /// The URL with what a person may leave out: `host:port` and `http://…` are `ws://…`, and the path is
    /// `/v1/connect` unless there is one.
    pub(crate) fn complete(url: &str) -> String {
        let url = url.trim();
        let (scheme, rest) = match url.split_once("://") {
            Some(("http", rest)) => ("ws", rest),
            Some(("https", rest)) => ("wss", rest),
            Some((scheme, rest)) => (scheme, rest),
            None => ("ws", url),
        };
        match rest.find(['/', '?']) {
            None => format!("{scheme}://{rest}/v1/connect"),
            Some(at) => {
                let (host, path) = rest.split_at(at);
                match path.strip_prefix('/').unwrap_or(path) {
                    "" => format!("{scheme}://{host}/v1/connect"),
                    query if query.starts_with('?') => format!("{scheme}://{host}/v1/connect{query}"),
                    path => format!("{scheme}://{host}/{path}"),
                }
            }
        }
    }

    /// Makes the connection and the upgrade.
    pub(crate) async fn dial(&self) -> Result<Socket, Error> {
        match tokio::time::timeout(self.timeout, self.dial_now()).await {
            Ok(result) => result,
            Err(_) => Err(self.failed(format!("no answer within {} s", self.timeout.as_secs_f32()))),
        }
    }

    async fn dial_now(&self) -> Result<Socket, Error> {
        let request = self.request()?;
        match self.transport(request.uri()).await? {
            Transport::Plain(stream) => Ok(Socket::tcp(self.upgrade(request, stream).await?, Vec::new())),
            Transport::Tls(stream) => Ok(Socket::stream(self.upgrade(request, *stream).await?, Vec::new())),
        }
    }

    /// Connects to the host of a URL, by TLS when the URL says so.
    pub(crate) async fn transport(&self, uri: &Uri) -> Result<Transport, Error> {
        let (host, port, tls) = address(uri).map_err(|reason| self.unusable(reason))?;
        let stream = TcpStream::connect((host.as_str(), port))
            .await
            .map_err(|error| self.failed(format!("{host}:{port}: {error}")))?;
        if !tls {
            return Ok(Transport::Plain(stream));
        }
        let name = ServerName::try_from(host.clone()).map_err(|error| self.unusable(&error.to_string()))?;
        stream.set_nodelay(true)?;
        let config = self.tls.clone().unwrap_or_else(default_tls);
        let stream = TlsConnector::from(config)
            .connect(name, stream)
            .await
            .map_err(|error| self.failed(tls_failure(&host, &error)))?;
        Ok(Transport::Tls(Box::new(stream)))
    }

    fn request(&self) -> Result<Request<()>, Error> {
        let mut request = self.url.as_str().into_client_request().map_err(|error| self.unusable(&error.to_string()))?;
        if let Some(bearer) = self.bearer()? {
            request.headers_mut().insert("Authorization", bearer);
        }
        Ok(request)
    }

    /// The token, as a header carries it.
    pub(crate) fn bearer(&self) -> Result<Option<HeaderValue>, Error> {
        let Some(token) = &self.token else { return Ok(None) };
        let mut value = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| self.failed("the token has characters that a header cannot carry".to_owned()))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    /// The server says nothing before HELLO, so that nothing can have been read behind the upgrade.
    async fn upgrade<S>(&self, request: Request<()>, stream: S) -> Result<S, Error>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    {
        match tokio_tungstenite::client_async_with_config(request, stream, Some(websocket_config())).await {
            Ok((socket, _)) => Ok(socket.into_inner()),
            Err(tungstenite::Error::Http(response)) => {
                let body = response.body().as_deref().unwrap_or_default();
                let body =
                    String::from_utf8_lossy(body.get(..body.len().min(400)).unwrap_or_default()).trim().to_owned();
                Err(Error::Refused { status: response.status().as_u16(), body })
            }
            Err(error) => Err(self.failed(error.to_string())),
        }
    }

    pub(crate) fn failed(&self, reason: String) -> Error {
        Error::Connect { url: self.url.clone(), reason }
    }

    pub(crate) fn unusable(&self, reason: &str) -> Error {
        Error::Url { url: self.url.clone(), reason: reason.to_owned() }
    }
}

/// What went wrong with TLS, and what to do where that is known.
fn tls_failure(host: &str, error: &io::Error) -> String {
    use tokio_rustls::rustls::{CertificateError, Error as Tls};
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<Tls>());
    let hint = if matches!(cause, Some(Tls::InvalidMessage(_))) {
        "; does the server speak TLS at all? Without it the URL begins with ws://"
    } else if matches!(cause, Some(Tls::InvalidCertificate(CertificateError::UnknownIssuer))) {
        "; a certificate of your own must be given as one to trust"
    } else {
        ""
    };
    format!("TLS with {host}: {error}{hint}")
}

fn address(uri: &Uri) -> Result<(String, u16, bool), &'static str> {
    let tls = match uri.scheme_str() {
        Some("ws") => false,
        Some("wss") => true,
        Some(_) | None => return Err("it must begin with ws://, wss://, http:// or https://"),
    };
    let host = uri.host().filter(|host| !host.is_empty()).ok_or("it has no host")?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    // A port that is no number of 16 bits is dropped by the parser without a word.
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let tail = authority.rsplit(['@', ']']).next().unwrap_or_default();
    match (uri.port_u16(), tail.rsplit_once(':')) {
        (Some(port @ 1..), _) => Ok((host, port, tls)),
        (None, None | Some((_, ""))) => Ok((host, if tls { 443 } else { 80 }, tls)),
        (Some(0), _) | (None, Some(_)) => Err("its port is no number from 1 to 65535"),
    }
}

fn default_tls() -> Arc<ClientConfig> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

/// TLS settings that trust the certificates of a PEM file and no others.
pub(crate) fn tls_from_file(path: &Path) -> Result<Arc<ClientConfig>, Error> {
    let unusable = |reason: String| Error::Io(io::Error::other(format!("{}: {reason}", path.display())));
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| unusable(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unusable("there is no certificate in it".to_owned()));
    }
    Ok(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}

#[cfg(test)]
mod tests {
    use super::{Target, Uri, address};

    #[test]
    fn a_port_is_never_made_up() {
        let port = |url: &'static str| address(&Uri::from_static(url)).map(|(_, port, _)| port);
        assert_eq!((port("ws://h/"), port("wss://h/"), port("ws://[::1]/")), (Ok(80), Ok(443), Ok(80)));
        assert_eq!((port("ws://h:7070/"), port("ws://[::1]:7070/"), port("ws://u:p@h/")), (Ok(7070), Ok(7070), Ok(80)));
        assert!(port("ws://h:99999/").is_err() && port("ws://[::1]:99999/").is_err() && port("ws://h:0/").is_err());
    }

    #[test]
    fn what_is_left_out_of_a_url_is_added() {
        for (given, full) in [
            ("localhost:7070", "ws://localhost:7070/v1/connect"),
            ("http://h:1", "ws://h:1/v1/connect"),
            ("https://h/", "wss://h/v1/connect"),
            ("wss://h/a/b?t=1", "wss://h/a/b?t=1"),
            ("ws://h?ticket=x", "ws://h/v1/connect?ticket=x"),
            ("[::1]:7070", "ws://[::1]:7070/v1/connect"),
        ] {
            assert_eq!(Target::complete(given), full, "{given}");
        }
    }
}
