//! `file.*`, but for what has a module of its own: search, watch, trees.

mod list;
mod paths;
mod read;
mod write;
