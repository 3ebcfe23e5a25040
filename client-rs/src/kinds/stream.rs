//! Bytes and events of a channel as the usual traits: [`Reader`], [`Writer`], [`Download`], [`Upload`], [`Feed`].
//!
//! None of them keeps more than one chunk (64 KiB) of its own: what is not read stays within the channel's window, and
//! stops the other side.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures_util::stream;
use futures_util::{Stream, StreamExt};
use sandwire_link::{Call, Reply};
use sandwire_protocol::kind::Kind;
use sandwire_protocol::limits::MAX_DATA;
use sandwire_protocol::{Code, Error as RemoteError};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};

use crate::error::{Error, to_io};

/// A stream that may be shared between threads, so that what holds one may be too.
pub(crate) type SyncStream<T> = Pin<Box<dyn Stream<Item = T> + Send + Sync>>;

/// The same for a future.
pub(crate) type SyncFuture<T> = Pin<Box<dyn Future<Output = T> + Send + Sync>>;

/// Everything that comes back on a call, its end last.
pub(crate) fn replies<K: Kind>(call: Arc<Call<K>>) -> SyncStream<Reply<K>> {
    let replies = stream::unfold(Some(call), |call| async {
        let call = call?;
        let reply = call.recv().await;
        let next = if matches!(reply, Reply::Closed(_)) { None } else { Some(call) };
        Some((reply, next))
    });
    Box::pin(replies.fuse())
}

/// Bytes from the sandbox: `AsyncRead`, `AsyncBufRead`, and a stream of chunks without a copy.
///
/// Its end is the true end; when the operation fails or the lane is lost, reading fails with that error.
pub struct Reader {
    chunks: SyncStream<io::Result<Bytes>>,
    rest: Bytes,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

impl Reader {
    pub(crate) fn new(chunks: SyncStream<io::Result<Bytes>>) -> Self {
        Self { chunks, rest: Bytes::new() }
    }

    /// The next chunk, at most 64 KiB; `None` at the end.
    ///
    /// # Errors
    /// What the operation failed with.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        Ok(self.next().await.transpose()?)
    }
}

impl Stream for Reader {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut self.rest))));
        }
        self.chunks.poll_next_unpin(cx)
    }
}

impl AsyncBufRead for Reader {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        while this.rest.is_empty() {
            match ready!(this.chunks.poll_next_unpin(cx)) {
                Some(chunk) => this.rest = chunk?,
                None => break,
            }
        }
        Poll::Ready(Ok(&this.rest))
    }

    fn consume(mut self: Pin<&mut Self>, amount: usize) {
        self.rest.advance(amount);
    }
}

impl AsyncRead for Reader {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let available = ready!(self.as_mut().poll_fill_buf(cx))?;
        let amount = available.len().min(buf.remaining());
        buf.put_slice(available.get(..amount).unwrap_or_default());
        self.consume(amount);
        Poll::Ready(Ok(()))
    }
}

/// Where a [`Writer`] writes to.
pub(crate) trait Target: Send + Sync {
    fn write(self: Arc<Self>, data: Bytes) -> SyncFuture<Result<(), RemoteError>>;
    fn end(&self) -> Result<(), RemoteError>;
}

impl<K: Kind> Target for Call<K> {
    fn write(self: Arc<Self>, data: Bytes) -> SyncFuture<Result<(), RemoteError>> {
        Box::pin(async move { Call::write(&self, 0, data).await })
    }

    fn end(&self) -> Result<(), RemoteError> {
        Call::end(self, 0)
    }
}

