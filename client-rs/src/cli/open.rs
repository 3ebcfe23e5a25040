//! `open`: the server's page in a browser, signed in.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Serialize;

use super::args;
use super::connect::Global;
use super::fail::Failure;
use super::stdio;

/// Programs that open a link in the browser that the user prefers.
const OPENERS: &[&str] = if cfg!(target_os = "macos") { &["open"] } else { &["xdg-open"] };

/// Open the server's page in a browser that is signed in by that.
///
/// The link that does it is good once. Without a program to open it, or with --print, it is printed instead: whoever
/// opens it first is signed in.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sandwire open
  sandwire open --print                            # to open it elsewhere
  sandwire open --print --scope pty-read --scope process-read --ttl 30m")]
pub(crate) struct Args {
    /// Only print the link.
    #[arg(long)]
    print: bool,
    /// How long the link is good, at most 1h. Default: 5m.
    #[arg(long, value_name = "TIME", value_parser = args::duration)]
    ttl: Option<Duration>,
    /// Only this right; may be given again. Default: all that the token has.
    #[arg(long, value_name = "SCOPE")]
    scope: Vec<String>,
}

#[derive(Serialize)]
struct Link<'a> {
    url: &'a str,
}

pub(crate) async fn run(args: Args, global: &Global) -> Result<i32, Failure> {
    let mut builder = global.builder()?;
    if !args.scope.is_empty() {
        builder = builder.scopes(args.scope);
    }
    let link = builder.sign_in_link(args.ttl).await?;
    if global.json {
        stdio::json(&Link { url: &link })?;
        return Ok(0);
    }
    if !args.print && opened(&link) {
        return Ok(0);
    }
    stdio::line(&link)?;
    Ok(0)
}

/// Whether a browser was told.
fn opened(link: &str) -> bool {
    let Some(opener) = OPENERS.iter().find_map(|name| find(name)) else { return false };
    let mut command = Command::new(opener);
    // What the browser says is of no interest here.
    command.arg(link).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}
