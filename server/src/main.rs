//! The sandwire server.

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(2).unwrap_or_else(|| "127.0.0.1:7070".to_owned());
    sandwire_server::listen::listen(&address).await
}
