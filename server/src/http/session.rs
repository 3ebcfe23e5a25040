//! Signing in and out with a browser. What a cookie allows, it allows to the server's own pages only: browsers send it
//! along with what any page asks of this host, whatever the port.

use std::time::UNIX_EPOCH;

use hyper::body::Incoming as Body;
use hyper::{HeaderMap, Method, Request, StatusCode, header};
use sandwire_protocol::kind::Scope;
use serde::Deserialize;
use serde_json::json;

use super::answer::{self, Answer};
use super::listener::Peer;
use super::{Http, cookie, note_unauthorized, page, text};
use crate::auth::{Access, Session, Site};

/// Body of `POST /v1/session`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    token: String,
}

impl Http {
    /// The server as who asks sees it.
    pub(super) fn site(&self, headers: &HeaderMap) -> Option<Site> {
        self.origins.site(text(headers, header::HOST))
    }

    /// The page. A ticket in its address is exchanged for a session, once, and leaves the address.
    pub(super) fn page(&self, request: &Request<Body>, peer: &Peer) -> Answer {
        let site = self.site(request.headers());
        let query = request.uri().query().unwrap_or_default();
        let ticket = query.split('&').find_map(|pair| pair.strip_prefix("ticket="));
        // HEAD only looks: programs that show what is behind a link use nothing up.
        let (Some(ticket), &Method::GET) = (ticket, request.method()) else {
            let previews = self.server.sandbox.ports.names.source();
            return page::index(site.as_ref(), previews.as_deref());
        };
        let others: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("ticket=")).collect();
        let without = if others.is_empty() { "./".to_owned() } else { format!("./?{}", others.join("&")) };
        if self.tokens.is_empty() {
            return answer::see_other(&without);
        }
        let access = site.as_ref().and_then(|_| self.sessions.redeem(ticket));
        if let (Some(site), Some(access)) = (&site, access) {
            return self.begin(access, site, peer, answer::see_other(&without));
        }
        // Who is signed in has no use for it.
        if self.session(request).is_some() {
            return answer::see_other(&without);
        }
        note_unauthorized(peer, "/");
        page::refused(site.as_ref())
    }

    /// `/v1/session`: who is signed in, signing in with a token, signing out.
    pub(super) async fn sessions(&self, request: Request<Body>, peer: &Peer) -> Answer {
        if request.method() == Method::GET {
            return self.signed_in(&request, peer);
        }
        let site = self.site(request.headers()).filter(|site| is_own_page(request.headers(), site));
        let Some(site) = site else {
            let message =
                "only a page of this server can sign in and out; other programs send the token with each request";
            return answer::error(StatusCode::FORBIDDEN, "ORIGIN_DENIED", message);
        };
        if request.method() == Method::DELETE {
            if let Some(session) = self.session(&request) {
                tracing::info!(remote = %peer.remote, access = %session.access.name, "signed out");
                session.end();
            }
            let mut answer = answer::empty();
            cookie::remove(&mut answer, &site);
            return answer;
        }
        let sign_in: SignIn = match super::body(request).await {
            Ok(sign_in) => sign_in,
            Err(answer) => return *answer,
        };
        if self.tokens.is_empty() {
            return answer::empty();
        }
        match self.tokens.access(&sign_in.token) {
            Some(access) => self.begin(access, &site, peer, answer::empty()),
            None => {
                note_unauthorized(peer, "/v1/session");
                answer::error(
                    StatusCode::UNAUTHORIZED,
                    "UNAUTHORIZED",
                    "this is no token of this server, or it has expired",
                )
            }
        }
    }

    fn begin(&self, access: Access, site: &Site, peer: &Peer, mut answer: Answer) -> Answer {
        let name = access.name.clone();
        match self.sessions.begin(access) {
            Ok(id) => {
                tracing::info!(remote = %peer.remote, access = %name, "signed in");
                cookie::set(&mut answer, site, &id);
                answer
            }
            Err(error) => answer::refusal(StatusCode::SERVICE_UNAVAILABLE, &error),
        }
    }

    fn signed_in(&self, request: &Request<Body>, peer: &Peer) -> Answer {
        match self.authenticate(request, peer) {
            Ok((access, session)) => {
                let expires = session.map(|session| session.expires).or(access.expires());
                let expires = expires.map(|expires| expires.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis());
                let scopes: Vec<&str> = access.scopes().map(Scope::name).collect();
                let open = self.tokens.is_empty();
                answer::json(
                    StatusCode::OK,
                    &json!({ "name": access.name, "scopes": scopes, "expires": expires, "open": open }),
                )
            }
            Err(answer) => *answer,
        }
    }

    /// The session of a request that one of our own pages makes, or who types an address.
    pub(super) fn session(&self, request: &Request<Body>) -> Option<Session> {
        let headers = request.headers();
        let site = self.site(headers)?;
        // A WebSocket's request is a GET too, and it has an Origin always.
        let looks = matches!(*request.method(), Method::GET | Method::HEAD) && !headers.contains_key(header::UPGRADE);
        if is_own_page(headers, &site) || looks && is_typed(headers) {
            return cookie::ids(headers, &site).find_map(|id| self.sessions.find(id));
        }
        None
    }
}

/// Whether a page of ours asks: the same scheme, host and port.
fn is_own_page(headers: &HeaderMap, site: &Site) -> bool {
    text(headers, header::ORIGIN) == Some(site.origin().as_str()) && fetched_from(headers, &["same-origin"])
}

/// Whether no page of another origin asks, as far as the browser says.
fn is_typed(headers: &HeaderMap) -> bool {
    !headers.contains_key(header::ORIGIN) && fetched_from(headers, &["same-origin", "none"])
}

/// Whether a browser says nothing of where a request comes from, or one of these (Fetch Metadata).
fn fetched_from(headers: &HeaderMap, allowed: &[&str]) -> bool {
    headers.get("sec-fetch-site").is_none_or(|site| allowed.iter().any(|allowed| site == allowed))
}
