//! Code contexts: Jupyter kernels that live, and cells that run in them one after the other.
//!
//! `specs` finds what is installed, `language` knows what differs between languages; `wire` is what is said to the bridge
//! (`crate::bridge`), `living` one kernel behind it, `pool` kernels that wait for a context; `context` is what goes on when
//! kernels end, `cell` what runs in it.

mod cell;
mod context;
mod language;
mod living;
mod pool;
mod registry;
mod specs;
pub(crate) mod wire;

pub(crate) use cell::{Cell, Ended};
pub(crate) use context::{Asked, Context};
pub(crate) use living::{LARGEST as LARGEST_LIVING, Said};
pub(crate) use registry::{Bounds, Place, Registry};
