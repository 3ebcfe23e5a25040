//! What the sandbox is and how it fares.

use std::time::Duration;

use sandwire_protocol::kind::sandbox::{Info, InfoParams, Metrics, MetricsParams};
use sandwire_protocol::kind::{SandboxInfo, SandboxMetrics};

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
}
