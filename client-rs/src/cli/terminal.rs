//! `terminal`: the terminals that are there. `shell` opens and shows them.

use std::time::Duration;

use clap::Subcommand;
use sandwire::Client;
use sandwire::protocol::kind::pty::Snapshot;

use super::args;
use super::connect::Global;
use super::end;
use super::fail::Failure;
use super::format;
use super::stdio;

/// List, show or end terminals; `shell` opens them.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List them.
    #[command(visible_alias = "ls")]
    List,
    /// Print the screen as text.
    Show {
        /// Lines above the screen too.
        #[arg(long, default_value_t = 0)]
        scrollback: u32,
        /// With colours and attributes, as escape sequences.
        #[arg(long)]
        ansi: bool,
        /// The terminal.
        id: String,
    },
    /// End a terminal and what runs in it.
    Close {
        /// Time between HUP and KILL. Default: 2s.
        #[arg(long, value_name = "TIME", value_parser = args::duration)]
        grace: Option<Duration>,
        /// The terminal.
        id: String,
    },
}

pub(crate) async fn run(args: Args, client: &Client, global: &Global) -> Result<i32, Failure> {
    let terminals = client.terminals();
    match args.command {
        Command::List => {
            let all = terminals.list().await?;
            if global.json {
                stdio::json(&all)?;
                return Ok(0);
            }
            let rows: Vec<_> = all
                .iter()
                .map(|info| {
                    [
                        info.id.clone(),
                        info.pid.to_string(),
                        info.exit.as_ref().map_or_else(|| "open".to_owned(), end::describe),
                        format!("{} ago", format::since(info.started_ms)),
                        format!("{}x{}", info.cols, info.rows),
                        info.viewers.to_string(),
                        format::printable(&info.command),
                    ]
                })
                .collect();
            format::table(["ID", "PID", "STATE", "STARTED", "SIZE", "VIEWERS", "COMMAND"], &rows)?;
        }
        Command::Show { scrollback, ansi, id } => {
            let screen = terminals.snapshot_with(&Snapshot { id, scrollback, ansi }).await?;
            if global.json {
                stdio::json(&screen)?;
            } else {
                stdio::stdout(&screen.content)?;
                if !screen.content.ends_with(b"\n") {
                    stdio::stdout(b"\n")?;
                }
            }
        }
        Command::Close { grace, id } => {
            let info = terminals.close(id, grace).await?;
            if global.json {
                stdio::json(&info)?;
            }
        }
    }
    Ok(0)
}
