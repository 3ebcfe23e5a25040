//! A server with its workspace, and what the tests of `file.*` ask of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use sandwire::kinds::file::Files;
use sandwire::protocol::kind::file::{Read, ReadEnd, Write, Written};
use sandwire::protocol::kind::{FileRead, FileWrite, Kind};
use sandwire::protocol::{Code, Error};
use sandwire::{Call, Client, Reply};
use sandwire_tests::server::{Builder, Server};
use sandwire_tests::wait::wait_for;

/// A running server and a client of it.
pub(super) struct Place {
    pub(super) server: Server,
    pub(super) client: Client,
}

/// Everything that a channel said.
pub(super) struct Told<K: Kind> {
    pub(super) events: Vec<K::Down>,
    pub(super) bytes: Vec<u8>,
    pub(super) result: Result<K::Result, Error>,
}

impl Place {
    pub(super) async fn start() -> Self {
        Self::of(Server::builder()).await
    }

    pub(super) async fn of(builder: Builder) -> Self {
        let server = builder.start();
        let client = Client::connect(server.url()).await.unwrap();
        Self { server, client }
    }

    /// A server that the rights of files hold for, though it is root.
    pub(super) async fn without_override() -> Self {
        let drop = "-dac_override,-dac_read_search,-fowner";
        Self::of(Server::builder().through(["setpriv", "--bounding-set", drop])).await
    }

    /// A server that sees what this script mounts, and nobody else does. The script runs in the workspace.
    pub(super) async fn with_mounts(script: &str) -> Self {
        let script = format!("set -e; {script}; exec \"$@\"");
        Self::of(Server::builder().through(["unshare", "-m", "bash", "-c", &script, "bash"])).await
    }

    pub(super) fn files(&self) -> Files {
        self.client.files()
    }

    /// The path of a name in the workspace, on this side.
    pub(super) fn at(&self, name: impl AsRef<Path>) -> PathBuf {
        self.server.workspace().join(name)
    }

    /// The path of a name in the workspace, as the server's processes see it: through their mounts.
    pub(super) fn inside(&self, name: &str) -> PathBuf {
        let workspace = self.server.workspace();
        Path::new(&format!("/proc/{}/root", self.server.pid())).join(workspace.strip_prefix("/").unwrap()).join(name)
    }

    /// Runs bash in the workspace, and returns what it says.
    #[track_caller]
    pub(super) fn sh(&self, script: &str) -> String {
        bash(&self.server.workspace(), script)
    }

    /// The whole conversation of a channel to which nothing is sent.
    pub(super) async fn told<K: Kind>(&self, params: &K::Params) -> Told<K> {
        told(&self.client.open::<K>(params).unwrap()).await
    }

    /// The error of an operation that has to fail.
    pub(super) async fn refused<K: Kind>(&self, params: K::Params) -> Error
    where
        K::Params: std::fmt::Debug,
        K::Result: std::fmt::Debug,
    {
        let error = self.told::<K>(&params).await.result.expect_err(&format!("{params:?}"));
        assert!(error.message.len() > 10, "{error}");
        error
    }

    /// Its code.
    pub(super) async fn code<K: Kind>(&self, params: K::Params) -> Code
    where
        K::Params: std::fmt::Debug,
        K::Result: std::fmt::Debug,
    {
        self.refused::<K>(params).await.code
    }

    pub(super) async fn read(&self, params: Read) -> Result<(Vec<u8>, ReadEnd), Error> {
        let told = self.told::<FileRead>(&params).await;
        told.result.map(|end| (told.bytes, end))
    }

    pub(super) async fn write(&self, params: Write, content: impl Into<Bytes>) -> Result<Written, Error> {
        let call = self.client.open::<FileWrite>(&params).unwrap();
        // A write that is refused has ended before all is sent.
        if call.write(0, content.into()).await.is_ok() {
            let _ = call.end(0);
        }
        told(&call).await.result
    }

    /// Names in the workspace, hidden ones too.
    pub(super) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.server.workspace()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Waits until the server has opened something in its workspace, or has closed it all.
    pub(super) async fn wait_open(&self, open: usize) {
        let workspace = self.server.workspace();
        let descriptors = format!("/proc/{}/fd", self.server.pid());
        wait_for("the server's open files", || {
            let links = std::fs::read_dir(&descriptors).unwrap().filter_map(Result::ok);
            let paths = links.filter_map(|link| std::fs::read_link(link.path()).ok());
            paths.filter(|path| path.starts_with(&workspace) && path.is_file()).count() == open
        })
        .await;
    }
}

/// Runs bash in a directory, and returns what it says.
#[track_caller]
pub(super) fn bash(dir: &Path, script: &str) -> String {
    let output = Command::new("bash").args(["-c", script]).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Takes everything that a channel says until it has ended.
pub(super) async fn told<K: Kind>(call: &Call<K>) -> Told<K> {
    let (mut events, mut bytes) = (Vec::new(), Vec::new());
    loop {
        match call.recv().await {
            Reply::Data(_, data) => bytes.extend_from_slice(&data),
            Reply::Event(event) => events.push(event),
            Reply::End(_) => {}
            Reply::Closed(result) => return Told { events, bytes, result },
        }
    }
}
