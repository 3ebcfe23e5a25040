//! A real server of S3 on loopback: moto, which keeps everything in memory.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use rustix::process::{Pid, Signal, kill_process};
use sandwire_tests::python;

/// Runs it, and ends with the test, however that ends.
const RUN: &str = "import os, sys, threading\n\
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()\n\
    from moto.server import main\n\
    main(['-H', '127.0.0.1', '-p', '0'])";

/// One that all tests share, each with buckets of its own.
pub(crate) static SHARED: LazyLock<Store> = LazyLock::new(|| Store::start(None));

pub(crate) struct Store {
    child: Child,
    address: String,
}

impl Store {
    /// Starts one. After `open` requests it takes none without the right key.
    pub(crate) fn start(open: Option<u32>) -> Store {
        let mut command = Command::new(python::environment().join("bin/python3"));
        command.args(["-u", "-c", RUN]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        if let Some(open) = open {
            command.env("INITIAL_NO_AUTH_ACTION_COUNT", open.to_string());
        }
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines.by_ref().map(|line| line.unwrap()).find_map(|line| {
            let (_, address) = line.split_once("Running on http://")?;
            Some(address.trim().trim_end_matches("\u{1b}[0m").to_owned())
        });
        // Whoever does not read would stop it some time.
        std::thread::spawn(move || lines.for_each(drop));
        Store { child, address: address.expect("moto runs: `tests/run setup` installs it") }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.child.id().try_into().unwrap()).unwrap(), signal).unwrap();
    }

    pub(crate) fn make(&self, bucket: &str) {
        assert_eq!(self.ask("PUT", bucket, b"").0, 200);
    }

    pub(crate) fn put(&self, object: &str, content: &[u8]) {
        assert_eq!(self.ask("PUT", object, content).0, 200);
    }

    /// An object, of which there has to be one.
    pub(crate) fn get(&self, object: &str) -> Vec<u8> {
        let (status, content) = self.ask("GET", object, b"");
        assert_eq!(status, 200, "{object}: {}", String::from_utf8_lossy(&content));
        content
    }

    pub(crate) fn keys(&self, bucket: &str) -> Vec<String> {
        let text = String::from_utf8(self.get(&format!("{bucket}?list-type=2"))).unwrap();
        text.split("<Key>").skip(1).map(|rest| rest.split("</Key>").next().unwrap().to_owned()).collect()
    }

    fn ask(&self, method: &str, path: &str, content: &[u8]) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let (host, length) = (&self.address, content.len());
        // Who is somebody may see what is not public; how it is signed, moto does not ask.
        let who =
            "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
        let head = format!("Host: {host}\r\nContent-Length: {length}\r\nAuthorization: {who}");
        write!(stream, "{method} /{path} HTTP/1.0\r\n{head}\r\n\r\n").unwrap();
        stream.write_all(content).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let status = String::from_utf8_lossy(&answer[..end]).split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_off(end + 4))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
