//! `mount.*`: buckets as directories.

use std::time::Duration;

use sandwire_link::{Channel, Item};
use sandwire_protocol::kind::mount::{Create, Info, List, Listing, Remove};
use sandwire_protocol::kind::{Done, MountCreate, MountList, MountRemove};
use sandwire_protocol::{Code, Error};

use super::Context;
use crate::sandbox::fs::Files;
use crate::sandbox::mount::Asked;
use crate::sandbox::process::stop::Stop;

/// The files as this caller may change them.
fn files(context: &Context) -> Files {
    context.sandbox.files.limited_to(context.access.policy())
}

pub(super) async fn create(params: Create, channel: &Channel<MountCreate>, context: &Context) -> Result<Info, Error> {
    let asked = Asked::new(&params, |name| std::env::var(name).ok())?;
    let files = files(context);
    let stop = Stop::new();
    let create = context.sandbox.mounts.create(asked, &params.path, &files, &stop);
    let gone = gone(channel);
    tokio::pin!(create, gone);
    let mut given_up = None;
    loop {
        tokio::select! {
            made = &mut create => return match given_up {
                Some(error) => made.and(Err(error)),
                None => made,
            },
            error = &mut gone, if given_up.is_none() => {
                given_up = Some(error);
                stop.request(Duration::ZERO);
            }
        }
    }
}

/// Resolves when the opener gives up, or says what it may not.
async fn gone(channel: &Channel<MountCreate>) -> Error {
    match channel.recv().await {
        Ok(Item::Data(..) | Item::End(_)) => Error::new(Code::ValidationFailed, "a mount takes no input"),
        Ok(Item::Event(event)) => match event {},
        Err(error) => error,
    }
}

#[expect(clippy::unused_async, reason = "all kinds have one shape")]
pub(super) async fn list(_: List, _: &Channel<MountList>, context: &Context) -> Result<Listing, Error> {
    Ok(Listing { mounts: context.sandbox.mounts.list(&files(context)) })
}

pub(super) async fn remove(params: Remove, channel: &Channel<MountRemove>, context: &Context) -> Result<Done, Error> {
    channel.until_cancelled(context.sandbox.mounts.remove(&params.path, &files(context))).await?;
    Ok(Done {})
}
