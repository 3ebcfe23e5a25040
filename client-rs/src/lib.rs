//! The sandwire client: everything in a sandbox over one WebSocket, which may be lost and comes back.
//!
//! ```
//! use futures_util::TryStreamExt;
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let server = sandwire_tests::server::Server::builder().env("SANDWIRE_TOKEN", "a-long-and-secret-token").start();
//! let url = "http://127.0.0.1:7070";
//! # let url = server.url();
//! let client = sandwire::Client::builder(url).token("a-long-and-secret-token").connect().await?;
//!
//! // A command to its end, with its true exit code.
//! let output = client.exec("echo hello; exit 3").run().await?;
//! assert_eq!((output.text().as_ref(), output.exit.code), ("hello\n", Some(3)));
//!
//! // A command while it runs.
//! let mut running = client.exec_argv(["seq", "1", "100000"]).spawn()?;
//! let mut bytes = 0;
//! while let Some(chunk) = running.next().await? {
//!     bytes += chunk.data.len();
//! }
//! assert_eq!((bytes, running.wait().await?.code), (588_895, Some(0)));
//!
//! // A background process, which outlives this connection.
//! let web = client.processes().start("exec python3 -u -m http.server --bind 127.0.0.1 0").id("web").spawn().await?;
//! let line = web.wait_for_log(r"port (\d+)", None).await?;
//! let port = line.groups[1].as_deref().unwrap_or_default().parse()?;
//!
//! // A connection to its port.
//! let mut page = client.tcp(port).await?;
//! page.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
//! let mut answer = String::new();
//! page.read_to_string(&mut answer).await?;
//! assert!(answer.starts_with("HTTP/1.0 200 OK"));
//!
//! // Files.
//! client.files().write_all("notes", "milk").await?;
//! let names: Vec<_> = client.files().list(".").map_ok(|info| info.path.to_string()).try_collect().await?;
//! assert_eq!(names, ["notes"]);
//! # Ok(())
//! # }
//! ```
//!
//! # Where is what
//! | | |
//! |---|---|
//! | [`Client::exec`], [`Client::exec_argv`] | [commands](kinds::exec) to their end: collected, streamed, written to, signalled |
//! | [`Client::processes`] | [background processes](kinds::process), which outlive every connection, and their logs |
//! | [`Client::sessions`], [`Client::session`] | [shell sessions](kinds::session), whose state lasts from one command to the next |
//! | [`Client::env`] | [variables](kinds::env) that everything gets that begins in the sandbox |
//! | [`Client::run_code`], [`Client::kernels`], [`Client::kernel`] | [code contexts](kinds::kernel) on Jupyter kernels, with rich results |
//! | [`Client::terminals`] | [terminals](kinds::terminal), which outlive their viewers |
//! | [`Client::files`] | [files](kinds::file): read, written, listed, searched, watched; [trees](kinds::tree) copied both ways |
//! | [`Client::backup`] | [backups](kinds::backup) of directories: archives that prove themselves, restored whole or not at all |
//! | [`Client::tcp`] | [connections](kinds::tcp) to ports in the sandbox |
//! | [`Client::ports`] | [ports](kinds::port): who listens, and which are exposed by a URL |
//! | [`Client::git_checkout`] | [repositories](kinds::git), cloned with progress |
//! | [`Client::mounts`] | [buckets](kinds::mount) as directories |
//! | [`Client::sandbox`] | [what the sandbox is](kinds::sandbox), and how it fares |
//! | [`Client::states`] | [what the connection is doing](State) |
//! | [`Client::open`] | any kind of channel, with the [protocol]'s own parameters |
//!
//! # What holds everywhere
//! * **A lost connection is made again**, and everything goes on where it was. Only when the server does not have the
//!   session any more do the open operations fail, with [`Code::OperationInterrupted`]: whether such an operation was
//!   begun is in the error's details (`admitted`), and nothing is ever run twice.
//! * **Dropping is cancelling.** What a future or a handle does is given up when it is dropped: a command ends, an upload
//!   changes nothing, a watch stops. A process and a terminal belong to the sandbox and go on. `tokio::time::timeout`
//!   and `select!` do what one expects.
//! * **Nothing is kept without a bound.** What is not read stops the other side; a handle keeps one chunk of 64 KiB, the
//!   channel its [window](Builder::window). Gigabytes may pass.
//! * **Errors are typed**: [`Error`] says whether it was the connection, this machine or the server, and [`Error::code`]
//!   is the server's stable [`Code`]. It survives `AsyncRead` and `AsyncWrite`: [`Error::from`] an `io::Error` gives it
//!   back.

mod client;
mod dial;
mod driver;
mod error;
pub mod kinds;
mod sign_in;
mod state;
mod stopwatch;

pub use client::{Builder, Client};
pub use error::Error;
pub use sandwire_link::{Call, Reply};
pub use sandwire_protocol as protocol;
pub use sandwire_protocol::{ByteString, Code, Secret};
pub use state::State;
pub use tokio_rustls::rustls;

/// The Rust in the README is compiled with the examples.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
