//! `session`: shell contexts that commands share.

use std::ffi::OsString;
use std::time::Duration;

use clap::Subcommand;
use sandwire::Client;
use sandwire::protocol::kind::session::{Info, State};

use super::args;
use super::connect::Global;
use super::end;
use super::fail::Failure;
use super::format;
use super::launch::{ContextFlags, in_context};
use super::stdio;

/// Shells whose directory, variables and functions last from one `exec --session NAME` to the next.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sandwire exec --session default -c 'cd src; export CI=1'     the session `default` is there by itself
  sandwire exec --session default -c 'pwd; echo $CI'
  sandwire session create build -C /workspace -e CI=1
  sandwire session list
  sandwire session rm build")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a session, and print its name.
    Create(CreateArgs),
    /// List the sessions.
    #[command(visible_alias = "ls")]
    List,
    /// End sessions, what runs in them, and what they left in the background.
    Rm {
        /// Time between TERM and KILL. Default: 2s.
        #[arg(long, value_name = "TIME", value_parser = args::duration)]
        grace: Option<Duration>,
        /// The sessions.
        #[arg(required = true)]
        names: Vec<String>,
    },
}

#[derive(Debug, clap::Args)]
struct CreateArgs {
    /// Its name. Default: a generated one.
    name: Option<String>,
    /// Its shell. Default: the sandbox's /bin/bash, else /bin/sh.
    #[arg(long, value_name = "PROGRAM")]
    shell: Option<OsString>,
    #[command(flatten)]
    context: ContextFlags,
    /// Timeout of its commands that have none.
    #[arg(long, value_name = "TIME", value_parser = args::duration)]
    timeout: Option<Duration>,
    /// Take the one of that name if there is one.
    #[arg(long)]
    reuse: bool,
    /// When its shell has ended, give the next command a fresh one instead of failing once.
    #[arg(long)]
    renew: bool,
}

pub(crate) async fn run(args: Args, client: &Client, global: &Global) -> Result<i32, Failure> {
    match args.command {
        Command::Create(args) => create(args, client, global).await,
        Command::List => list(client, global).await,
        Command::Rm { grace, names } => {
            for name in names {
                client.session(name).delete(grace).await?;
            }
            Ok(0)
        }
    }
}

async fn create(args: CreateArgs, client: &Client, global: &Global) -> Result<i32, Failure> {
    let mut create = in_context!(client.sessions().create(), args.context);
    if let Some(name) = args.name {
        create = create.id(name);
    }
    if let Some(shell) = args.shell {
        create = create.shell(shell);
    }
    if let Some(user) = args.context.user {
        create = create.user(user);
    }
    if let Some(timeout) = args.timeout {
        create = create.timeout(timeout);
    }
    if args.reuse {
        create = create.reuse();
    }
    if args.renew {
        create = create.renew();
    }
    let (session, created) = create.open_info().await?;
    if global.json {
        stdio::json(&created)?
    } else {
        stdio::line(session.id())?
    }
    Ok(0)
}

async fn list(client: &Client, global: &Global) -> Result<i32, Failure> {
    let sessions = client.sessions().list().await?;
    if global.json {
        stdio::json(&sessions)?;
        return Ok(0);
    }
    let rows: Vec<_> = sessions.iter().map(row).collect();
    format::table(["NAME", "PID", "STATE", "USED", "COMMANDS", "QUEUED", "DIRECTORY"], &rows)?;
    Ok(0)
}

fn row(info: &Info) -> [String; 7] {
    let state = match info.state {
        State::Idle => "idle".to_owned(),
        State::Busy => "busy".to_owned(),
        State::Ended => info.exit.as_ref().map_or_else(|| "ended".to_owned(), end::describe),
    };
    [
        info.id.clone(),
        info.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
        state,
        format!("{} ago", format::since(info.used_ms)),
        info.commands.to_string(),
        info.queued.to_string(),
        format::printable(info.cwd.as_deref().unwrap_or("-")),
    ]
}
