//! `git-checkout`: a repository into the sandbox.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::StreamExt;
use sandwire::Client;
use sandwire::kinds::git::CheckoutDown;

use super::args;
use super::connect::Global;
use super::fail::Failure;
use super::format;
use super::secret;
use super::stdio;

/// Clone a repository into the sandbox, by the sandbox's own git.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sandwire git-checkout https://git.example/shop.git          into /workspace/shop
  sandwire git-checkout -b v1.2 --depth 1 https://git.example/shop.git src
  sandwire git-checkout --username ada --password-file ~/.token https://git.example/private.git
  pass git | sandwire git-checkout --password-file - https://git.example/private.git

It prints the directory. A password is told to the server that the URL names, and to nobody else. What fails, or is
interrupted, leaves nothing behind.")]
pub(crate) struct CheckoutArgs {
    /// The branch or tag. Default: the repository's own choice.
    #[arg(short, long)]
    branch: Option<String>,
    /// So many commits of that branch alone.
    #[arg(long, value_name = "COMMITS")]
    depth: Option<u32>,
    /// Submodules too.
    #[arg(long)]
    recurse_submodules: bool,
    /// Leave objects out until they are needed: blob:none, blob:limit=1m, tree:0.
    #[arg(long)]
    filter: Option<String>,
    /// Who signs in, by HTTP.
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// A file with the password or access token; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Take directory and variables of this session.
    #[arg(long, value_name = "NAME")]
    session: Option<String>,
    /// Where a relative DIR is taken from.
    #[arg(short = 'C', long, value_name = "DIR")]
    cwd: Option<OsString>,
    /// Time after which it is given up.
    #[arg(long, value_name = "TIME", value_parser = args::duration)]
    timeout: Option<Duration>,
    /// Where the repository is.
    url: String,
    /// Where it goes. Default: the last part of the URL.
    #[arg(value_name = "DIR")]
    directory: Option<OsString>,
}

pub(crate) async fn checkout(args: CheckoutArgs, client: &Client, global: &Global) -> Result<i32, Failure> {
    let mut checkout = client.git_checkout(args.url);
    if let Some(directory) = args.directory {
        checkout = checkout.directory(directory);
    }
    if let Some(cwd) = args.cwd {
        checkout = checkout.cwd(cwd);
    }
    if let Some(session) = args.session {
        checkout = checkout.session(session);
    }
    if let Some(branch) = args.branch {
        checkout = checkout.branch(branch);
    }
    if let Some(depth) = args.depth {
        checkout = checkout.depth(depth);
    }
    if let Some(filter) = args.filter {
        checkout = checkout.filter(filter);
    }
    if let Some(name) = args.username {
        checkout = checkout.username(name);
    }
    if let Some(file) = args.password_file {
        checkout = checkout.password(secret::read(&file)?);
    }
    if args.recurse_submodules {
        checkout = checkout.recurse_submodules();
    }
    if let Some(timeout) = args.timeout {
        checkout = checkout.timeout(timeout);
    }
    let shown = stdio::stderr_is_terminal() && !global.json;
    let mut interrupt = super::interrupts()?;
    let mut progress = checkout.start()?;
    let ended = loop {
        let event = tokio::select! {
            event = progress.next() => event,
            // What was made goes when nobody wants it any more.
            _ = interrupt.recv() => break Ok(130),
        };
        match event {
            Some(Ok(CheckoutDown::Progress(progress))) if shown => {
                stdio::stderr(format!("\r\x1b[K{}", format::printable(&progress.text)).as_bytes())?;
            }
            Some(Ok(CheckoutDown::Progress(_))) => {}
            Some(Err(error)) => break Err(error.into()),
            None => break Ok(0),
        }
    };
    if shown {
        stdio::stderr(b"\r\x1b[K")?;
    }
    if let (Ok(0), Some(done)) = (&ended, progress.end()) {
        if global.json {
            stdio::json(done)?;
        } else {
            stdio::line(format::printable(&done.directory.to_string()))?;
        }
    }
    ended
}
