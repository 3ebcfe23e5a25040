//! A setting that nothing shows.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A token as it was given. Its `Debug` tells nothing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret(String);

impl Secret {
    /// What stands in its place wherever settings are shown.
    pub(crate) const SHOWN: &'static str = "(secret)";

    /// What stands in its place.
    pub(crate) fn shown() -> Self {
        Self(Self::SHOWN.to_owned())
    }

    /// Whether it can be a token: a header carries it as it is, and nobody guesses it at once.
    ///
    /// # Errors
    /// A sentence, without the secret.
    pub(crate) fn validate(&self) -> Result<(), String> {
        const LEAST: usize = 8;
        if self.0.len() < LEAST {
            return Err(format!("a token has at least {LEAST} characters"));
        }
        if !self.0.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("a token has visible ASCII characters only: no space, no end of line".to_owned());
        }
        Ok(())
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl Deref for Secret {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::SHOWN)
    }
}
