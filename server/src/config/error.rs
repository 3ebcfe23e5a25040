//! What can be wrong with the settings.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the server does not start. The message says what to do, and holds no secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file of `--config` cannot be read.
    #[error("the file {} cannot be read: {}; correct --config (SANDWIRE_CONFIG)", .0.display(), .1)]
    File(PathBuf, std::io::Error),
    /// The file of `--config` is no TOML.
    #[error("{}, line {}: {}", .0.display(), .1, .2)]
    Syntax(PathBuf, usize, String),
    /// A value of the file has the wrong type, or a key is unknown.
    #[error("{}", Unreadable(.0))]
    Unreadable(Box<figment::Error>),
    /// A value makes no sense.
    #[error("{}: {}", Name(.0), .1)]
    Setting(&'static str, String),
    /// Everybody who can reach the address could do everything.
    #[error(
        "{address} can be reached from other machines, and no token is set: anybody could run commands here.\n\
         Set one:       SANDWIRE_TOKEN=\"$(openssl rand -hex 32)\" {program} --listen {address}\n\
         or stay local: {program} --listen 127.0.0.1:{port}",
        port = .address.port()
    )]
    OpenDoor {
        /// What was started.
        program: &'static str,
        /// Where it should listen.
        address: SocketAddr,
    },
}

impl From<figment::Error> for ConfigError {
    fn from(error: figment::Error) -> Self {
        Self::Unreadable(Box::new(error))
    }
}

/// A setting by the three names under which it can be given.
struct Name<'a>(&'a str);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.0;
        if key == "tokens" {
            return f.write_str("[[tokens]]");
        }
        write!(f, "--{} (SANDWIRE_{}, `{key}` in the file)", key.replace('_', "-"), key.to_uppercase())
    }
}

/// Figment's error, whose own text repeats the value: that may be a token.
struct Unreadable<'a>(&'a figment::Error);

impl fmt::Display for Unreadable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret = self.0.path.iter().any(|part| part.starts_with("token"));
        if !secret || matches!(self.0.kind, figment::error::Kind::UnknownField(..)) {
            return write!(f, "a setting cannot be read: {}", self.0);
        }
        write!(f, "the setting `{}` cannot be read", self.0.path.join("."))?;
        if let figment::error::Kind::InvalidType(_, expected) | figment::error::Kind::InvalidValue(_, expected) =
            &self.0.kind
        {
            write!(f, ": it must be {expected}")?;
        }
        Ok(())
    }
}
