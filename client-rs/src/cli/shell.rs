//! `shell`: a terminal in the sandbox, shown in this one.

mod escape;
mod tty;

use std::ffi::OsString;
use std::io::{self, IsTerminal};

use bytes::Bytes;
use futures_util::TryStreamExt;
use sandwire::Client;
use sandwire::kinds::terminal::{OpenTerminal, Terminal, TerminalInput, TerminalItem};
use sandwire::protocol::Code;
use sandwire::protocol::kind::command::Launch;
use sandwire::protocol::kind::pty::{Attach, Down};
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::connect::{self, Global};
use super::end;
use super::fail::Failure;
use super::launch::LaunchFlags;
use super::stdio;
use escape::Escape;

/// Exit code of a command that was left: its own is not known.
const LEFT: i32 = 255;

/// What a terminal sends at the end of its input.
const END_OF_INPUT: &[u8] = b"\x04";

/// Open a terminal in the sandbox, or attach to one that is there.
///
/// A terminal stays when its viewer goes: leave it with ctrl-] (or `~.` at the begin of a line) and attach again by its
/// name, from anywhere. It ends with its shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sandwire shell                     a new terminal with a login shell
  sandwire shell work                the terminal `work`: attach to it, or make it
  sandwire shell work --read-only    only look
  sandwire shell edit -- vim notes   run a program in it

Without a name, a terminal whose viewer's window is closed ends too.")]
pub(crate) struct Args {
    /// Name of the terminal. Default: a new one with a generated name.
    name: Option<String>,
    /// Look only: no keys, no sizes. The terminal must be there.
    #[arg(long, short, requires = "name")]
    read_only: bool,
    /// The key that detaches: ctrl-], ctrl-b, or none.
    #[arg(long, value_name = "KEY", default_value = "ctrl-]", value_parser = escape::key)]
    detach_key: std::option::Option<u8>,
    #[command(flatten)]
    flags: LaunchFlags,
    /// What to run instead of a login shell.
    #[arg(last = true)]
    argv: Vec<OsString>,
}

/// Why the terminal is not shown any more.
enum Left {
    /// It ended, with this code.
    Ended(i32),
    /// The person wanted out.
    Detached,
    /// This process was told to end, by this signal.
    Told(i32),
}

pub(crate) async fn run(args: Args, client: &Client, global: &Global) -> Result<i32, Failure> {
    let run = args.flags.launch(args.argv)?;
    let terminal = open(&args.name, args.read_only, run, client)?;
    let view = View {
        id: args.name.clone().unwrap_or_default(),
        created: false,
        read_only: args.read_only,
        detach_key: args.detach_key,
        // Nobody could find it again.
        ends_with_us: args.name.is_none(),
        stays: true,
    };
    view.show(terminal, client, global).await
}

/// `exec -t`: a command in a terminal that ends with us.
pub(crate) async fn command(run: Launch, client: &Client, global: &Global) -> Result<i32, Failure> {
    let terminal = new(run, client).transient().spawn()?;
    let view = View {
        id: String::new(),
        created: false,
        read_only: false,
        detach_key: None,
        ends_with_us: true,
        stays: false,
    };
    view.show(terminal, client, global).await
}

fn open(name: &Option<String>, read_only: bool, run: Launch, client: &Client) -> Result<Terminal, Failure> {
    if read_only {
        if run != Launch::default() {
            return Err(Failure::Usage("--read-only attaches to what runs: it starts nothing".to_owned()));
        }
        let (cols, rows) = tty::size().unzip();
        let id = name.clone().unwrap_or_default();
        return Ok(client.terminals().attach_with(&Attach { id, cols, rows, read_only, scrollback: None })?);
    }
    let mut open = new(run, client);
    if let Some(name) = name {
        open = open.id(name).reuse();
    }
    Ok(open.spawn()?)
}

/// A new terminal, like ours.
fn new(run: Launch, client: &Client) -> OpenTerminal {
    let mut open = client.terminals().open().launch(run);
    if let Some((cols, rows)) = tty::size() {
        open = open.size(cols, rows);
    }
    if let Some(term) = std::env::var("TERM").ok().filter(|term| !term.is_empty() && term != "dumb") {
        open = open.term(term);
    }
    open
}

/// How a terminal is shown here.
struct View {
    /// The terminal.
    id: String,
    /// Whether we made it.
    created: bool,
    read_only: bool,
    detach_key: Option<u8>,
    /// Whether it ends when our window is closed, provided that we made it.
    ends_with_us: bool,
    /// Whether it stays when it is left by a key.
    stays: bool,
}

