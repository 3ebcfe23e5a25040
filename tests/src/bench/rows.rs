//! The scenarios, with what is measured in each and what it should be.

use std::fmt;
use std::time::{Duration, Instant};

use super::pattern::{Check, Content, check_file};
use super::samples::{mebibytes, megabytes, milliseconds, percentile};
use super::subject::{Beside, Contender, Outcome, Subject};
use super::{Plan, logger};
use crate::proc;

mod wire;

/// One scenario.
pub(super) struct Row {
    pub(super) number: u8,
    pub(super) what: &'static str,
    pub(super) metrics: &'static [Metric],
    /// Most turns: some need no repetition, or take long.
    pub(super) rounds: usize,
    /// One turn: a value for each metric.
    pub(super) run: fn(Plan, &dyn Contender) -> Outcome<Vec<f64>>,
}

/// One figure of a scenario.
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    pub(super) target: Target,
}

/// What a figure should be, itself or as a multiple of the limit's.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    Most(f64),
    Least(f64),
    MostTimes(f64),
    LeastTimes(f64),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Most(value) => write!(f, "<= {value}"),
            Self::Least(value) => write!(f, ">= {value}"),
            Self::MostTimes(value) => write!(f, "<= {value} x limit"),
            Self::LeastTimes(value) => write!(f, ">= {value} x limit"),
        }
    }
}

use Target::{Least, LeastTimes, Most, MostTimes};

const fn metric(name: &'static str, unit: &'static str, target: Target) -> Metric {
    Metric { name, unit, target }
}

