//! `kernel.*`: code contexts on Jupyter kernels.

use std::sync::Arc;
use std::time::Duration;

use sandwire_link::{Channel, Item};
use sandwire_protocol::kind::kernel::{
    Create, Delete, Get, Info, Interrupt, List, Listing, Ran, Restart, Run, SpecListing, Specs, Up,
};
use sandwire_protocol::kind::{
    Done, KernelCreate, KernelDelete, KernelGet, KernelInterrupt, KernelList, KernelRestart, KernelRun, KernelSpecs,
};
use sandwire_protocol::{Code, Error};

use super::Context;
use crate::sandbox::Sandbox;
use crate::sandbox::kernel::{self, Asked, Begun, Cell, Ended, Place, Said};

/// A context that was just made, with the first place in it, or one that was there.
pub(super) type Made = Result<(Arc<kernel::Context>, Option<Place>), Error>;

/// Makes a context, or finds it. Its kernel is started later, in its turn.
pub(super) fn make(sandbox: &Sandbox, params: Create) -> Made {
    sandbox.kernels.create(params)
}

/// The place of a cell in the queue of its context. Taken when the channel is opened, because who opened first is served
/// first.
pub(super) fn place(sandbox: &Sandbox, params: &Run) -> Result<Place, Error> {
    sandbox.kernels.enter(params.id.as_deref(), params.language.as_deref())
}

pub(super) async fn specs(_: Specs, channel: &Channel<KernelSpecs>, context: &Context) -> Result<SpecListing, Error> {
    Ok(SpecListing { specs: channel.until_cancelled(context.sandbox.kernels.specs()).await? })
}

pub(super) async fn create(made: Made, channel: &Channel<KernelCreate>, context: &Context) -> Result<Info, Error> {
    let (kernel, place) = made?;
    if let Some(place) = place {
        let start = channel.until_cancelled(async { place.turn().await?.start().await });
        if let Err(error) = start.await {
            context.sandbox.kernels.undo(&kernel).await;
            return Err(error);
        }
    }
    Ok(kernel.info())
}

#[expect(clippy::unused_async, reason = "all kinds have one shape")]
pub(super) async fn list(_: List, _: &Channel<KernelList>, context: &Context) -> Result<Listing, Error> {
    Ok(Listing { kernels: context.sandbox.kernels.list() })
}

#[expect(clippy::unused_async, reason = "all kinds have one shape")]
pub(super) async fn get(params: Get, _: &Channel<KernelGet>, context: &Context) -> Result<Info, Error> {
    Ok(context.sandbox.kernels.context(&params.id)?.info())
}

pub(super) async fn delete(params: Delete, channel: &Channel<KernelDelete>, context: &Context) -> Result<Done, Error> {
    let delete = context.sandbox.kernels.delete(&params.id, params.grace_ms.map(Duration::from_millis));
    channel.until_cancelled(delete).await?;
    Ok(Done {})
}

pub(super) async fn restart(
    params: Restart,
    channel: &Channel<KernelRestart>,
    context: &Context,
) -> Result<Info, Error> {
    channel.until_cancelled(context.sandbox.kernels.restart(&params.id)).await
}

#[expect(clippy::unused_async, reason = "all kinds have one shape")]
pub(super) async fn interrupt(
    params: Interrupt,
    _: &Channel<KernelInterrupt>,
    context: &Context,
) -> Result<Done, Error> {
    context.sandbox.kernels.context(&params.id)?.interrupt();
    Ok(Done {})
}

pub(super) async fn run(
    (place, params): (Result<Place, Error>, Run),
    channel: &Channel<KernelRun>,
    _: &Context,
) -> Result<Ran, Error> {
    let place = place?;
    let Run { code, language, timeout_ms, stdin, env, renew, .. } = params;
    let asked = Asked { language, stdin, timeout: timeout_ms.map(Duration::from_millis), env, renew };
    asked.check()?;
    let held = tokio::select! {
        biased;
        held = place.turn() => held?,
        // Before its turn it is told nothing that matters but its end.
        heard = listen(channel, |_| std::future::ready(())) => return Err(heard),
    };
    let mut interrupted = false;
    let begun = {
        let note = |up| {
            interrupted |= matches!(up, Up::Interrupt {});
            std::future::ready(())
        };
        tokio::select! {
            begun = held.run(code, asked) => begun?,
            heard = listen(channel, note) => return Err(heard),
        }
    };
    let mut cell = match begun {
        Begun::Runs(cell) => cell,
        Begun::Late(ran) => return Ok(ran),
    };
    let remote = cell.control();
    if interrupted {
        remote.interrupt();
    }
    let remote = &remote;
    let tell = |up| async move {
        match up {
            Up::Interrupt {} => remote.interrupt(),
            // As long as it is not heard, no other is taken.
            Up::Input { value } => remote.input(&value).await,
        }
    };
    let ended = tokio::select! {
        ended = deliver(channel, &mut cell) => ended?,
        heard = listen(channel, tell) => return Err(heard),
    };
    cell.finish(ended)
}

/// Takes what is said to a cell, until its opener gives up.
async fn listen<F: Future<Output = ()>>(channel: &Channel<KernelRun>, mut take: impl FnMut(Up) -> F) -> Error {
    loop {
        match channel.recv().await {
            Ok(Item::Event(up)) => {
                tokio::select! {
                    () = take(up) => {}
                    () = channel.cancelled() => {}
                }
            }
            Ok(Item::Data(..) | Item::End(_)) => return no_streams(),
            Err(error) => return error,
        }
    }
}

/// Passes on what a cell says, as fast as it is read.
async fn deliver(channel: &Channel<KernelRun>, cell: &mut Cell) -> Result<Ended, Error> {
    loop {
        let room = channel.reserve().await?;
        match cell.next(room).await? {
            Ok(Said::Output(stream, bytes)) => channel.send(stream, bytes)?,
            Ok(Said::Event(event)) => channel.event(event).await?,
            Ok(Said::Done(_) | Said::Gone(_)) => {}
            Err(ended) => return Ok(ended),
        }
    }
}

fn no_streams() -> Error {
    Error::new(Code::ValidationFailed, "a cell takes no stream: answer `input_request` with the event `input`")
}
