//! Who may do what: decisions without I/O.

mod access;
mod hs256;
mod origin;
mod ticket;
mod tokens;

pub(crate) use access::Access;
pub(crate) use origin::Origins;
pub(crate) use ticket::{TicketRequest, Tickets};
pub(crate) use tokens::TokenRule;
pub(crate) use tokens::Tokens;
