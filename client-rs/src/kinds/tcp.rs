//! Byte streams to ports in the sandbox.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::{StreamExt, future};
use sandwire_link::Reply;
use sandwire_protocol::kind::TcpConnect;
pub use sandwire_protocol::kind::tcp::Connect;
use sandwire_protocol::kind::tcp::Down;
use sandwire_protocol::{Code, Error as RemoteError};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::stream::{Reader, Writer, replies};
use crate::client::Client;
use crate::error::{Error, to_io};

impl Client {
    /// Connects to a port on the sandbox's localhost.
    ///
    /// # Errors
    /// `CONNECT_FAILED`, `INVALID_PORT`, `PERMISSION_DENIED`.
    pub async fn tcp(&self, port: u16) -> Result<Tcp, Error> {
        self.tcp_with(&Connect { port, host: None, timeout_ms: None }).await
    }

    /// Connects as `connect` says.
    ///
    /// # Errors
    /// As [`tcp`](Self::tcp).
    pub async fn tcp_with(&self, connect: &Connect) -> Result<Tcp, Error> {
        let call = self.open::<TcpConnect>(connect)?;
        loop {
            match call.recv().await {
                Reply::Event(Down::Connected {}) => break,
                Reply::Data(..) | Reply::End(_) => {}
                Reply::Closed(Err(error)) => return Err(error.into()),
                Reply::Closed(Ok(_)) => {
                    let message = "the connection ended before it stood";
                    return Err(RemoteError::new(Code::ConnectFailed, message).into());
                }
            }
        }
        let call = Arc::new(call);
        let chunks = replies(Arc::clone(&call)).map(|reply| match reply {
            Reply::Data(_, data) => Some(Some(Ok(data))),
            Reply::Event(_) => Some(None),
            Reply::Closed(Err(error)) => Some(Some(Err(to_io(error)))),
            Reply::End(_) | Reply::Closed(Ok(_)) => None,
        });
        let chunks =
            chunks.take_while(|item| future::ready(item.is_some())).filter_map(|item| future::ready(item.flatten()));
        Ok(Tcp { reader: Reader::new(Box::pin(chunks)), writer: Writer::new(call) })
    }
}

/// A connection to a port in the sandbox: `AsyncRead` and `AsyncWrite`. A shutdown is a half-close; dropping it closes
/// both directions.
///
/// ```
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (server, client) = sandwire_tests::doc::served().await;
/// # let script = "import socket\ns = socket.create_server(('127.0.0.1', 0))\nprint(s.getsockname()[1], flush=True)\nc, _ = s.accept()\nc.sendall(c.recv(100).upper())";
/// # let echo = client.processes().start_argv(["python3", "-c", script]).spawn().await?;
/// # let port = echo.wait_for_log(r"^\d+$", None).await?.line.parse()?;
/// let mut connection = client.tcp(port).await?;
/// connection.write_all(b"hello").await?;
/// let mut answer = [0; 5];
/// connection.read_exact(&mut answer).await?;
/// assert_eq!(&answer, b"HELLO");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Tcp {
    reader: Reader,
    writer: Writer,
}

impl Tcp {
    /// Both directions by themselves.
    pub fn split(self) -> (Reader, Writer) {
        (self.reader, self.writer)
    }
}

impl AsyncRead for Tcp {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.reader).poll_read(cx, buf)
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.writer).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_shutdown(cx)
    }
}
