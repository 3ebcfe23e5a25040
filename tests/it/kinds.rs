//! A module a family of channel kinds: every parameter, every result, every event, every error, on the real server by
//! the real client.
//!
//! Where a test runs scripts that take long, its client has a thread beside the test's own, which they must not silence.

mod backup;
mod env;
mod exec;
mod file;
mod kernel;
mod place;
mod port;
mod process;
mod pty;
mod sandbox;
mod search;
mod session;
mod tcp;
mod tree;
mod watch;

use sandwire::protocol::Error;
use sandwire::protocol::kind::Kind;
use sandwire::protocol::kind::command::Launch;
use sandwire::{Call, Client, Reply};
use sandwire_tests::server::{Builder, Server};

/// A server with its settings as they are, and a client.
pub(crate) async fn served() -> (Server, Client) {
    served_by(Server::builder()).await
}

/// Such a server, and a client.
pub(crate) async fn served_by(builder: Builder) -> (Server, Client) {
    let server = builder.start();
    let client = Client::connect(server.url()).await.unwrap();
    (server, client)
}

/// What a call answers.
pub(crate) async fn ask<K: Kind>(client: &Client, params: &K::Params) -> Result<K::Result, Error> {
    client.open::<K>(params).unwrap().result().await
}

/// Why a call fails.
#[track_caller]
pub(crate) fn refusal<K: Kind>(client: &Client, params: &K::Params) -> impl Future<Output = Error> {
    let (call, place) = (client.open::<K>(params).unwrap(), std::panic::Location::caller());
    async move {
        match call.result().await {
            Ok(result) => panic!("{place}: not refused, but answered {result:?}"),
            Err(error) => error,
        }
    }
}

/// The first event of a channel.
pub(crate) async fn event<K: Kind>(call: &Call<K>) -> K::Down {
    match call.recv().await {
        Reply::Event(event) => event,
        Reply::Data(..) | Reply::End(_) => panic!("bytes come before the event"),
        Reply::Closed(result) => panic!("no event, but {result:?}"),
    }
}

/// A line for the shell.
pub(crate) fn line(command: &str) -> Launch {
    Launch { command: Some(command.into()), ..Launch::default() }
}

/// A program and its arguments.
pub(crate) fn words(argv: &[&str]) -> Launch {
    Launch { argv: argv.iter().map(|word| (*word).into()).collect(), ..Launch::default() }
}
