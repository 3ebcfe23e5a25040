//! Signing in with a browser: tickets, cookies, and who may use them.

use crate::lane;
use crate::server::{Answer, Server, TOKEN, wait_for};

fn with_token() -> Server {
    Server::start_with(&[], &[("SANDWIRE_TOKEN", TOKEN)])
}

/// Header lines of a page of this server.
fn own(server: &Server) -> String {
    format!("Origin: http://{}", server.address)
}

/// A new sign-in ticket.
fn ticket(server: &Server, more: &str) -> String {
    let body = format!(r#"{{"session": true{more}}}"#);
    let answer = server.request("POST", "/v1/tickets", &[&format!("Authorization: Bearer {TOKEN}")], &body);
    answer.json()["ticket"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
}

/// The cookie that an answer sets, as a request brings it.
fn cookie(answer: &Answer) -> String {
    let set = answer.header("set-cookie").unwrap_or_else(|| panic!("{answer:?}"));
    format!("Cookie: {}", set.split(';').next().unwrap())
}

fn sign_in(server: &Server, token: &str) -> Answer {
    server.request("POST", "/v1/session", &[&own(server)], &format!(r#"{{"token": "{token}"}}"#))
}

fn signed_in(server: &Server) -> String {
    cookie(&sign_in(server, TOKEN))
}

#[test]
fn a_ticket_is_exchanged_once_and_leaves_the_address() {
    let server = with_token();
    let ticket = ticket(&server, "");
    let path = format!("/?ticket={ticket}&tab=files&x=%2F");
    let looked = server.request("HEAD", &path, &[], "");
    assert_eq!((looked.status, looked.header("set-cookie")), (200, None), "looking uses nothing up");
    let answer = server.get(&path, &[]);
    assert_eq!((answer.status, answer.header("location")), (303, Some("./?tab=files&x=%2F")));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let set = answer.header("set-cookie").unwrap();
    let (pair, flags) = set.split_once("; ").unwrap();
    assert_eq!(flags, "Path=/; HttpOnly; SameSite=Strict");
    let (name, id) = pair.split_once('=').unwrap();
    assert_eq!(name, format!("sandwire_{}", server.address.port()));
    assert!(id.len() >= 22 && !set.contains(TOKEN) && !set.contains(&ticket), "{set}");

    let again = server.get(&path, &[]);
    assert_eq!((again.status, again.header("set-cookie")), (403, None));
    assert!(again.body.contains("sandwire open") && again.header("content-security-policy").is_some());
    let reloaded = server.get(&path, &[&cookie(&answer)]);
    assert_eq!((reloaded.status, reloaded.header("set-cookie")), (303, None), "who is signed in needs none");

    let session = server.get("/v1/session", &[&cookie(&answer)]);
    assert_eq!(session.status, 200);
    assert!(session.json()["expires"].as_u64().is_some() && session.json()["scopes"].as_array().unwrap().len() == 11);
    assert_eq!(server.get("/metrics", &[&cookie(&answer)]).status, 200);
}

#[test]
fn each_kind_of_ticket_is_for_its_own_use() {
    let server = with_token();
    let signing = ticket(&server, "");
    assert_eq!(server.upgrade(&format!("/v1/connect?ticket={signing}"), &[]).status, 401);
    let bearer = format!("Authorization: Bearer {TOKEN}");
    let connecting =
        server.request("POST", "/v1/tickets", &[&bearer], "").json()["ticket"].as_str().unwrap().to_owned();
    for wrong in [&connecting, "", "x", TOKEN] {
        let answer = server.get(&format!("/?ticket={wrong}"), &[]);
        assert_eq!((answer.status, answer.header("set-cookie")), (403, None), "{wrong}");
    }
    let narrow = ticket(&server, r#", "scopes": ["pty-read"]"#);
    let narrow = cookie(&server.get(&format!("/?ticket={narrow}"), &[]));
    assert_eq!(server.get("/v1/session", &[&narrow]).json()["scopes"], serde_json::json!(["pty-read"]));
    assert_eq!(server.get("/metrics", &[&narrow]).status, 403);
    let more = server.request("POST", "/v1/tickets", &[&narrow, &own(&server)], r#"{"session": true}"#);
    assert_eq!(more.code(), (403, "PERMISSION_DENIED".to_owned()), "a session renews nothing");
}

#[test]
fn a_ticket_and_a_session_end_in_time() {
    let server = Server::start_with(&["--session-ttl", "1s"], &[("SANDWIRE_TOKEN", TOKEN)]);
    let session = signed_in(&server);
    let bearer = format!("Authorization: Bearer {TOKEN}");
    // To ask with the cookie would be to use it.
    let count =
        || server.get("/metrics", &[&bearer]).body.lines().find(|line| *line == "sandwire_sessions 0").map(drop);
    wait_for("the session to expire", count);
    assert_eq!(server.get("/v1/session", &[&session]).code(), (401, "UNAUTHORIZED".to_owned()));

    let short = ticket(&server, r#", "ttl": 1"#);
    // A session that is begun now ends when the ticket has ended.
    signed_in(&server);
    wait_for("another session to expire", count);
    assert_eq!(server.get(&format!("/?ticket={short}"), &[]).status, 403);
}

#[test]
fn a_token_signs_in_from_the_own_page_only() {
    let server = with_token();
    let answer = sign_in(&server, TOKEN);
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    assert_eq!(server.get("/v1/session", &[&cookie(&answer)]).json()["name"], "token");
    for wrong in ["wrong-but-long", "", &TOKEN[1..]] {
        let answer = sign_in(&server, wrong);
        assert_eq!((answer.code(), answer.header("set-cookie")), ((401, "UNAUTHORIZED".to_owned()), None), "{wrong}");
    }
    let body = format!(r#"{{"token": "{TOKEN}"}}"#);
    let own = own(&server);
    for headers in [&[] as &[&str], &[&own, "Sec-Fetch-Site: same-site"], &[&own, "Sec-Fetch-Site: cross-site"]] {
        let answer = server.request("POST", "/v1/session", headers, &body);
        assert_eq!((answer.status, answer.header("set-cookie")), (403, None), "{headers:?}");
    }
    for body in ["", "{}", "[]", "\"token\"", r#"{"token": 5}"#, r#"{"token": "x", "more": 1}"#] {
        let answer = server.request("POST", "/v1/session", &[&own], body);
        assert_eq!(answer.code(), (400, "VALIDATION_FAILED".to_owned()), "{body}");
    }
    assert_eq!(server.request("POST", "/v1/session", &[&own], &" ".repeat(5000)).status, 413);
}

/// Browsers send the cookie along whatever the port, and whatever page asks.
#[test]
fn a_cookie_is_worth_nothing_to_other_origins() {
    let server = with_token();
    let cookie = signed_in(&server);
    let port = server.address.port();
    let own = own(&server);
    let foreign = [
        "Origin: https://evil.test".to_owned(),
        "Origin: null".to_owned(),
        "Origin: http://127.0.0.1".to_owned(),
        format!("Origin: http://127.0.0.1:{}", port ^ 1),
        format!("Origin: https://127.0.0.1:{port}"),
        format!("Origin: http://localhost:{port}"),
        format!("Origin: http://3000.localhost:{port}"),
        format!("Origin: http://3000.127.0.0.1:{port}"),
        format!("{own}.evil.test"),
    ];
    for origin in &foreign {
        let status = |answer: Answer| (answer.status, answer.header("set-cookie").map(str::to_owned));
        let connected = server.upgrade("/v1/connect", &[&cookie, origin]).status;
        assert!(matches!(connected, 401 | 403), "{origin}: {connected}");
        let (out, set) = status(server.request("DELETE", "/v1/session", &[&cookie, origin], ""));
        assert_eq!((out, set), (403, None), "{origin}");
        let (session, _) = status(server.get("/v1/session", &[&cookie, origin]));
        assert!(matches!(session, 401 | 403), "{origin}");
        assert_ne!(server.get("/metrics", &[&cookie, origin]).status, 200, "{origin}");
        assert_ne!(server.request("POST", "/v1/tickets", &[&cookie, origin], "").status, 200, "{origin}");
    }
    // Without an Origin nothing is opened or changed.
    assert_eq!(server.upgrade("/v1/connect", &[&cookie]).status, 401);
    assert_eq!(server.request("DELETE", "/v1/session", &[&cookie], "").status, 403);
    assert_eq!(server.request("POST", "/v1/tickets", &[&cookie], "").status, 401);
    for site in ["same-site", "cross-site"] {
        let site = format!("Sec-Fetch-Site: {site}");
        assert_eq!(server.get("/metrics", &[&cookie, &site]).status, 401, "{site}");
        assert_eq!(server.upgrade("/v1/connect", &[&cookie, &own, &site]).status, 401, "{site}");
    }
    assert_eq!(server.upgrade("/v1/connect", &[&cookie, &own, "Sec-Fetch-Site: same-origin"]).status, 101);
    // Another server's cookie, and one that is made up.
    for other in
        [format!("Cookie: sandwire_{}=x", port ^ 1), format!("Cookie: sandwire_{port}=x"), "Cookie: ;=;".into()]
    {
        assert_eq!(server.upgrade("/v1/connect", &[&other, &own]).status, 401, "{other}");
    }
    // One that somebody put before ours does not hide it.
    let tossed = format!("Cookie: sandwire_{port}=tossed; a=b; {}", cookie.trim_start_matches("Cookie: "));
    assert_eq!(server.upgrade("/v1/connect", &[&tossed, &own]).status, 101);
}

#[test]
fn a_listed_origin_gets_nothing_by_cookie_unless_it_is_the_server_itself() {
    let origins = "https://app.example,https://box.example";
    let server = Server::start_with(&["--origins", origins], &[("SANDWIRE_TOKEN", TOKEN)]);
    let cookie_at = |host: &str, origin: &str| {
        let lines = [format!("Host: {host}"), format!("Origin: {origin}")];
        let lines = lines.each_ref().map(String::as_str);
        let answer = server.request("POST", "/v1/session", &lines, &format!(r#"{{"token": "{TOKEN}"}}"#));
        (answer.status, answer.header("set-cookie").unwrap_or_default().to_owned())
    };
    // A proxy speaks TLS for it.
    let (status, set) = cookie_at("box.example", "https://box.example");
    assert!(status == 204 && set.starts_with("__Host-sandwire_443=") && set.ends_with("; Secure"), "{set}");
    assert_eq!(cookie_at("box.example", "http://box.example").0, 403);
    assert_eq!(cookie_at("box.example", "https://app.example").0, 403);
    let cookie = format!("Cookie: {}", set.split(';').next().unwrap());
    let connect = |origin| server.upgrade("/v1/connect", &["Host: box.example", origin, &cookie]).status;
    assert_eq!(connect("Origin: https://box.example"), 101);
    assert_eq!(connect("Origin: https://app.example"), 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_out_ends_the_session_and_what_it_has_open() {
    let server = with_token();
    let (cookie, other) = (signed_in(&server), signed_in(&server));
    let own = own(&server);
    let (lane, stays) = (lane::open(&server, &[&cookie, &own]).await, lane::open(&server, &[&other, &own]).await);
    let answer = server.request("DELETE", "/v1/session", &[&cookie, &own], "");
    assert_eq!(answer.status, 204);
    let set = answer.header("set-cookie").unwrap();
    assert!(set.contains("=; ") && set.ends_with("; Max-Age=0"), "{set}");
    let closed = lane.closed.await.unwrap().to_string();
    assert!(closed.contains("1008") && closed.contains("SIGNED_OUT"), "{closed}");
    assert_eq!(server.upgrade("/v1/connect", &[&cookie, &own]).status, 401);
    assert_eq!(server.get("/v1/session", &[&cookie]).status, 401);
    let again = server.request("DELETE", "/v1/session", &[&cookie, &own], "");
    assert_eq!(again.status, 204, "it is what was wanted");
    let info = stays.link.open::<sandwire_protocol::kind::SandboxInfo>(&Default::default(), None).unwrap();
    assert!(info.result().await.is_ok(), "another session is not touched");
}

#[test]
fn without_a_token_everybody_here_is_signed_in() {
    let server = Server::start(&[]);
    let session = server.get("/v1/session", &[]);
    assert_eq!((session.status, session.json()["open"].as_bool()), (200, Some(true)));
    let answer = server.get("/?ticket=anything&a=b", &[]);
    assert_eq!((answer.status, answer.header("location"), answer.header("set-cookie")), (303, Some("./?a=b"), None));
    for path in ["/", "/v1/session", "/?ticket=x"] {
        assert_eq!(server.get(path, &["Host: evil.test"]).status, 403, "{path}: a name that resolves to this machine");
        assert_eq!(server.get(path, &["Host: 3000.localhost"]).status, 403, "{path}");
    }
    for (method, allowed) in [("PUT", "GET, POST, DELETE"), ("HEAD", "GET, POST, DELETE")] {
        assert_eq!(server.request(method, "/v1/session", &[], "").header("allow"), Some(allowed));
    }
}

#[test]
fn a_location_stays_on_this_server() {
    let server = Server::start(&[]);
    for (query, location) in [
        ("ticket=x", "./"),
        ("ticket=x&//evil.test", "./?//evil.test"),
        ("ticket=x&https://evil.test/", "./?https://evil.test/"),
        ("ticket=x&ticket=y", "./"),
        ("a=ticket=x&ticket=", "./?a=ticket=x"),
    ] {
        let answer = server.get(&format!("/?{query}"), &[]);
        assert_eq!((answer.status, answer.header("location")), (303, Some(location)), "{query}");
    }
}
