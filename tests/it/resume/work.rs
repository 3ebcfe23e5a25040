//! Fifty channels of all kinds at once, each checked to the byte.

use std::path::PathBuf;

use bytes::Bytes;
use futures_util::TryStreamExt;
use sandwire::Client;
use sandwire::protocol::kind::file::{SearchDown, WatchDown};
use sandwire::protocol::kind::{
    FileRead, FileWrite, ProcessAttach, ProcessLogs, ProcessStart, PtyOpen, file, process, pty,
};
use sandwire_tests::server::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::common::{collect, noise, run, run_with, shell};

/// One channel's work, and what makes it differ from the others.
struct Work {
    client: Client,
    number: u64,
    data: Bytes,
    /// In the workspace, its own.
    folder: PathBuf,
}

/// Runs them all to their ends.
pub(super) async fn fifty_channels(client: &Client, server: &Server) {
    let mut all = tokio::task::JoinSet::new();
    for number in 0..50 {
        let data = noise(number, 40_000 + 9_000 * usize::try_from(number).unwrap());
        let folder = server.workspace().join(format!("work{number}"));
        std::fs::create_dir(&folder).unwrap();
        let work = Work { client: client.clone(), number, data, folder };
        all.spawn(async move {
            match number % 10 {
                0 => work.output().await,
                1 => work.input().await,
                2 => work.file().await,
                3 => work.log().await,
                4 => work.terminal().await,
                5 => work.tunnel().await,
                6 => work.tree().await,
                7 => work.search().await,
                8 => work.watch().await,
                _ => work.attached().await,
            }
        });
    }
    while let Some(done) = all.join_next().await {
        done.unwrap();
    }
}

impl Work {
    /// A file with the data, on the server's side.
    fn planted(&self) -> PathBuf {
        let path = self.folder.join("planted");
        std::fs::write(&path, &self.data).unwrap();
        path
    }

    async fn output(self) {
        let (path, n) = (self.planted(), self.number);
        let command = format!("cat {}; echo e{n} >&2; exit {}", path.display(), n + 1);
        let (out, err, exit) = run(&self.client, &shell(&command)).await;
        assert!(out == self.data, "exec {n}");
        assert_eq!(err, format!("e{n}\n").as_bytes());
        assert_eq!(exit.unwrap().code, i32::try_from(n + 1).ok());
    }

    async fn input(self) {
        let n = self.number;
        let (out, exit) = run_with(&self.client, shell(&format!("cat; exit {n}")), self.data.clone()).await;
        assert!(out == self.data, "stdin {n}");
        assert_eq!(exit.unwrap().code, i32::try_from(n).ok());
    }

    async fn file(self) {
        let path = self.folder.join("written");
        let write = file::Write { path: path.as_path().into(), ..file::Write::default() };
        let call = self.client.open::<FileWrite>(&write).unwrap();
        call.write(0, self.data.clone()).await.unwrap();
        call.end(0).unwrap();
        assert_eq!(call.result().await.unwrap().bytes, self.data.len() as u64);
        let read = file::Read { path: path.as_path().into(), ..file::Read::default() };
        let got = collect(&self.client.open::<FileRead>(&read).unwrap()).await;
        assert!(got.streams[0] == self.data, "file {}", self.number);
    }

    async fn log(self) {
        let command = format!("cat {}", self.planted().display());
        let start = process::Start { run: shell(&command).run, ..process::Start::default() };
        let id = self.client.call::<ProcessStart>(&start).await.unwrap().id;
        let from = process::From::Start;
        let logs = process::Logs { id, from, follow: true, output: None, timestamps: false };
        let got = collect(&self.client.open::<ProcessLogs>(&logs).unwrap()).await;
        assert!(got.streams[1] == self.data, "log {}", self.number);
        assert!(got.result.unwrap().ended);
    }

