//! `git.*`: repositories.

use sandwire_link::Channel;
use sandwire_protocol::kind::GitCheckout;
use sandwire_protocol::kind::git::{CheckedOut, Checkout};
use sandwire_protocol::{Code, Error};

use super::Context;
use super::session::Placed;

#[expect(clippy::unused_async, reason = "all kinds have one shape")]
pub(super) async fn checkout(
    (placed, _): (Placed, Checkout),
    _: &Channel<GitCheckout>,
    _: &Context,
) -> Result<CheckedOut, Error> {
    placed?;
    Err(Error::new(Code::NotSupported, "this build of the server cannot check out yet"))
}
