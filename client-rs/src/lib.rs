//! The sandwire client: everything in a sandbox over one WebSocket, which may be lost and comes back.
//!
//! ```no_run
//! use futures_util::TryStreamExt;
//!
//! # async fn example() -> Result<(), sandwire::Error> {
//! let client = sandwire::Client::builder("http://127.0.0.1:7070").token("secret").connect().await?;
//!
//! // A command to its end, with its true exit code.
//! let output = client.exec("make test").cwd("project").run().await?;
//! println!("{:?}: {}", output.exit.code, output.text());
//!
//! // A command while it runs.
//! let mut running = client.exec_argv(["tail", "-f", "log"]).spawn()?;
//! while let Some(chunk) = running.next().await? {
//!     println!("{} bytes of {:?}", chunk.data.len(), chunk.output);
//! }
//!
//! // A background process, which outlives this connection.
//! let server = client.processes().start("python3 -m http.server 8000").id("web").spawn().await?;
//! server.wait_for_port(8000, None).await?;
//! let mut page = client.tcp(8000).await?;
//!
//! // Files.
//! client.files().write_all("notes", "milk").await?;
//! let names: Vec<_> = client.files().list(".").map_ok(|info| info.path).try_collect().await?;
//! # Ok(())
//! # }
//! ```
//!
//! Everything stops the other side when it is not read, and nothing keeps more than it says: a [`Client`] may be used
//! for gigabytes. What a handle does is given up when the handle is dropped; [`Error::code`] tells why something failed.

mod client;
mod dial;
mod driver;
mod error;
pub mod kinds;
mod state;

pub use client::{Builder, Client};
pub use error::Error;
pub use sandwire_link::{Call, Reply};
pub use sandwire_protocol as protocol;
pub use state::State;
