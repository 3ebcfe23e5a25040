//! Runs a line of shell in the sandbox and shows its output while it comes.
//!
//! `SANDWIRE_URL=127.0.0.1:7070 cargo run --example run -- 'ls -la; exit 3'`

use std::io::Write;
use std::process::ExitCode;

use sandwire::Client;
use sandwire::kinds::exec::OutputStream;

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let url = std::env::var("SANDWIRE_URL").unwrap_or_else(|_| "127.0.0.1:7070".to_owned());
    let line = std::env::args().nth(1).ok_or("give a line of shell")?;
    let client = Client::builder(url).token(std::env::var("SANDWIRE_TOKEN").unwrap_or_default()).connect().await?;

    let mut running = client.exec(line).spawn()?;
    while let Some(chunk) = running.next().await? {
        match chunk.output {
            OutputStream::Stdout => std::io::stdout().write_all(&chunk.data)?,
            OutputStream::Stderr => std::io::stderr().write_all(&chunk.data)?,
        }
    }
    let exit = running.wait().await?;
    client.close().await;

    // The end is told as it was: by a code, or by a signal.
    match (exit.code, exit.signal) {
        (Some(code), _) => Ok(ExitCode::from(u8::try_from(code)?)),
        (None, signal) => Err(format!("it was ended by {}", signal.unwrap_or_default()).into()),
    }
}
