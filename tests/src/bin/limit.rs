//! The bare server of `sandwire-bench` as a program: `sandwire-limit --listen ADDRESS:PORT`.

use std::io::{self, Write};
use std::net::TcpListener;

fn main() -> io::Result<()> {
    let address = std::env::args().skip_while(|arg| arg != "--listen").nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:0"))?;
    let mut out = io::stdout();
    writeln!(out, "listening on http://{}", listener.local_addr()?)?;
    out.flush()?;
    sandwire_tests::limit::serve(&listener)
}
