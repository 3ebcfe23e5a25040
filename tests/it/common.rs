//! What most tests need.

use bytes::Bytes;
use sandwire::protocol::Error;
use sandwire::protocol::kind::command::{Exit, Launch};
use sandwire::protocol::kind::{Exec, Kind, exec};
use sandwire::{Call, Client, Reply};

/// `command`, run by a shell.
pub(crate) fn shell(command: &str) -> exec::Params {
    exec::Params { run: Launch { command: Some(command.into()), ..Launch::default() }, ..exec::Params::default() }
}

/// A program and its arguments, without a shell.
pub(crate) fn argv(argv: &[&str]) -> exec::Params {
    let argv = argv.iter().map(|argument| (*argument).into()).collect();
    exec::Params { run: Launch { argv, ..Launch::default() }, ..exec::Params::default() }
}

/// What came on a channel until it ended: the bytes of each stream, and the end.
pub(crate) struct Collected<K: Kind> {
    pub(crate) streams: [Vec<u8>; 3],
    pub(crate) result: Result<K::Result, Error>,
}

/// Reads a channel to its end.
pub(crate) async fn collect<K: Kind>(call: &Call<K>) -> Collected<K> {
    let mut streams = <[Vec<u8>; 3]>::default();
    loop {
        match call.recv().await {
            Reply::Data(stream, data) => streams[usize::from(stream)].extend_from_slice(&data),
            Reply::Event(_) | Reply::End(_) => {}
            Reply::Closed(result) => return Collected { streams, result },
        }
    }
}

/// Runs a command to its end: standard output, standard error, how it ended.
pub(crate) async fn run(client: &Client, params: &exec::Params) -> (Vec<u8>, Vec<u8>, Result<Exit, Error>) {
    let Collected { streams: [_, out, err], result, .. } = collect(&client.open::<Exec>(params).unwrap()).await;
    (out, err, result)
}

/// The same, with this standard input.
pub(crate) async fn run_with(client: &Client, params: exec::Params, input: Bytes) -> (Vec<u8>, Result<Exit, Error>) {
    let call = client.open::<Exec>(&exec::Params { stdin: true, ..params }).unwrap();
    let feed = async {
        // A command that ends without reading is no failure of the test.
        if call.write(0, input).await.is_ok() {
            let _ = call.end(0);
        }
    };
    let (Collected { streams: [_, out, _], result, .. }, ()) = futures_util::future::join(collect(&call), feed).await;
    (out, result)
}

/// Bytes that look random and are the same each time.
pub(crate) fn noise(seed: u64, length: usize) -> Bytes {
    let mut random = fastrand::Rng::with_seed(seed);
    std::iter::repeat_with(|| random.u8(..)).take(length).collect()
}
