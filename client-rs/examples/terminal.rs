//! Drives vim in a terminal of the sandbox, as a person would: types, looks at the screen, and leaves.
//!
//! `SANDWIRE_URL=127.0.0.1:7070 cargo run --example terminal`

use futures_util::TryStreamExt;
use sandwire::Client;
use sandwire::kinds::terminal::{Terminal, TerminalItem};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("SANDWIRE_URL").unwrap_or_else(|_| "127.0.0.1:7070".to_owned());
    let client = Client::builder(url).token(std::env::var("SANDWIRE_TOKEN").unwrap_or_default()).connect().await?;
    let terminals = client.terminals();

    let vim = ["vim", "-u", "NONE", "-n", "poem.txt"];
    let mut terminal = terminals.open().id("editor").argv(vim).size(60, 12).spawn()?;
    let keys = terminal.input();
    show_until(&mut terminal, &client, "poem.txt").await?;
    keys.write("iRoses are red").await?;
    show_until(&mut terminal, &client, "Roses are red").await?;
    let screen = terminals.snapshot("editor").await?;
    print!("{}", String::from_utf8_lossy(&screen.content));

    keys.write("\x1b:wq\r").await?;
    let code = loop {
        match terminal.try_next().await?.ok_or("the terminal did not say how it ended")? {
            TerminalItem::Output(_) | TerminalItem::Event(_) => {}
            TerminalItem::Ended(ended) => break ended.exit.code,
        }
    };
    let poem = client.files().read("poem.txt")?.bytes(1 << 20).await?;
    println!("vim ended with {code:?} and left {:?}", String::from_utf8_lossy(&poem));
    client.close().await;
    Ok(())
}

/// Reads what the terminal shows until this text is on its screen.
async fn show_until(terminal: &mut Terminal, client: &Client, text: &str) -> Result<(), Box<dyn std::error::Error>> {
    loop {
        // Something must be written before the screen can be another one; first of all that the terminal is there.
        if let TerminalItem::Ended(ended) = terminal.try_next().await?.ok_or("the terminal has ended")? {
            return Err(format!("the program has ended: {:?}", ended.exit).into());
        }
        let screen = client.terminals().snapshot("editor").await?;
        if String::from_utf8_lossy(&screen.content).contains(text) {
            return Ok(());
        }
    }
}
