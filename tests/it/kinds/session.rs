//! Sessions: what lasts from one command to the next, and what does not.

mod busy;
mod ends;
mod life;
mod sh;
mod shell;

use bytes::Bytes;
use sandwire::protocol::Error;
use sandwire::protocol::kind::Exec;
use sandwire::protocol::kind::command::{Exit, Launch};
use sandwire::protocol::kind::exec::Params;
use sandwire::{Call, Client, Reply};

use crate::common::{run, run_with};

/// A command in that session.
fn within(session: &str, command: &str) -> Params {
    let run = Launch { command: Some(command.into()), ..Launch::default() };
    Params { run, session: Some(session.to_owned()), ..Params::default() }
}

/// What a command in the default session writes, both streams, and how it ends.
async fn said(client: &Client, command: &str) -> (String, String, Result<Exit, Error>) {
    let (out, err, exit) = run(client, &within("default", command)).await;
    (String::from_utf8_lossy(&out).into_owned(), String::from_utf8_lossy(&err).into_owned(), exit)
}

/// The output of a command in that session that ends well.
#[track_caller]
fn told(client: &Client, session: &str, command: &str) -> impl Future<Output = String> {
    let (params, place) = (within(session, command), std::panic::Location::caller());
    async move {
        let (out, err, exit) = run(client, &params).await;
        let err = String::from_utf8_lossy(&err);
        let exit = exit.unwrap_or_else(|error| panic!("{place}: {error}"));
        assert_eq!((exit.code, &*err), (Some(0), ""), "{place}: {exit:?}");
        String::from_utf8(out).unwrap()
    }
}

/// The code of a command in the default session.
#[track_caller]
fn code(client: &Client, command: &str) -> impl Future<Output = i32> {
    let (params, place) = (within("default", command), std::panic::Location::caller());
    async move {
        let (_, _, exit) = run(client, &params).await;
        let exit = exit.unwrap_or_else(|error| panic!("{place}: {error}"));
        assert!(!exit.shell_ended, "{place}: the shell has ended: {exit:?}");
        exit.code.unwrap_or_else(|| panic!("{place}: {exit:?}"))
    }
}

/// The same with standard input.
async fn fed(client: &Client, command: &str, input: &str) -> (String, i32) {
    let (out, exit) = run_with(client, within("default", command), Bytes::copy_from_slice(input.as_bytes())).await;
    (String::from_utf8(out).unwrap(), exit.unwrap().code.unwrap())
}

/// Reads until standard output has this.
async fn sees(call: &Call<Exec>, text: &str) {
    let mut out = Vec::new();
    while !String::from_utf8_lossy(&out).contains(text) {
        match call.recv().await {
            Reply::Data(1, data) => out.extend_from_slice(&data),
            Reply::Closed(result) => panic!("{text:?} does not come: {out:?}, {result:?}"),
            Reply::Data(..) | Reply::End(_) | Reply::Event(_) => {}
        }
    }
}