/// Bytes into the sandbox: `AsyncWrite`, where shutdown says END. Dropping it without a shutdown says nothing, and what was not
/// flushed may be lost, as with every `AsyncWrite`.
///
/// Writing after the other side has ended fails with `BrokenPipe`.
pub struct Writer {
    target: Arc<dyn Target>,
    pending: Option<SyncFuture<Result<(), RemoteError>>>,
    ended: bool,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl Writer {
    pub(crate) fn new(target: Arc<dyn Target>) -> Self {
        Self { target, pending: None, ended: false }
    }

    /// Sends bytes without copying them.
    ///
    /// # Errors
    /// `BrokenPipe` when the other side has ended.
    pub async fn send(&mut self, data: impl Into<Bytes>) -> io::Result<()> {
        std::future::poll_fn(|cx| self.poll_pending(cx)).await?;
        self.pending = Some(Arc::clone(&self.target).write(data.into()));
        std::future::poll_fn(|cx| self.poll_pending(cx)).await
    }

    fn poll_pending(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(pending) = &mut self.pending {
            let result = ready!(pending.as_mut().poll(cx));
            self.pending = None;
            result.map_err(broken)?;
        }
        Poll::Ready(Ok(()))
    }
}

fn broken(error: RemoteError) -> io::Error {
    if error.code == Code::Cancelled { io::Error::new(io::ErrorKind::BrokenPipe, error) } else { to_io(error) }
}

impl AsyncWrite for Writer {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_pending(cx))?;
        let amount = buf.len().min(MAX_DATA);
        let data = Bytes::copy_from_slice(buf.get(..amount).unwrap_or_default());
        self.pending = Some(Arc::clone(&self.target).write(data));
        // The bytes are taken; an error shows here, at the next write, or at the flush.
        if let Poll::Ready(Err(error)) = self.poll_pending(cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(amount))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_pending(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_pending(cx))?;
        if !self.ended {
            self.ended = true;
            self.target.end().map_err(broken)?;
        }
        Poll::Ready(Ok(()))
    }
}

/// Content that is read from the sandbox, with the result that comes after it.
///
/// It is `AsyncRead`, `AsyncBufRead` and a stream of chunks. Its end is the true end: when the operation fails or the lane is lost, reading fails with that error.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (server, client) = sandwire_tests::doc::served().await;
/// client.exec("seq 1 300000 > numbers").run().await?;
/// let mut download = client.files().read("numbers")?;
/// let mut local = tokio::fs::File::from_std(tempfile::tempfile()?);
/// let bytes = tokio::io::copy(&mut download, &mut local).await?;
///
/// // What the server says of it when all of it has been read.
/// let end = download.finish().await?;
/// assert_eq!(end.bytes, bytes);
/// assert!(!end.changed, "nobody wrote to it meanwhile");
/// # Ok(())
/// # }
/// ```
pub struct Download<T> {
    reader: Reader,
    end: Arc<OnceLock<T>>,
}

impl<T> std::fmt::Debug for Download<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Download").finish_non_exhaustive()
    }
}

impl<T: Clone + Send + Sync + 'static> Download<T> {
    pub(crate) fn new<K: Kind<Result = T>>(call: Call<K>) -> Self {
        let end = Arc::new(OnceLock::new());
        let shared = Arc::clone(&end);
        let chunks = replies(Arc::new(call)).filter_map(move |reply| {
            std::future::ready(match reply {
                Reply::Data(_, data) => Some(Ok(data)),
                Reply::End(_) | Reply::Event(_) => None,
                Reply::Closed(Ok(result)) => {
                    // There is one CLOSE at most.
                    shared.set(result).unwrap_or_default();
                    None
                }
                Reply::Closed(Err(error)) => Some(Err(to_io(error))),
            })
        });
        Self { reader: Reader::new(Box::pin(chunks)), end }
    }

    /// The next chunk, at most 64 KiB; `None` when everything has come and the server says so.
    ///
    /// # Errors
    /// What the operation failed with.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        self.reader.chunk().await
    }

    /// Throws away what was not read, and gives the result.
    ///
    /// # Errors
    /// What the operation failed with.
    pub async fn finish(mut self) -> Result<T, Error> {
        while self.chunk().await?.is_some() {}
        self.end().cloned().ok_or_else(|| Error::Remote(RemoteError::new(Code::Cancelled, "the channel was given up")))
    }

    /// Reads all of it into memory, up to a bound.
    ///
    /// # Errors
    /// What the operation failed with; `LIMIT_EXCEEDED` when there is more than `limit` bytes.
    pub async fn bytes(mut self, limit: usize) -> Result<Vec<u8>, Error> {
        let mut content = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if content.len() + chunk.len() > limit {
                let message = format!("there are more than {limit} bytes: read it as a stream");
                return Err(Error::Remote(RemoteError::new(Code::LimitExceeded, message).with("limit", limit)));
            }
            content.extend_from_slice(&chunk);
        }
        Ok(content)
    }

    /// The result, once reading has come to the end.
    pub fn end(&self) -> Option<&T> {
        self.end.get()
    }
}

