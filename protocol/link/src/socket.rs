//! The two halves of a socket. WebSocket frames are read by tungstenite; written frames are laid out by the writer, so
//! that a payload goes to the kernel from where it is.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use sandwire_protocol::limits::{MAX_DATA, MAX_FRAME};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::signal::Signal;

/// Bytes not yet sent that the kernel takes for one connection. More would wait there in an order that cannot be
/// changed any more, and a key's echo with it.
const NOTSENT_LOWAT: u32 = 128 << 10;

/// Bytes that one read takes in. An idle connection holds a buffer of this size.
const READ_BUFFER: usize = 8 << 10;

type BoxRead = Box<dyn AsyncRead + Send + Unpin>;
type BoxWrite = Box<dyn AsyncWrite + Send + Unpin>;

/// A byte stream below a WebSocket, whose HTTP upgrade is done.
pub struct Socket {
    pub(crate) read: BoxRead,
    pub(crate) write: BoxWrite,
    /// What was read behind the upgrade already.
    pub(crate) leftover: Vec<u8>,
    /// Places for long messages.
    long: Option<Arc<Semaphore>>,
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Socket").finish_non_exhaustive()
    }
}

impl Socket {
    /// A TCP connection, which is [tuned](tune).
    pub fn tcp(stream: TcpStream, leftover: Vec<u8>) -> Self {
        tune(&stream);
        let (read, write) = stream.into_split();
        Self { read: Box::new(read), write: Box::new(write), leftover, long: None }
    }

    /// Any other byte stream, for example TLS. The TCP connection below it wants to be [tuned](tune) too.
    pub fn stream(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, leftover: Vec<u8>) -> Self {
        let (read, write) = tokio::io::split(stream);
        Self { read: Box::new(read), write: Box::new(write), leftover, long: None }
    }

    /// Reads messages longer than [`SHORT`] only while it has one of these places, which connections share: each of them
    /// holds up to two buffers of [`MAX_FRAME`].
    #[must_use]
    pub fn sharing(self, long: Arc<Semaphore>) -> Self {
        Self { long: Some(long), ..self }
    }

    pub(crate) fn split(self, signal: &Arc<Signal>) -> (ReadSide, Vec<u8>, BoxWrite) {
        let gate = self.long.map(|places| Gate { places, waiting: None, place: None, read: self.leftover.len() });
        (ReadSide { read: self.read, signal: Arc::clone(signal), gate }, self.leftover, self.write)
    }
}

/// Bytes of an unfinished message that every connection may hold: the largest DATA frame with all that is around it.
pub const SHORT: usize = MAX_DATA + (16 << 10);

/// Sets TCP_NODELAY and TCP_NOTSENT_LOWAT (tcp(7)), as far as the system has them: a key's echo neither waits for an
/// acknowledgement nor behind what the kernel has taken already.
pub fn tune(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY is not set");
    }
    #[cfg(target_os = "linux")]
    if let Err(error) = socket2::SockRef::from(stream).set_tcp_notsent_lowat(NOTSENT_LOWAT) {
        tracing::debug!(%error, "TCP_NOTSENT_LOWAT is not set");
    }
}

/// The bounds that tungstenite is given.
pub fn websocket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_FRAME)
        .max_message_size(Some(MAX_FRAME))
        .max_frame_size(Some(MAX_FRAME))
}

/// The read half, as tungstenite sees it: what it writes (PONG, the answer to CLOSE) goes to the writer.
pub(crate) struct ReadSide {
    read: BoxRead,
    signal: Arc<Signal>,
    gate: Option<Gate>,
}

/// What keeps too many connections from holding long messages at once.
struct Gate {
    places: Arc<Semaphore>,
    waiting: Option<Waiting>,
    place: Option<OwnedSemaphorePermit>,
    /// Bytes read since the last message was whole.
    read: usize,
}

type Waiting = Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>> + Send + Sync>>;

impl Gate {
    /// Whether more of the message may be read.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.read <= SHORT || self.place.is_some() {
            return Poll::Ready(());
        }
        let places = &self.places;
        let waiting = self.waiting.get_or_insert_with(|| {
            let places = Arc::clone(places);
            // Never closed.
            Box::pin(async move { places.acquire_owned().await.ok() })
        });
        waiting.as_mut().poll(cx).map(|place| {
            self.waiting = None;
            self.place = place;
        })
    }
}

impl ReadSide {
    /// The message is whole.
    pub(crate) fn end_message(&mut self) {
        if let Some(gate) = &mut self.gate {
            (gate.read, gate.place) = (0, None);
        }
    }
}

impl AsyncRead for ReadSide {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(gate) = &mut self.gate {
            std::task::ready!(gate.poll_open(cx));
        }
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.read).poll_read(cx, buf);
        if let Some(gate) = &mut self.gate {
            gate.read += buf.filled().len() - before;
        }
        polled
    }
}

impl AsyncWrite for ReadSide {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.signal.control(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