impl View {
    async fn show(mut self, mut terminal: Terminal, client: &Client, global: &Global) -> Result<i32, Failure> {
        let interactive = io::stdin().is_terminal();
        self.attached(&mut terminal).await?;
        let raw = if interactive {
            Some(tty::Raw::enter()?)
        } else {
            if !self.read_only {
                eprintln!("sandwire: standard input is no terminal: it is typed as it is, and its end as ctrl-D");
            }
            global.tell(client);
            None
        };
        let notices = (interactive && !global.quiet).then(|| tokio::spawn(connect::tell(client.states(), title)));
        let keys = (!self.read_only || interactive).then(|| {
            let (sender, receiver) = mpsc::channel(1);
            let escape = Escape::new(if interactive { self.detach_key } else { None });
            let input = (!self.read_only).then(|| terminal.input());
            tokio::spawn(read_keys(input, escape, interactive, sender));
            receiver
        });
        let left = show(&mut terminal, keys, self.read_only).await;
        if let Some(notices) = notices {
            notices.abort();
        }
        if interactive && !matches!(left, Ok(Left::Ended(_))) {
            tty::reset();
        }
        drop(raw);
        match left? {
            Left::Ended(code) => Ok(code),
            Left::Detached if self.stays => {
                eprintln!("\nsandwire: detached; `sandwire shell {}` attaches again", self.id);
                Ok(0)
            }
            Left::Detached => {
                eprintln!("\nsandwire: left, and the command with its terminal is ended");
                Ok(LEFT)
            }
            Left::Told(signal) => {
                if self.ends_with_us && self.created {
                    client.terminals().close(self.id, None).await?;
                }
                Ok(128 + signal)
            }
        }
    }

    /// Waits until it is attached, so that a refusal is told on a terminal in its usual mode.
    async fn attached(&mut self, terminal: &mut Terminal) -> Result<(), Failure> {
        while let Some(item) = terminal.try_next().await? {
            match item {
                TerminalItem::Event(Down::Attached { id, created, .. }) => {
                    self.id = id;
                    self.created = created;
                    return Ok(());
                }
                TerminalItem::Event(Down::Live {} | Down::Resized { .. }) => {}
                TerminalItem::Output(data) => stdio::stdout(&data)?,
                TerminalItem::Ended(_) => break,
            }
        }
        let message = "the terminal ended before it could be shown";
        Err(sandwire::protocol::Error::new(Code::TerminalNotFound, message).into())
    }
}

/// Shows the terminal until it ends or somebody wants out.
async fn show(terminal: &mut Terminal, mut keys: Option<mpsc::Receiver<()>>, read_only: bool) -> Result<Left, Failure> {
    let input = terminal.input();
    let mut window = signal(SignalKind::window_change())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let detached = async {
        match &mut keys {
            Some(keys) => {
                if keys.recv().await.is_none() {
                    std::future::pending::<()>().await;
                }
            }
            None => std::future::pending::<()>().await,
        }
    };
    tokio::pin!(detached);
    loop {
        tokio::select! {
            item = terminal.try_next() => match item?.ok_or_else(no_end)? {
                TerminalItem::Output(data) => stdio::stdout(&data)?,
                TerminalItem::Event(Down::Attached { .. } | Down::Live {} | Down::Resized { .. }) => {}
                TerminalItem::Ended(ended) => return Ok(Left::Ended(end::code(&ended.exit)?)),
            },
            () = &mut detached => return Ok(Left::Detached),
            _ = window.recv(), if !read_only => {
                if let Some((cols, rows)) = tty::size() {
                    let input = input.clone();
                    // The end of the terminal is told by the other branch.
                    tokio::spawn(async move { input.resize(cols, rows).await.unwrap_or_default() });
                }
            }
            _ = terminate.recv() => return Ok(Left::Told(15)),
            _ = hangup.recv() => return Ok(Left::Told(1)),
            _ = interrupt.recv() => return Ok(Left::Told(2)),
        }
    }
}

/// The stream of a terminal ends with its end, or with an error.
fn no_end() -> Failure {
    sandwire::protocol::Error::new(Code::Internal, "the server did not say how the terminal ended").into()
}

/// Passes keys on until the way out is typed; with no `input` it only looks for that.
async fn read_keys(input: Option<TerminalInput>, mut escape: Escape, interactive: bool, detach: mpsc::Sender<()>) {
    let mut stdin = tokio::io::stdin();
    let mut buffer = vec![0; 16 << 10];
    while let Ok(count @ 1..) = stdin.read(&mut buffer).await {
        let typed = buffer.get(..count).unwrap_or_default();
        let passed =
            if interactive { escape.pass(typed) } else { escape::Passed { keys: typed.to_vec(), detach: false } };
        if let Some(input) = &input
            && !passed.keys.is_empty()
            && input.write(passed.keys).await.is_err()
        {
            break;
        }
        if passed.detach {
            // The one who listens may have left already.
            detach.send(()).await.unwrap_or_default();
            return;
        }
    }
    if !interactive && let Some(input) = &input {
        // As above: the end is told where the output is read.
        input.write(Bytes::from_static(END_OF_INPUT)).await.unwrap_or_default();
    }
    // Keeps the receiver from taking the end of the input for a wish to leave.
    detach.closed().await;
}

/// Tells something without touching the screen: in the window's title, with a bell.
fn title(text: &str) {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    // A terminal that is gone is noticed elsewhere.
    stdio::stderr(format!("\x1b]0;sandwire: {text}\x07\x07").as_bytes()).unwrap_or_default();
}
