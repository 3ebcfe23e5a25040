//! `attach`: a background process's output and input, here.

use bytes::BytesMut;
use futures_util::StreamExt;
use sandwire::Client;
use sandwire::kinds::stream::Writer;
use sandwire::protocol::kind::process::From;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::connect::Global;
use super::fail::Failure;
use super::logs::Printer;
use super::process::passed_on;

/// Follow a background process to its end and pass its exit code on. Ctrl-C detaches; the process goes on.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Pass standard input on; the process must have been started with `-i`. The end of ours closes its.
    #[arg(short, long)]
    interactive: bool,
    /// Begin with so many lines of what it has written. Default: all that is kept.
    #[arg(short = 'n', long)]
    lines: Option<u64>,
    /// The process.
    id: String,
}

pub(crate) async fn run(args: Args, client: &Client, global: &Global) -> Result<i32, Failure> {
    let mut query = client.processes().process(&args.id).logs();
    if let Some(lines) = args.lines {
        query = query.from(From::Lines(lines));
    }
    let mut attachment = query.attach(args.interactive)?;
    if let Some(stdin) = attachment.stdin() {
        tokio::spawn(feed(stdin));
    }
    let mut printer = Printer::new(global.json, false);
    let mut interrupt = super::interrupts()?;
    loop {
        tokio::select! {
            item = attachment.log().next() => match item {
                Some(item) => printer.print(item?)?,
                None => break,
            },
            _ = interrupt.recv() => {
                eprintln!("sandwire: detached; {} goes on", args.id);
                return Ok(0);
            }
        }
    }
    match attachment.end() {
        Some(info) => passed_on(info),
        None => Err(sandwire::protocol::Error::new(
            sandwire::protocol::Code::Internal,
            "the server did not say how the process ended",
        )
        .into()),
    }
}

async fn feed(mut target: Writer) {
    let mut stdin = tokio::io::stdin();
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(64 << 10);
        match stdin.read_buf(&mut buffer).await {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => {
                eprintln!("sandwire: standard input cannot be read: {error}");
                return;
            }
        }
        if target.send(buffer.split().freeze()).await.is_err() {
            return;
        }
    }
    // It may have ended meanwhile, which the log tells.
    target.shutdown().await.unwrap_or_default();
}