/// All of them; the numbers are fixed, so that results of different days can be compared.
pub(super) const ROWS: &[Row] = &[
    Row {
        number: 1,
        what: "exec `echo hi`, one at a time",
        metrics: &[metric("p50", "ms", MostTimes(1.15)), metric("p99", "ms", MostTimes(1.3))],
        rounds: 5,
        run: exec,
    },
    Row {
        number: 2,
        what: "exec `echo hi`, many at once",
        metrics: &[metric("8 at once", "1/s", LeastTimes(0.9)), metric("64 at once", "1/s", LeastTimes(0.9))],
        rounds: 5,
        run: exec_at_once,
    },
    Row {
        number: 3,
        what: "a builtin in a shell session; the limit is a round trip",
        metrics: &[metric("p50", "ms", MostTimes(3.0)), metric("one after the other", "1/s", Least(1_000.0))],
        rounds: 5,
        run: builtin,
    },
    Row {
        number: 4,
        what: "stdout of `cat`, checked",
        metrics: &[metric("speed", "MB/s", LeastTimes(0.85)), metric("server CPU", "s/GiB", MostTimes(1.3))],
        rounds: 5,
        run: stream,
    },
    Row {
        number: 5,
        what: "terminal output, checked",
        metrics: &[metric("speed", "MB/s", LeastTimes(0.95))],
        rounds: 5,
        run: terminal_output,
    },
    Row {
        number: 6,
        what: "echo of a key, idle",
        metrics: &[metric("p50", "ms", MostTimes(1.1)), metric("p99", "ms", MostTimes(1.1))],
        rounds: 5,
        run: |plan, contender| echo(plan, contender, Flood::None),
    },
    Row {
        number: 7,
        what: "echo of a key beside an exec flood",
        metrics: &[
            metric("p50", "ms", Most(2.5)),
            metric("p99", "ms", Most(2.5)),
            metric("flood", "MB/s", Least(690.0)),
        ],
        rounds: 5,
        run: |plan, contender| echo(plan, contender, Flood::Exec),
    },
    Row {
        number: 8,
        what: "echo of a key beside a terminal flood",
        metrics: &[
            metric("p50", "ms", Most(0.5)),
            metric("p99", "ms", Most(0.5)),
            metric("flood", "MB/s", LeastTimes(0.5)),
        ],
        rounds: 5,
        run: |plan, contender| echo(plan, contender, Flood::Terminal),
    },
    Row {
        number: 9,
        what: "a reader that stops, then reads on to the end",
        metrics: &[
            metric("peak memory over idle", "MiB", Most(8.0)),
            metric("exec beside it, p50", "ms", MostTimes(1.15)),
        ],
        rounds: 3,
        run: stopped_reader,
    },
    Row {
        number: 10,
        what: "1,000 processes that log a line a second",
        metrics: &[
            metric("lag p50", "ms", Most(0.5)),
            metric("lag p99", "ms", Most(20.0)),
            metric("lost lines", "", Most(0.0)),
            metric("peak memory", "MB", Most(64.0)),
        ],
        rounds: 1,
        run: logs,
    },
    Row {
        number: 11,
        what: "a file of 1 KiB",
        metrics: &[metric("write p50", "ms", MostTimes(1.7)), metric("read p50", "ms", MostTimes(1.7))],
        rounds: 5,
        run: small_files,
    },
    Row {
        number: 12,
        what: "a file of 256 MiB, checked",
        metrics: &[
            metric("write", "MB/s", LeastTimes(0.85)),
            metric("read", "MB/s", LeastTimes(0.85)),
            metric("peak memory over idle", "MiB", Most(8.0)),
        ],
        rounds: 5,
        run: large_files,
    },
    Row {
        number: 13,
        what: "start to the first answer",
        metrics: &[
            metric("time", "ms", Most(10.0)),
            metric("idle memory", "MB", Most(8.0)),
            metric("program", "MB", Most(10.0)),
        ],
        rounds: 5,
        run: start,
    },
    Row {
        number: 14,
        what: "1,000 connections",
        metrics: &[metric("memory of each", "KB", Most(16.0))],
        rounds: 1,
        run: connections,
    },
    Row {
        number: 15,
        what: "bytes on the wire",
        metrics: &[
            metric("up and down around an exec", "bytes", Most(160.0)),
            metric("down for a line of 68 bytes", "bytes", Most(96.0)),
        ],
        rounds: 1,
        run: wire::bytes,
    },
    Row {
        number: 16,
        what: "resume after a cut",
        metrics: &[
            metric("beyond the handshake", "round trips", Most(2.0)),
            metric("lost", "bytes", Most(0.0)),
            metric("twice", "bytes", Most(0.0)),
        ],
        rounds: 3,
        run: wire::resume,
    },
    Row {
        number: 18,
        what: "each of many against each of few: connections 10 to 1,000",
        metrics: SCALE,
        rounds: 3,
        run: |plan, contender| {
            scale(contender, 10, plan.scale(1_000, 100), |subject, count| subject.connections(count))
        },
    },
    Row {
        number: 18,
        what: "each of many against each of few: channels 100 to 10,000",
        metrics: SCALE,
        rounds: 3,
        run: |plan, contender| {
            scale(contender, 100, plan.scale(10_000, 1_000), |subject, count| subject.channels(count))
        },
    },
    Row {
        number: 18,
        what: "each of many against each of few: lanes 10 to 1,000",
        metrics: SCALE,
        rounds: 3,
        run: |plan, contender| scale(contender, 10, plan.scale(1_000, 100), |subject, count| subject.lanes(count)),
    },
];

const SCALE: &[Metric] =
    &[metric("time of each, many / few", "", Most(1.3)), metric("memory of each, many / few", "", Most(1.3))];

const MIB: usize = 1 << 20;

/// A server that has done the work once, so that nothing is done for the first time in what is measured.
fn warm(contender: &dyn Contender) -> Outcome<Box<dyn Subject>> {
    let subject = contender.start()?;
    subject.exec(20)?;
    Ok(subject)
}

fn exec(plan: Plan, contender: &dyn Contender) -> Outcome<Vec<f64>> {
    let times = warm(contender)?.exec(plan.scale(1_000, 20))?;
    Ok(vec![percentile(&times, 0.5), percentile(&times, 0.99)])
}

