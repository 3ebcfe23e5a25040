//! `start`, `ps`, `kill`, `wait`, `rm`: background processes.

use std::time::Duration;

use sandwire::protocol::kind::command::Target;
use sandwire::protocol::kind::process::{Info, Restart, RestartPolicy, State};
use sandwire::{Client, Code};

use super::args;
use super::connect::Global;
use super::end;
use super::fail::Failure;
use super::format;
use super::launch::LaunchArgs;
use super::stdio;

/// Start a background process, and print its id. It outlives this connection.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sandwire start --id web -- python3 -m http.server 8000
  sandwire start --restart on-failure:5 -c './worker | tee -a log'
  sandwire wait web --port 8000")]
pub(crate) struct StartArgs {
    /// Its id. Default: a generated one.
    #[arg(long, visible_alias = "name")]
    id: Option<String>,
    /// Leave its standard input open for `attach -i`. Default: it is empty.
    #[arg(short, long)]
    interactive: bool,
    /// Start it again after its end: never, always, on-failure, or on-failure:MAX.
    #[arg(long, value_name = "POLICY", default_value = "never", value_parser = restart)]
    restart: Policy,
    /// End each run after this time.
    #[arg(long, value_name = "TIME", value_parser = args::duration)]
    timeout: Option<Duration>,
    /// Time between TERM and KILL when it is ended. Default: 5s.
    #[arg(long, value_name = "TIME", value_parser = args::duration)]
    grace: Option<Duration>,
    /// Forget it and its log when it has ended and nobody reads.
    #[arg(long)]
    rm: bool,
    /// It keeps the sandbox awake until it has ended.
    #[arg(long)]
    keep_alive: bool,
    /// Largest log. Default: the server's setting.
    #[arg(long, value_name = "SIZE", value_parser = args::size)]
    log_size: Option<u64>,
    /// Start it with the directory, the exported variables and the user of this session.
    #[arg(long, value_name = "NAME")]
    session: Option<String>,
    #[command(flatten)]
    run: LaunchArgs,
}

#[derive(Clone, Debug)]
struct Policy(Option<Restart>);

fn restart(text: &str) -> Result<Policy, String> {
    let (name, max) = match text.split_once(':') {
        Some((name, max)) => (name, Some(max.parse().map_err(|_| format!("{max:?} is no number of restarts"))?)),
        None => (text, None),
    };
    let policy = match name {
        "never" if max.is_none() => return Ok(Policy(None)),
        "always" => RestartPolicy::Always,
        "on-failure" => RestartPolicy::OnFailure,
        _ => return Err("it is one of never, always, on-failure, on-failure:MAX".to_owned()),
    };
    Ok(Policy(Some(Restart { policy, max, backoff_ms: None })))
}

pub(crate) async fn start(args: StartArgs, client: &Client, global: &Global) -> Result<i32, Failure> {
    let mut start = client.processes().start("").launch(args.run.launch()?);
    if let Some(id) = args.id {
        start = start.id(id);
    }
    if args.interactive {
        start = start.piped_stdin();
    }
    if let Policy(Some(restart)) = args.restart {
        start = start.restart(restart);
    }
    if let Some(timeout) = args.timeout {
        start = start.timeout(timeout);
    }
    if let Some(grace) = args.grace {
        start = start.grace(grace);
    }
    if args.rm {
        start = start.auto_remove();
    }
    if args.keep_alive {
        start = start.keep_alive();
    }
    if let Some(bytes) = args.log_size {
        start = start.log_bytes(bytes);
    }
    if let Some(session) = args.session {
        start = start.session(session);
    }
    let (_, info) = start.spawn_info().await?;
    if global.json {
        stdio::json(&info)?
    } else {
        stdio::line(info.id)?
    }
    Ok(0)
}

/// List the background processes; ended ones are kept for a time.
#[derive(Debug, clap::Args)]
pub(crate) struct PsArgs {
    /// Those too that have ended.
    #[arg(short, long)]
    all: bool,
}

pub(crate) async fn ps(args: &PsArgs, client: &Client, global: &Global) -> Result<i32, Failure> {
    let processes = client.processes();
    let processes = if args.all { processes.list().await? } else { processes.running().await? };
    if global.json {
        stdio::json(&processes)?;
        return Ok(0);
    }
    let rows: Vec<_> = processes.iter().map(row).collect();
    format::table(["ID", "PID", "STATE", "STARTED", "RESTARTS", "LOG", "COMMAND"], &rows)?;
    Ok(0)
}

