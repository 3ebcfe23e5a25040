//! `session.*`: shell contexts that commands share.

use std::sync::Arc;
use std::time::Duration;

use sandwire_link::Channel;
use sandwire_protocol::Error;
use sandwire_protocol::kind::command::Launch;
use sandwire_protocol::kind::session::{Create, Created, Delete, Get, Info, List, Listing};
use sandwire_protocol::kind::{Done, Kind, SessionCreate, SessionDelete, SessionGet, SessionList};

use super::Context;
use crate::sandbox::Sandbox;
use crate::sandbox::shell::{Place, Session};

/// The place of a command in the queue of its session, when it names one. Taken when the channel is opened, because who
/// opened first is served first.
pub(super) type Placed = Result<Option<Place>, Error>;

/// Takes a place.
pub(super) fn place(sandbox: &Sandbox, session: Option<&str>) -> Placed {
    session.map(|id| sandbox.sessions.enter(id)).transpose()
}

/// A session that was just made, with the first place in it, or one that was there.
pub(super) type Made = Result<(Arc<Session>, Option<Place>), Error>;

/// Makes a session, or finds it. Its shell is started later, in its turn.
pub(super) fn make(sandbox: &Sandbox, params: Create) -> Made {
    sandbox.sessions.create(params)
}

pub(super) async fn create(made: Made, channel: &Channel<SessionCreate>, context: &Context) -> Result<Created, Error> {
    let (session, place) = made?;
    let created = place.is_some();
    if let Some(place) = place {
        let start = channel.until_cancelled(async { place.turn().await?.shell(false).await });
        if let Err(error) = start.await {
            context.sandbox.sessions.undo(&session).await;
            return Err(error);
        }
    }
    Ok(Created { created, session: session.info() })
}

#[expect(clippy::unused_async, reason = "all kinds have one shape")]
pub(super) async fn list(_: List, _: &Channel<SessionList>, context: &Context) -> Result<Listing, Error> {
    Ok(Listing { sessions: context.sandbox.sessions.list() })
}

#[expect(clippy::unused_async, reason = "all kinds have one shape")]
pub(super) async fn get(params: Get, _: &Channel<SessionGet>, context: &Context) -> Result<Info, Error> {
    Ok(context.sandbox.sessions.session(&params.id)?.info())
}

pub(super) async fn delete(params: Delete, channel: &Channel<SessionDelete>, context: &Context) -> Result<Done, Error> {
    let delete = context.sandbox.sessions.delete(&params.id, params.grace_ms.map(Duration::from_millis));
    channel.until_cancelled(delete).await?;
    Ok(Done {})
}

/// Completes a launch by what the session has.
pub(super) async fn inherit<K: Kind>(placed: Placed, launch: &mut Launch, channel: &Channel<K>) -> Result<(), Error> {
    let Some(place) = placed? else { return Ok(()) };
    channel.until_cancelled(place.inherit(launch)).await
}
