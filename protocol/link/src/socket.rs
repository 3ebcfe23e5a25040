//! The two halves of a socket. WebSocket frames are read by tungstenite; written frames are laid out by the writer, so
//! that a payload goes to the kernel from where it is.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use sandwire_protocol::limits::MAX_FRAME;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
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
        Self { read: Box::new(read), write: Box::new(write), leftover }
    }

    /// Any other byte stream, for example TLS. The TCP connection below it wants to be [tuned](tune) too.
    pub fn stream(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, leftover: Vec<u8>) -> Self {
        let (read, write) = tokio::io::split(stream);
        Self { read: Box::new(read), write: Box::new(write), leftover }
    }
}

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
}

impl ReadSide {
    pub(crate) const fn new(read: BoxRead, signal: Arc<Signal>) -> Self {
        Self { read, signal }
    }
}

impl AsyncRead for ReadSide {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.read).poll_read(cx, buf)
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
