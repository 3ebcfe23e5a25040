//! Bodies of answers: the server's own, or a program's on its way to a browser.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::Held;

/// Why a body breaks off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    /// The program broke off.
    #[error(transparent)]
    Program(#[from] hyper::Error),
    /// The program may not be reached any more.
    #[error("the program may not be reached any more")]
    Ended,
}

/// The body of an answer.
pub(crate) enum Passing {
    /// All there.
    Plain(Full<Bytes>),
    /// A program's, as it comes.
    Program(Box<Program>),
}

/// A program's body. With it goes the connection to the program.
pub(crate) struct Program {
    body: Incoming,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
    held: Held,
}

/// A body that is all there.
pub(crate) fn plain(body: Full<Bytes>) -> Passing {
    Passing::Plain(body)
}

impl Passing {
    pub(super) fn new(body: Incoming, held: Held) -> Self {
        let ended = Box::pin(held.hold.ended.clone().cancelled_owned());
        Self::Program(Box::new(Program { body, ended, held }))
    }
}

impl Body for Passing {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.get_mut() {
            Passing::Plain(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Passing::Program(program) => {
                // An end that the program did not say would be made up.
                if program.ended.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Some(Err(Broken::Ended)));
                }
                let frame = Pin::new(&mut program.body).poll_frame(cx);
                if frame.is_ready() {
                    (program.held.hold.touch)();
                }
                frame.map_err(Broken::Program)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Passing::Plain(body) => body.is_end_stream(),
            Passing::Program(program) => program.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Passing::Plain(body) => body.size_hint(),
            Passing::Program(program) => program.body.size_hint(),
        }
    }
}
