//! Host names of exposed ports: `<port>-<sandbox>-<token>.<host>`.

use std::net::SocketAddr;

use sandwire_protocol::kind::port::Exposed;

/// Longest name of a sandbox: with a port and a token it has to fit in 63 characters (RFC 1035, section 2.3.4).
const MAX_SANDBOX: usize = 63 - 5 - 1 - 1 - super::exposed::MAX_TOKEN;

/// What all names of this server have in common.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    sandbox: String,
    scheme: &'static str,
    /// What all end in, and its port where it has one; none is `localhost` and the server's own.
    host: Option<String>,
}

/// A name of the form of those of exposed ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The port and the token; none when it cannot be one of this server's.
    pub(crate) target: Option<(u16, String)>,
}

impl Names {
    /// From the settings: `host` may begin with a scheme; without one it is `https` when the server speaks TLS.
    pub(crate) fn new(sandbox: Option<&str>, host: Option<&str>, tls: bool, hostname: &str) -> Self {
        let sandbox = sandbox.map_or_else(|| normalised(hostname), str::to_owned);
        let (scheme, host) = match host.and_then(|host| host.split_once("://")) {
            Some(("http", rest)) => ("http", Some(rest)),
            Some((_, rest)) => ("https", Some(rest)),
            None => (if tls { "https" } else { "http" }, host),
        };
        Self { sandbox, scheme, host: host.map(str::to_ascii_lowercase) }
    }

    /// Whether a sandbox may be called so.
    ///
    /// # Errors
    /// A sentence that says what it may be.
    pub(crate) fn validate_sandbox(name: &str) -> Result<(), String> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let ends = name.starts_with('-') || name.ends_with('-');
        if (1..=MAX_SANDBOX).contains(&name.len()) && name.bytes().all(fits) && !ends {
            return Ok(());
        }
        Err(format!("{name:?} is not 1 to {MAX_SANDBOX} of a-z, 0-9 and `-`, the latter at neither end"))
    }

    /// Whether names may end so.
    ///
    /// # Errors
    /// A sentence that says what it may be.
    pub(crate) fn validate_host(host: &str) -> Result<(), String> {
        let wrong =
            || format!("{host:?} is no host such as preview.example, localhost:7070 or https://preview.example");
        let authority = match host.split_once("://") {
            Some(("http" | "https", rest)) => rest,
            Some(_) => return Err(wrong()),
            None => host,
        };
        let (name, port) = split(authority);
        let label = |label: &str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            !label.is_empty() && label.bytes().all(fits)
        };
        // Below an address there are no names.
        let address = name.split('.').next_back().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
        let port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
        if name.split('.').all(label) && !address && port && authority.len() <= 180 { Ok(()) } else { Err(wrong()) }
    }

    /// By which scheme browsers come.
    pub(crate) const fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// Where browsers find exposed ports, as a source of a Content-Security-Policy, when the settings say it.
    pub(crate) fn source(&self) -> Option<String> {
        self.host.as_ref().map(|host| format!("{}://*.{host}", self.scheme))
    }

    /// Adds the host name and the URL of a port whose token is known.
    pub(crate) fn complete(&self, exposed: &mut Exposed, own: Option<SocketAddr>) {
        let Some(token) = &exposed.token else { return };
        let base = match (&self.host, own) {
            (Some(host), _) => host.clone(),
            (None, Some(own)) => format!("localhost:{}", own.port()),
            (None, None) => "localhost".to_owned(),
        };
        let host = format!("{}-{}-{token}.{base}", exposed.port, self.sandbox);
        exposed.url = Some(format!("{}://{host}/", self.scheme));
        exposed.host = Some(host);
    }

    /// What a `Host` asks for; nothing when it is not of the form of these names. Its port does not count: one may be
    /// forwarded to another.
    pub(crate) fn parse(&self, authority: &str) -> Option<Asked> {
        let authority = authority.to_ascii_lowercase();
        let (port, rest) = parts(&authority, self.host.as_deref())?;
        let target = || {
            let (sandbox, token) = rest.rsplit_once('-')?;
            // One port has one name.
            let plain = !port.starts_with('0');
            (sandbox == self.sandbox && plain).then_some((port.parse().ok()?, token.to_owned()))
        };
        Some(Asked { target: target() })
    }
}

/// The sandbox that a `Host` names, whosever it is; the outer nothing says that it is not of the form of these names, the
/// inner one that it names none. They all end in `host`, which may begin with a scheme, or in `localhost`.
pub(crate) fn sandbox_of(authority: &str, host: Option<&str>) -> Option<Option<String>> {
    let host = host.map(|host| host.split_once("://").map_or(host, |(_, rest)| rest).to_ascii_lowercase());
    let authority = authority.to_ascii_lowercase();
    let (_, rest) = parts(&authority, host.as_deref())?;
    Some(rest.rsplit_once('-').map(|(sandbox, _)| sandbox.to_owned()))
}

/// The port, and the sandbox and its token, of a name that ends in `host`.
fn parts<'a>(authority: &'a str, host: Option<&str>) -> Option<(&'a str, &'a str)> {
    let (name, _) = split(authority);
    let (base, _) = split(host.unwrap_or("localhost"));
    let label = name.strip_suffix('.').unwrap_or(name).strip_suffix(base)?.strip_suffix('.')?;
    let (port, rest) = label.split_once('-')?;
    let is_one = !port.is_empty() && !label.contains('.') && port.bytes().all(|byte| byte.is_ascii_digit());
    is_one.then_some((port, rest))
}

