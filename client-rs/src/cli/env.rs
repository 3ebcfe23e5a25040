//! `env`: variables of the sandbox.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use clap::Subcommand;
use sandwire::Client;
use sandwire::protocol::ByteString;

use super::connect::Global;
use super::fail::Failure;
use super::format;
use super::launch::variable;
use super::stdio;

/// Variables that everything gets that begins in the sandbox from then on. Without a subcommand: list them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sandwire env set CI=1 LANG=C.UTF-8
  sandwire env set API_KEY               its value from here: one in an argument is seen by all who may list processes
  sandwire env set --file .env
  sandwire env unset PAGER
  sandwire env

Sessions that run take a change over with their next command, unless they were made with that variable.")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Set variables: all of them, or none.
    Set {
        /// NAME=VALUE; NAME alone takes its value from here.
        #[arg(value_name = "NAME[=VALUE]", required_unless_present = "file")]
        variables: Vec<OsString>,
        /// Read them from a file, or with `-` from standard input: one NAME[=VALUE] a line, taken as it stands; empty lines
        /// and those that begin with # are passed over. What is named as an argument goes before.
        #[arg(short, long)]
        file: Option<PathBuf>,
    },
    /// Unset variables, also those of the server itself.
    Unset {
        /// Their names.
        #[arg(required = true)]
        names: Vec<OsString>,
    },
    /// List them.
    #[command(visible_alias = "ls")]
    List,
}

pub(crate) async fn run(args: Args, client: &Client, global: &Global) -> Result<i32, Failure> {
    match args.command.unwrap_or(Command::List) {
        Command::Set { variables, file } => {
            let mut all = BTreeMap::new();
            for setting in lines(file)?.into_iter().chain(variables) {
                let (name, value) = variable(&setting)?;
                all.insert(name, Some(value));
            }
            client.env().update(all).await?;
        }
        Command::Unset { names } => {
            client.env().update(names.into_iter().map(|name| (name, None::<ByteString>))).await?;
        }
        Command::List => list(client, global).await?,
    }
    Ok(0)
}

async fn list(client: &Client, global: &Global) -> Result<(), Failure> {
    let listing = client.env().list().await?;
    if global.json {
        // Null, as in what sets them.
        let unset = listing.unset.iter().map(|name| (name.to_string(), None));
        let set = listing.env.iter().map(|(name, value)| (name.to_string(), Some(value.to_string())));
        return Ok(stdio::json(&set.chain(unset).collect::<BTreeMap<_, _>>())?);
    }
    for (name, value) in &listing.env {
        stdio::line(format_args!("{name}={}", format::printable(&value.to_string())))?;
    }
    for name in &listing.unset {
        stdio::line(format_args!("{name}  (unset)"))?;
    }
    Ok(())
}

/// Most bytes of a file of variables: more than a server takes.
const LARGEST: u64 = 1 << 20;

fn lines(file: Option<PathBuf>) -> Result<Vec<OsString>, Failure> {
    let Some(file) = file else { return Ok(Vec::new()) };
    let mut text = Vec::new();
    let read = if file.as_os_str() == "-" {
        std::io::stdin().lock().take(LARGEST).read_to_end(&mut text)
    } else {
        std::fs::File::open(&file).and_then(|file| file.take(LARGEST).read_to_end(&mut text))
    };
    read.map_err(|error| Failure::Usage(format!("--file {}: {error}", file.display())))?;
    let lines = text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with(b"#"));
    Ok(lines.map(|line| OsString::from_vec(line.to_vec())).collect())
}
