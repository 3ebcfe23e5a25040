//! The scenarios that look at the wire, through the proxy.

use std::io;
use std::time::Duration;

use tokio::runtime::Runtime;

use super::super::Plan;
use super::super::logger;
use super::super::subject::{Contender, Failure, Outcome, Subject};
use crate::proxy::{Counters, Proxy};

/// Nothing more is to come when nothing came for so long.
const QUIET: Duration = Duration::from_millis(300);

/// A proxy with what runs it.
struct Tapped {
    runtime: Runtime,
    proxy: Proxy,
}

impl Tapped {
    fn new(subject: &dyn Subject) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let proxy = runtime.block_on(Proxy::start(subject.address()))?;
        Ok(Self { runtime, proxy })
    }

    /// The counters when all is quiet.
    fn counters(&self) -> Counters {
        self.runtime.block_on(async {
            let mut last = self.proxy.counters();
            loop {
                tokio::time::sleep(QUIET).await;
                let now = self.proxy.counters();
                if now == last {
                    return now;
                }
                last = now;
            }
        })
    }
}

pub(super) fn bytes(_: Plan, contender: &dyn Contender) -> Outcome<Vec<f64>> {
    let subject = contender.start()?;
    let tapped = Tapped::new(subject.as_ref())?;
    let client = subject.via(tapped.proxy.address())?;
    client.exec(1)?;
    // The difference of two numbers of times is free of what a connection costs.
    let exec = |count| -> Outcome<u64> {
        let before = tapped.counters();
        client.exec(count)?;
        let after = tapped.counters();
        Ok(after.up + after.down - before.up - before.down)
    };
    let (one, many) = (exec(1)?, exec(21)?);
    let lines = |count| -> Outcome<u64> {
        let before = tapped.counters();
        let start = logger::now() + Duration::from_secs(1);
        let logs = client.logs(&[logger::command(count, Duration::from_millis(20), start)?])?;
        match logs.iter().map(|log| log.lags.len()).sum::<usize>() {
            came if came == count => Ok(tapped.counters().down - before.down),
            came => Err(Failure::Broken(format!("{came} lines came of {count}"))),
        }
    };
    let (few_lines, many_lines) = (lines(10)?, lines(110)?);
    Ok(vec![many.saturating_sub(one) as f64 / 20.0, many_lines.saturating_sub(few_lines) as f64 / 100.0])
}

pub(super) fn resume(_: Plan, contender: &dyn Contender) -> Outcome<Vec<f64>> {
    let subject = contender.start()?;
    let tapped = Tapped::new(subject.as_ref())?;
    let resumed = subject.via(tapped.proxy.address())?.resume(&tapped.proxy)?;
    Ok(vec![resumed.round_trips, resumed.lost as f64, resumed.twice as f64])
}
