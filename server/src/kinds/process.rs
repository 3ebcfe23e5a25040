//! `process.*`: background processes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sandwire_link::{Channel, Item};
use sandwire_protocol::kind::command::{Output, Target};
use sandwire_protocol::kind::process::Signal as SignalParams;
use sandwire_protocol::kind::process::{
    Attach, AttachUp, Get, Info, Kill, List, Listing, LogEnd, LogEvent, LogMatch, Logs, PortReady, Remove, Start,
    Stats, Wait, WaitLog, WaitPort,
};
use sandwire_protocol::kind::{
    Done, Kind, ProcessAttach, ProcessGet, ProcessKill, ProcessList, ProcessLogs, ProcessRemove, ProcessSignal,
    ProcessStart, ProcessStats, ProcessWait, ProcessWaitLog, ProcessWaitPort,
};
use sandwire_protocol::{Code, Error};

use super::Context;
use super::session::{Placed, inherit};
use crate::sandbox::process::log::Piece;
use crate::sandbox::process::registry::{Process, Reading};
use crate::sandbox::process::signal::Signal;
use crate::sandbox::tcp;

pub(super) async fn start(
    (placed, mut params): (Placed, Start),
    channel: &Channel<ProcessStart>,
    context: &Context,
) -> Result<Info, Error> {
    inherit(placed, &mut params.run, channel).await?;
    context.sandbox.processes.start(params)
}

#[expect(clippy::unused_async, reason = "all kinds have one shape")]
pub(super) async fn list(params: List, _: &Channel<ProcessList>, context: &Context) -> Result<Listing, Error> {
    let (processes, cursor) = context.sandbox.processes.page(params.running, params.cursor);
    Ok(Listing { processes, cursor })
}

#[expect(clippy::unused_async, reason = "all kinds have one shape")]
pub(super) async fn get(params: Get, _: &Channel<ProcessGet>, context: &Context) -> Result<Info, Error> {
    Ok(context.sandbox.processes.process(&params.id)?.info())
}

pub(super) async fn signal(params: SignalParams, _: &Channel<ProcessSignal>, context: &Context) -> Result<Done, Error> {
    context.sandbox.processes.signal(&params.id, &params.signal, params.target).await?;
    Ok(Done {})
}

pub(super) async fn kill(params: Kill, channel: &Channel<ProcessKill>, context: &Context) -> Result<Info, Error> {
    let process = context.sandbox.processes.process(&params.id)?;
    let grace = params.grace_ms.map(Duration::from_millis);
    channel.until_cancelled(process.kill(grace)).await
}

pub(super) async fn wait(params: Wait, channel: &Channel<ProcessWait>, context: &Context) -> Result<Info, Error> {
    let process = context.sandbox.processes.process(&params.id)?;
    channel.until_cancelled(process.wait(params.timeout_ms)).await
}

pub(super) async fn wait_log(
    params: WaitLog,
    channel: &Channel<ProcessWaitLog>,
    context: &Context,
) -> Result<LogMatch, Error> {
    channel.until_cancelled(context.sandbox.processes.wait_log(&params)).await
}

pub(super) async fn wait_port(
    params: WaitPort,
    channel: &Channel<ProcessWaitPort>,
    context: &Context,
) -> Result<PortReady, Error> {
    if let Some(host) = &params.host {
        tcp::allowed(host, &context.sandbox.tcp_hosts)?;
    }
    channel.until_cancelled(context.sandbox.processes.wait_port(&params)).await
}

pub(super) async fn stats(params: Get, channel: &Channel<ProcessStats>, context: &Context) -> Result<Stats, Error> {
    channel.until_cancelled(context.sandbox.processes.stats(&params.id)).await
}

pub(super) async fn remove(params: Remove, channel: &Channel<ProcessRemove>, context: &Context) -> Result<Done, Error> {
    channel.until_cancelled(context.sandbox.processes.remove(&params.id, params.force)).await?;
    Ok(Done {})
}

