//! The sandwire server: everything in a sandbox over one WebSocket.
mod sandbox;
