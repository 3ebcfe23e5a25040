//! sandwire lanes made awaitable: the tokio shell that the server and the Rust client share.
