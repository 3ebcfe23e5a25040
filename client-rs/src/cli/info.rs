//! `info`, `top`, `ping`: what the sandbox is, how it fares, how far away it is.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use sandwire::Client;
use sandwire::protocol::kind::sandbox::{Activity, ActivityDown, Info, Metrics, MetricsDown};
use serde::Serialize;

use super::args;
use super::connect::Global;
use super::fail::Failure;
use super::format;
use super::stdio;

/// Tell what the sandbox is.
#[derive(Debug, clap::Args)]
pub(crate) struct InfoArgs {}

pub(crate) async fn info(client: &Client, global: &Global) -> Result<i32, Failure> {
    let info = client.sandbox().info().await?;
    // A server that is older than this does not know.
    let activity = match client.sandbox().activity()?.next().await {
        Some(Ok(ActivityDown::Activity(now))) => Some(now),
        Some(Err(_)) | None => None,
    };
    if global.json {
        stdio::json(&Told { info, activity })?;
        return Ok(0);
    }
    let list = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(" ") };
    for (name, value) in [
        ("server", format!("sandwire {}, up {}", info.version, format::since(info.started_ms))),
        ("host", format!("{} ({}, {})", info.hostname, info.os, info.arch)),
        ("cpus", info.cpus.to_string()),
        ("memory", format::size(info.memory_bytes)),
        ("workspace", info.workspace),
        ("user", info.user),
        ("shell", info.shell),
        ("scopes", list(&info.scopes)),
        ("limits", list(&info.limits)),
        ("bound", format!("{} of memory for the server itself, at most", format::size(info.memory_bound))),
    ] {
        stdio::line(format_args!("{name:<10} {value}"))?;
    }
    if let Some(now) = activity {
        stdio::line(format_args!("{:<10} {}", "activity", shown(&now)))?;
    }
    Ok(0)
}

/// What is told as JSON.
#[derive(Serialize)]
struct Told {
    #[serde(flatten)]
    info: Info,
    #[serde(skip_serializing_if = "Option::is_none")]
    activity: Option<Activity>,
}

fn shown(now: &Activity) -> String {
    let Activity { busy, commands, terminals, kept, idle_ms } = now;
    let idle = format::duration(Duration::from_millis(*idle_ms));
    if *busy {
        format!(
            "busy: {commands} commands, {terminals} terminals, {kept} processes that keep it awake; used {idle} ago"
        )
    } else {
        format!("idle for {idle}")
    }
}

/// Show how the sandbox fares, again and again, until Ctrl-C.
#[derive(Debug, clap::Args)]
pub(crate) struct TopArgs {
    /// Time between two readings.
    #[arg(short, long, value_name = "TIME", default_value = "1s", value_parser = args::duration)]
    interval: Duration,
    /// End after so many readings.
    #[arg(short = 'n', long)]
    count: Option<u64>,
}

pub(crate) async fn top(args: TopArgs, client: &Client, global: &Global) -> Result<i32, Failure> {
    let mut samples = client.sandbox().metrics_every(args.interval)?;
    let mut last: Option<Metrics> = None;
    let mut left = args.count.unwrap_or(u64::MAX);
    if !global.json {
        stdio::line("   CPU  LOAD    MEMORY          DISK            SERVER  PROCS  TERMS  CHANNELS")?;
    }
    let mut interrupt = super::interrupts()?;
    while left > 0 {
        let sample = tokio::select! {
            sample = samples.next() => sample,
            _ = interrupt.recv() => return Ok(0),
        };
        let Some(MetricsDown::Sample(sample)) = sample.transpose()? else { return Ok(0) };
        left -= 1;
        if global.json {
            stdio::json(&sample)?;
            continue;
        }
        let cpu = last.as_ref().map_or_else(String::new, |last| {
            let time = sample.time_ms.saturating_sub(last.time_ms).max(1) * 1000;
            format!("{:.0}%", sample.cpu_us.saturating_sub(last.cpu_us) as f64 * 100.0 / time as f64)
        });
        let pair = |used, total| format!("{}/{}", format::size(used), format::size(total));
        stdio::line(format_args!(
            "{cpu:>6} {:>5.2}    {:<14}  {:<14}  {:>6}  {:>5}  {:>5}  {:>8}",
            sample.load1,
            pair(sample.memory_used, sample.memory_total),
            pair(sample.disk_used, sample.disk_total),
            format::size(sample.server_memory),
            sample.processes,
            sample.terminals,
            sample.channels,
        ))?;
        last = Some(sample);
    }
    Ok(0)
}

/// Measure the round trip to the sandbox through everything that a call goes through.
#[derive(Debug, clap::Args)]
pub(crate) struct PingArgs {
    /// End after so many.
    #[arg(short = 'n', long, default_value_t = 4)]
    count: u64,
    /// Time between two.
    #[arg(short, long, value_name = "TIME", default_value = "1s", value_parser = args::duration)]
    interval: Duration,
}

#[derive(Serialize)]
struct Pong {
    /// Round trip, in microseconds.
    round_trip_us: u64,
}

pub(crate) async fn ping(args: &PingArgs, client: &Client, global: &Global) -> Result<i32, Failure> {
    let sandbox = client.sandbox();
    // The first call also waits for the server's greeting.
    sandbox.info().await?;
    for number in 0..args.count {
        if number > 0 {
            tokio::time::sleep(args.interval).await;
        }
        let start = Instant::now();
        sandbox.info().await?;
        let time = start.elapsed();
        if global.json {
            stdio::json(&Pong { round_trip_us: u64::try_from(time.as_micros()).unwrap_or(u64::MAX) })?;
        } else {
            stdio::line(format_args!("{:.3} ms", time.as_secs_f64() * 1000.0))?;
        }
    }
    Ok(0)
}
