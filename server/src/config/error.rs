//! What can be wrong with the settings.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the server does not start. The message says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file of `--config` is not there.
    #[error("there is no file {}: correct --config (SANDWIRE_CONFIG)", .0.display())]
    NoFile(PathBuf),
    /// A value cannot be read; figment names the key and the source.
    #[error("a setting cannot be read: {0}")]
    Unreadable(#[from] Box<figment::Error>),
    /// A value makes no sense.
    #[error("the setting `{0}` cannot be used: {1}")]
    Setting(&'static str, String),
    /// Everybody who can reach the address could do everything.
    #[error(
        "{0} can be reached from other machines, and no token is set: anybody could run commands here.\n\
         Set one:       SANDWIRE_TOKEN=\"$(openssl rand -hex 32)\" sandwire-server --listen {0}\n\
         or stay local: sandwire-server --listen 127.0.0.1:{port}",
        port = .0.port()
    )]
    OpenDoor(SocketAddr),
}

impl From<figment::Error> for ConfigError {
    fn from(error: figment::Error) -> Self {
        Self::Unreadable(Box::new(error))
    }
}
