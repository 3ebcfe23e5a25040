//! Shell sessions: a shell that lives, and commands that run in it one after the other.
//!
//! `script` and `report` are what is said between server and shell, as text and without I/O; `home` is where it is said;
//! `living` is one shell, `session` what goes on when shells end; `begin` starts a `command` in it, `inherit` hands on what it
//! has, `overhear` what can be seen of it while a command runs.

mod begin;
mod command;
mod home;
mod inherit;
mod living;
mod overhear;
mod pipes;
mod posix;
mod quote;
mod registry;
mod report;
mod script;
mod session;
mod sink;

pub(crate) use command::Command;
pub(crate) use home::{place as private_place, sweep as sweep_private};
pub(crate) use registry::{LARGEST_START, Place, Registry};
pub(crate) use report::MOST as LONGEST_REPORTS;
pub(crate) use session::{Asked, Session};
