//! `exec`: a command to its end.

use std::time::Duration;

use bytes::Bytes;
use sandwire_link::{Channel, Item};
use sandwire_protocol::kind::Exec;
use sandwire_protocol::kind::command::{Exit, Output, Target};
use sandwire_protocol::kind::exec::{Down, Params, Up};
use sandwire_protocol::{Code, Error};

use super::session::Placed;
use super::{Context, or_cancelled};
use crate::sandbox::process::pipe::Stdin;
use crate::sandbox::process::run::{self, Outputs, Run, Spec, Started};
use crate::sandbox::process::signal::Signal;
use crate::sandbox::process::stop::Stop;
use crate::sandbox::shell::{self, Asked};

/// Time between TERM and KILL, when the parameters name none.
const GRACE: Duration = Duration::from_millis(2000);

pub(super) async fn serve(
    (placed, params): (Placed, Params),
    channel: &Channel<Exec>,
    context: &Context,
) -> Result<Exit, Error> {
    let timeout = params.timeout_ms.map(Duration::from_millis);
    let grace = params.grace_ms.map_or(GRACE, Duration::from_millis);
    let (stdin, merge_stderr) = (params.stdin, params.merge_stderr);
    let (command, mut outputs, stdin) = match placed? {
        None => {
            let spec = Spec { stdin, merge_stderr, timeout, grace };
            let Started { run, outputs, stdin } = run::start(&context.sandbox.host, &params.run, &spec)?;
            (Command::Own(run), outputs, stdin)
        }
        Some(place) => {
            let held = channel.until_cancelled(place.turn()).await?;
            let asked = Asked { stdin, merge_stderr, timeout, grace, renew: params.renew };
            let may_wait = held.may_wait(&params.run);
            let begin = held.begin(&params.run, &asked, may_wait);
            let (command, outputs, stdin) = or_cancelled(channel, may_wait, begin).await?;
            (Command::InSession(Box::new(command)), outputs, stdin)
        }
    };
    let _working = context.sandbox.activity.commands.begin();
    // What it was started with may be large, and it may run for long.
    drop(params.run);
    let stop = Stop::new();
    let mut given_up = None;
    let (exit, delivered) = {
        let deliver = deliver(channel, &mut outputs, params.report_start.then(|| command.pid()));
        // Always in this order: the end tells the delivery, which is then looked at next, without another turn of the
        // runtime, and of a thread that it would wake for it.
        let ends = async {
            tokio::join!(biased; command.wait(&stop), async { deliver.await.inspect_err(|_| stop.request(grace)) })
        };
        let listen = listen(channel, &command, stdin);
        tokio::pin!(ends, listen);
        loop {
            tokio::select! {
                both = &mut ends => break both,
                error = &mut listen, if given_up.is_none() => {
                    given_up = Some(error);
                    stop.request(grace);
                }
            }
        }
    };
    if let Some(error) = given_up {
        return Err(error);
    }
    delivered?;
    Ok(Exit { output_dropped: outputs.dropped(), ..exit? })
}

/// A command that runs, by itself or in a session.
enum Command {
    Own(Run),
    InSession(Box<shell::Command>),
}

impl Command {
    fn pid(&self) -> u32 {
        match self {
            Command::Own(run) => run.pid(),
            Command::InSession(command) => command.pid(),
        }
    }

    async fn wait(&self, stop: &Stop) -> Result<Exit, Error> {
        match self {
            Command::Own(run) => run.wait(stop).await,
            Command::InSession(command) => command.wait(stop).await,
        }
    }

    async fn signal(&self, signal: Signal, target: Target) -> Result<(), Error> {
        match self {
            Command::Own(run) => run.signal(signal, target).await,
            // Its group is the shell's, which is to live on.
            Command::InSession(command) => command.signal(signal).await,
        }
    }
}

async fn deliver(channel: &Channel<Exec>, outputs: &mut Outputs, started: Option<u32>) -> Result<(), Error> {
    if let Some(pid) = started {
        channel.event(Down::Started { pid }).await?;
    }
    loop {
        let room = channel.reserve().await?;
        let Some((output, bytes)) = outputs.next(room).await? else { return Ok(()) };
        let stream = match output {
            Output::Stdout => 1,
            Output::Stderr => 2,
        };
        channel.send(stream, bytes)?;
    }
}

/// Takes what the opener says, until it says something wrong or gives up.
async fn listen(channel: &Channel<Exec>, command: &Command, mut stdin: Option<Stdin>) -> Error {
    let mut opened = stdin.is_some();
    loop {
        let result = match channel.recv().await {
            Ok(Item::Data(0, bytes)) if opened => feed(channel, command, &mut stdin, bytes).await,
            Ok(Item::End(0)) if opened => {
                opened = false;
                stdin = None;
                Ok(())
            }
            Ok(Item::Data(..) | Item::End(_)) => {
                Err(Error::new(Code::StdinNotOpen, "the command takes no input on this stream: open it with `stdin`"))
            }
            Ok(Item::Event(event)) => handle(command, event).await,
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            return error;
        }
    }
}

/// Writes to standard input as fast as the command reads, and takes signals meanwhile.
async fn feed(
    channel: &Channel<Exec>,
    command: &Command,
    stdin: &mut Option<Stdin>,
    bytes: Bytes,
) -> Result<(), Error> {
    // A command that closed its input is no error: what was meant for it is thrown away.
    let Some(pipe) = stdin.as_ref() else { return Ok(()) };
    let open = {
        let write = pipe.write(&bytes);
        tokio::pin!(write);
        loop {
            tokio::select! {
                open = &mut write => break open,
                event = channel.recv_event() => handle(command, event?).await?,
            }
        }
    };
    match open {
        Ok(true) => {}
        Ok(false) => *stdin = None,
        Err(error) => {
            return Err(Error::new(Code::Internal, format!("standard input cannot be written: {error}")));
        }
    }
    Ok(())
}

async fn handle(command: &Command, event: Up) -> Result<(), Error> {
    match event {
        Up::Signal { signal, target } => match command.signal(Signal::parse(&signal)?, target).await {
            // It ended while the signal was on its way.
            Err(error) if error.code == Code::ProcessExited => Ok(()),
            result => result,
        },
    }
}
