//! The cutting proxy as a program, for tests that are not written in Rust: `sandwire-proxy --upstream ADDRESS:PORT`.
//!
//! It says `listening on ADDRESS:PORT`, then takes commands on standard input, one a line, and answers each with a line:
//! `ok`, what `counters` counted as JSON, or `error: …`. It ends when its input does, with all its connections.
//!
//! | command | what it does |
//! | --- | --- |
//! | `cut reset\|finish` | cuts all connections that are open |
//! | `cut-after up\|down BYTES reset\|finish` | cuts the one that carries this byte, once |
//! | `cut-randomly SEED LEAST MOST` | cuts each new connection behind so many bytes of a direction, as the seed says |
//! | `keep-whole` | no planned cuts any more |
//! | `stall up\|down`, `resume up\|down` | passes nothing on, or goes on |
//! | `delay up\|down MILLISECONDS` | each byte comes so much later |
//! | `throttle up\|down BYTES` | most bytes a second of each connection, 0 for no bound |
//! | `split up\|down BYTES` | passes on pieces of a random size up to this, 0 for as they come |
//! | `refuse`, `accept` | resets new connections at once, or takes them |
//! | `counters` | what went through since the start |

use std::io::{self, BufRead, Write};
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use sandwire_tests::proxy::{Cut, Direction, Proxy};

fn main() -> io::Result<()> {
    let upstream = std::env::args().skip_while(|arg| arg != "--upstream").nth(1);
    let upstream = upstream.as_deref().and_then(|address| address.parse::<SocketAddr>().ok());
    let upstream = upstream.ok_or_else(|| io::Error::other("usage: sandwire-proxy --upstream ADDRESS:PORT"))?;
    let runtime = tokio::runtime::Runtime::new()?;
    let _entered = runtime.enter();
    let proxy = runtime.block_on(Proxy::start(upstream))?;
    say(&format!("listening on {}", proxy.address()))?;
    for line in io::stdin().lock().lines() {
        let line = line?;
        let answer = obey(&proxy, &line).unwrap_or_else(|why| format!("error: {why}: {line}"));
        say(&answer)?;
    }
    Ok(())
}

fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

fn obey(proxy: &Proxy, line: &str) -> Result<String, &'static str> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match *words.as_slice() {
        ["cut", how] => proxy.cut_now(cut(how)?),
        ["cut-after", way, bytes, how] => proxy.cut_after(direction(way)?, number(bytes)?, cut(how)?),
        ["cut-randomly", seed, least, most] => {
            let after = number(least)?..number(most)?;
            if after.is_empty() {
                return Err("LEAST is below MOST");
            }
            proxy.cut_randomly(number(seed)?, after);
        }
        ["keep-whole"] => proxy.keep_whole(),
        ["stall", way] => proxy.stall(direction(way)?, true),
        ["resume", way] => proxy.stall(direction(way)?, false),
        ["delay", way, ms] => proxy.delay(direction(way)?, Duration::from_millis(number(ms)?)),
        ["throttle", way, bytes] => proxy.throttle(direction(way)?, Some(number(bytes)?)),
        ["split", way, bytes] => proxy.split(direction(way)?, Some(number(bytes)?)),
        ["refuse"] => proxy.refuse(true),
        ["accept"] => proxy.refuse(false),
        ["counters"] => {
            let counters = proxy.counters();
            return Ok(serde_json::json!({
                "up": counters.up,
                "down": counters.down,
                "connections": counters.connections,
                "refused": counters.refused,
                "cuts": counters.cuts,
                "open": counters.open,
            })
            .to_string());
        }
        _ => return Err("no such command"),
    }
    Ok("ok".to_owned())
}

fn direction(word: &str) -> Result<Direction, &'static str> {
    match word {
        "up" => Ok(Direction::Up),
        "down" => Ok(Direction::Down),
        _ => Err("a direction is up or down"),
    }
}

fn cut(word: &str) -> Result<Cut, &'static str> {
    match word {
        "reset" => Ok(Cut::Reset),
        "finish" => Ok(Cut::Finish),
        _ => Err("a cut is reset or finish"),
    }
}

fn number<T: FromStr>(word: &str) -> Result<T, &'static str> {
    word.parse().map_err(|_| "not a number that fits")
}
