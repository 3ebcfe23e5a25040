//! Whether the settings make sense, each alone and together.

use std::time::Duration;

use sandwire_protocol::limits::MIN_RETAIN;
use tracing_subscriber::EnvFilter;

use super::{ConfigError, Listen, Settings, Size};
use crate::auth::Origins;
use crate::sandbox::port::names::Names;
use crate::sandbox::pty::budget;

/// Most of anything that is counted. More is a slip of the finger; the tables reckon with 32 bits.
const MOST: usize = 1 << 20;

/// The least time that a peer can be given for its request.
const LEAST_HANDSHAKE: Duration = Duration::from_millis(100);

/// The shortest and the longest time that a browser may stay signed in.
const LEAST_SESSION: Duration = Duration::from_secs(1);
const LONGEST_SESSION: Duration = Duration::from_secs(31_557_600);

impl Settings {
    /// # Errors
    /// [`ConfigError`] that names the setting and says what it may be.
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if let Some(address) = self.listen().beyond_loopback()
            && !self.has_tokens()
        {
            return Err(ConfigError::OpenDoor { program: "sandwire-server", address });
        }
        if let (Listen::Unix(_), Some(_)) = (self.listen(), &self.tls_cert) {
            return Err(ConfigError::Setting("tls_cert", "a socket in the file system has no TLS".to_owned()));
        }
        self.validate_access()?;
        self.validate_bounds()?;
        if let Some(filter) = &self.log {
            EnvFilter::try_new(filter).map_err(|error| ConfigError::Setting("log", error.to_string()))?;
        }
        if self.handshake_timeout() < LEAST_HANDSHAKE {
            return Err(ConfigError::Setting("handshake_timeout", "it is at least 100ms".to_owned()));
        }
        if !(LEAST_SESSION..=LONGEST_SESSION).contains(&self.session_ttl()) {
            return Err(ConfigError::Setting("session_ttl", "it is from 1s to 1year".to_owned()));
        }
        Ok(())
    }

    fn validate_access(&self) -> Result<(), ConfigError> {
        if let Some(token) = &self.token {
            token.validate().map_err(|problem| ConfigError::Setting("token", problem))?;
        }
        for rule in &self.tokens {
            rule.validate().map_err(|problem| ConfigError::Setting("tokens", problem))?;
        }
        Origins::validate(self.origins.as_deref()).map_err(|problem| ConfigError::Setting("origins", problem))?;
        if let Some(name) = &self.sandbox_id {
            Names::validate_sandbox(name).map_err(|problem| ConfigError::Setting("sandbox_id", problem))?;
        }
        if let Some(host) = &self.preview_host {
            Names::validate_host(host).map_err(|problem| ConfigError::Setting("preview_host", problem))?;
        }
        match (&self.tls_cert, &self.tls_key) {
            (Some(_), None) => Err(ConfigError::Setting("tls_key", "it goes together with --tls-cert".to_owned())),
            (None, Some(_)) => Err(ConfigError::Setting("tls_cert", "it goes together with --tls-key".to_owned())),
            (Some(_), Some(_)) | (None, None) => Ok(()),
        }
    }

    fn validate_bounds(&self) -> Result<(), ConfigError> {
        for (name, value, least) in [
            ("max_connections", self.max_connections(), 1),
            ("max_previews", self.max_previews(), 0),
            ("max_lanes", self.max_lanes(), 1),
            ("max_lanes_per_connection", self.max_lanes_per_connection(), 1),
            ("max_channels", self.max_channels(), 1),
            ("max_channels_per_lane", self.max_channels_per_lane(), 1),
            ("max_processes", self.max_processes(), 0),
            ("keep_processes", self.keep_processes(), 0),
            ("max_terminals", self.max_terminals(), 0),
            ("max_sessions", self.max_sessions(), 0),
            ("max_kernels", self.max_kernels(), 0),
            ("kernel_pool", self.kernel_pool(), 0),
            ("scrollback", self.scrollback(), 0),
        ] {
            if !(least..=MOST).contains(&value) {
                return Err(ConfigError::Setting(name, format!("{value} is not from {least} to {}", MOST)));
            }
        }
        if self.max_previews() >= self.max_connections() {
            let message = format!("it is less than --max-connections, {}", self.max_connections());
            return Err(ConfigError::Setting("max_previews", message));
        }
        let least = Size(budget::least(self.scrollback()).next_multiple_of(1 << 20));
        if self.max_terminals() > 0 && self.terminal_memory() < least.bytes() {
            let message = format!("it is at least {least} with --scrollback {}", self.scrollback());
            return Err(ConfigError::Setting("terminal_memory", message));
        }
        let least = Size(MIN_RETAIN as u64);
        if self.retained_bytes_per_lane() < least.bytes() {
            return Err(ConfigError::Setting("retained_bytes_per_lane", format!("it is at least {least}")));
        }
        if self.retained_bytes() < self.retained_bytes_per_lane() {
            let message = "it is at least --retained-bytes-per-lane".to_owned();
            return Err(ConfigError::Setting("retained_bytes", message));
        }
        Ok(())
    }
}
