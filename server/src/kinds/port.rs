//! `port.*`: who listens on which port, and which ports are exposed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sandwire_link::Channel;
use sandwire_protocol::kind::port::{Expose, Exposed, List, Listing, Port, Unexpose, Unexposed, Watch, WatchDown};
use sandwire_protocol::kind::{Done, PortExpose, PortList, PortUnexpose, PortWatch, Scope};
use sandwire_protocol::{Code, Error};

use super::Context;
use crate::sandbox::port::Look;

/// Least time between two looks, in milliseconds, and the time when none is asked for.
const MIN_INTERVAL: u64 = 250;
const INTERVAL: u64 = 1000;

pub(super) async fn list(params: List, channel: &Channel<PortList>, context: &Context) -> Result<Listing, Error> {
    let exposed = exposed(context);
    if params.exposed_only {
        return Ok(Listing { exposed, ..Listing::default() });
    }
    let look = channel.until_cancelled(context.sandbox.listening(Duration::ZERO, params.own)).await?;
    Ok(Listing { ports: look.ports.clone(), exposed, truncated: look.truncated })
}

/// What is exposed, with its secrets only for who may expose.
fn exposed(context: &Context) -> Vec<Exposed> {
    context.sandbox.exposed(context.access.require(Scope::Port).is_ok())
}

pub(super) async fn watch(params: Watch, channel: &Channel<PortWatch>, context: &Context) -> Result<Done, Error> {
    let interval = params.interval_ms.unwrap_or(INTERVAL);
    if interval < MIN_INTERVAL {
        let message = format!("`interval_ms` is at least {MIN_INTERVAL}");
        return Err(Error::new(Code::ValidationFailed, message).with("interval_ms", interval));
    }
    let interval = Duration::from_millis(interval);
    let _place = context.sandbox.ports.watch()?;
    let mut changes = context.sandbox.ports.exposures.changes();
    let work = async {
        let mut told = Told::default();
        let mut first = true;
        loop {
            changes.borrow_and_update();
            // Others look, too: a little older is as good.
            let look = context.sandbox.listening(interval / 2, params.own).await?;
            let now = Told { look, exposed: exposed(context) };
            // No queue: while a slow reader is told this, time goes on, and what comes next is the difference to then.
            for event in told.differences(&now) {
                channel.event(event).await?;
            }
            told = now;
            if first {
                channel.event(WatchDown::Ready {}).await?;
                first = false;
            }
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                // The sender lives as long as the sandbox.
                changed = changes.changed() => changed.unwrap_or_default(),
            }
        }
    };
    channel.until_cancelled(work).await
}

/// What was told last.
#[derive(Debug, Default)]
struct Told {
    look: Arc<Look>,
    exposed: Vec<Exposed>,
}

impl Told {
    /// What makes of this the other.
    fn differences<'a>(&'a self, now: &'a Told) -> impl Iterator<Item = WatchDown> + 'a {
        let (before, after) = (&self.look.ports, &now.look.ports);
        let closed = before.iter().filter(|gone| after.iter().all(|port| at(port) != at(gone)));
        let closed = closed.map(|gone| WatchDown::Closed { port: gone.port, address: gone.address.clone() });
        let opened = after.iter().filter_map(|port| match before.iter().find(|before| at(before) == at(port)) {
            None => Some(WatchDown::Opened(port.clone())),
            Some(before) => (before != port).then(|| WatchDown::Changed(port.clone())),
        });
        let unexposed = self.exposed.iter().filter(|gone| now.exposed.iter().all(|left| left.port != gone.port));
        let unexposed = unexposed.map(|gone| WatchDown::Unexposed { port: gone.port });
        let exposed = now.exposed.iter().filter(|exposed| !self.exposed.contains(exposed));
        closed.chain(opened).chain(unexposed).chain(exposed.cloned().map(WatchDown::Exposed))
    }
}

/// What a socket that listens is known by.
fn at(port: &Port) -> (u16, &str) {
    (port.port, &port.address)
}

#[expect(clippy::unused_async, reason = "all kinds have one shape")]
pub(super) async fn expose(params: Expose, _: &Channel<PortExpose>, context: &Context) -> Result<Exposed, Error> {
    let sandbox = &context.sandbox;
    let own = sandbox.listens.get().copied();
    let mut exposed = sandbox.ports.exposures.expose(&params, own.as_ref().map(SocketAddr::port))?;
    sandbox.ports.names.complete(&mut exposed, own);
    Ok(exposed)
}

#[expect(clippy::unused_async, reason = "all kinds have one shape")]
pub(super) async fn unexpose(
    params: Unexpose,
    _: &Channel<PortUnexpose>,
    context: &Context,
) -> Result<Unexposed, Error> {
    Ok(Unexposed { existed: context.sandbox.ports.exposures.unexpose(params.port) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(ports: &[(u16, u32)], exposed: &[(u16, &str)]) -> Told {
        let port =
            |&(port, pid): &(u16, u32)| Port { port, address: "::".to_owned(), pid: Some(pid), ..Port::default() };
        let open = |&(port, name): &(u16, &str)| Exposed { port, name: Some(name.to_owned()), ..Exposed::default() };
        Told {
            look: Arc::new(Look { ports: ports.iter().map(port).collect(), truncated: false }),
            exposed: exposed.iter().map(open).collect(),
        }
    }

    #[test]
    fn a_watch_tells_the_difference_and_nothing_else() {
        let before = told(&[(1, 10), (2, 20), (3, 30)], &[(1, "a"), (2, "b"), (4, "d")]);
        let now = told(&[(2, 20), (3, 31), (5, 50)], &[(2, "b"), (4, "e"), (6, "f")]);
        let shown: Vec<String> = before
            .differences(&now)
            .map(|event| match event {
                WatchDown::Opened(port) => format!("+{}", port.port),
                WatchDown::Changed(port) => format!("~{}", port.port),
                WatchDown::Closed { port, .. } => format!("-{port}"),
                WatchDown::Exposed(exposed) => format!("e{}{}", exposed.port, exposed.name.unwrap_or_default()),
                WatchDown::Unexposed { port } => format!("u{port}"),
                WatchDown::Ready {} => "ready".to_owned(),
            })
            .collect();
        assert_eq!(shown, ["-1", "~3", "+5", "u1", "e4e", "e6f"]);
        assert_eq!(now.differences(&now).count(), 0);
    }
}
