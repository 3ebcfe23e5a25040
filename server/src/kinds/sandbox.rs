//! `sandbox.*`: what the sandbox is and how it fares.

use std::time::Duration;

use sandwire_link::Channel;
use sandwire_protocol::kind::sandbox::{
    Activity, ActivityDown, ActivityParams, Info, InfoParams, Metrics, MetricsDown, MetricsParams,
};
use sandwire_protocol::kind::{Done, SandboxActivity, SandboxInfo, SandboxMetrics, TABLE};
use sandwire_protocol::{Code, Error};

use super::Context;
use crate::sandbox::machine;
use crate::sandbox::process::launch::default_shell;

/// Least interval of samples, in milliseconds.
const MIN_INTERVAL: u64 = 100;

/// Least time between two events that say what goes on: commands may follow each other fast.
const ACTIVITY_PAUSE: Duration = Duration::from_millis(100);

#[expect(clippy::unused_async, reason = "all kinds have one shape")]
pub(super) async fn info(_: InfoParams, _: &Channel<SandboxInfo>, context: &Context) -> Result<Info, Error> {
    let Context { sandbox, server, access } = context;
    Ok(Info {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        boot_id: server.boot_id.clone(),
        started_ms: sandbox.activity.started_ms(),
        hostname: machine::hostname(),
        os: machine::os(),
        arch: std::env::consts::ARCH.to_owned(),
        cpus: std::thread::available_parallelism().map_or(1, |cpus| u32::try_from(cpus.get()).unwrap_or(u32::MAX)),
        memory_bytes: machine::memory().total,
        workspace: sandbox.workspace.to_string_lossy().into_owned(),
        user: machine::user(),
        shell: default_shell().to_owned(),
        kinds: TABLE.iter().map(|row| row.name.to_owned()).collect(),
        scopes: access.scopes().map(|scope| scope.name().to_owned()).collect(),
        limits: sandbox.host.machine.names(),
        memory_bound: server.memory_bound,
    })
}

pub(super) async fn metrics(
    params: MetricsParams,
    channel: &Channel<SandboxMetrics>,
    context: &Context,
) -> Result<Metrics, Error> {
    let Some(interval) = params.interval_ms else { return Ok(sample(context)) };
    if interval < MIN_INTERVAL {
        let message = format!("`interval_ms` is at least {MIN_INTERVAL}");
        return Err(Error::new(Code::ValidationFailed, message).with("interval_ms", interval));
    }
    let mut ticks = tokio::time::interval(Duration::from_millis(interval));
    // A reader that was slow gets the next sample, not all that it missed.
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    channel
        .until_cancelled(async {
            loop {
                ticks.tick().await;
                channel.event(MetricsDown::Sample(sample(context))).await?;
            }
        })
        .await
}

pub(super) async fn activity(
    _: ActivityParams,
    channel: &Channel<SandboxActivity>,
    context: &Context,
) -> Result<Done, Error> {
    let of = &context.sandbox.activity;
    let [mut commands, mut terminals, mut kept] = [&of.commands, &of.terminals, &of.kept].map(|it| it.count.changes());
    channel
        .until_cancelled(async {
            let mut told = None;
            loop {
                let counts = (*commands.borrow_and_update(), *terminals.borrow_and_update(), *kept.borrow_and_update());
                if told != Some(counts) {
                    channel.event(ActivityDown::Activity(reading(counts, context))).await?;
                    told = Some(counts);
                    tokio::time::sleep(ACTIVITY_PAUSE).await;
                }
                // The senders are the sandbox's: these never fail.
                tokio::select! {
                    _ = commands.changed() => {}
                    _ = terminals.changed() => {}
                    _ = kept.changed() => {}
                }
            }
        })
        .await
}

fn reading((commands, terminals, kept): (u32, u32, u32), context: &Context) -> Activity {
    let busy = commands + terminals + kept > 0;
    Activity { busy, commands, terminals, kept, idle_ms: idle_ms(context) }
}

fn idle_ms(context: &Context) -> u64 {
    u64::try_from(context.sandbox.activity.idle().as_millis()).unwrap_or(u64::MAX)
}

fn sample(context: &Context) -> Metrics {
    let Context { sandbox, server, .. } = context;
    let counts = server.counts();
    let memory = machine::memory();
    let disk = machine::disk(&sandbox.workspace);
    let own = machine::own();
    Metrics {
        time_ms: machine::now_ms(),
        cpu_us: machine::cpu_us(),
        load1: machine::load1(),
        memory_used: memory.used,
        memory_total: memory.total,
        disk_used: disk.used,
        disk_total: disk.total,
        server_memory: own.memory,
        server_cpu_us: own.cpu_us,
        connections: counts.connections,
        lanes: counts.lanes,
        channels: counts.channels,
        processes: counts.processes,
        terminals: counts.terminals,
        idle_ms: idle_ms(context),
    }
}