pub(super) async fn logs(params: Logs, channel: &Channel<ProcessLogs>, context: &Context) -> Result<LogEnd, Error> {
    let process = context.sandbox.processes.process(&params.id)?;
    // Without `follow`, what is written from now on is for another call.
    let until = if params.follow { None } else { Some(process.info().log_end) };
    let mut reading = process.read(params.from, params.output, params.timestamps).await;
    channel.until_cancelled(deliver(channel, &mut reading, params.timestamps, until)).await?;
    Ok(LogEnd { offset: reading.offset(), ended: reading.is_complete() })
}

pub(super) async fn attach(params: Attach, channel: &Channel<ProcessAttach>, context: &Context) -> Result<Info, Error> {
    let process = context.sandbox.processes.process(&params.id)?;
    if params.stdin {
        process.check_stdin()?;
    }
    let mut reading = process.read(params.from, None, params.timestamps).await;
    tokio::select! {
        delivered = deliver(channel, &mut reading, params.timestamps, None) => delivered?,
        error = listen(channel, &process, params.stdin) => return Err(error),
    }
    Ok(process.ended().await)
}

/// Sends the log to its end, or up to an offset.
async fn deliver<K: Kind<Down = LogEvent>>(
    channel: &Channel<K>,
    reading: &mut Reading,
    timestamps: bool,
    until: Option<u64>,
) -> Result<(), Error> {
    channel.event(LogEvent::Begin { offset: reading.offset() }).await?;
    while until.is_none_or(|until| reading.offset() < until) {
        // Room first: a reader that stops holds a place in the log, not its bytes.
        let room = channel.reserve().await?;
        match reading.next(room, until.is_none()).await {
            Piece::Data { offset, time_ms, output, bytes } => {
                let stream = match output {
                    Output::Stdout => 1,
                    Output::Stderr => 2,
                };
                if timestamps {
                    channel.event(LogEvent::At { offset, time_ms }).await?;
                    channel.write(stream, bytes).await?;
                } else {
                    channel.send(stream, bytes)?;
                }
            }
            Piece::Gap { from, to } => {
                channel.event(LogEvent::Gap { from, to }).await?;
                channel.event(LogEvent::Begin { offset: to }).await?;
            }
            Piece::Restarted { pid, exit } => channel.event(LogEvent::Restarted { pid, exit }).await?,
            Piece::Empty { .. } => break,
        }
    }
    Ok(())
}

/// Takes what the opener says, until it says something wrong or gives up. The process goes on.
async fn listen(channel: &Channel<ProcessAttach>, process: &Arc<Process>, stdin: bool) -> Error {
    loop {
        let result = match channel.recv().await {
            Ok(Item::Data(0, bytes)) if stdin => feed(channel, process, bytes).await,
            Ok(Item::End(0)) if stdin => {
                process.close_stdin().await;
                Ok(())
            }
            Ok(Item::Data(..) | Item::End(_)) => {
                Err(Error::new(Code::StdinNotOpen, "this attachment takes no input: open it with `stdin`"))
            }
            Ok(Item::Event(event)) => handle(process, event).await,
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            return error;
        }
    }
}

/// Writes to standard input as fast as the process reads, and takes signals meanwhile.
async fn feed(channel: &Channel<ProcessAttach>, process: &Arc<Process>, bytes: Bytes) -> Result<(), Error> {
    let write = process.write_stdin(&bytes);
    tokio::pin!(write);
    loop {
        tokio::select! {
            written = &mut write => return unless_exited(written),
            event = channel.recv_event() => handle(process, event?).await?,
        }
    }
}

async fn handle(process: &Arc<Process>, event: AttachUp) -> Result<(), Error> {
    match event {
        AttachUp::Signal { signal, target } => unless_exited(send(process, &signal, target).await),
    }
}

async fn send(process: &Arc<Process>, signal: &str, target: Target) -> Result<(), Error> {
    process.signal(Signal::parse(signal)?, target).await
}

/// The end of the process is no fault of who attached: the result tells of it once the output is delivered.
fn unless_exited(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(error) if error.code == Code::ProcessExited => Ok(()),
        other => other,
    }
}
