//! Ports in the sandbox: who listens, and which are exposed by a URL of their own.

use std::time::Duration;

pub use sandwire_protocol::kind::port::{Expose, Exposed, Listing, Port, WatchDown};
use sandwire_protocol::kind::port::{List, Unexpose, Watch};
use sandwire_protocol::kind::{PortExpose, PortList, PortUnexpose, PortWatch};

use super::exec::millis;
use super::stream::Feed;
use crate::client::Client;
use crate::error::Error;

impl Client {
    /// The ports of the sandbox.
    pub fn ports(&self) -> Ports {
        Ports { client: self.clone() }
    }
}

/// The ports of the sandbox. Made by [`Client::ports`].
///
/// ```
/// use futures_util::TryStreamExt;
/// use sandwire::kinds::port::WatchDown;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (server, client) = sandwire_tests::doc::served().await;
/// let web = client.processes().start("exec python3 -u -m http.server --bind 127.0.0.1 0").id("web").spawn().await?;
/// let line = web.wait_for_log(r"port (\d+)", None).await?;
/// let port = line.groups[1].as_deref().unwrap_or_default().parse()?;
///
/// let ports = client.ports();
/// let listening = ports.list().await?.ports;
/// assert!(listening.iter().any(|it| it.port == port && it.process.as_deref() == Some("web")));
///
/// // Whoever knows the URL can use what listens there, until it is unexposed.
/// let exposed = ports.expose(port).await?;
/// let url = exposed.url.unwrap_or_default();
/// assert!(url.starts_with(&format!("http://{port}-")));
///
/// // All that is there, then what changes.
/// let mut changes = ports.watch(None)?;
/// while let Some(change) = changes.try_next().await? {
///     match change {
///         WatchDown::Ready {} => assert!(ports.unexpose(port).await?),
///         WatchDown::Unexposed { port: gone } if gone == port => break,
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Ports {
    client: Client,
}

impl Ports {
    /// Who listens, and what is exposed. The server's own port is left out.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`.
    pub async fn list(&self) -> Result<Listing, Error> {
        self.client.call::<PortList>(&List::default()).await
    }

    /// The same with the server's own port.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`.
    pub async fn list_all(&self) -> Result<Listing, Error> {
        self.client.call::<PortList>(&List { own: true, exposed_only: false }).await
    }

    /// What is exposed. Tokens and URLs are told to who may expose.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`.
    pub async fn exposed(&self) -> Result<Vec<Exposed>, Error> {
        Ok(self.client.call::<PortList>(&List { own: false, exposed_only: true }).await?.exposed)
    }

    /// All that is there, then what changes, until the stream is dropped. The server looks who listens every second, or
    /// as often as `interval` says, at least 250 ms apart.
    ///
    /// # Errors
    /// When nothing can be opened; the rest comes from the stream.
    pub fn watch(&self, interval: Option<Duration>) -> Result<Feed<PortWatch>, Error> {
        let params = Watch { interval_ms: interval.map(millis), own: false };
        Ok(Feed::new(self.client.open::<PortWatch>(&params)?))
    }

    /// Exposes a port: whoever knows the URL can use what listens there. One that is exposed already keeps its URL.
    ///
    /// # Errors
    /// `INVALID_PORT`, `LIMIT_EXCEEDED`, `PERMISSION_DENIED`.
    pub async fn expose(&self, port: u16) -> Result<Exposed, Error> {
        self.expose_with(&Expose { port, ..Expose::default() }).await
    }

    /// Exposes a port as `expose` says.
    ///
    /// # Errors
    /// As [`expose`](Self::expose), and `VALIDATION_FAILED`.
    pub async fn expose_with(&self, expose: &Expose) -> Result<Exposed, Error> {
        self.client.call::<PortExpose>(expose).await
    }

    /// Ends that, for connections that stand too. Whether the port was exposed.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`.
    pub async fn unexpose(&self, port: u16) -> Result<bool, Error> {
        Ok(self.client.call::<PortUnexpose>(&Unexpose { port }).await?.existed)
    }
}
