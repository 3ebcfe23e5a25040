//! `logs`: what a background process said.

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::StreamExt;
use sandwire::Client;
use sandwire::kinds::process::LogItem;
use sandwire::protocol::kind::command::Output;
use sandwire::protocol::kind::process::{From, LogEvent};

use super::args;
use super::connect::Global;
use super::end;
use super::fail::Failure;
use super::format;
use super::json::Piece;
use super::stdio;

/// Print what a background process wrote: its standard output to ours, its standard error to ours.
///
/// With --json each piece is a line: {"stream":"stdout","text":…} (with "base64" in place of "text" when it is no UTF-8),
/// and events as {"begin":…}, {"gap":…}, {"at":…}, {"restarted":…}.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sandwire logs -f web                       all of it, then what comes, until the process ends
  sandwire logs -n 20 -f web                 only the last lines first
  sandwire logs --since 10m --stderr web
  sandwire --json logs web | jq -r .text")]
pub(crate) struct Args {
    /// Go on until the process ends.
    #[arg(short, long)]
    follow: bool,
    /// Only the last lines.
    #[arg(short = 'n', long, conflicts_with = "since")]
    lines: Option<u64>,
    /// Only what came within this time, as 10m.
    #[arg(long, value_name = "TIME", value_parser = args::duration)]
    since: Option<Duration>,
    /// The time before each line.
    #[arg(short, long)]
    timestamps: bool,
    /// Only standard output.
    #[arg(long, conflicts_with = "stderr")]
    stdout: bool,
    /// Only standard error.
    #[arg(long)]
    stderr: bool,
    /// The process.
    id: String,
}

pub(crate) async fn run(args: Args, client: &Client, global: &Global) -> Result<i32, Failure> {
    let mut query = client.processes().process(args.id).logs();
    if let Some(lines) = args.lines {
        query = query.from(From::Lines(lines));
    }
    if let Some(since) = args.since {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        query = query.from(From::Time(u64::try_from(now.saturating_sub(since).as_millis()).unwrap_or(u64::MAX)));
    }
    if args.follow {
        query = query.follow();
    }
    if args.stdout || args.stderr {
        query = query.output(if args.stdout { Output::Stdout } else { Output::Stderr });
    }
    if args.timestamps {
        query = query.timestamps();
    }
    let mut log = query.open()?;
    let mut printer = Printer::new(global.json, args.timestamps);
    while let Some(item) = log.next().await {
        printer.print(item?)?;
    }
    Ok(0)
}

/// Prints the items of a log.
#[derive(Debug)]
pub(crate) struct Printer {
    json: bool,
    timestamps: bool,
    time_ms: u64,
    /// Whether each of the two outputs is at the begin of a line.
    begin: [bool; 2],
}

impl Printer {
    pub(crate) const fn new(json: bool, timestamps: bool) -> Self {
        Self { json, timestamps, time_ms: 0, begin: [true, true] }
    }

    pub(crate) fn print(&mut self, item: LogItem) -> io::Result<()> {
        match item {
            LogItem::Output(stream, data) if self.json => {
                stdio::json(&Piece::new(stream, self.timestamps.then_some(self.time_ms), &data))
            }
            LogItem::Output(stream, data) if self.timestamps => {
                let index = if stream == Output::Stdout { 0 } else { 1 };
                let Some(begin) = self.begin.get_mut(index) else { return Ok(()) };
                let stamped = stamp(begin, &format::time(self.time_ms), &data);
                write(stream, &stamped)
            }
            LogItem::Output(stream, data) => write(stream, &data),
            LogItem::Event(event) => self.event(&event),
        }
    }

    fn event(&mut self, event: &LogEvent) -> io::Result<()> {
        if let LogEvent::At { time_ms, .. } = event {
            self.time_ms = *time_ms;
        }
        if self.json {
            return stdio::json(event);
        }
        match event {
            LogEvent::Begin { .. } | LogEvent::At { .. } => {}
            LogEvent::Gap { from, to } => {
                eprintln!("sandwire: {} bytes of the log are gone ({from} to {to})", to.saturating_sub(*from));
            }
            LogEvent::Restarted { pid, exit } => {
                eprintln!("sandwire: {}; started again as process {pid}", end::describe(exit));
            }
        }
        Ok(())
    }
}

fn write(stream: Output, data: &[u8]) -> io::Result<()> {
    match stream {
        Output::Stdout => stdio::stdout(data),
        Output::Stderr => stdio::stderr(data),
    }
}

/// Puts a time before each line.
fn stamp(begin: &mut bool, time: &str, data: &[u8]) -> Vec<u8> {
    let mut stamped = Vec::with_capacity(data.len() + 32);
    for line in data.split_inclusive(|byte| *byte == b'\n') {
        if *begin {
            stamped.extend_from_slice(time.as_bytes());
            stamped.push(b' ');
        }
        stamped.extend_from_slice(line);
        *begin = line.ends_with(b"\n");
    }
    stamped
}

#[cfg(test)]
mod tests {
    use super::stamp;

    #[test]
    fn each_line_has_one_time_however_it_is_cut() {
        let mut begin = true;
        let mut all = stamp(&mut begin, "T", b"a\nb");
        all.extend(stamp(&mut begin, "U", b"c\n\nd\n"));
        assert_eq!(all, b"T a\nT bc\nU \nU d\n");
    }
}