    async fn terminal(self) {
        let size = self.data.len();
        let command = format!("stty raw -echo; head -c {size} /dev/zero | tr '\\0' x; exit 7");
        let open = pty::Open { run: shell(&command).run, ..pty::Open::default() };
        let got = collect(&self.client.open::<PtyOpen>(&open).unwrap()).await;
        let shown = got.streams[0].iter().filter(|byte| **byte == b'x').count();
        assert_eq!(shown, size, "terminal {}", self.number);
        assert_eq!(got.result.unwrap().exit.code, Some(7));
    }

    async fn tunnel(self) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let echo = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut read, mut write) = stream.split();
            tokio::io::copy(&mut read, &mut write).await.unwrap();
        });
        let (mut reader, mut writer) = self.client.tcp(port).await.unwrap().split();
        let mut got = Vec::new();
        let send = async {
            writer.write_all(&self.data).await.unwrap();
            writer.shutdown().await.unwrap();
        };
        tokio::join!(send, async { reader.read_to_end(&mut got).await.unwrap() });
        assert!(got == self.data, "tunnel {}", self.number);
        echo.await.unwrap();
    }

    async fn tree(self) {
        let here = tempfile::tempdir().unwrap();
        let (from, to) = (here.path().join("from"), here.path().join("to"));
        for (number, piece) in self.data.chunks(10_000).enumerate() {
            std::fs::create_dir_all(from.join(format!("d{number}"))).unwrap();
            std::fs::write(from.join(format!("d{number}/f")), piece).unwrap();
        }
        let there = self.folder.join("tree");
        self.client.files().upload_tree(&from, there.as_path()).await.unwrap();
        self.client.files().download_tree(there.as_path(), &to).await.unwrap();
        for (number, piece) in self.data.chunks(10_000).enumerate() {
            assert!(std::fs::read(to.join(format!("d{number}/f"))).unwrap() == piece, "tree {}", self.number);
        }
    }

    async fn search(self) {
        let lines: String = (0..5_000).map(|line| format!("needle {line}\nhay\n")).collect();
        std::fs::write(self.folder.join("lines"), lines).unwrap();
        let mut found = self.client.files().search(self.folder.as_path(), "^needle").unwrap();
        let mut next = 0;
        while let Some(item) = found.try_next().await.unwrap() {
            let SearchDown::Line { line, text, .. } = item else { panic!("no line: {item:?}") };
            assert_eq!((line, text), (2 * next + 1, format!("needle {next}").as_str().into()));
            next += 1;
        }
        let end = found.end().unwrap();
        assert_eq!((next, end.matches, end.truncated), (5_000, 5_000, false), "search {}", self.number);
    }

    /// Each of many files is told, once.
    async fn watch(self) {
        let mut watch = self.client.files().watch(self.folder.as_path()).unwrap();
        assert_eq!(watch.try_next().await.unwrap(), Some(WatchDown::Ready {}));
        let folder = self.folder.clone();
        let files = tokio::spawn(async move {
            for number in 0..200 {
                std::fs::write(folder.join(format!("{number:03}")), "").unwrap();
                tokio::task::yield_now().await;
            }
        });
        let mut told = Vec::new();
        while told.len() < 200 {
            match watch.try_next().await.unwrap().unwrap() {
                WatchDown::Change { change: file::Change::Create, path, .. } => told.push(path.to_string()),
                WatchDown::Change { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        files.await.unwrap();
        told.sort();
        let all: Vec<String> = (0..200).map(|number| format!("{number:03}")).collect();
        assert_eq!(told, all, "watch {}", self.number);
    }

    async fn attached(self) {
        let start = process::Start { run: shell("cat; exit 9").run, stdin: true, ..process::Start::default() };
        let id = self.client.call::<ProcessStart>(&start).await.unwrap().id;
        let attach = process::Attach { id, from: process::From::Start, stdin: true, timestamps: false };
        let call = self.client.open::<ProcessAttach>(&attach).unwrap();
        let feed = async {
            call.write(0, self.data.clone()).await.unwrap();
            call.end(0).unwrap();
        };
        let ((), got) = tokio::join!(feed, collect(&call));
        assert!(got.streams[1] == self.data, "attached {}", self.number);
        assert_eq!(got.result.unwrap().exit.unwrap().code, Some(9));
    }
}
