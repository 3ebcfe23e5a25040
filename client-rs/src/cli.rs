//! The command line: global flags, the subcommands, and how each way to end becomes an exit code.

mod args;
mod attach;
mod backup;
mod code;
mod connect;
mod cp;
mod end;
mod env;
mod exec;
mod fail;
mod file;
mod format;
mod forward;
mod git;
mod info;
mod json;
mod launch;
mod logs;
mod mcp;
mod mount;
mod open;
mod port;
mod process;
mod search;
mod secret;
mod session;
mod shell;
mod stdio;
mod terminal;

use std::time::Duration;

use clap::{CommandFactory, Parser, Subcommand};
use sandwire::Client;
use tokio::signal::unix::{Signal, SignalKind, signal};

use connect::Global;
use fail::Failure;

const EXAMPLES: &str = "\
Examples:
  sandwire exec -- make -j4                 run a program, with its output, input and exit code
  sandwire exec -c 'ls *.log | wc -l'       run a line of shell
  sandwire shell work                       a terminal that stays: attach again by its name
  sandwire start --id web -- python3 -m http.server 8000
  sandwire logs -f web                      follow its output
  sandwire forward 8080:8000                reach port 8000 of the sandbox as localhost:8080
  sandwire open                             the server's page in a browser, signed in
  sandwire mcp                              the sandbox as tools for a model
  sandwire ports                            who listens on which port
  sandwire expose 8000                      a URL for it, for a browser
  sandwire git-checkout https://git.example/shop.git
  sandwire mount --env-keys photos data     a bucket as a directory
  sandwire cp -r src :/workspace/src        copy a tree into the sandbox (`:` marks the sandbox)
  sandwire backup /workspace                an archive of it; `sandwire restore` puts it back
  sandwire cp :/etc/os-release -            copy a file to standard output

Exit codes of exec, shell, attach and wait: that of the command; 128 + n when signal n ended it; 124 when its time was
over; 255 when it could not be started or its end is not known. Of the others: 0, or 1 when it could not be done. Of all:
2 for a wrong command line, 255 when there is no connection, as of ssh.

