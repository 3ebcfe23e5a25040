//! Who may do what: decisions without I/O.

mod access;
mod grant;
mod hs256;
mod origin;
mod sessions;
mod site;
mod ticket;
mod tokens;

pub(crate) use access::Access;
pub(crate) use grant::{Grant, MAX_GRANT};
pub(crate) use origin::Origins;
pub(crate) use sessions::{MAX_SESSIONS, MAX_TICKETS, Open, Session, Sessions};
pub(crate) use site::Site;
pub(crate) use ticket::{TicketRequest, Tickets};
pub(crate) use tokens::TokenRule;
pub(crate) use tokens::Tokens;
