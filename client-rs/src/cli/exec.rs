//! `exec`: a command with its input, output, signals and exit code, as if it ran here.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use sandwire::protocol::Code;
use sandwire::protocol::kind::Exec;
use sandwire::protocol::kind::command::{Exit, Output, Target as Whom};
use sandwire::protocol::kind::exec::{Params, Up};
use sandwire::{Call, Client, Reply};
use serde::Serialize;
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};

use super::args;
use super::connect::Global;
use super::end;
use super::fail::Failure;
use super::json::{self, Piece};
use super::launch::LaunchArgs;
use super::{shell, stdio};

/// What a shell reports of a program that SIGINT ended.
const INTERRUPTED: i32 = 130;

/// How long the end that was asked for may take before the way out is told.
const PATIENCE: Duration = Duration::from_secs(3);

/// Bytes of output that are kept for `--json`.
const KEPT: usize = sandwire::kinds::exec::DEFAULT_OUTPUT_LIMIT;

/// Bytes of standard input that are read at once: what a frame carries.
const CHUNK: usize = 64 << 10;

/// Run a command to its end, with its output, input and exit code.
///
/// Signals INT, TERM and HUP go on to the command; a second INT ends it and everything that it started.
///
/// With --json the output is kept until the end (64 MiB of it) and one object is printed: {"code":0,"duration_us":…,
/// "usage":…,"stdout":…,"stderr":…,"truncated":false}; "signal" is there in place of "code" when a signal ended it,
/// "timed_out" when its time was over, and "stdout_base64" in place of "stdout" when it is no UTF-8. With --stream too,
/// each piece is a line as it comes, {"stream":"stdout","text":…} (or "base64"), and the last line is {"exit":…}. The exit
/// code is that of the command in each case.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sandwire exec -- cargo test
  sandwire exec -c 'cat *.log | sort' > sorted
  tar c . | sandwire exec -C /workspace tar x
  sandwire exec --timeout 1m30s --limit-memory 512M -- ./build.sh
  sandwire exec -it -- vim notes.txt
  sandwire exec --json -c 'uname -r' | jq -r .stdout")]
pub(crate) struct Args {
    /// Pass standard input on, even from a terminal. Default: when it is no terminal.
    #[arg(short, long)]
    interactive: bool,
    /// Give the command an empty standard input.
    #[arg(short, long, conflicts_with = "interactive")]
    no_stdin: bool,
    /// Run it in a terminal, as an editor or a shell needs it; it ends when we go. `shell` keeps one.
    #[arg(short, long, conflicts_with_all = ["no_stdin", "timeout", "grace", "merge", "stream"])]
    tty: bool,
    /// End it after this time (exit code 124): 90, 1m30s, 200ms.
    #[arg(long, value_name = "TIME", value_parser = args::duration)]
    timeout: Option<Duration>,
    /// Time between TERM and KILL when it is ended. Default: 2s.
    #[arg(long, value_name = "TIME", value_parser = args::duration)]
    grace: Option<Duration>,
    /// Send standard error where standard output goes, in the order of the writes.
    #[arg(long)]
    merge: bool,
    /// With --json: a line for each piece of output as it comes, and one for the end.
    #[arg(long)]
    stream: bool,
    /// Run it in the shell of this session, as commands before it have left it. `default` is there by itself.
    #[arg(long, value_name = "NAME", conflicts_with = "tty")]
    session: Option<String>,
    /// When the session's shell has ended, begin a fresh one instead of failing once.
    #[arg(long, requires = "session")]
    renew: bool,
    #[command(flatten)]
    run: LaunchArgs,
}

/// Where the output goes.
enum Target {
    /// To our own standard output and standard error.
    Passed,
    /// Each piece to a line of JSON.
    Lines,
    /// All of it to one object at the end.
    Object,
}

