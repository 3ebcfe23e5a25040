//! `backup.*`: directories as archives, within the paths that the caller's token allows.

use sandwire_link::Channel;
use sandwire_protocol::kind::backup::{Create, Created, Restore, Restored};
use sandwire_protocol::kind::{BackupCreate, BackupRestore};
use sandwire_protocol::{Code, Error};

use super::Context;

pub(super) fn create(
    _: Create,
    _: &Channel<BackupCreate>,
    _: &Context,
) -> impl Future<Output = Result<Created, Error>> + Send {
    std::future::ready(Err(Error::new(Code::NotSupported, "this server makes no backups")))
}

pub(super) fn restore(
    _: Restore,
    _: &Channel<BackupRestore>,
    _: &Context,
) -> impl Future<Output = Result<Restored, Error>> + Send {
    std::future::ready(Err(Error::new(Code::NotSupported, "this server restores no backups")))
}
