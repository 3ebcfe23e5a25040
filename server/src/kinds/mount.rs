//! `mount.*`: buckets as directories.

use sandwire_link::Channel;
use sandwire_protocol::kind::mount::{Create, Info, List, Listing, Remove};
use sandwire_protocol::kind::{Done, MountCreate, MountList, MountRemove};
use sandwire_protocol::{Code, Error};

use super::Context;

#[expect(clippy::unused_async, reason = "all kinds have one shape")]
pub(super) async fn create(_: Create, _: &Channel<MountCreate>, _: &Context) -> Result<Info, Error> {
    Err(Error::new(Code::NotSupported, "this build of the server cannot mount yet"))
}

#[expect(clippy::unused_async, reason = "all kinds have one shape")]
pub(super) async fn list(_: List, _: &Channel<MountList>, _: &Context) -> Result<Listing, Error> {
    Ok(Listing::default())
}

#[expect(clippy::unused_async, reason = "all kinds have one shape")]
pub(super) async fn remove(_: Remove, _: &Channel<MountRemove>, _: &Context) -> Result<Done, Error> {
    Err(Error::new(Code::MountNotFound, "nothing is mounted there"))
}
