//! `env.*`: variables of the sandbox, over the server's own environment.
//!
//! Every command, process, terminal and session that begins after a change gets it; the shell of a session that runs takes it
//! over with the session's next command, unless the session was made with a variable of that name, or with `clear_env`. A
//! command's own `env` goes before the session's, the session's before the sandbox's, the sandbox's before the server's.
//! `clear_env` leaves out both of the latter. The server keeps them in memory alone: with its end they are gone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::command::variables;
use crate::byte_string::ByteString;

/// Parameters of `env.set`. All of it is set, or with an error nothing.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Set {
    /// Variables by name: `A-Z a-z 0-9 _`, no digit first, at most 256 bytes; `SANDWIRE_ID` is the server's own. Null
    /// unsets one, also one of the server's. All that are set or unset have at most 64 KiB, with 64 bytes for each.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "variables")]
    pub env: BTreeMap<ByteString, Option<ByteString>>,
}

/// Parameters of `env.list`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct List {}

/// Result of `env.list`.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Listing {
    /// What is set, by name. What the server itself was started with is not among them.
    pub env: BTreeMap<ByteString, ByteString>,
    /// Names of the server's variables that are unset.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unset: Vec<ByteString>,
}

/// The names alone: a value may be a secret.
impl std::fmt::Debug for Set {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Set").field("env", &self.env.keys()).finish()
    }
}

/// The names alone: a value may be a secret.
impl std::fmt::Debug for Listing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listing").field("env", &self.env.keys()).field("unset", &self.unset).finish()
    }
}