fn row(info: &Info) -> [String; 7] {
    let state = match info.state {
        State::Running => "running".to_owned(),
        State::Restarting => "restarting".to_owned(),
        State::Exited => info.exit.as_ref().map_or_else(|| "exited".to_owned(), end::describe),
    };
    [
        info.id.clone(),
        info.pid.to_string(),
        state,
        format!("{} ago", format::since(info.started_ms)),
        info.restarts.to_string(),
        format::size(info.log_end.saturating_sub(info.log_start)),
        format::printable(&info.command),
    ]
}

/// End background processes with everything that they started, or send them a signal.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sandwire kill web                TERM, a time of grace, KILL; waits for the end
  sandwire kill --grace 0 web      KILL at once
  sandwire kill -s HUP web         only this signal")]
pub(crate) struct KillArgs {
    /// Send only this signal, by name or number, to the process group. Default: TERM, a time of grace, KILL, and wait.
    #[arg(short, long)]
    signal: Option<String>,
    /// Time between TERM and KILL; 0 kills at once. Default: what it was started with.
    #[arg(long, value_name = "TIME", value_parser = args::duration, conflicts_with = "signal")]
    grace: Option<Duration>,
    /// The processes.
    #[arg(required = true)]
    ids: Vec<String>,
}

pub(crate) async fn kill(args: KillArgs, client: &Client, global: &Global) -> Result<i32, Failure> {
    each(args.ids, global, async |id| {
        let process = client.processes().process(id);
        if let Some(signal) = &args.signal {
            return Ok(process.signal(signal, Target::Group).await?);
        }
        let info = process.kill(args.grace).await?;
        if global.json {
            stdio::json(&info)?;
        }
        Ok(())
    })
    .await
}

/// Does something to each; goes on after a failure and tells the last.
async fn each(
    ids: Vec<String>,
    global: &Global,
    work: impl AsyncFn(String) -> Result<(), Failure>,
) -> Result<i32, Failure> {
    let mut result = Ok(0);
    for id in ids {
        if let Err(failure) = work(id).await
            && let Err(previous) = std::mem::replace(&mut result, Err(failure))
        {
            previous.report(global.json, false);
        }
    }
    result
}

/// Wait for the end of a background process and pass its exit code on; or wait until it is ready.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sandwire wait build && echo well done
  sandwire wait web --port 8000 --timeout 30s
  sandwire wait web --log 'listening on .*'")]
pub(crate) struct WaitArgs {
    /// Wait for a line of its log that matches this regular expression, and print it.
    #[arg(long, value_name = "REGEX", conflicts_with = "port")]
    log: Option<String>,
    /// Wait until this port accepts connections.
    #[arg(long)]
    port: Option<u16>,
    /// Give up after this time.
    #[arg(short, long, value_name = "TIME", value_parser = args::duration)]
    timeout: Option<Duration>,
    /// The process.
    id: String,
}

pub(crate) async fn wait(args: WaitArgs, client: &Client, global: &Global) -> Result<i32, Failure> {
    let process = client.processes().process(args.id);
    if let Some(pattern) = args.log {
        let found = process.wait_for_log(pattern, args.timeout).await?;
        if global.json {
            stdio::json(&found)?
        } else {
            stdio::line(found.line)?
        }
        return Ok(0);
    }
    if let Some(port) = args.port {
        let ready = process.wait_for_port(port, args.timeout).await?;
        if global.json {
            stdio::json(&ready)?;
        }
        return Ok(0);
    }
    let info = process.wait(args.timeout).await?;
    if global.json {
        stdio::json(&info)?;
    }
    passed_on(&info)
}

/// The exit code of a process that has ended.
pub(crate) fn passed_on(info: &Info) -> Result<i32, Failure> {
    end::code(&info.exit.clone().unwrap_or_default())
}

/// Forget ended background processes and their logs.
#[derive(Debug, clap::Args)]
pub(crate) struct RmArgs {
    /// End those that run.
    #[arg(short, long)]
    force: bool,
    /// The processes.
    #[arg(required = true)]
    ids: Vec<String>,
}

pub(crate) async fn rm(args: RmArgs, client: &Client, global: &Global) -> Result<i32, Failure> {
    each(args.ids, global, async |id| {
        match client.processes().process(id).remove(args.force).await.map_err(Failure::from) {
            Err(failure) if failure.is(Code::ProcessNotFound) => Err(failure.hint("files are removed by rm-file")),
            result => result,
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restart_policies_are_named() {
        assert!(restart("never").is_ok_and(|policy| policy.0.is_none()));
        let policy = restart("on-failure:5").ok().and_then(|policy| policy.0);
        assert!(policy.is_some_and(|it| it.policy == RestartPolicy::OnFailure && it.max == Some(5)));
        assert!(restart("sometimes").is_err() && restart("never:3").is_err() && restart("always:x").is_err());
    }
}
