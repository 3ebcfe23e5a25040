//! Headers on their way through: what is of one hop stays behind, who asks is told, and the server's own secrets are not.

use std::net::IpAddr;

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Version};

use super::super::credential;
use crate::auth::Tokens;

/// Headers of one hop (RFC 9110, section 7.6.1), beside those that `Connection` names.
const HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What a program is told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    /// Who asks.
    pub(crate) remote: IpAddr,
    /// How browsers come.
    pub(crate) scheme: &'static str,
    /// The port, when the program is to be told that it is asked as `localhost`.
    pub(crate) local: Option<u16>,
}

/// Whether a request asks for another protocol.
pub(crate) fn is_upgrade<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    request.version() == Version::HTTP_11
        && headers.contains_key(header::UPGRADE)
        && words(headers, &header::CONNECTION).any(|word| word.eq_ignore_ascii_case("upgrade"))
}

/// Makes the headers of a request those for the program, of one that asks for another protocol when `upgrade`.
pub(crate) fn to_program(headers: &mut HeaderMap, told: &Told, upgrade: bool, tokens: &Tokens) {
    to_next(headers, upgrade, tokens);
    tell(headers, told);
}

/// The same, without a word on who asks: who does was told, by somebody who may say so.
pub(crate) fn to_next(headers: &mut HeaderMap, upgrade: bool, tokens: &Tokens) {
    // A length beside it would be another opinion on where the body ends (RFC 9112, section 6.3).
    if headers.contains_key(header::TRANSFER_ENCODING) {
        headers.remove(header::CONTENT_LENGTH);
    }
    let upgrade = headers.get(header::UPGRADE).filter(|_| upgrade).cloned();
    remove_hop(headers);
    if let Some(protocol) = upgrade {
        headers.insert(header::UPGRADE, protocol);
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    }
    // The server itself has said that it takes the body.
    headers.remove(header::EXPECT);
    forget_secrets(headers, tokens);
}

/// Makes the headers of an answer those for the browser.
pub(crate) fn to_browser(headers: &mut HeaderMap, upgraded: bool) {
    let upgrade = headers.get(header::UPGRADE).filter(|_| upgraded).cloned();
    remove_hop(headers);
    if let Some(protocol) = upgrade {
        headers.insert(header::UPGRADE, protocol);
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    }
    // A program sets no cookie of the server's.
    retain(headers, &header::SET_COOKIE, |cookie| !is_own(cookie));
}

/// Who asks, and for what name; whatever the request says about that is its own invention.
fn tell(headers: &mut HeaderMap, told: &Told) {
    let invented = |name: &HeaderName| {
        name == header::FORWARDED || name.as_str().starts_with("x-forwarded-") || name == "x-real-ip"
    };
    let names: Vec<_> = headers.keys().filter(|name| invented(name)).cloned().collect();
    for name in names {
        headers.remove(name);
    }
    let host = headers.get(header::HOST).cloned();
    let host = host.as_ref().and_then(|host| host.to_str().ok()).unwrap_or_default();
    let Told { remote, scheme, .. } = told;
    let remote = remote.to_canonical();
    let by = if remote.is_ipv6() { format!("\"[{remote}]\"") } else { remote.to_string() };
    for (name, value) in [
        (HeaderName::from_static("x-forwarded-for"), remote.to_string()),
        (HeaderName::from_static("x-forwarded-host"), host.to_owned()),
        (HeaderName::from_static("x-forwarded-proto"), (*scheme).to_owned()),
        (header::FORWARDED, format!("for={by};host=\"{host}\";proto={scheme}")),
    ] {
        // All of them were parsed from headers or are plain.
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    if let Some(port) = told.local {
        let own = format!("{scheme}://{host}");
        let local = |prefix: &str| HeaderValue::from_str(&format!("{prefix}localhost:{port}"));
        // Who compares the two still finds them equal.
        if headers.get(header::ORIGIN).is_some_and(|origin| origin.as_bytes().eq_ignore_ascii_case(own.as_bytes()))
            && let Ok(origin) = local("http://")
        {
            headers.insert(header::ORIGIN, origin);
        }
        if let Ok(host) = local("") {
            headers.insert(header::HOST, host);
        }
    }
}

/// Drops the server's own credentials: its cookies, and its tokens where they may be.
fn forget_secrets(headers: &mut HeaderMap, tokens: &Tokens) {
    let cookies: Vec<HeaderValue> = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| {
            let mine = value.as_bytes().split(|byte| *byte == b';').filter(|cookie| !is_own(cookie.trim_ascii()));
            let rest = mine.map(<[u8]>::trim_ascii).collect::<Vec<_>>().join(&b"; "[..]);
            HeaderValue::from_bytes(&rest).ok().filter(|rest| !rest.is_empty())
        })
        .collect();
    replace(headers, &header::COOKIE, cookies);
    retain(headers, &header::AUTHORIZATION, |value| {
        let token = std::str::from_utf8(value).ok().and_then(credential::bearer);
        token.is_none_or(|token| tokens.access(token).is_none())
    });
    let protocols: Vec<String> = words(headers, &header::SEC_WEBSOCKET_PROTOCOL)
        .filter(|word| !word.starts_with(credential::TOKEN_PROTOCOL))
        .map(str::to_owned)
        .collect();
    let protocols = HeaderValue::from_str(&protocols.join(", ")).ok().filter(|list| !list.is_empty());
    replace(headers, &header::SEC_WEBSOCKET_PROTOCOL, protocols);
}

/// Whether a cookie, `name=value`, is one of the server's: of this one, or of another one on this machine, as cookies
/// know no ports.
fn is_own(cookie: &[u8]) -> bool {
    let cookie = cookie.strip_prefix(b"__Host-").or_else(|| cookie.strip_prefix(b"__Secure-")).unwrap_or(cookie);
    cookie.starts_with(b"sandwire_")
}

fn remove_hop(headers: &mut HeaderMap) {
    let named: Vec<String> = words(headers, &header::CONNECTION).map(str::to_owned).collect();
    for name in HOP.iter().copied().chain(named.iter().map(String::as_str)) {
        headers.remove(name);
    }
}

/// The words of a list with commas between.
fn words<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lists = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(str::trim).filter(|word| !word.is_empty())
}

/// Keeps of a header's values those that are wanted.
fn retain(headers: &mut HeaderMap, name: &HeaderName, wanted: impl Fn(&[u8]) -> bool) {
    let kept: Vec<_> = headers.get_all(name).iter().filter(|value| wanted(value.as_bytes())).cloned().collect();
    replace(headers, name, kept);
}

fn replace(headers: &mut HeaderMap, name: &HeaderName, values: impl IntoIterator<Item = HeaderValue>) {
    headers.remove(name);
    for value in values {
        headers.append(name, value);
    }
}

#[cfg(test)]
mod tests;