pub(crate) async fn run(args: Args, client: &Client, global: &Global) -> Result<i32, Failure> {
    let target = match (global.json, args.stream) {
        (false, false) => Target::Passed,
        (true, true) => Target::Lines,
        (true, false) => Target::Object,
        (false, true) => return Err(Failure::Usage("--stream is a form of --json: give that too".to_owned())),
    };
    let hint = args.run.looks_like_a_line();
    if args.tty {
        if global.json {
            return Err(Failure::Usage("what a terminal shows is no JSON: leave out --json or -t".to_owned()));
        }
        return shell::command(args.run.launch()?, client, global).await;
    }
    let stdin = !args.no_stdin && (args.interactive || !io::stdin().is_terminal());
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let params = Params {
        run: args.run.launch()?,
        stdin,
        merge_stderr: args.merge,
        timeout_ms: args.timeout.map(millis),
        grace_ms: args.grace.map(millis),
        report_start: false,
        session: args.session,
        renew: args.renew,
    };
    let call = Arc::new(client.open::<Exec>(&params)?);
    if stdin {
        tokio::spawn(feed(Arc::clone(&call)));
    }
    let cancelled = Arc::new(AtomicBool::new(false));
    let signals = tokio::spawn(forward_signals(Arc::clone(&call), Arc::clone(&cancelled)));
    let result = deliver(&call, &target).await;
    signals.abort();
    match result {
        Err(failure) if hint && failure.is(Code::CommandNotFound) => {
            Err(failure.hint("a line of shell is given with -c"))
        }
        Err(failure) if failure.is(Code::Cancelled) && cancelled.load(Ordering::Relaxed) => {
            eprintln!("sandwire: the command was ended");
            Ok(INTERRUPTED)
        }
        Err(Failure::BrokenPipe) => {
            // As when a local command writes to a closed pipe: it ends, and its end is not waited for.
            call.cancel();
            Err(Failure::BrokenPipe)
        }
        other => other,
    }
}

/// The last line of `--json --stream`.
#[derive(Serialize)]
struct End<'a> {
    exit: &'a Exit,
}

/// Writes what the command says, until its end.
async fn deliver(call: &Call<Exec>, target: &Target) -> Result<i32, Failure> {
    let mut error_output = true;
    let (mut stdout, mut stderr, mut truncated) = (Vec::new(), Vec::new(), false);
    loop {
        let (output, data) = match call.recv().await {
            Reply::Data(1, data) => (Output::Stdout, data),
            Reply::Data(_, data) => (Output::Stderr, data),
            Reply::End(_) | Reply::Event(_) => continue,
            Reply::Closed(exit) => {
                let exit = exit?;
                match target {
                    Target::Passed => {}
                    Target::Lines => stdio::json(&End { exit: &exit })?,
                    Target::Object => {
                        let object = json::command(&exit, stdout, stderr, truncated).map_err(io::Error::other)?;
                        stdio::json(&object)?;
                    }
                }
                return end::code(&exit);
            }
        };
        match (target, output) {
            (Target::Passed, Output::Stdout) => stdio::stdout(&data)?,
            // Nobody may be there to see the errors; the command's work counts all the same.
            (Target::Passed, Output::Stderr) => error_output = error_output && stdio::stderr(&data).is_ok(),
            (Target::Lines, _) => stdio::json(&Piece::new(output, None, &data))?,
            (Target::Object, _) => {
                let room = KEPT - stdout.len() - stderr.len();
                truncated |= data.len() > room;
                let kept = data.get(..data.len().min(room)).unwrap_or_default();
                if output == Output::Stdout { &mut stdout } else { &mut stderr }.extend_from_slice(kept);
            }
        }
    }
}

/// Passes standard input on, and its end.
async fn feed(call: Arc<Call<Exec>>) {
    let mut stdin = tokio::io::stdin();
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(CHUNK);
        match stdin.read_buf(&mut buffer).await {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => {
                // What cannot be read must not look like an end that was meant.
                eprintln!("sandwire: standard input cannot be read, so the command is ended: {error}");
                call.cancel();
                return;
            }
        }
        if call.write(0, buffer.split().freeze()).await.is_err() {
            // The command has ended, which `deliver` tells.
            return;
        }
    }
    // As above.
    call.end(0).unwrap_or_default();
}

async fn forward_signals(call: Arc<Call<Exec>>, cancelled: Arc<AtomicBool>) -> io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut interrupts = 0;
    loop {
        let name = tokio::select! {
            _ = interrupt.recv() => {
                interrupts += 1;
                "INT"
            }
            _ = terminate.recv() => "TERM",
            _ = hangup.recv() => "HUP",
        };
        match interrupts {
            0 | 1 => {
                let event = Up::Signal { signal: name.to_owned(), target: Whom::Group };
                // Sent from a task of its own: a second INT must not wait for the first.
                let call = Arc::clone(&call);
                tokio::spawn(async move { call.event(event).await.unwrap_or_default() });
            }
            2 => {
                cancelled.store(true, Ordering::Relaxed);
                call.cancel();
                tokio::spawn(async {
                    tokio::time::sleep(PATIENCE).await;
                    eprintln!("sandwire: the server has not confirmed the end yet; a third Ctrl-C leaves without that");
                });
            }
            _ => std::process::exit(INTERRUPTED),
        }
    }
}
