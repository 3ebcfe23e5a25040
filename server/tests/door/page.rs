//! The page and its files.

use std::io::{Read, Write};

use flate2::read::GzDecoder;

use crate::server::{Server, TOKEN};

/// A file's answer: its head, and its bytes as they were sent.
fn fetch(server: &Server, method: &str, path: &str, headers: &[&str]) -> (String, Vec<u8>) {
    let mut stream = server.connect();
    let host = format!("Host: {}", server.address);
    let lines: String = headers.iter().chain([&host.as_str()]).map(|line| format!("{line}\r\n")).collect();
    stream.write_all(format!("{method} {path} HTTP/1.1\r\n{lines}\r\n").as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    (String::from_utf8(answer[..end].to_vec()).unwrap(), answer[end..].to_vec())
}

/// The files that the page names.
fn assets(page: &str) -> Vec<String> {
    let links = page.split(['"', '\'']).filter(|part| part.contains("assets/"));
    links.map(|link| format!("/{}", link.trim_start_matches("./").trim_start_matches('/'))).collect()
}

/// The sources of a directive.
fn directive<'a>(policy: &'a str, name: &str) -> Vec<&'a str> {
    let found = policy.split(';').map(str::trim).find_map(|one| one.strip_prefix(name)).unwrap();
    found.split_whitespace().collect()
}

#[test]
fn every_file_that_the_page_names_comes_compressed_typed_and_for_good() {
    let server = Server::start(&[]);
    let page = server.get("/", &[]);
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let assets = assets(&page.body);
    assert!(assets.iter().any(|path| path.ends_with(".js")) && assets.iter().any(|path| path.ends_with(".css")));
    for path in assets {
        let (head, body) = fetch(&server, "GET", &path, &["Accept-Encoding: gzip, deflate, br"]);
        let head = head.to_ascii_lowercase();
        let expected = match path.rsplit('.').next() {
            Some("js") => "text/javascript",
            Some("css") => "text/css",
            // The others need not be compressed.
            _ => continue,
        };
        for line in [
            "http/1.1 200",
            &format!("content-type: {expected}; charset=utf-8"),
            "content-encoding: gzip",
            "vary: accept-encoding",
            "cache-control: public, max-age=31536000, immutable",
            "x-content-type-options: nosniff",
            "cross-origin-resource-policy: same-origin",
            &format!("content-length: {}", body.len()),
        ] {
            assert!(head.contains(line), "{line} of {path} in:\n{head}");
        }
        let mut text = String::new();
        GzDecoder::new(body.as_slice()).read_to_string(&mut text).unwrap();
        let at = |encoding| fetch(&server, "GET", &path, &[encoding]);
        assert_eq!(at("Accept: */*").1, body, "who says nothing takes every encoding");
        assert!(at("Accept-Encoding: identity").0.starts_with("HTTP/1.1 406"));

        let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
        let (again, nothing) = fetch(&server, "GET", &path, &[&format!("If-None-Match: {tag}")]);
        assert!(again.starts_with("HTTP/1.1 304") && again.contains(tag) && nothing.is_empty(), "{again}");
        let (head, nothing) = fetch(&server, "HEAD", &path, &[]);
        assert!(head.starts_with("HTTP/1.1 200") && nothing.is_empty());
        assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
        assert_eq!(server.request("POST", &path, &[], "").header("allow"), Some("GET, HEAD"));
    }
}

#[test]
fn there_is_no_other_file() {
    let server = Server::start(&[]);
    for path in [
        "/index.html",
        "/assets/",
        "/assets/no-such-file.js",
        "/assets/../../../../../../etc/passwd",
        "/assets/..%2f..%2f..%2fetc%2fpasswd",
        "/assets/%2e%2e/index.html",
        "/..%5c..%5cetc/passwd",
        "//etc/passwd",
        "/../Cargo.toml",
        "/assets/%00",
    ] {
        let answer = server.get(path, &[]);
        assert_eq!(answer.code(), (404, "NOT_FOUND".to_owned()), "{path}");
    }
    let message = server.get("/assets/old-1234.js", &[]).json()["message"].to_string();
    assert!(message.contains("load the page again"), "{message}");
}

#[test]
fn the_page_may_do_what_it_needs_and_nothing_more() {
    let server = Server::start(&[]);
    let policy = |host: &str| {
        let answer = server.get("/", &[&format!("Host: {host}")]);
        assert_eq!(answer.status, 200, "{host}");
        (answer.header("content-security-policy").unwrap().to_owned(), answer)
    };
    let (first, answer) = policy("localhost:7070");
    for (name, sources) in [
        ("default-src ", &["'none'"] as &[_]),
        ("script-src ", &["'self'"]),
        ("connect-src ", &["'self'", "ws://localhost:7070", "wss://localhost:7070"]),
        ("img-src ", &["'self'", "data:", "blob:"]),
        ("frame-src ", &["http://*.localhost:7070", "https://*.localhost:7070"]),
        ("base-uri ", &["'none'"]),
        ("form-action ", &["'self'"]),
        ("frame-ancestors ", &["'none'"]),
        ("require-trusted-types-for ", &["'script'"]),
        ("trusted-types ", &["'none'"]),
    ] {
        assert_eq!(directive(&first, name), sources, "{name}");
    }
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), Some(value));
    }
    assert!(answer.header("permissions-policy").unwrap().contains("clipboard-read=(self)"));

    let nonce = |policy: &str| {
        let nonce = directive(policy, "style-src ").iter().find_map(|source| source.strip_prefix("'nonce-"));
        nonce.and_then(|nonce| nonce.strip_suffix('\'')).unwrap().to_owned()
    };
    let number = nonce(&first);
    assert_eq!(number.len(), 24, "16 bytes");
    assert!(answer.body.contains(&format!("content=\"{number}\"")) && !answer.body.contains("__CSP_NONCE__"));
    let (second, _) = policy("127.0.0.1:7070");
    assert_ne!(nonce(&second), number, "each answer has its own");
    assert_eq!(directive(&second, "frame-src "), ["http://*.localhost:7070", "https://*.localhost:7070"]);
    let (sixth, _) = policy("[::1]:7070");
    assert_eq!(directive(&sixth, "connect-src "), ["'self'"], "a policy has no way to say it");
}

#[test]
fn no_host_writes_into_the_policy() {
    // With a token every name is answered.
    let server = Server::start_with(&[], &[("SANDWIRE_TOKEN", TOKEN)]);
    let at = |host: &str| {
        let answer = server.get("/", &[&format!("Host: {host}")]);
        (answer.status, answer.header("content-security-policy").unwrap_or_default().to_owned())
    };
    let (status, named) = at("Box.example");
    assert_eq!((status, directive(&named, "frame-src ")), (200, vec!["http://*.box.example", "https://*.box.example"]));
    for host in [
        "x; script-src *",
        "x;script-src",
        "x 'unsafe-inline'",
        "*",
        "*.example",
        "x,y",
        "x'y",
        "x\"y",
        "user@x",
        "x:0",
        "x:99999",
        "x/y",
        "",
        &"x".repeat(500),
    ] {
        let (status, policy) = at(host);
        // What hyper refuses is refused; else the policy has nothing of it.
        assert!(status == 200 || status == 400, "{host}: {status}");
        if status == 200 {
            assert_eq!(directive(&policy, "script-src "), ["'self'"], "{host}");
            assert_eq!(directive(&policy, "connect-src "), ["'self'"], "{host}");
            assert_eq!(directive(&policy, "frame-src "), ["'none'"], "{host}");
        }
    }
}
