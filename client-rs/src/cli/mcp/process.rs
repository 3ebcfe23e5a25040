//! Background processes: start, list, read, write to, stop, wait for a port.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use sandwire::kinds::process::{From, HttpProbe, Info, LogEvent, LogItem, State, WaitPort};
use sandwire::protocol::kind::command::Target;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout_at};

use super::answer::{Answer, Failed, shown, wrong};
use super::schema::{ListProcesses, ProcessLogs, SendInput, StartProcess, StopProcess};
use super::tools::{LONGEST_WAIT, Tools};
use crate::cli::{end, format};

/// How long a call waits for a port when it does not say, in milliseconds.
const PORT_WAIT: u64 = 30_000;

/// What comes within this time of the first output belongs to the same answer.
const TOGETHER: Duration = Duration::from_millis(200);

/// Inputs that are kept open, so that what was written is not given up.
const MAX_INPUTS: usize = 16;

/// Time in which a process is to take what it is sent.
const TAKES: Duration = Duration::from_secs(60);

pub(super) async fn start(tools: &Tools, arguments: StartProcess) -> Answer {
    let mut start = tools.client.processes().start(arguments.command);
    if let Some(id) = arguments.id {
        start = start.id(id);
    }
    if let Some(cwd) = arguments.cwd {
        start = start.cwd(cwd);
    }
    for (name, value) in arguments.env {
        start = start.env(name, value);
    }
    if arguments.stdin {
        start = start.piped_stdin();
    }
    let (process, info) = start.spawn_info().await?;
    Ok(format!("started the process {:?} (pid {})", process.id(), info.pid))
}

pub(super) async fn list(tools: &Tools, arguments: ListProcesses) -> Answer {
    let processes = tools.client.processes();
    let list = if arguments.running { processes.running().await? } else { processes.list().await? };
    if list.is_empty() {
        return Ok("there are none".to_owned());
    }
    let mut text = String::new();
    for (at, info) in list.iter().enumerate() {
        let line = format!("{}: {}: {}\n", info.id, state(info), format::printable(&info.command));
        if text.len() + line.len() > tools.limit {
            text += &format!("[… {} more are left out; stop or remove some]\n", list.len() - at);
            break;
        }
        text += &line;
    }
    Ok(text)
}

pub(super) async fn logs(tools: &Tools, arguments: ProcessLogs) -> Answer {
    if arguments.offset.is_some() && arguments.tail_lines.is_some() {
        return Err(wrong("give offset or tail_lines, not both"));
    }
    let process = tools.client.processes().process(arguments.id);
    let info = process.info().await?;
    let forward = arguments.offset.is_some() || arguments.wait_ms.is_some();
    let from = match (arguments.offset, arguments.tail_lines) {
        (Some(offset), _) => From::Offset(offset),
        (None, Some(lines)) => From::Lines(lines),
        (None, None) => From::Offset(info.log_start.max(info.log_end.saturating_sub(tools.limit as u64))),
    };
    let wait = Duration::from_millis(arguments.wait_ms.unwrap_or(0).min(LONGEST_WAIT));
    let query = process.logs().from(from);
    let mut log = if wait.is_zero() { query } else { query.follow() }.open()?;
    let mut read = Read { kept: VecDeque::new(), next: 0, missing: 0, dropped: 0 };
    let mut deadline = if wait.is_zero() { None } else { Some(Instant::now() + wait) };
    loop {
        let item = match deadline {
            Some(deadline) => match timeout_at(deadline, log.next()).await {
                Ok(item) => item,
                Err(_) => break,
            },
            None => log.next().await,
        };
        match item.transpose()? {
            Some(LogItem::Output(_, data)) => {
                read.take(&data, tools.limit, forward);
                if forward && read.kept.len() >= tools.limit {
                    break;
                }
                deadline = deadline.map(|deadline| deadline.min(Instant::now() + TOGETHER));
            }
            Some(LogItem::Event(LogEvent::Begin { offset })) => read.next = offset,
            Some(LogItem::Event(LogEvent::Gap { from, to })) => read.missing += to - from,
            Some(LogItem::Event(LogEvent::At { .. } | LogEvent::Restarted { .. })) => {}
            None => break,
        }
    }
    drop(log);
    read.text(&process.info().await?)
}

/// What was read of a log.
struct Read {
    kept: VecDeque<u8>,
    /// Offset after it.
    next: u64,
    /// Bytes that the log no longer had.
    missing: u64,
    /// Bytes before it that there was no room for.
    dropped: u64,
}