fn exec_at_once(plan: Plan, contender: &dyn Contender) -> Outcome<Vec<f64>> {
    let (subject, total) = (warm(contender)?, plan.scale(3_200, 64));
    let rate = |at_once| -> Outcome<f64> { Ok(total as f64 / subject.exec_at_once(at_once, total)?.as_secs_f64()) };
    Ok(vec![rate(8)?, rate(64)?])
}

fn builtin(plan: Plan, contender: &dyn Contender) -> Outcome<Vec<f64>> {
    let times = warm(contender)?.builtin(plan.scale(2_000, 50))?;
    let rate = times.len() as f64 / times.iter().sum::<Duration>().as_secs_f64();
    Ok(vec![percentile(&times, 0.5), rate])
}

fn stream(plan: Plan, contender: &dyn Contender) -> Outcome<Vec<f64>> {
    // Several times, since the kernel counts processor time in steps of 10 ms.
    let (content, times) = (Content::new(plan.scale(256, 8) * MIB)?, plan.scale(4, 1));
    let (subject, command) = (warm(contender)?, format!("cat {}", content.path().display()));
    let (before, mut time) = (proc::cpu(subject.pid())?, Duration::ZERO);
    for _ in 0..times {
        let mut check = Check::default();
        time += subject.stream(&command, &mut check)?;
        check.whole(content.size)?;
    }
    let bytes = (content.size * times) as u64;
    let cpu = (proc::cpu(subject.pid())? - before).as_secs_f64();
    Ok(vec![megabytes(bytes, time), cpu / (mebibytes(bytes) / 1024.0)])
}

fn terminal_output(plan: Plan, contender: &dyn Contender) -> Outcome<Vec<f64>> {
    let content = Content::new(plan.scale(64, 4) * MIB)?;
    let mut check = Check::default();
    // Raw, so that what comes is what was written.
    let command = format!("stty raw; exec cat {}", content.path().display());
    let time = warm(contender)?.terminal_output(&command, &mut check)?;
    check.whole(content.size)?;
    Ok(vec![megabytes(check.bytes(), time)])
}

#[derive(Clone, Copy)]
enum Flood {
    None,
    Exec,
    Terminal,
}

fn echo(plan: Plan, contender: &dyn Contender, flood: Flood) -> Outcome<Vec<f64>> {
    let content = Content::new(64 * MIB)?;
    let endless = format!("while cat {}; do :; done", content.path().display());
    let beside = match flood {
        Flood::None => Beside::Nothing,
        Flood::Exec => Beside::Exec(&endless),
        Flood::Terminal => Beside::Terminal("stty raw; exec yes"),
    };
    let echo = warm(contender)?.terminal_echo(plan.scale(600, 20), beside)?;
    let mut values = vec![percentile(&echo.keys, 0.5), percentile(&echo.keys, 0.99)];
    if !matches!(flood, Flood::None) {
        values.push(megabytes(echo.beside, echo.time));
    }
    Ok(values)
}

fn stopped_reader(plan: Plan, contender: &dyn Contender) -> Outcome<Vec<f64>> {
    let content = Content::new(plan.scale(256, 32) * MIB)?;
    let subject = warm(contender)?;
    let idle = proc::rss(subject.pid())?;
    proc::forget_peak(subject.pid())?;
    let mut check = Check::default();
    let command = format!("cat {}", content.path().display());
    let times = subject.stopped_reader(&command, plan.scale(1_000, 20), &mut check)?;
    check.whole(content.size)?;
    Ok(vec![over(subject.as_ref(), idle)?, percentile(&times, 0.5)])
}

/// Peak memory over what it was when it was idle, MiB.
fn over(subject: &dyn Subject, idle: u64) -> Outcome<f64> {
    Ok(mebibytes(proc::peak_rss(subject.pid())?.saturating_sub(idle)))
}

