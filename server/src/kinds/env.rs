//! `env.*`: variables of the sandbox.

use sandwire_link::Channel;
use sandwire_protocol::Error;
use sandwire_protocol::kind::env::{List, Listing, Set};
use sandwire_protocol::kind::{Done, EnvList, EnvSet};

use super::Context;

#[expect(clippy::unused_async, reason = "all kinds have one shape")]
pub(super) async fn set(params: Set, _: &Channel<EnvSet>, context: &Context) -> Result<Done, Error> {
    context.sandbox.host.variables.set(params)?;
    Ok(Done {})
}

#[expect(clippy::unused_async, reason = "all kinds have one shape")]
pub(super) async fn list(_: List, _: &Channel<EnvList>, context: &Context) -> Result<Listing, Error> {
    Ok(context.sandbox.host.variables.list())
}
