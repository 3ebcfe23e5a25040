//! Code contexts: Jupyter kernels that live, and cells that run in them one after the other.
//!
//! `specs` knows what is installed, `lookup` looks for it, `language` knows what differs between languages; `wire` is what is
//! said to the bridge (`crate::bridge`), `control` says it, `living` is one kernel behind it, `pool` kernels that wait for a
//! context; `context` is what goes on when kernels end, `held` whose turn it is, `cell` what runs in it.

mod cell;
mod context;
mod control;
mod held;
mod language;
mod living;
mod lookup;
mod pool;
mod registry;
mod specs;
pub(crate) mod wire;

pub(crate) use cell::{Cell, Ended};
pub(crate) use context::Context;
pub(crate) use held::{Asked, Begun};
pub(crate) use living::{LARGEST as LARGEST_LIVING, Said};
pub(crate) use registry::{Bounds, Place, Registry};
