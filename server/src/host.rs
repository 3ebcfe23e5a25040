//! `sandwire-server host`: many sandboxes on one machine. Each is a child of the engine, this same program as the server of
//! one sandbox, which listens on a socket that only the engine reaches; what keeps sandboxes apart is `isolation`.

mod activity;
mod command;
mod engine;
mod folders;
mod http;
mod id;
pub(crate) mod isolation;
mod refused;
mod running;
mod sandbox;
mod talk;

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::auth::{Origins, Tokens};
use crate::config::HostSettings;
use crate::drain::Signals;
use crate::http::{self as door, Bound};

use engine::Engine;
use http::Gate;

pub(crate) use http::memory_bound;

/// Most sandboxes that may run at once: each takes a place in the machine's tables of processes and mounts.
pub(crate) const MAX_SANDBOXES: usize = 4096;

/// Time for the last answers to be written.
const FAREWELL: Duration = Duration::from_millis(50);

/// Keeps sandboxes until it is told to end, then stops them all.
///
/// # Errors
/// A sentence, when it cannot start.
pub(crate) async fn serve(settings: HostSettings) -> Result<(), String> {
    let mut signals = Signals::new().map_err(|error| format!("signals cannot be caught: {error}"))?;
    let engine = Engine::new(&settings).await?;
    let Bound { listener, address, shown, file } = door::bind(&settings.listen(), None).await?;
    let gate = Gate {
        engine: Arc::clone(&engine),
        tokens: Tokens::new(settings.token.as_deref(), &[]),
        origins: Origins::new(settings.origins.as_deref(), settings.token.is_none(), false),
        own: address,
        previews: Arc::new(Semaphore::new(settings.max_connections() / 2)),
        handshake_timeout: settings.handshake_timeout(),
    };
    engine.introduce(&shown, address, memory_bound(&settings));
    if settings.token.is_none() && address.is_some() {
        tracing::warn!(
            "without a token, whatever runs on this machine can use all sandboxes, what runs in one of them too"
        );
    }
    let example = format!("{}/sandboxes/dev/connect", shown.replacen("http", "ws", 1));
    let said = match address {
        Some(_) => format!("listening on {shown}\nSANDWIRE_URL={example} sandwire exec -- echo hi\n"),
        None => format!("listening on {shown}\n"),
    };
    // Who closed standard output does not want to know.
    std::io::stdout().write_all(said.as_bytes()).unwrap_or_default();
    tokio::spawn(door::listen(Arc::new(gate), listener, settings.max_connections()));
    signals.next().await;
    tokio::select! {
        () = engine.drain() => {}
        () = signals.next() => {
            tracing::warn!("sandboxes are killed by a second signal");
            engine.kill().await;
        }
    }
    tokio::time::sleep(FAREWELL).await;
    drop(file);
    tracing::info!("ended");
    Ok(())
}
