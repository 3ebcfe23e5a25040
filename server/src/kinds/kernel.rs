//! `kernel.*`: code contexts on Jupyter kernels.

use sandwire_link::Channel;
use sandwire_protocol::kind::Kind;
use sandwire_protocol::{Code, Error};

use super::Context;

/// Refuses them all: this server has no kernels yet.
#[expect(clippy::unused_async, reason = "all kinds have one shape")]
pub(super) async fn refuse<K: Kind>(_: K::Params, _: &Channel<K>, _: &Context) -> Result<K::Result, Error> {
    Err(Error::new(Code::NotSupported, "this server runs no kernels yet"))
}
