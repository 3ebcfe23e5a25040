//! A bare listener.
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sandwire_link::Socket;

use crate::auth::Access;
use crate::lanes::Bounds;
use crate::sandbox::Sandbox;
use crate::server::Server;

/// Listens and serves.
///
/// # Errors
/// When the address cannot be used.
pub async fn listen(address: &str) -> std::io::Result<()> {
    let sandbox = Arc::new(Sandbox::new(Path::new("."))?);
    let bounds = Bounds {
        lanes: 256,
        channels_per_lane: 1024,
        retained_per_lane: 4 << 20,
        retained: 256 << 20,
        ttl: Duration::from_secs(120),
    };
    let server = Arc::new(Server::new(sandbox, bounds, 64, 4096));
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let server = Arc::clone(&server);
        tokio::spawn(async move {
            let Ok(ws) = tokio_tungstenite::accept_async(stream).await else { return };
            crate::conn::serve(server, Socket::tcp(ws.into_inner(), Vec::new()), Access::default()).await;
        });
    }
}
