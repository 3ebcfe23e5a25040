//! `code`: cells of code on Jupyter kernels, and the contexts that keep what they have made.

mod run;

use std::time::Duration;

use clap::Subcommand;
use sandwire::Client;
use sandwire::protocol::kind::kernel::{Info, State};

use super::args;
use super::connect::Global;
use super::end;
use super::fail::Failure;
use super::format;
use super::launch::{ContextFlags, in_context};
use super::stdio;

/// Code in Jupyter kernels, which keep variables and imports from one cell to the next.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sandwire code run -c 'x = 6; x * 7'                  the default Python context is there by itself
  sandwire code run -c 'x' --save out                  pictures of results go to files in out/
  sandwire code run analysis.py
  sandwire code run -l typescript -c 'const n: number = 1; n + 1'
  sandwire code create notebook -C /workspace -e MPLBACKEND=agg
  sandwire code run --in notebook cell.py
  sandwire code list")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Args),
    /// Make a context with a kernel of its own, and print its name.
    Create(CreateArgs),
    /// List the contexts.
    #[command(visible_alias = "ls")]
    List,
    /// List the kernels that are installed in the sandbox.
    Specs,
    /// Give contexts fresh kernels. Cells that run in them are ended.
    Restart {
        /// The contexts.
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Interrupt the cell that runs in a context.
    Interrupt {
        /// The context.
        name: String,
    },
    /// End contexts, their kernels, and what these started.
    Rm {
        /// Time that a kernel has before KILL. Default: 2s.
        #[arg(long, value_name = "TIME", value_parser = args::duration)]
        grace: Option<Duration>,
        /// The contexts.
        #[arg(required = true)]
        names: Vec<String>,
    },
}

#[derive(Debug, clap::Args)]
struct CreateArgs {
    /// Its name. Default: a generated one.
    name: Option<String>,
    /// Its language: python, javascript, typescript, or what a kernel says of itself. Default: python.
    #[arg(short, long, value_name = "LANGUAGE")]
    language: Option<String>,
    /// Its kernel, of those that `code specs` lists. Default: one of the language.
    #[arg(long, value_name = "NAME")]
    spec: Option<String>,
    #[command(flatten)]
    context: ContextFlags,
    /// Timeout of its cells that have none.
    #[arg(long, value_name = "TIME", value_parser = args::duration)]
    timeout: Option<Duration>,
    /// Take the one of that name if there is one.
    #[arg(long)]
    reuse: bool,
}

impl Args {
    /// Whether the exit code is to say how a cell ended.
    pub(crate) const fn is_run(&self) -> bool {
        matches!(self.command, Command::Run(_))
    }
}

pub(crate) async fn run(args: Args, client: &Client, global: &Global) -> Result<i32, Failure> {
    match args.command {
        Command::Run(args) => return run::run(args, client, global).await,
        Command::Create(args) => create(args, client, global).await?,
        Command::List => list(client, global).await?,
        Command::Specs => specs(client, global).await?,
        Command::Restart { names } => {
            for name in names {
                client.kernel(name).restart().await?;
            }
        }
        Command::Interrupt { name } => client.kernel(name).interrupt().await?,
        Command::Rm { grace, names } => {
            for name in names {
                client.kernel(name).delete(grace).await?;
            }
        }
    }
    Ok(0)
}

async fn create(args: CreateArgs, client: &Client, global: &Global) -> Result<(), Failure> {
    if args.context.user.is_some() {
        return Err(Failure::Usage("kernels run as the server's own user: leave out --user".to_owned()));
    }
    let mut create = in_context!(client.kernels().create(), args.context);
    if let Some(name) = args.name {
        create = create.id(name);
    }
    if let Some(language) = args.language {
        create = create.language(language);
    }
    if let Some(spec) = args.spec {
        create = create.spec(spec);
    }
    if let Some(timeout) = args.timeout {
        create = create.timeout(timeout);
    }
    if args.reuse {
        create = create.reuse();
    }
    let (kernel, info) = create.open_info().await?;
    if global.json {
        stdio::json(&info)?
    } else {
        stdio::line(kernel.id())?
    }
    Ok(())
}

async fn list(client: &Client, global: &Global) -> Result<(), Failure> {
    let kernels = client.kernels().list().await?;
    if global.json {
        stdio::json(&kernels)?;
        return Ok(());
    }
    let rows: Vec<_> = kernels.iter().map(row).collect();
    format::table(["NAME", "KERNEL", "LANGUAGE", "PID", "STATE", "USED", "CELLS", "QUEUED"], &rows)?;
    Ok(())
}

fn row(info: &Info) -> [String; 8] {
    let state = match info.state {
        State::Starting => "starting".to_owned(),
        State::Idle => "idle".to_owned(),
        State::Busy => "busy".to_owned(),
        State::Dead => info.exit.as_ref().map_or_else(|| "dead".to_owned(), end::describe),
    };
    [
        info.id.clone(),
        format::printable(&info.spec),
        format::printable(&info.language),
        info.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
        state,
        format!("{} ago", format::since(info.used_ms)),
        info.execution_count.to_string(),
        info.queued.to_string(),
    ]
}

async fn specs(client: &Client, global: &Global) -> Result<(), Failure> {
    let specs = client.kernels().specs().await?;
    if global.json {
        stdio::json(&specs)?;
        return Ok(());
    }
    let printable = |text: &String| format::printable(text);
    let rows: Vec<_> =
        specs.iter().map(|spec| [&spec.name, &spec.language, &spec.display_name].map(printable)).collect();
    format::table(["KERNEL", "LANGUAGE", "WHAT IT CALLS ITSELF"], &rows)?;
    Ok(())
}
