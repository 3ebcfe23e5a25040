//! `exec`: a command to its end, or a process when it takes longer than the call waits.

use std::time::Duration;

use futures_util::StreamExt;
use sandwire::kinds::process::{From, LogEvent, LogItem, Process};
use sandwire::protocol::kind::command::Exit;
use tokio_util::sync::CancellationToken;

use super::answer::{Answer, Ends, Failed, wrong};
use super::schema::Exec;
use super::tools::{LONGEST_WAIT, Tools};
use crate::cli::end;

/// How long a call waits when it does not say, in milliseconds.
const WAIT: u64 = 60_000;

pub(super) async fn exec(tools: &Tools, arguments: Exec, cancelled: &CancellationToken) -> Answer {
    let wait = Duration::from_millis(arguments.wait_ms.unwrap_or(WAIT).min(LONGEST_WAIT));
    if let Some(session) = arguments.session.clone() {
        return in_session(tools, &session, arguments, wait, cancelled).await;
    }
    let random = getrandom::u64().map_err(|error| wrong(format!("there are no random numbers: {error}")))?;
    let id = format!("exec-{random:016x}");
    let process = tools.client.processes().process(&*id);
    tools.commands().insert(id.clone());
    let mut ends = Ends::new(tools.limit);
    let answer = tokio::select! {
        biased;
        () = cancelled.cancelled() => Err(wrong("the call was cancelled, and the command is ended")),
        exit = run(tools, &id, &arguments, &mut ends, wait) => exit.map(Some),
    };
    if answer.is_err() {
        // Whatever was begun is ended; that there was nothing is no error.
        process.remove(true).await.unwrap_or_default();
    }
    // Only now: when we end meanwhile, it is ended with us.
    tools.commands().remove(&id);
    match answer {
        Ok(Some(Some(exit))) => {
            let cut = ends.cut();
            if !cut {
                // Nothing is left to ask for.
                process.remove(false).await.unwrap_or_default();
            }
            let rest = |offset| {
                format!("process_logs with id {id:?} and offset {offset} reads them, while the process is kept.")
            };
            Ok(format!("{}\n{}", ended(&exit), ends.text(rest)))
        }
        Ok(_) => {
            let seconds = wait.as_secs_f64();
            let rest = |offset| format!("process_logs with offset {offset} reads them.");
            Ok(format!(
                "still running after {seconds} s, as the process {id:?}: process_logs reads its output (with wait_ms it waits for \
                 more), stop_process ends it.\nOutput until now:\n{}",
                ends.text(rest)
            ))
        }
        Err(failed) => Err(failed),
    }
}

/// How it ended; `None` when the wait was over first.
async fn run(
    tools: &Tools,
    id: &str,
    arguments: &Exec,
    ends: &mut Ends,
    wait: Duration,
) -> Result<Option<Exit>, Failed> {
    let mut start = tools.client.processes().start(arguments.command.as_str()).id(id);
    if let Some(cwd) = &arguments.cwd {
        start = start.cwd(cwd.as_str());
    }
    for (name, value) in &arguments.env {
        start = start.env(name.as_str(), value.as_str());
    }
    if let Some(timeout) = arguments.timeout_ms {
        start = start.timeout(Duration::from_millis(timeout));
    }
    let process = start.spawn().await?;
    match tokio::time::timeout(wait, follow(&process, ends)).await {
        Ok(exit) => exit.map(Some),
        Err(_) => Ok(None),
    }
}

async fn follow(process: &Process, ends: &mut Ends) -> Result<Exit, Failed> {
    let mut log = process.logs().from(From::Start).follow().open()?;
    while let Some(item) = log.next().await {
        match item? {
            LogItem::Output(_, data) => ends.push(&data),
            LogItem::Event(LogEvent::Gap { from, to }) => ends.gap(to - from),
            LogItem::Event(LogEvent::Begin { .. } | LogEvent::At { .. } | LogEvent::Restarted { .. }) => {}
        }
    }
    let info = process.wait(None).await?;
    info.exit.ok_or_else(|| wrong("the server did not say how the command ended"))
}

async fn in_session(
    tools: &Tools,
    session: &str,
    arguments: Exec,
    wait: Duration,
    cancelled: &CancellationToken,
) -> Answer {
    let timeout = arguments.timeout_ms.map_or(wait, |timeout| wait.min(Duration::from_millis(timeout)));
    let mut command = tools.client.session(session).exec(arguments.command).timeout(timeout);
    if let Some(cwd) = arguments.cwd {
        command = command.cwd(cwd);
    }
    for (name, value) in arguments.env {
        command = command.env(name, value);
    }
    let mut ends = Ends::new(tools.limit);
    let mut running = command.spawn()?;
    let exit = async {
        while let Some(chunk) = running.next().await? {
            ends.push(&chunk.data);
        }
        Ok::<_, Failed>(running.wait().await?)
    };
    let exit = tokio::select! {
        biased;
        () = cancelled.cancelled() => return Err(wrong("the call was cancelled, and the command is ended")),
        exit = exit => exit?,
    };
    let rest = |_| "Send the output to a file and read that to see all of it.".to_owned();
    Ok(format!("{}\n{}", ended(&exit), ends.text(rest)))
}

/// How a command ended, on a line.
fn ended(exit: &Exit) -> String {
    let seconds = Duration::from_micros(exit.duration_us).as_secs_f64();
    let shell = if exit.shell_ended { "; the shell of the session ended with it" } else { "" };
    format!("{} ({seconds:.2} s){shell}", end::describe(exit))
}
