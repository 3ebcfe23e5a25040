//! The cookie that holds a session's id (RFC 6265bis).

use hyper::header::{self, HeaderMap, HeaderValue};

use super::answer::Answer;
use crate::auth::Site;

/// Cookies of our name that are looked at. Who can set cookies for a domain above ours can put others before it.
const MOST: usize = 8;

/// Its name: cookies take no notice of ports, so that each server on a machine needs one of its own. The prefix keeps others
/// under the same domain from setting it; only TLS has it.
fn name(site: &Site) -> String {
    format!("{}sandwire_{}", if site.secure() { "__Host-" } else { "" }, site.port())
}

/// The ids that a request brings.
pub(super) fn ids<'a>(headers: &'a HeaderMap, site: &Site) -> impl Iterator<Item = &'a str> {
    let name = name(site);
    let lists = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let pairs = lists.flat_map(|list| list.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(move |(found, _)| *found == name).map(|(_, id)| id).take(MOST)
}

/// Gives the browser an id. It has no time: the server says when a session is over.
pub(super) fn set(answer: &mut Answer, site: &Site, id: &str) {
    write(answer, site, id, "");
}

/// Takes it away.
pub(super) fn remove(answer: &mut Answer, site: &Site) {
    write(answer, site, "", "; Max-Age=0");
}

fn write(answer: &mut Answer, site: &Site, id: &str, more: &str) {
    let secure = if site.secure() { "; Secure" } else { "" };
    let cookie = format!("{}={id}; Path=/; HttpOnly; SameSite=Strict{secure}{more}", name(site));
    // Letters, digits, `-` and `_`.
    if let Ok(mut cookie) = HeaderValue::try_from(cookie) {
        cookie.set_sensitive(true);
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
}
