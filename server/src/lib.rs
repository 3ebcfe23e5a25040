//! The sandwire server: everything in a sandbox over one WebSocket.

mod auth;
mod bridge;
pub mod config;
mod conn;
mod count;
mod drain;
mod health;
mod hide;
mod host;
mod http;
mod kinds;
mod lanes;
mod late;
mod logging;
mod run;
mod sandbox;
mod server;
mod tls;

pub use bridge::run as bridge;
pub use health::health;
pub use run::{Failed, run, run_host};
pub use sandbox::process::enter::enter;
