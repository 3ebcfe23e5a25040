//! Processes: started, watched, ended, with their output.

pub(crate) mod enter;
mod failure;
pub(crate) mod launch;
pub(crate) mod limits;
pub(crate) mod list;
pub(crate) mod log;
pub(crate) mod owner;
pub(crate) mod pipe;
pub(crate) mod reap;
pub(crate) mod registry;
pub(crate) mod run;
pub(crate) mod signal;
pub(crate) mod spawn;
pub(crate) mod stop;
pub(crate) mod tree;
pub(crate) mod user;
