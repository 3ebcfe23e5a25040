//! `pty.*`: terminals.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sandwire_link::{Channel, Item};
use sandwire_protocol::kind::pty::{
    Attach, Close, Down, Ended, Info, List, Listing, Open, ResizeParams, Screen, Snapshot, Up,
};
use sandwire_protocol::kind::{Done, Kind, PtyAttach, PtyClose, PtyList, PtyOpen, PtyResize, PtySnapshot};
use sandwire_protocol::{Code, Error};

use super::Context;
use super::session::{Placed, inherit};
use crate::sandbox::pty::queue::Piece;
use crate::sandbox::pty::screen::Size;
use crate::sandbox::pty::terminal::Terminal;
use crate::sandbox::pty::viewer::Viewer;

pub(super) async fn open(
    (placed, mut params): (Placed, Open),
    channel: &Channel<PtyOpen>,
    context: &Context,
) -> Result<Ended, Error> {
    let there = params.id.as_deref().filter(|_| params.reuse).map(|id| context.sandbox.terminals.terminal(id));
    if there.is_some_and(|terminal| terminal.is_ok_and(|terminal| terminal.lives())) {
        // Its turn is not kept for as long as somebody looks.
        drop(placed);
    } else {
        inherit(placed, &mut params.run, channel).await?;
    }
    let (terminal, created) = context.sandbox.terminals.open(&params)?;
    let size = Size::asked(params.cols, params.rows, terminal.size());
    // What it was started with may be large, and it may run for long.
    drop(params);
    let viewer = terminal.attach(size, false, usize::MAX).await?;
    look(channel, &terminal, &viewer, created).await
}

pub(super) async fn attach(params: Attach, channel: &Channel<PtyAttach>, context: &Context) -> Result<Ended, Error> {
    let terminal = context.sandbox.terminals.terminal(&params.id)?;
    let scrollback = params.scrollback.map_or(usize::MAX, |lines| lines as usize);
    let size = Size::asked(params.cols, params.rows, terminal.size());
    let viewer = terminal.attach(size, params.read_only, scrollback).await?;
    look(channel, &terminal, &viewer, false).await
}

/// Shows the terminal and takes keys, until it ends or the viewer goes.
async fn look<K>(channel: &Channel<K>, terminal: &Arc<Terminal>, viewer: &Viewer, created: bool) -> Result<Ended, Error>
where
    K: Kind<Up = Up, Down = Down>,
{
    let Size { cols, rows } = viewer.size;
    let (id, pid) = (terminal.id.clone(), terminal.pid());
    channel.event(Down::Attached { id, pid, cols, rows, created }).await?;
    let show = async {
        loop {
            let room = channel.reserve().await?;
            match viewer.next(room).await {
                Piece::Data(bytes) => channel.send(0, bytes)?,
                Piece::Live => channel.event(Down::Live {}).await?,
                Piece::Resized(Size { cols, rows }) => channel.event(Down::Resized { cols, rows }).await?,
                Piece::Ended(exit) => return Ok(Ended { id: terminal.id.clone(), exit: exit? }),
            }
        }
    };
    let take = async {
        loop {
            let result = match channel.recv().await? {
                Item::Data(_, keys) => type_keys(channel, viewer, keys).await,
                Item::Event(event) => handle(viewer, &event).await,
                // A terminal's end of input is a key (Ctrl-D), not an end of the stream.
                Item::End(_) => Ok(()),
            };
            result?;
        }
    };
    tokio::select! {
        ended = show => ended,
        error = take => error,
    }
}

/// Types as fast as the program takes it; sizes and signals overtake keys that wait.
async fn type_keys<K>(channel: &Channel<K>, viewer: &Viewer, keys: Bytes) -> Result<(), Error>
where
    K: Kind<Up = Up, Down = Down>,
{
    let write = viewer.write(&keys);
    tokio::pin!(write);
    loop {
        tokio::select! {
            biased;
            result = &mut write => return result,
            event = channel.recv_event() => handle(viewer, &event?).await?,
        }
    }
}

async fn handle(viewer: &Viewer, event: &Up) -> Result<(), Error> {
    match event {
        Up::Resize { cols, rows } => viewer.resize(*cols, *rows).await,
        Up::Signal { signal } => viewer.signal(signal),
    }
}

#[expect(clippy::unused_async, reason = "all kinds have one shape")]
pub(super) async fn list(_: List, _: &Channel<PtyList>, context: &Context) -> Result<Listing, Error> {
    let mut terminals = context.sandbox.terminals.list();
    terminals.retain(|terminal| context.access.sees_terminal(&terminal.id));
    Ok(Listing { terminals })
}

pub(super) async fn snapshot(
    params: Snapshot,
    channel: &Channel<PtySnapshot>,
    context: &Context,
) -> Result<Screen, Error> {
    let terminal = context.sandbox.terminals.terminal(&params.id)?;
    let scrollback = params.scrollback as usize;
    let look = terminal.with_screen(|screen| {
        let content = if params.ansi { screen.paint(scrollback) } else { screen.text(scrollback).into_bytes() };
        let (Size { cols, rows }, (cursor_col, cursor_row)) = (screen.size(), screen.cursor());
        Screen { content, cols, rows, cursor_col, cursor_row, alternate: screen.alternate() }
    });
    channel.until_cancelled(async { Ok(look.await) }).await
}

pub(super) async fn resize(params: ResizeParams, _: &Channel<PtyResize>, context: &Context) -> Result<Done, Error> {
    let terminal = context.sandbox.terminals.terminal(&params.id)?;
    let size = Size::of(Some(params.cols), Some(params.rows)).ok_or_else(|| {
        Error::new(Code::ValidationFailed, "`cols` and `rows` are at least 1")
            .with("cols", u32::from(params.cols))
            .with("rows", u32::from(params.rows))
    })?;
    if !terminal.lives() {
        let message = format!("the terminal {:?} has ended; its last screen stays as it is", params.id);
        return Err(Error::new(Code::ProcessExited, message).with("id", params.id));
    }
    terminal.resize(size, None).await?;
    Ok(Done {})
}

pub(super) async fn close(params: Close, channel: &Channel<PtyClose>, context: &Context) -> Result<Info, Error> {
    let grace = params.grace_ms.map(Duration::from_millis);
    channel.until_cancelled(context.sandbox.terminals.close(&params.id, grace)).await
}
