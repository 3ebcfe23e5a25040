//! Terminals: a program on a pseudo-terminal, a model of its screen, and those who look at it.
//!
//! One task per terminal reads what the program shows, puts it through the model and hands it to every viewer. A
//! viewer that attaches gets the model's screen and then the bytes after it, under one lock: no gap and no repeat.
//! The model may lag behind what viewers see ([`backlog`]); who needs it waits until it has seen everything.
//!
//! A viewer that does not read fills its queue. While others keep up it is let go: what it missed is thrown away, and
//! when it reads again it is painted the screen as it is then. When nobody keeps up the program is stopped, by not
//! reading it, for [`terminal::STALL`] at the most: a connection that is lost does not hold a build for long.

pub(crate) mod backlog;
pub(crate) mod boundary;
pub(crate) mod budget;
pub(crate) mod master;
pub(crate) mod modes;
pub(crate) mod painting;
pub(crate) mod queue;
pub(crate) mod registry;
pub(crate) mod screen;
pub(crate) mod terminal;
pub(crate) mod viewer;

#[cfg(test)]
mod tests;
