#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

const TOLD: Told = Told { remote: IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7)), scheme: "https", local: None };

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    headers
}

fn to(told: &Told, lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = headers(lines);
    to_program(&mut headers, told, false, &Tokens::new(Some("the-servers-token"), &[]));
    headers
}

fn all<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
}

#[test]
fn what_is_of_one_hop_stays_behind() {
    let told = to(
        &TOLD,
        &[
            ("connection", "keep-alive, X-Mine"),
            ("x-mine", "1"),
            ("keep-alive", "5"),
            ("proxy-connection", "keep-alive"),
            ("proxy-authorization", "Basic x"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("content-length", "4"),
            ("upgrade", "h2c"),
            ("expect", "100-continue"),
            ("accept", "*/*"),
        ],
    );
    let names: Vec<_> = told.keys().map(HeaderName::as_str).collect();
    assert_eq!(names, ["accept", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "forwarded"]);
    let mut back = headers(&[
        ("connection", "close, x-hop"),
        ("x-hop", "1"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("location", "/there"),
        ("set-cookie", "a=1"),
        ("set-cookie", "sandwire_7070=stolen; Domain=example"),
        ("set-cookie", "__Host-sandwire_7070=stolen"),
    ]);
    to_browser(&mut back, false);
    let names: Vec<_> = back.keys().map(HeaderName::as_str).collect();
    assert_eq!(names, ["location", "set-cookie"]);
    assert_eq!(all(&back, "set-cookie"), ["a=1"]);
}

#[test]
fn an_upgrade_is_passed_on_where_it_is_one() {
    let asks = [("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")];
    let mut told = headers(&asks);
    to_program(&mut told, &TOLD, true, &Tokens::new(None, &[]));
    assert_eq!((all(&told, "upgrade"), all(&told, "connection")), (vec!["websocket"], vec!["upgrade"]));
    let request = |lines: &[(&str, &str)], version| {
        let mut request = Request::builder().version(version).body(()).unwrap();
        *request.headers_mut() = headers(lines);
        is_upgrade(&request)
    };
    assert!(request(&asks, Version::HTTP_11));
    assert!(!request(&asks, Version::HTTP_10) && !request(&asks[..1], Version::HTTP_11));
    assert!(!request(&asks[1..], Version::HTTP_11));
    let mut back = headers(&[("connection", "Upgrade"), ("upgrade", "websocket")]);
    to_browser(&mut back, true);
    assert_eq!((all(&back, "upgrade"), all(&back, "connection")), (vec!["websocket"], vec!["upgrade"]));
}

/// R-PREVIEW-4
#[test]
fn who_asks_is_told_and_not_believed() {
    let told = to(
        &TOLD,
        &[
            ("host", "80-box-t.p.example"),
            ("x-forwarded-for", "10.0.0.1"),
            ("X-Forwarded-Host", "bank.example"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-user", "root"),
            ("x-real-ip", "10.0.0.1"),
            ("forwarded", "for=10.0.0.1"),
        ],
    );
    assert_eq!(all(&told, "host"), ["80-box-t.p.example"]);
    assert_eq!(all(&told, "x-forwarded-for"), ["192.0.2.7"]);
    assert_eq!(all(&told, "x-forwarded-host"), ["80-box-t.p.example"]);
    assert_eq!(all(&told, "x-forwarded-proto"), ["https"]);
    assert_eq!(all(&told, "forwarded"), ["for=192.0.2.7;host=\"80-box-t.p.example\";proto=https"]);
    assert!(!told.contains_key("x-forwarded-user") && !told.contains_key("x-real-ip"));
    let six = Told { remote: "2001:db8::1".parse().unwrap(), ..TOLD };
    assert_eq!(all(&to(&six, &[("host", "h")]), "forwarded"), ["for=\"[2001:db8::1]\";host=\"h\";proto=https"]);
    let mapped = Told { remote: "::ffff:192.0.2.1".parse().unwrap(), ..TOLD };
    assert_eq!(all(&to(&mapped, &[("host", "h")]), "x-forwarded-for"), ["192.0.2.1"]);
}

#[test]
fn a_program_that_knows_only_localhost_is_told_that() {
    let local = Told { local: Some(5173), ..TOLD };
    let host = ("host", "5173-box-t.p.example");
    let own = to(&local, &[host, ("origin", "https://5173-box-t.p.example")]);
    assert_eq!((all(&own, "host"), all(&own, "origin")), (vec!["localhost:5173"], vec!["http://localhost:5173"]));
    assert_eq!(all(&own, "x-forwarded-host"), ["5173-box-t.p.example"]);
    let other = to(&local, &[host, ("origin", "https://evil.example")]);
    assert_eq!(all(&other, "origin"), ["https://evil.example"]);
}

#[test]
fn credentials_of_the_server_are_never_told() {
    let told = to(
        &TOLD,
        &[
            ("cookie", "a=1; sandwire_7070=secret; b=2"),
            ("cookie", "__Host-sandwire_443=secret"),
            ("cookie", "__Secure-sandwire_x=secret;c=3"),
            ("authorization", "Bearer the-servers-token"),
            ("sec-websocket-protocol", "vite-hmr, sandwire.token.c2VjcmV0"),
            ("sec-websocket-protocol", "chat"),
        ],
    );
    assert_eq!(all(&told, "cookie"), ["a=1; b=2", "c=3"]);
    assert!(!told.contains_key("authorization"));
    assert_eq!(all(&told, "sec-websocket-protocol"), ["vite-hmr, chat"]);
    let told = to(&TOLD, &[("authorization", "Bearer its-own"), ("sec-websocket-protocol", "sandwire.token.eA")]);
    assert_eq!(all(&told, "authorization"), ["Bearer its-own"]);
    assert!(!told.contains_key("sec-websocket-protocol"));
}
