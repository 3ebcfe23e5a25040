//! Terminals with real programs.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod life;
mod viewers;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sandwire_protocol::kind::command::{Exit, Launch};
use sandwire_protocol::kind::pty::Open;
use sandwire_protocol::{ByteString, Error};

use super::queue::Piece;
use super::registry::Registry;
use super::screen::{Screen, Size};
use super::terminal::Terminal;
use super::viewer::Viewer;
use crate::sandbox::activity::Work;
use crate::sandbox::process::run::Host;

/// After this long a test gives up waiting.
const PATIENCE: Duration = Duration::from_secs(60);

const SIZE: Size = Size { cols: 80, rows: 24 };

fn registry() -> Registry {
    Registry::new(Host::new(Path::new("/tmp")).unwrap(), 8, 1000, 128 << 20, Work::default())
}

fn argv(words: &[&str]) -> Launch {
    let mut launch = Launch { argv: words.iter().map(|word| ByteString::from(*word)).collect(), ..Launch::default() };
    launch.env.insert("PS1".into(), Some("$ ".into()));
    launch.env.insert("LC_ALL".into(), Some("C.UTF-8".into()));
    launch
}

fn run(command: &str) -> Open {
    Open { run: argv(&["bash", "--norc", "-c", command]), ..Open::default() }
}

fn shell() -> Open {
    Open { run: argv(&["bash", "--norc", "-i"]), ..Open::default() }
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("it happens in time")
}

/// Waits until something is so.
async fn until(mut so: impl FnMut() -> bool) {
    within(async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// Somebody at a terminal of his own.
struct Eyes {
    viewer: Viewer,
    screen: Screen,
    bytes: Vec<u8>,
    sizes: Vec<Size>,
    live: bool,
    end: Option<Result<Exit, Error>>,
}

impl Eyes {
    async fn at(terminal: &Arc<Terminal>) -> Eyes {
        Eyes::of(terminal.attach(None, false, usize::MAX).await.unwrap())
    }

    fn of(viewer: Viewer) -> Eyes {
        let screen = Screen::new(viewer.size, 1000);
        Eyes { viewer, screen, bytes: Vec::new(), sizes: Vec::new(), live: false, end: None }
    }

    async fn look(&mut self) {
        match within(self.viewer.next(10_000)).await {
            Piece::Data(bytes) => {
                self.screen.process(&bytes);
                self.bytes.extend_from_slice(&bytes);
            }
            Piece::Live => self.live = true,
            Piece::Resized(size) => {
                self.screen.resize(size);
                self.sizes.push(size);
            }
            Piece::Ended(end) => self.end = Some(end),
        }
    }

    /// Looks until something is seen.
    async fn until(&mut self, seen: impl Fn(&Screen) -> bool) {
        let wait = async {
            while !seen(&self.screen) {
                assert!(self.end.is_none(), "it ended with {:?}: {:?}", self.end, self.screen.text(100));
                self.look().await;
            }
        };
        within(wait).await;
    }

    /// Looks until a text is seen.
    async fn sees(&mut self, text: &str) {
        self.until(|screen| screen.text(1000).contains(text)).await;
    }

    async fn types(&self, keys: &str) {
        within(self.viewer.write(keys.as_bytes())).await.unwrap();
    }

    async fn watch(&mut self) -> Exit {
        within(async {
            while self.end.is_none() {
                self.look().await;
            }
        })
        .await;
        self.end.clone().unwrap().unwrap()
    }

    /// All that was shown since it became live, as text.
    fn shown(&self) -> String {
        String::from_utf8(self.bytes.clone()).unwrap()
    }
}

/// Whether a process that is not a zombie has this word on its command line.
fn living(word: &str) -> bool {
    procfs::process::all_processes().unwrap().flatten().any(|process| {
        process.cmdline().is_ok_and(|line| line.iter().any(|argument| argument == word))
            && process.stat().is_ok_and(|stat| stat.state != 'Z')
    })
}
