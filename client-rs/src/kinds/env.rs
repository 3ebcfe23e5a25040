//! Variables of the sandbox, over the server's own environment.

use sandwire_protocol::ByteString;
pub use sandwire_protocol::kind::env::Listing;
use sandwire_protocol::kind::env::{List, Set};
use sandwire_protocol::kind::{EnvList, EnvSet};

use crate::client::Client;
use crate::error::Error;

impl Client {
    /// The variables of the sandbox.
    pub fn env(&self) -> Environment {
        Environment { client: self.clone() }
    }
}

/// The variables of a sandbox, which every command, process, terminal and session gets that begins after a change. A session
/// that runs takes it over with its next command, unless it was made with a variable of that name. What a command or a
/// session has of its own goes before. Made by [`Client::env`].
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (server, client) = sandwire_tests::doc::served().await;
/// let env = client.env();
/// env.set("GREETING", "hello").await?;
/// env.unset("PAGER").await?;
/// assert_eq!(client.exec("echo $GREETING").run().await?.text(), "hello\n");
/// assert_eq!(client.exec("echo $GREETING").env("GREETING", "hi").run().await?.text(), "hi\n");
///
/// env.update([("A", Some("1")), ("GREETING", None)]).await?;
/// let listing = env.list().await?;
/// assert_eq!(listing.env.keys().map(ToString::to_string).collect::<Vec<_>>(), ["A"]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Environment {
    client: Client,
}

impl Environment {
    /// Sets a variable.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub async fn set(&self, name: impl Into<ByteString>, value: impl Into<ByteString>) -> Result<(), Error> {
        self.update([(name, Some(value))]).await
    }

    /// Unsets a variable, also one of the server's own.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub async fn unset(&self, name: impl Into<ByteString>) -> Result<(), Error> {
        self.update([(name, None::<ByteString>)]).await
    }

    /// Sets those that have a value and unsets the others: all of it, or with an error nothing.
    ///
    /// # Errors
    /// `VALIDATION_FAILED` for what is no name (`A-Z a-z 0-9 _`, no digit first) or holds a NUL; `LIMIT_EXCEEDED` when all
    /// together would have more than 64 KiB.
    pub async fn update<N, V>(&self, changes: impl IntoIterator<Item = (N, Option<V>)>) -> Result<(), Error>
    where
        N: Into<ByteString>,
        V: Into<ByteString>,
    {
        let env = changes.into_iter().map(|(name, value)| (name.into(), value.map(Into::into))).collect();
        self.client.call::<EnvSet>(&Set { env }).await.map(drop)
    }

    /// What is set, and which of the server's own variables are unset.
    ///
    /// # Errors
    /// Those of the connection and of the server.
    pub async fn list(&self) -> Result<Listing, Error> {
        self.client.call::<EnvList>(&List {}).await
    }
}
