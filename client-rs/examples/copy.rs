//! Copies a directory into the sandbox, works on it there, and copies the result back.
//!
//! `SANDWIRE_URL=127.0.0.1:7070 cargo run --example copy -- src result`

use sandwire::Client;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("SANDWIRE_URL").unwrap_or_else(|_| "127.0.0.1:7070".to_owned());
    let mut args = std::env::args().skip(1);
    let (from, to) = (args.next().ok_or("copy what?")?, args.next().ok_or("copy the result where?")?);
    let client = Client::builder(url).token(std::env::var("SANDWIRE_TOKEN").unwrap_or_default()).connect().await?;

    // A tar stream in both directions, straight between the disk and the connection: nothing is kept in memory.
    let (written, packed) = client.files().upload_tree(from, "work").await?;
    println!("{} entries, {} bytes up", written.entries, written.bytes);
    for path in packed.skipped {
        println!("left out: {}", path.display());
    }

    let output =
        client.exec("find . -type f ! -name SUMS -exec sha256sum {} + | sort -k 2 > SUMS; wc -l < SUMS").cwd("work");
    print!("files: {}", output.run().await?.text());

    let read = client.files().download_tree("work", to).await?;
    println!("{} entries, {} bytes down", read.entries, read.bytes);
    client.files().remove_all("work").await?;
    client.close().await;
    Ok(())
}