impl<T: Unpin> AsyncRead for Download<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.reader).poll_read(cx, buf)
    }
}

impl<T: Unpin> AsyncBufRead for Download<T> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        Pin::new(&mut self.get_mut().reader).poll_fill_buf(cx)
    }

    fn consume(mut self: Pin<&mut Self>, amount: usize) {
        Pin::new(&mut self.reader).consume(amount);
    }
}

impl<T: Unpin> Stream for Download<T> {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.reader).poll_next(cx)
    }
}

/// Content that is written into the sandbox. Nothing is complete before [`finish`](Self::finish); dropping it gives up,
/// and what was there before stays.
///
/// ```
/// use tokio::io::AsyncWriteExt;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (server, client) = sandwire_tests::doc::served().await;
/// let files = client.files();
/// let mut upload = files.write("big")?;
/// for part in 0..100 {
///     upload.write_all(&[part; 10_000]).await?;
/// }
/// let written = upload.finish().await?;
/// assert_eq!(written.bytes, 1_000_000);
///
/// // One that is not finished changes nothing.
/// let mut upload = files.write("big")?;
/// upload.write_all(b"half of it").await?;
/// drop(upload);
/// assert_eq!(files.stat("big").await?.etag, written.etag);
/// # Ok(())
/// # }
/// ```
pub struct Upload<K: Kind> {
    call: Arc<Explained<K>>,
    writer: Writer,
}

impl<K: Kind> std::fmt::Debug for Upload<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upload").finish_non_exhaustive()
    }
}

/// A call whose failed writes give the reason that its end told.
struct Explained<K: Kind>(Call<K>);

impl<K: Kind> Target for Explained<K> {
    fn write(self: Arc<Self>, data: Bytes) -> SyncFuture<Result<(), RemoteError>> {
        Box::pin(async move {
            match self.0.write(0, data).await {
                Err(error) if error.code == Code::Cancelled => Err(self.0.result().await.err().unwrap_or(error)),
                result => result,
            }
        })
    }

    fn end(&self) -> Result<(), RemoteError> {
        match self.0.end(0) {
            // It has ended already: the result says why.
            Err(error) if error.code == Code::Cancelled => Ok(()),
            result => result,
        }
    }
}

impl<K: Kind> Upload<K> {
    pub(crate) fn new(call: Call<K>) -> Self {
        let call = Arc::new(Explained(call));
        Self { writer: Writer::new(Arc::clone(&call) as Arc<dyn Target>), call }
    }

    /// Sends bytes without copying them.
    ///
    /// # Errors
    /// What the operation failed with.
    pub async fn send(&mut self, data: impl Into<Bytes>) -> Result<(), Error> {
        Ok(self.writer.send(data).await?)
    }

    /// Says that this was all, and waits until the server has it.
    ///
    /// # Errors
    /// What the operation failed with.
    pub async fn finish(mut self) -> Result<K::Result, Error> {
        tokio::io::AsyncWriteExt::shutdown(&mut self.writer).await?;
        Ok(self.call.0.result().await?)
    }
}

impl<K: Kind> AsyncWrite for Upload<K> {
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

/// A stream of a channel's events, with the result that comes after them. Dropping it gives up.
pub struct Feed<K: Kind> {
    replies: SyncStream<Reply<K>>,
    end: Option<K::Result>,
}

impl<K: Kind> std::fmt::Debug for Feed<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed").field("end", &self.end).finish_non_exhaustive()
    }
}

impl<K: Kind> Feed<K> {
    pub(crate) fn new(call: Call<K>) -> Self {
        Self { replies: replies(Arc::new(call)), end: None }
    }

    /// The result, once the stream has ended.
    pub const fn end(&self) -> Option<&K::Result> {
        self.end.as_ref()
    }
}

impl<K: Kind> Unpin for Feed<K> {}

impl<K: Kind> Stream for Feed<K> {
    type Item = Result<K::Down, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            match ready!(this.replies.poll_next_unpin(cx)) {
                Some(Reply::Event(event)) => return Poll::Ready(Some(Ok(event))),
                Some(Reply::Data(..) | Reply::End(_)) => {}
                Some(Reply::Closed(Ok(result))) => this.end = Some(result),
                Some(Reply::Closed(Err(error))) => return Poll::Ready(Some(Err(error.into()))),
                None => return Poll::Ready(None),
            }
        }
    }
}