/// A host and its port.
fn split(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        Some(_) | None => (authority, None),
    }
}

/// A name of a machine as that of a sandbox: small letters, digits, and `-` for all else.
fn normalised(hostname: &str) -> String {
    let fits = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let name: String =
        hostname.to_ascii_lowercase().chars().map(|letter| if fits(letter) { letter } else { '-' }).collect();
    let name: String = name.trim_matches('-').chars().take(MAX_SANDBOX).collect();
    let name = name.trim_end_matches('-');
    if name.is_empty() { "sandbox".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn names(sandbox: &str, host: Option<&str>) -> Names {
        Names::new(Some(sandbox), host, false, "")
    }

    #[test]
    fn a_name_is_found_again_in_any_spelling() {
        for (sandbox, host) in
            [("box", None), ("my-box-2", Some("preview.example")), ("b", Some("https://p.test:8443"))]
        {
            let names = names(sandbox, host);
            let mut exposed = Exposed { port: 8000, token: Some("a_b0".to_owned()), ..Exposed::default() };
            names.complete(&mut exposed, Some(([127, 0, 0, 1], 7070).into()));
            let host = exposed.host.unwrap();
            let target = Some((8000, "a_b0".to_owned()));
            for spelling in
                [host.clone(), host.to_uppercase(), format!("{}:1", split(&host).0), format!("{}.", split(&host).0)]
            {
                assert_eq!(names.parse(&spelling), Some(Asked { target: target.clone() }), "{spelling}");
            }
        }
    }

    #[test]
    fn the_sandbox_is_found_whosever_it_is() {
        let of = |authority: &str, host| sandbox_of(authority, host);
        assert_eq!(of("8000-my-box-2-a_b0.localhost:7071", None), Some(Some("my-box-2".to_owned())));
        assert_eq!(of("80-box-t.P.test.", Some("https://p.test:8443")), Some(Some("box".to_owned())));
        assert_eq!(of("80-t.localhost", None), Some(None));
        for other in
            ["localhost", "127.0.0.1:7071", "box-t.localhost", "80-box-t.localhost.evil", "80-box-t.x.localhost"]
        {
            assert_eq!(of(other, None), None, "{other}");
        }
    }

    #[test]
    fn the_url_says_how_browsers_come() {
        let url = |host: Option<&str>, tls| {
            let mut exposed = Exposed { port: 80, token: Some("t".to_owned()), ..Exposed::default() };
            Names::new(Some("box"), host, tls, "").complete(&mut exposed, Some(([0, 0, 0, 0], 7070).into()));
            exposed.url.unwrap()
        };
        let source = |host| Names::new(Some("box"), host, false, "").source();
        assert_eq!(source(Some("https://p.test")), Some("https://*.p.test".to_owned()));
        assert_eq!(source(None), None);
        assert_eq!(url(None, false), "http://80-box-t.localhost:7070/");
        assert_eq!(url(Some("p.test"), true), "https://80-box-t.p.test/");
        assert_eq!(url(Some("https://p.test"), false), "https://80-box-t.p.test/");
        assert_eq!(url(Some("http://p.test:81"), true), "http://80-box-t.p.test:81/");
    }

    #[test]
    fn what_could_be_a_port_but_is_none_never_reaches_the_server_itself() {
        let names = names("box", None);
        for wrong in [
            "8000-box.localhost",
            "8000-other-token.localhost",
            "8000-boxx-token.localhost",
            "08000-box-token.localhost",
            "0-box-token.localhost",
            "70000-box-token.localhost",
            "99999999999999999999-box-token.localhost",
            "8000-.localhost",
        ] {
            assert_eq!(names.parse(wrong), Some(Asked { target: None }), "{wrong}");
        }
        // An empty token is one that nothing has.
        assert_eq!(names.parse("8000-box-.localhost").unwrap().target, Some((8000, String::new())));
        for elsewhere in [
            "localhost",
            "localhost:7070",
            "127.0.0.1:7070",
            "[::1]:7070",
            "x.localhost",
            "8000.localhost",
            "-box-token.localhost",
            "8000-box-token.evil.test",
            "8000-box-token.localhost.evil.test",
            "8000-box-token.notlocalhost",
            "a.8000-box-token.localhost",
            "",
        ] {
            assert_eq!(names.parse(elsewhere), None, "{elsewhere}");
        }
    }

    #[test]
    fn names_of_machines_become_names_of_sandboxes() {
        for (hostname, name) in [
            ("Box.Example", "box-example"),
            ("a_b", "a-b"),
            ("-x-", "x"),
            ("ü", "sandbox"),
            ("", "sandbox"),
            ("a".repeat(80).as_str(), "a".repeat(40).as_str()),
        ] {
            assert_eq!(normalised(hostname), name);
            assert_eq!(Names::validate_sandbox(&normalised(hostname)), Ok(()));
        }
        for bad in ["", "-a", "a-", "A", "a_b", "a.b", &"a".repeat(41)] {
            assert!(Names::validate_sandbox(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for good in ["localhost", "localhost:7070", "preview.example", "https://p.example", "http://p.example:8080"] {
            assert_eq!(Names::validate_host(good), Ok(()), "{good}");
        }
        for bad in
            ["", "127.0.0.1", "10.0.0.1:80", "[::1]", "a b", "p.example/", "ftp://p", "p:0", "p:x", ".p", "p..q", "*.p"]
        {
            assert!(Names::validate_host(bad).is_err(), "{bad}");
        }
    }
}
