//! Who may do what.

use sandwire_protocol::Error;
use sandwire_protocol::kind::Open;

/// What a connection or a lane may do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Access {}

impl Access {
    pub(crate) fn check(&self, _: &Open) -> Result<(), Error> {
        Ok(())
    }

    pub(crate) fn narrow(&self, _: Option<&[String]>) -> Result<Access, Error> {
        Ok(self.clone())
    }

    pub(crate) fn covers(&self, _: &Access) -> bool {
        true
    }
}
