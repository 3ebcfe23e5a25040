//! `backup.*`: directories as archives, within the paths that the caller's token allows.

use std::time::Duration;

use futures_util::FutureExt;
use sandwire_link::{Channel, Item};
use sandwire_protocol::kind::backup::{Create, Created, Restore, Restored};
use sandwire_protocol::kind::{BackupCreate, BackupRestore};
use sandwire_protocol::{Code, Error};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::Context;
use crate::sandbox::fs::Files;
use crate::sandbox::fs::backup::Restorer;

/// The stream of an archive that is made.
const ARCHIVE: u8 = 1;

/// The stream of one that comes back.
const CONTENT: u8 = 0;

/// How often it is told how far it is.
const TOLD_EVERY: Duration = Duration::from_millis(250);

pub(super) async fn create(
    params: Create,
    channel: &Channel<BackupCreate>,
    context: &Context,
) -> Result<Created, Error> {
    let mut packer = channel.until_cancelled(files(context).backup_create(params)).await?;
    let mut ticks = ticks();
    loop {
        let room = channel.reserve().await?;
        tokio::select! {
            biased;
            () = channel.cancelled() => return Err(gave_up()),
            _ = ticks.tick() => tell(channel.event(packer.progress()))?,
            bytes = packer.next(room) => match bytes {
                Some(bytes) => channel.send(ARCHIVE, bytes)?,
                None => break,
            },
        }
    }
    let created = packer.end().await?;
    channel.end(ARCHIVE)?;
    Ok(created)
}

pub(super) async fn restore(
    params: Restore,
    channel: &Channel<BackupRestore>,
    context: &Context,
) -> Result<Restored, Error> {
    let restorer = channel.until_cancelled(files(context).backup_restore(params)).await?;
    match take(channel, &restorer).await {
        Ok(()) => restorer.finish(channel.cancelled()).await,
        Err(error) => {
            restorer.abandon().await;
            Err(error)
        }
    }
}

/// Takes the archive to its end, or until no more of it is wanted.
async fn take(channel: &Channel<BackupRestore>, restorer: &Restorer) -> Result<(), Error> {
    let mut ticks = ticks();
    loop {
        let item = tokio::select! {
            biased;
            _ = ticks.tick() => {
                tell(channel.event(restorer.progress()))?;
                continue;
            }
            () = restorer.ended() => return Ok(()),
            item = channel.recv() => item?,
        };
        match item {
            Item::Data(CONTENT, bytes) => {
                if !channel.until_cancelled(async { Ok(restorer.push(bytes).await) }).await? {
                    return Ok(());
                }
            }
            Item::End(CONTENT) => return Ok(()),
            Item::Data(stream, _) | Item::End(stream) => {
                let text = format!("the archive comes on stream {CONTENT}, not on {stream}");
                return Err(Error::new(Code::ValidationFailed, text).with("stream", u32::from(stream)));
            }
            Item::Event(event) => match event {},
        }
    }
}

/// The files as this caller may see them.
fn files(context: &Context) -> Files {
    context.sandbox.files.limited_to(context.access.policy())
}

fn ticks() -> Interval {
    let mut ticks = interval_at(Instant::now() + TOLD_EVERY, TOLD_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Tells how far it is, unless there is no room: who sends an archive need not read meanwhile, and is not to be held up.
fn tell(event: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    event.now_or_never().unwrap_or(Ok(()))
}

fn gave_up() -> Error {
    Error::new(Code::Cancelled, "the opener gave up")
}
