//! Where a request may carry its credential.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::{Request, header};

/// Prefix of the WebSocket subprotocol that carries a token: browsers can set no other header.
pub(crate) const TOKEN_PROTOCOL: &str = "sandwire.token.";

/// Proof of who asks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    /// A token, from `Authorization: Bearer` or the subprotocol `sandwire.token.<base64url>`. Never from a URL, which
    /// logs and histories keep.
    Token(String),
    /// A ticket, from the query `?ticket=`.
    Ticket(String),
}

/// The request's credential.
pub(crate) fn of<B>(request: &Request<B>) -> Option<Credential> {
    let headers = request.headers();
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer);
    if let Some(token) = bearer {
        return Some(Credential::Token(token.to_owned()));
    }
    let protocols = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let encoded = protocols.flat_map(|list| list.split(',')).find_map(|one| one.trim().strip_prefix(TOKEN_PROTOCOL));
    if let Some(encoded) = encoded {
        let token = URL_SAFE_NO_PAD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        return token.map(Credential::Token);
    }
    let query = request.uri().query().unwrap_or_default();
    let ticket = query.split('&').find_map(|pair| pair.strip_prefix("ticket="));
    ticket.map(|ticket| Credential::Ticket(ticket.to_owned()))
}

/// The token in the value of `Authorization`.
pub(crate) fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn with(name: &str, value: &str) -> Option<Credential> {
        of(&Request::builder().uri("/v1/connect").header(name, value).body(()).unwrap())
    }

    #[test]
    fn a_token_comes_by_header_or_subprotocol_and_never_by_url() {
        let token = || Some(Credential::Token("secret".to_owned()));
        assert_eq!(with("authorization", "Bearer secret"), token());
        assert_eq!(with("authorization", "bearer  secret "), token());
        assert_eq!(with("authorization", "Basic secret"), None);
        assert_eq!(with("sec-websocket-protocol", "sandwire.v1, sandwire.token.c2VjcmV0"), token());
        assert_eq!(with("sec-websocket-protocol", "sandwire.token.!!"), None);
        let url = |uri: &str| of(&Request::builder().uri(uri).body(()).unwrap());
        assert_eq!(url("/v1/connect?token=secret"), None);
        assert_eq!(url("/v1/connect?a=b&ticket=abc"), Some(Credential::Ticket("abc".to_owned())));
    }
}
