//! `mcp`: the sandbox as tools for a model, over the Model Context Protocol.
//!
//! Memory: at most [`tools::MAX_CALLS`] calls at once, each with its output limit and one chunk; messages of at most
//! [`MAX_MESSAGE`]; over HTTP so many connections and sessions as [`http`] says.

mod answer;
mod code;
mod exec;
mod file;
mod http;
mod process;
mod schema;
mod search;
mod tools;

use std::net::SocketAddr;

use rmcp::ServiceExt;
use rmcp::transport::async_rw::AsyncRwTransport;
use sandwire::Client;

use super::args;
use super::connect::Global;
use super::fail::Failure;
use tools::Tools;

/// Largest message, in bytes: a file to write fits in it.
const MAX_MESSAGE: usize = 4 << 20;

/// Bytes of output that a tool answers with, unless it is said otherwise.
const OUTPUT: &str = "16K";

/// Give a model the sandbox as tools: an MCP server, over standard input and output or over HTTP.
///
/// Commands, background processes, files and search, each with answers that are cut to a size for a model, and say what was
/// left out and how to get it. A command that takes long goes on as a process.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sandwire mcp                                    for a client that starts it, as {\"command\": \"sandwire\", \"args\": [\"mcp\"]}
  sandwire mcp --listen 127.0.0.1:7071            streamable HTTP, at http://127.0.0.1:7071/mcp
  SANDWIRE_MCP_TOKEN=… sandwire mcp --listen 0.0.0.0:7071")]
pub(crate) struct Args {
    /// Listen for HTTP there, instead of standard input and output. Beyond this machine only with a token.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// What clients of HTTP have to say as `Authorization: Bearer`. Others can see it in the list of processes: the variable
    /// SANDWIRE_MCP_TOKEN, which is the default, is better.
    #[arg(long, value_name = "TOKEN", requires = "listen")]
    mcp_token: Option<String>,
    /// Bytes of output that a tool answers with.
    #[arg(long, value_name = "SIZE", value_parser = args::size, default_value = OUTPUT)]
    output_limit: u64,
}

pub(crate) async fn run(args: Args, client: &Client, global: &Global) -> Result<i32, Failure> {
    let limit = usize::try_from(args.output_limit).unwrap_or(usize::MAX).clamp(512, 1 << 20);
    let tools = Tools::new(client.clone(), limit);
    match args.listen {
        Some(address) => {
            let variable = std::env::var("SANDWIRE_MCP_TOKEN").ok().filter(|token| !token.is_empty());
            let token = args.mcp_token.or(variable);
            if token.is_none() && !address.ip().is_loopback() {
                let text = "--listen beyond this machine needs a token: set SANDWIRE_MCP_TOKEN";
                return Err(Failure::Usage(text.to_owned()));
            }
            http::serve(address, token, tools.clone(), global.quiet).await?;
        }
        None => stdio(tools.clone()).await?,
    }
    tools.end().await;
    Ok(0)
}

/// Serves who started us, until our standard input ends or a signal does.
async fn stdio(tools: Tools) -> Result<(), Failure> {
    let (input, output) = rmcp::transport::io::stdio();
    let transport = AsyncRwTransport::new_server(input, output).with_max_line_length(MAX_MESSAGE);
    let mut interrupt = super::interrupts()?;
    let served = async {
        // That the client went away before it said anything is an end like any other.
        if let Ok(service) = tools.serve(transport).await {
            service.waiting().await.map(drop).unwrap_or_default();
        }
    };
    tokio::select! {
        () = served => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