impl Read {
    /// Keeps the first bytes, or the last.
    fn take(&mut self, data: &[u8], limit: usize, forward: bool) {
        let data = if forward { data.get(..data.len().min(limit - self.kept.len())).unwrap_or_default() } else { data };
        self.kept.extend(data);
        self.next += data.len() as u64;
        let over = self.kept.len().saturating_sub(limit);
        self.kept.drain(..over);
        self.dropped += over as u64;
    }

    fn text(&self, info: &Info) -> Answer {
        let bytes: Vec<u8> = self.kept.iter().copied().collect();
        let begin = self.next - bytes.len() as u64;
        let mut text = format!("process {}: {}\n", info.id, state(info));
        if self.missing > 0 {
            text += &format!("[{} bytes before this are not kept any more]\n", self.missing);
        }
        if self.dropped > 0 {
            text += &format!("[… {} bytes before this are left out; offset reads them …]\n", self.dropped);
        }
        text += &shown(&bytes);
        let more = info.log_end.saturating_sub(self.next);
        text += &format!("\n[bytes {begin} to {} of {}", self.next, info.log_end.max(self.next));
        if more > 0 {
            text += &format!("; {more} more: offset {}]", self.next);
        } else if info.state == State::Exited {
            text += "; that was all]";
        } else {
            text += &format!("; what comes later is read with offset {}]", self.next);
        }
        Ok(text)
    }
}

pub(super) async fn stop(tools: &Tools, arguments: StopProcess) -> Answer {
    let process = tools.client.processes().process(arguments.id);
    if let Some(signal) = arguments.signal {
        process.signal(signal.clone(), Target::default()).await?;
        return Ok(format!("sent {signal} to the process {:?}", process.id()));
    }
    let info = process.kill(None).await?;
    tools.inputs().remove(process.id());
    let text = format!("process {}: {}", process.id(), state(&info));
    if arguments.remove {
        process.remove(true).await?;
        return Ok(text + "; it and its output are forgotten");
    }
    Ok(text)
}

pub(super) async fn send(tools: &Tools, arguments: SendInput) -> Answer {
    let SendInput { id, text, end } = arguments;
    let input = {
        let mut inputs = tools.inputs();
        while inputs.len() >= MAX_INPUTS && !inputs.contains_key(&id) {
            inputs.pop_first();
        }
        Arc::clone(inputs.entry(id.clone()).or_default())
    };
    // One after the other to one process; others wait for nobody.
    let mut input = input.lock().await;
    let process = tools.client.processes().process(id);
    let mut attached = match input.take() {
        Some(attached) => attached,
        None => {
            let mut attached = process.logs().from(From::End).attach(true)?;
            // That it stands, or why it does not: a process may take no input.
            attached.log().next().await.transpose()?;
            attached
        }
    };
    let Some(mut writer) = attached.stdin() else {
        return Err(wrong("its input was closed by a call before"));
    };
    let written = async {
        writer.write_all(text.as_bytes()).await?;
        writer.flush().await?;
        if end { writer.shutdown().await } else { Ok(()) }
    };
    let written = tokio::time::timeout(TAKES, written).await.map_err(|_late| {
        let seconds = TAKES.as_secs();
        wrong(format!("the process does not read its input: within {seconds} s it took a part of this, or nothing"))
    })?;
    // The answer to this comes after that to what was written, if that was refused.
    let info = process.info().await?;
    while let Some(item) = attached.log().next().now_or_never().flatten() {
        item?;
    }
    written.map_err(|error| Failed::Sandbox(error.into()))?;
    if !end {
        attached.keep_stdin(writer);
    }
    *input = Some(attached);
    let closed = if end { ", and closed its input" } else { "" };
    Ok(format!("wrote {} bytes to the process {}{closed} ({})", text.len(), info.id, state(&info)))
}

pub(super) async fn wait_for_port(tools: &Tools, arguments: super::schema::WaitForPort) -> Answer {
    let http = arguments.path.map(|path| HttpProbe { path, ..HttpProbe::default() });
    let wait = WaitPort {
        id: arguments.id,
        port: arguments.port,
        http,
        timeout_ms: Some(arguments.timeout_ms.unwrap_or(PORT_WAIT).min(LONGEST_WAIT)),
        ..WaitPort::default()
    };
    let ready = tools.client.processes().wait_for_port(&wait).await?;
    let status = ready.status.map(|status| format!(" and answers with status {status}")).unwrap_or_default();
    Ok(format!("port {} accepts connections{status}", arguments.port))
}

/// Where a process is in its life.
fn state(info: &Info) -> String {
    match (info.state, &info.exit) {
        (State::Running, _) => format!("running (pid {})", info.pid),
        (State::Restarting, _) => "waiting to be started again".to_owned(),
        (State::Exited, Some(exit)) => format!("ended: {}", end::describe(exit)),
        (State::Exited, None) => "ended".to_owned(),
    }
}
