//! The flags that every subcommand has, and the connection that they describe.

use std::path::PathBuf;
use std::time::Duration;

use sandwire::{Builder, Client, State};

use super::fail::Failure;

/// How long a lost connection goes unmentioned.
const QUIET_LOSS: Duration = Duration::from_secs(2);

/// Where the server listens unless it is told otherwise.
const DEFAULT_URL: &str = "ws://127.0.0.1:7070/v1/connect";

/// Flags of every subcommand.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Global {
    /// The server: `ws://` or `wss://`, `http://`, or host:port. Default: SANDWIRE_URL, else the port 7070 of this machine.
    #[arg(long, global = true)]
    url: Option<String>,
    /// The server's token. Others can see it in the list of processes: a file, or the variable SANDWIRE_TOKEN, which is
    /// the default, is better.
    #[arg(long, global = true)]
    token: Option<String>,
    /// A file with the server's token.
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "token")]
    token_file: Option<PathBuf>,
    /// A PEM file with the certificates to trust for `wss://`, and no others. Default: SANDWIRE_CA, else those that
    /// browsers trust.
    #[arg(long, global = true, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Print data as JSON: one value, or for streams one value a line. Its fields are those of PROTOCOL.md.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say nothing about the connection, and show no progress.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

/// A variable of our environment; one that is set to nothing is as good as none. Not by way of the arguments: a flag wins
/// over a variable without a conflict, and the usage shows what was typed.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Global {
    /// Connects.
    pub(crate) async fn connect(&self) -> Result<Client, Failure> {
        Ok(self.builder()?.connect().await?)
    }

    /// How to connect.
    pub(crate) fn builder(&self) -> Result<Builder, Failure> {
        let url = self.url.clone().or_else(|| variable("SANDWIRE_URL"));
        let mut builder = Client::builder(url.unwrap_or_else(|| DEFAULT_URL.to_owned()));
        let token = match &self.token_file {
            Some(path) => {
                let token = std::fs::read_to_string(path)
                    .map_err(|error| Failure::Usage(format!("--token-file {}: {error}", path.display())))?;
                Some(token.trim().to_owned())
            }
            None => self.token.clone().or_else(|| variable("SANDWIRE_TOKEN")),
        };
        if let Some(token) = token {
            builder = builder.token(token);
        }
        if let Some(path) = self.ca.clone().or_else(|| variable("SANDWIRE_CA").map(PathBuf::from)) {
            builder = builder.ca_file(path)?;
        }
        Ok(builder)
    }

    /// Tells on standard error when the connection is lost for long.
    pub(crate) fn tell(&self, client: &Client) {
        if !self.quiet {
            tokio::spawn(tell(client.states(), |notice| eprintln!("sandwire: {notice}")));
        }
    }
}

/// Tells of a connection that is lost for more than [`QUIET_LOSS`], of its return, and of a server that shuts down.
pub(crate) async fn tell(mut states: tokio::sync::watch::Receiver<State>, say: impl Fn(&str)) {
    loop {
        let Ok(state) = states.wait_for(|state| !matches!(state, State::Connected { .. })).await.map(|it| it.clone())
        else {
            return;
        };
        match state {
            State::Reconnecting { .. } => {}
            State::Asleep { reason } => {
                say(&format!("the sandbox sleeps ({reason})"));
                if states.wait_for(|state| !matches!(state, State::Asleep { .. })).await.is_err() {
                    return;
                }
                continue;
            }
            State::Draining => {
                say("the server is shutting down: what runs has a little time to end");
                if states.wait_for(|state| !matches!(state, State::Draining)).await.is_err() {
                    return;
                }
                continue;
            }
            State::Connected { .. } | State::Closed(_) => return,
        }
        let back = states.wait_for(|state| !matches!(state, State::Reconnecting { .. }));
        if tokio::time::timeout(QUIET_LOSS, back).await.is_ok() {
            continue;
        }
        let (attempt, reason) = match &*states.borrow() {
            State::Reconnecting { attempt, reason } => (*attempt, reason.clone()),
            State::Connected { .. } | State::Asleep { .. } | State::Draining | State::Closed(_) => continue,
        };
        if attempt == 0 {
            say("the server has not answered yet");
        } else {
            say(&format!("the connection is lost, trying again ({reason})"));
        }
        match states.wait_for(|state| !matches!(state, State::Reconnecting { .. })).await.as_deref() {
            Ok(State::Connected { .. } | State::Asleep { .. } | State::Draining) => say("connected again"),
            Ok(State::Reconnecting { .. } | State::Closed(_)) | Err(_) => return,
        }
    }
}
