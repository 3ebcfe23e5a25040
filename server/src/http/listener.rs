//! Accepts connections, as many as may be at once, and reads their requests in time.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::BoxFuture;
use hyper::body::{Body as _, Incoming as Body};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics::counter;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;

use super::preview::Answer;
use super::stream::Stream;

/// Bytes of what the kernel takes for a peer on this machine, which it doubles: a key's echo waits behind no more.
const UNIX_BUFFER: usize = 64 << 10;

/// Bytes of a request's head, and of what hyper may read ahead of it and hold of its answer.
pub(crate) const MAX_HEAD: usize = 16 << 10;

/// Headers of a request.
const MAX_HEADERS: usize = 64;

/// Pause when the system has no descriptor left for a new connection.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Connections that are told at once that there is no place. More are closed without a word.
const REFUSALS: usize = 32;

/// Time that a refused connection has to take its answer.
const REFUSE_WITHIN: Duration = Duration::from_secs(1);

/// Bytes a second at which everybody can take an answer: a long one has more time.
const SLOWEST: u64 = 16 << 10;

/// Bytes of a refused request that are read, so that closing does not take the answer back (RFC 9293, section 3.6.1).
const REFUSED_REQUEST: u64 = 64 << 10;

const BUSY: &str = r#"{"code":"LIMIT_EXCEEDED","message":"the setting `max_connections` is reached"}"#;

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// Where from. Whoever comes by a socket in the file system comes from this machine.
    pub(crate) remote: SocketAddr,
    /// The connection's place among all connections, given back when the last one who knows it has gone.
    pub(crate) place: Arc<OwnedSemaphorePermit>,
}

/// What a connection has of its own.
#[derive(Debug, Default)]
pub(crate) struct Visitor(OnceLock<Arc<OwnedSemaphorePermit>>);

impl Visitor {
    /// Whether it was let in: then it may ask again, and has all time of the world.
    pub(crate) fn is_in(&self) -> bool {
        self.0.get().is_some()
    }

    /// Lets it in, once there is a place, which it keeps until the connection ends.
    pub(crate) fn enter(
        &self,
        place: impl FnOnce() -> Option<Arc<OwnedSemaphorePermit>>,
    ) -> Option<Arc<OwnedSemaphorePermit>> {
        if let Some(place) = self.0.get() {
            return Some(Arc::clone(place));
        }
        let place = place()?;
        Some(Arc::clone(self.0.get_or_init(|| place)))
    }
}

/// What answers requests.
pub(crate) trait Door: Send + Sync + 'static {
    /// Time for a TLS handshake, and for a request and its answer.
    fn handshake_timeout(&self) -> Duration;

    /// Answers one.
    fn answer<'a>(self: Arc<Self>, request: Request<Body>, peer: Peer, visitor: &'a Visitor) -> BoxFuture<'a, Answer>;
}

/// Where connections come from.
pub(crate) enum Listener {
    /// The network, perhaps by TLS.
    Tcp(TcpListener, Option<TlsAcceptor>),
    /// This machine's file system.
    Unix(UnixListener),
}

impl Listener {
    async fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        match self {
            Self::Tcp(listener, _) => listener.accept().await.map(|(stream, remote)| (Stream::Tcp(stream), remote)),
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Stream::Unix(stream), (Ipv4Addr::LOCALHOST, 0).into()))
            }
        }
    }

    fn tls(&self) -> Option<&TlsAcceptor> {
        match self {
            Self::Tcp(_, tls) => tls.as_ref(),
            Self::Unix(_) => None,
        }
    }
}

/// Serves every connection in a task of its own. Never returns.
pub(crate) async fn listen(door: Arc<dyn Door>, listener: Listener, max_connections: usize) {
    let places = Arc::new(Semaphore::new(max_connections));
    let refusals = Arc::new(Semaphore::new(REFUSALS));
    let (mut full, mut lacking) = (false, false);
    loop {
        let (stream, remote) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                if !lacking {
                    let hint = lacks(&error);
                    tracing::warn!(%error, hint, "connections cannot be accepted; it is tried again and again");
                }
                lacking = true;
                tokio::time::sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        lacking = false;
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            if !full {
                tracing::warn!(%remote, "connections are refused: the setting `max_connections` is reached");
            }
            full = true;
            counter!("sandwire_refused_total", "reason" => "max_connections").increment(1);
            // Behind TLS it could be said only after a handshake, for which there is no place either.
            if let (None, Ok(refusal)) = (listener.tls(), Arc::clone(&refusals).try_acquire_owned()) {
                tokio::spawn(refuse(stream, refusal));
            }
            continue;
        };
        full = false;
        let door = Arc::clone(&door);
        let tls = listener.tls().cloned();
        let peer = Peer { remote, place: Arc::new(place) };
        tokio::spawn(async move {
            tracing::debug!(%remote, "connection");
            let Some(stream) = prepare(stream, tls, &*door, remote).await else { return };
            serve(door, stream, peer).await;
        });
    }
}

