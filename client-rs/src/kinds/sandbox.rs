//! What the sandbox is and how it fares.

use std::time::Duration;

pub use sandwire_protocol::kind::sandbox::{Activity, ActivityDown, Info, Metrics, MetricsDown};
use sandwire_protocol::kind::sandbox::{ActivityParams, InfoParams, MetricsParams};
use sandwire_protocol::kind::{SandboxActivity, SandboxInfo, SandboxMetrics};

use super::exec::millis;
use super::stream::Feed;
use crate::client::Client;
use crate::error::Error;

impl Client {
    /// The sandbox itself.
    pub fn sandbox(&self) -> Sandbox {
        Sandbox { client: self.clone() }
    }
}

/// The sandbox itself. Made by [`Client::sandbox`].
///
/// ```
/// use std::time::Duration;
/// use futures_util::TryStreamExt;
/// use sandwire::kinds::sandbox::{ActivityDown, MetricsDown};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (server, client) = sandwire_tests::doc::served().await;
/// let sandbox = client.sandbox();
/// assert!(sandbox.info().await?.cpus > 0);
/// assert!(sandbox.metrics().await?.memory_total > 0);
/// let mut samples = sandbox.metrics_every(Duration::from_millis(100))?;
/// let MetricsDown::Sample(sample) = samples.try_next().await?.ok_or("the stream has ended")?;
/// assert_eq!(sample.terminals, 0);
///
/// // Whether there is work that sleep would end.
/// let mut activity = sandbox.activity()?;
/// let ActivityDown::Activity(now) = activity.try_next().await?.ok_or("the stream has ended")?;
/// assert!(!now.busy);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Sandbox {
    client: Client,
}

impl Sandbox {
    /// What it is.
    ///
    /// # Errors
    /// Those of the connection and of the server.
    pub async fn info(&self) -> Result<Info, Error> {
        self.client.call::<SandboxInfo>(&InfoParams {}).await
    }

    /// How it fares now.
    ///
    /// # Errors
    /// Those of the connection and of the server.
    pub async fn metrics(&self) -> Result<Metrics, Error> {
        self.client.call::<SandboxMetrics>(&MetricsParams { interval_ms: None }).await
    }

    /// How it fares, again and again (at least 100 ms apart) until the stream is dropped.
    ///
    /// # Errors
    /// When nothing can be opened; the rest comes from the stream.
    pub fn metrics_every(&self, interval: Duration) -> Result<Feed<SandboxMetrics>, Error> {
        let params = MetricsParams { interval_ms: Some(millis(interval)) };
        Ok(Feed::new(self.client.open::<SandboxMetrics>(&params)?))
    }

    /// What goes on: at once, then whenever a command, a terminal, or a process that was started with `keep_alive` begins
    /// or ends, until the stream is dropped.
    ///
    /// # Errors
    /// When nothing can be opened; the rest comes from the stream.
    pub fn activity(&self) -> Result<Feed<SandboxActivity>, Error> {
        Ok(Feed::new(self.client.open::<SandboxActivity>(&ActivityParams {})?))
    }
}
