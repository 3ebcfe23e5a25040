//! `tcp.connect`: a byte stream to a port in the sandbox. Stream 0 both ways; END is a half-close.

use serde::{Deserialize, Serialize};

/// Parameters of `tcp.connect`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Connect {
    /// The port, from 1.
    pub port: u16,
    /// The host, as seen from the sandbox. Default: `localhost`. Others need the server's `tcp_hosts` setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Time for connecting. Default: 10000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// Events to the opener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Down {
    /// The connection stands.
    Connected {},
}

/// Result: both directions have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Bytes to the port.
    pub sent: u64,
    /// Bytes from the port.
    pub received: u64,
}
