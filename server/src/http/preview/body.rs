//! Bodies of answers: the server's own, or a program's on its way to a browser.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::Held;
use crate::sandbox::Sandbox;

/// Why a body breaks off.
#[derive(Debug, thiserror::Error)]
pub(in crate::http) enum Broken {
    /// The program broke off.
    #[error(transparent)]
    Program(#[from] hyper::Error),
    /// The port is not exposed any more.
    #[error("the port is not exposed any more")]
    Unexposed,
}

/// The body of an answer.
#[derive(Debug)]
pub(in crate::http) enum Passing {
    /// All there.
    Plain(Full<Bytes>),
    /// A program's, as it comes.
    Program(Box<Program>),
}

/// A program's body. With it goes the connection to the program.
#[derive(Debug)]
pub(in crate::http) struct Program {
    body: Incoming,
    unexposed: Pin<Box<WaitForCancellationFutureOwned>>,
    sandbox: Arc<Sandbox>,
    _held: Held,
}

/// A body that is all there.
pub(in crate::http) fn plain(body: Full<Bytes>) -> Passing {
    Passing::Plain(body)
}

impl Passing {
    pub(super) fn new(body: Incoming, held: Held, sandbox: Arc<Sandbox>) -> Self {
        let unexposed = Box::pin(held.leave.ended.clone().cancelled_owned());
        Self::Program(Box::new(Program { body, unexposed, sandbox, _held: held }))
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
                if program.unexposed.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Some(Err(Broken::Unexposed)));
                }
                let frame = Pin::new(&mut program.body).poll_frame(cx);
                if frame.is_ready() {
                    program.sandbox.activity.touch();
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
