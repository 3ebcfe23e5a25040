//! `file.*`, but for what has a module of its own: search, watch, trees.

mod change;
mod list;
mod paths;
mod policy;
mod read;
mod write;
