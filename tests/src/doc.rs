//! What the examples in the client's documentation stand on: a server of their own, and a client of it.
//!
//! An example begins with hidden lines that call [`served`], so that what a reader sees is what was run.

use sandwire::Client;

use crate::server::Server;

/// A server with an empty workspace, and a client that is connected to it. Dropping the server ends all that it started.
///
/// # Panics
/// When the server was not built, or does not start.
pub async fn served() -> (Server, Client) {
    let server = Server::start();
    let client = Client::connect(server.url()).await.unwrap();
    (server, client)
}
