//! Keeps a web server running in the sandbox, waits until it is ready, asks it for a page, and follows its log.
//!
//! `SANDWIRE_URL=127.0.0.1:7070 cargo run --example background`

use std::time::Duration;

use futures_util::TryStreamExt;
use sandwire::kinds::process::LogItem;
use sandwire::{Client, Code};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("SANDWIRE_URL").unwrap_or_else(|_| "127.0.0.1:7070".to_owned());
    let client = Client::builder(url).token(std::env::var("SANDWIRE_TOKEN").unwrap_or_default()).connect().await?;

    // It belongs to the sandbox: it would go on if this program ended here, and be found again by its id.
    let start = client.processes().start("exec python3 -u -m http.server --bind 127.0.0.1 0").id("web");
    let web = match start.spawn().await {
        Err(error) if error.code() == Some(Code::ProcessExists) => client.processes().process("web"),
        started => started?,
    };
    let ready = web.wait_for_log(r"port (\d+)", Duration::from_secs(30)).await?;
    let port = ready.groups.get(1).cloned().flatten().unwrap_or_default().parse()?;

    let mut connection = client.tcp(port).await?;
    connection.write_all(b"GET /no-such-page HTTP/1.0\r\n\r\n").await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    println!("the answer: {}", answer.lines().next().unwrap_or_default());

    // From its beginning to the line of our request; `follow` waits for what was not written yet.
    let mut log = web.logs().follow().open()?;
    let mut text = String::new();
    while !text.contains("no-such-page") {
        match log.try_next().await?.ok_or("the log has ended")? {
            LogItem::Output(_, bytes) => text.push_str(&String::from_utf8_lossy(&bytes)),
            LogItem::Event(event) => eprintln!("{event:?}"),
        }
    }
    print!("its log:\n{text}");

    let ended = web.kill(None).await?;
    println!("ended by {}", ended.exit.and_then(|exit| exit.signal).unwrap_or_default());
    web.remove(false).await?;
    client.close().await;
    Ok(())
}