With --json an error is a line of JSON on standard error: {\"error\":{\"code\":…,\"message\":…,\"details\":…}}.";

/// Everything in a sandbox, over one connection that may be lost and comes back.
#[derive(Debug, Parser)]
#[command(name = "sandwire", version, after_help = EXAMPLES, max_term_width = 100, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Exec(exec::Args),
    Shell(shell::Args),
    Start(process::StartArgs),
    Ps(process::PsArgs),
    Logs(logs::Args),
    Attach(attach::Args),
    Kill(process::KillArgs),
    Wait(process::WaitArgs),
    Rm(process::RmArgs),
    Terminal(terminal::Args),
    Session(session::Args),
    Env(env::Args),
    Code(code::Args),
    Cp(cp::Args),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
    Ls(file::LsArgs),
    Cat(file::CatArgs),
    Stat(file::StatArgs),
    Mkdir(file::MkdirArgs),
    #[command(name = "rm-file")]
    RmFile(file::RmArgs),
    Mv(file::MvArgs),
    Chmod(file::ChmodArgs),
    Ln(file::LnArgs),
    Search(search::SearchArgs),
    Watch(search::WatchArgs),
    Forward(forward::Args),
    Mcp(mcp::Args),
    Open(open::Args),
    Ports(port::PortsArgs),
    Expose(port::ExposeArgs),
    Unexpose(port::UnexposeArgs),
    #[command(name = "git-checkout")]
    GitCheckout(git::CheckoutArgs),
    Mount(mount::MountArgs),
    Mounts(mount::MountsArgs),
    Unmount(mount::UnmountArgs),
    Info(info::InfoArgs),
    Top(info::TopArgs),
    Ping(info::PingArgs),
    /// Write a completion script for a shell to standard output.
    #[command(after_help = "\
Examples:
  source <(sandwire completions bash)
  sandwire completions zsh > ~/.zfunc/_sandwire
  sandwire completions fish > ~/.config/fish/completions/sandwire.fish")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

impl Command {
    /// Whether an exit code below 255 is that of a command in the sandbox, or says what was found.
    const fn passes_on(&self) -> bool {
        matches!(
            self,
            Command::Exec(_) | Command::Shell(_) | Command::Attach(_) | Command::Wait(_) | Command::Search(_)
        ) || matches!(self, Command::Code(args) if args.is_run())
    }
}

/// Time in which the server must take our farewell, before we go without.
const FAREWELL: Duration = Duration::from_secs(2);

/// Does what the arguments say; the exit code.
pub(crate) fn main() -> i32 {
    let cli = Cli::parse();
    if let Command::Completions { shell } = cli.command {
        clap_complete::generate(shell, &mut Cli::command(), "sandwire", &mut std::io::stdout());
        return 0;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::from(sandwire::Error::from(error)).report(false, true),
    };
    let code = runtime.block_on(connected(cli));
    // A read of standard input may still be waiting, for which nobody waits.
    runtime.shutdown_background();
    code
}

async fn connected(cli: Cli) -> i32 {
    let (json, passes_on) = (cli.global.json, cli.command.passes_on());
    let result = async {
        // Needs no lane.
        if let Command::Open(args) = cli.command {
            return open::run(args, &cli.global).await;
        }
        let client = cli.global.connect().await?;
        // A shell has the screen for itself, and says it in another way.
        if !matches!(cli.command, Command::Shell(_)) {
            cli.global.tell(&client);
        }
        let result = run(cli.command, &client, &cli.global).await;
        // Without a farewell the server would keep the lane for a client that never comes back.
        tokio::time::timeout(FAREWELL, client.close()).await.unwrap_or_default();
        result
    };
    result.await.unwrap_or_else(|failure: Failure| failure.report(json, passes_on))
}

/// Ctrl-C from here on, also one that comes while nobody looks. `ctrl_c()` in a loop would miss that: it begins anew each
/// time, and what comes between two of them is gone.
fn interrupts() -> std::io::Result<Signal> {
    signal(SignalKind::interrupt())
}

async fn run(command: Command, client: &Client, global: &Global) -> Result<i32, Failure> {
    match command {
        Command::Exec(args) => exec::run(args, client, global).await,
        Command::Shell(args) => shell::run(args, client, global).await,
        Command::Start(args) => process::start(args, client, global).await,
        Command::Ps(args) => process::ps(&args, client, global).await,
        Command::Logs(args) => logs::run(args, client, global).await,
        Command::Attach(args) => attach::run(args, client, global).await,
        Command::Kill(args) => process::kill(args, client, global).await,
        Command::Wait(args) => process::wait(args, client, global).await,
        Command::Rm(args) => process::rm(args, client, global).await,
        Command::Session(args) => session::run(args, client, global).await,
        Command::Env(args) => env::run(args, client, global).await,
        Command::Code(args) => code::run(args, client, global).await,
        Command::Terminal(args) => terminal::run(args, client, global).await,
        Command::Cp(args) => cp::run(args, client, global).await,
        Command::Backup(args) => backup::backup(args, client, global).await,
        Command::Restore(args) => backup::restore(args, client, global).await,
        Command::Ls(args) => file::ls(args, client, global).await,
        Command::Cat(args) => file::cat(args, client).await,
        Command::Stat(args) => file::stat(args, client, global).await,
        Command::Mkdir(args) => file::mkdir(args, client).await,
        Command::RmFile(args) => file::rm(args, client, global).await,
        Command::Mv(args) => file::mv(args, client).await,
        Command::Chmod(args) => file::chmod(args, client).await,
        Command::Ln(args) => file::ln(args, client).await,
        Command::Search(args) => search::search(args, client, global).await,
        Command::Watch(args) => search::watch(args, client, global).await,
        Command::Forward(args) => forward::run(args, client, global).await,
        Command::Mcp(args) => mcp::run(args, client, global).await,
        Command::Ports(args) => port::ports(&args, client, global).await,
        Command::Expose(args) => port::expose(args, client, global).await,
        Command::Unexpose(args) => port::unexpose(args, client, global).await,
        Command::GitCheckout(args) => git::checkout(args, client, global).await,
        Command::Mount(args) => mount::mount(args, client, global).await,
        Command::Mounts(args) => mount::mounts(&args, client, global).await,
        Command::Unmount(args) => mount::unmount(args, client, global).await,
        Command::Info(_) => info::info(client, global).await,
        Command::Top(args) => info::top(args, client, global).await,
        Command::Ping(args) => info::ping(&args, client, global).await,
        // Done before there was a connection.
        Command::Completions { .. } | Command::Open(_) => Ok(0),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