fn logs(plan: Plan, contender: &dyn Contender) -> Outcome<Vec<f64>> {
    let (processes, lines, every) = (plan.scale(1_000, 50), plan.scale(10, 3), Duration::from_secs(1));
    let subject = warm(contender)?;
    proc::forget_peak(subject.pid())?;
    // All run before the first of them logs, and then they take turns.
    let first = logger::now() + Duration::from_secs(plan.scale(8, 1) as u64);
    let start = |process: usize| first + every.mul_f64(process as f64 / processes as f64);
    let commands = (0..processes).map(|process| logger::command(lines, every, start(process)));
    let logs = subject.logs(&commands.collect::<Result<Vec<_>, _>>()?)?;
    let lags: Vec<Duration> = logs.into_iter().flat_map(|log| log.lags).collect();
    let lost = processes * lines - lags.len();
    let peak = proc::peak_rss(subject.pid())? as f64 / 1e6;
    Ok(vec![percentile(&lags, 0.5), percentile(&lags, 0.99), lost as f64, peak])
}

fn small_files(plan: Plan, contender: &dyn Contender) -> Outcome<Vec<f64>> {
    let (content, count) = (Content::new(1 << 10)?, plan.scale(2_000, 50));
    let (subject, bytes) = (warm(contender)?, std::fs::read(content.path())?);
    let written = content.beside("written");
    let write = subject.write_small(&written, &bytes, count)?;
    check_file(&written, bytes.len())?;
    let read = subject.read_small(&content.path(), &bytes, count)?;
    Ok(vec![percentile(&write, 0.5), percentile(&read, 0.5)])
}

fn large_files(plan: Plan, contender: &dyn Contender) -> Outcome<Vec<f64>> {
    let content = Content::new(plan.scale(256, 8) * MIB)?;
    let subject = warm(contender)?;
    let idle = proc::rss(subject.pid())?;
    proc::forget_peak(subject.pid())?;
    let written = content.beside("written");
    let write = subject.write_large(&written, content.size)?;
    check_file(&written, content.size)?;
    let mut check = Check::default();
    let read = subject.read_large(&content.path(), &mut check)?;
    check.whole(content.size)?;
    let size = content.size as u64;
    Ok(vec![megabytes(size, write), megabytes(size, read), over(subject.as_ref(), idle)?])
}

fn start(_: Plan, contender: &dyn Contender) -> Outcome<Vec<f64>> {
    let began = Instant::now();
    let subject = contender.start()?;
    subject.first_answer()?;
    let time = milliseconds(began.elapsed());
    let program = std::fs::metadata(contender.binary())?.len();
    Ok(vec![time, proc::rss(subject.pid())? as f64 / 1e6, program as f64 / 1e6])
}

fn connections(plan: Plan, contender: &dyn Contender) -> Outcome<Vec<f64>> {
    let (subject, count) = (warm(contender)?, plan.scale(1_000, 100));
    let before = proc::rss(subject.pid())?;
    let held = subject.connections(count)?;
    let with = proc::rss(subject.pid())?;
    drop(held);
    Ok(vec![with.saturating_sub(before) as f64 / 1e3 / count as f64])
}

fn scale(
    contender: &dyn Contender,
    few: usize,
    many: usize,
    open: fn(&dyn Subject, usize) -> Outcome<super::subject::Held>,
) -> Outcome<Vec<f64>> {
    let each = |count: usize| -> Outcome<(f64, f64)> {
        let subject = warm(contender)?;
        let (before, began) = (proc::rss(subject.pid())?, Instant::now());
        let held = open(subject.as_ref(), count)?;
        let time = began.elapsed().as_secs_f64();
        let memory = proc::rss(subject.pid())?.saturating_sub(before) as f64;
        drop(held);
        Ok((time / count as f64, memory / count as f64))
    };
    let ((time_few, memory_few), (time_many, memory_many)) = (each(few)?, each(many)?);
    Ok(vec![time_many / time_few, memory_many / memory_few])
}