/// Sets what the kernel holds of a connection, and does its TLS handshake.
async fn prepare(stream: Stream, tls: Option<TlsAcceptor>, door: &dyn Door, remote: SocketAddr) -> Option<Stream> {
    let stream = match stream {
        Stream::Tcp(stream) => stream,
        Stream::Unix(stream) => {
            if let Err(error) = socket2::SockRef::from(&stream).set_send_buffer_size(UNIX_BUFFER) {
                tracing::debug!(%error, "SO_SNDBUF is not set");
            }
            return Some(Stream::Unix(stream));
        }
        Stream::Tls(_) => return Some(stream),
    };
    // Here, because TLS hides the socket from who takes over after the upgrade.
    sandwire_link::tune(&stream);
    let Some(tls) = tls else { return Some(Stream::Tcp(stream)) };
    match tokio::time::timeout(door.handshake_timeout(), tls.accept(stream)).await {
        Ok(Ok(stream)) => return Some(Stream::Tls(Box::new(stream))),
        Ok(Err(error)) => tracing::debug!(%remote, %error, "the TLS handshake failed"),
        Err(_) => tracing::debug!(%remote, "the TLS handshake took too long"),
    }
    None
}

/// What the system has not got for one more connection, and where it is set.
fn lacks(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EMFILE) => "the server has no file descriptor left: raise the hard limit (ulimit -Hn)",
        Some(libc::ENFILE) => "the machine has no file descriptor left: raise fs.file-max",
        Some(libc::ENOBUFS | libc::ENOMEM) => "the kernel has no memory left for sockets",
        Some(_) | None => "",
    }
}

/// Says that there is no place.
async fn refuse(mut stream: impl AsyncRead + AsyncWrite + Unpin, _refusal: OwnedSemaphorePermit) {
    let answer = async {
        let head =
            "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-type: application/json";
        let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{BUSY}", BUSY.len());
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(REFUSED_REQUEST), &mut tokio::io::sink()).await
    };
    if !matches!(tokio::time::timeout(REFUSE_WITHIN, answer).await, Ok(Ok(_))) {
        tracing::debug!("a refused connection did not take the answer");
    }
}

/// Marks an answer as the last of its connection. An upgrade must say nothing but `Upgrade` there: hyper's own
/// `keep_alive(false)` says `Upgrade, close`, which clients refuse.
fn last<B>(mut answer: Response<B>) -> Response<B> {
    if answer.status() != hyper::StatusCode::SWITCHING_PROTOCOLS {
        answer.headers_mut().insert(hyper::header::CONNECTION, hyper::header::HeaderValue::from_static("close"));
    }
    answer
}

/// Answers one request: what comes after it on the connection is a WebSocket or nothing. So one span of time bounds
/// all that a peer can draw out: the head, the body, and taking the answer, for which a long one adds to it. Only who was
/// let in may ask again and take all time: what flows there is a program's.
async fn serve(door: Arc<dyn Door>, stream: Stream, peer: Peer) {
    let within = door.handshake_timeout();
    let remote = peer.remote;
    let answered = Arc::new(AtomicU64::new(0));
    let visitor = Arc::new(Visitor::default());
    let (length, visiting) = (Arc::clone(&answered), Arc::clone(&visitor));
    let service = service_fn(move |request: Request<Body>| {
        let (door, peer) = (Arc::clone(&door), peer.clone());
        let (length, visitor) = (Arc::clone(&length), Arc::clone(&visiting));
        async move {
            let answer = door.answer(request, peer, &visitor).await;
            if visitor.is_in() {
                return Ok::<_, Infallible>(answer);
            }
            length.store(answer.body().size_hint().lower(), Ordering::Relaxed);
            Ok(last(answer))
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(within);
    builder.max_buf_size(MAX_HEAD).max_headers(MAX_HEADERS);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service).with_upgrades());
    let mut ended = tokio::time::timeout(within, &mut connection).await;
    if ended.is_err() {
        let more = Duration::from_secs(answered.load(Ordering::Relaxed) / SLOWEST);
        ended = match visitor.is_in() {
            true => Ok(connection.await),
            false => tokio::time::timeout(more, connection).await,
        };
    }
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%remote, %error, "a connection ended before its request was answered"),
        Err(_) => tracing::debug!(%remote, "a request took too long"),
    }
}
