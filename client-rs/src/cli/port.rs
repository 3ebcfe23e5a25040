//! `ports`, `expose`, `unexpose`: who listens in the sandbox, and URLs for it.

use std::time::Duration;

use futures_util::StreamExt;
use sandwire::Client;
use sandwire::kinds::port::{Expose, Exposed, Listing, Port, WatchDown};

use super::args;
use super::connect::Global;
use super::fail::Failure;
use super::format;
use super::stdio;

/// List the ports that programs in the sandbox listen on, and those that are exposed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sandwire ports                 who listens where, and the URLs of what is exposed
  sandwire ports --watch         a line whenever somebody begins or ends to listen
  sandwire ports --json | jq '.ports[].port'

With --watch --json each line is an event: opened, changed, closed, exposed, unexposed, or ready when all that was there
has been told.")]
pub(crate) struct PortsArgs {
    /// The server's own port too.
    #[arg(short, long, conflicts_with = "watch")]
    all: bool,
    /// Go on, and tell what changes, until Ctrl-C.
    #[arg(short, long)]
    watch: bool,
    /// Time between two looks, with --watch. Default: 1s.
    #[arg(short, long, value_name = "TIME", value_parser = args::duration, requires = "watch")]
    interval: Option<Duration>,
}

/// Expose a port by a URL: whoever knows it can use what listens there.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sandwire expose 8000                          prints its URL
  sandwire expose 5173 --local-host             for a development server that answers only to localhost
  sandwire expose 3000 --name shop --token demo   a URL that can be remembered, and guessed
  open \"$(sandwire expose 8000)\"

Again on an exposed port it prints the same URL. The port itself can be closed yet: the URL answers 502 until somebody
listens. `sandwire unexpose 8000` ends it.")]
pub(crate) struct ExposeArgs {
    /// What it is called, for people.
    #[arg(short, long)]
    name: Option<String>,
    /// 1 to 16 characters of a-z, 0-9 and `_`. Default: drawn at random, so that nobody guesses it.
    #[arg(short, long)]
    token: Option<String>,
    /// Tell the program that it is asked as localhost.
    #[arg(short, long)]
    local_host: bool,
    /// The port.
    port: u16,
}

/// End what `expose` began, for connections that stand too. A port that is not exposed is no error.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sandwire unexpose 8000
  sandwire unexpose 8000 3000")]
pub(crate) struct UnexposeArgs {
    /// The ports.
    #[arg(required = true)]
    ports: Vec<u16>,
}

pub(crate) async fn ports(args: &PortsArgs, client: &Client, global: &Global) -> Result<i32, Failure> {
    if args.watch {
        return watch(args, client, global).await;
    }
    let ports = client.ports();
    let listing = if args.all { ports.list_all().await? } else { ports.list().await? };
    if global.json {
        stdio::json(&listing)?;
        return Ok(0);
    }
    let Listing { ports, exposed, truncated } = listing;
    let mut rows: Vec<[String; 6]> = ports.iter().map(|port| row(port, &exposed)).collect();
    // What is exposed while nobody listens.
    for alone in exposed.iter().filter(|exposed| ports.iter().all(|port| port.port != exposed.port)) {
        let none = || "-".to_owned();
        rows.push([alone.port.to_string(), none(), none(), none(), url(alone), none()]);
    }
    format::table(["PORT", "ADDRESS", "PID", "OF", "EXPOSED", "COMMAND"], &rows)?;
    if truncated {
        stdio::line("… and more")?;
    }
    Ok(0)
}

fn row(port: &Port, exposed: &[Exposed]) -> [String; 6] {
    let none = || "-".to_owned();
    let exposed = exposed.iter().find(|exposed| exposed.port == port.port);
    [
        port.port.to_string(),
        port.address.clone(),
        port.pid.map_or_else(none, |pid| pid.to_string()),
        owner(port).unwrap_or_else(none),
        exposed.map_or_else(none, url),
        port.command.as_deref().map_or_else(none, format::printable),
    ]
}

/// The background process or the terminal that a port is of.
fn owner(port: &Port) -> Option<String> {
    let terminal = port.terminal.as_ref().map(|id| format!("terminal {id}"));
    port.process.clone().or(terminal)
}

/// The URL, for who may see it.
fn url(exposed: &Exposed) -> String {
    exposed.url.clone().unwrap_or_else(|| "yes".to_owned())
}

async fn watch(args: &PortsArgs, client: &Client, global: &Global) -> Result<i32, Failure> {
    let mut events = client.ports().watch(args.interval)?;
    let mut interrupt = super::interrupts()?;
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            _ = interrupt.recv() => return Ok(0),
        };
        let Some(event) = event.transpose()? else { return Ok(0) };
        if global.json {
            stdio::json(&event)?;
        } else if let Some(line) = line(&event) {
            stdio::line(line)?;
        }
    }
}

/// An event for people.
fn line(event: &WatchDown) -> Option<String> {
    let who = |port: &Port| {
        let command = port.command.as_deref().map(format::printable);
        let words = owner(port).into_iter().chain(command).collect::<Vec<_>>().join(": ");
        format!("{:<9} {} {words}", format!("{}", port.port), port.address)
    };
    match event {
        WatchDown::Opened(port) => Some(format!("opened    {}", who(port))),
        WatchDown::Changed(port) => Some(format!("changed   {}", who(port))),
        WatchDown::Closed { port, address } => Some(format!("closed    {port:<9} {address}")),
        WatchDown::Exposed(exposed) => Some(format!("exposed   {:<9} {}", exposed.port, url(exposed))),
        WatchDown::Unexposed { port } => Some(format!("unexposed {port}")),
        WatchDown::Ready {} => None,
    }
}

pub(crate) async fn expose(args: ExposeArgs, client: &Client, global: &Global) -> Result<i32, Failure> {
    let ExposeArgs { name, token, local_host, port } = args;
    let exposed = client.ports().expose_with(&Expose { port, name, token, local_host }).await?;
    if global.json {
        stdio::json(&exposed)?;
    } else {
        stdio::line(url(&exposed))?;
    }
    Ok(0)
}

pub(crate) async fn unexpose(args: UnexposeArgs, client: &Client, global: &Global) -> Result<i32, Failure> {
    for port in args.ports {
        let existed = client.ports().unexpose(port).await?;
        if global.json {
            stdio::json(&serde_json::json!({ "port": port, "existed": existed }))?;
        }
    }
    Ok(0)
}
