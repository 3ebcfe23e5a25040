//! The console: files that are in the program. A path is looked up in a table, so that there is no other file to be had.

use bytes::Bytes;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Request, StatusCode};

use super::answer::{self, Answer};
use super::policy;
use crate::auth::Site;

include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// Said instead of a link that signs in no more.
const REFUSED: &str = include_str!("refused.html");

/// Stands in a page for the number that its policy has.
const NONCE: &str = "__CSP_NONCE__";

/// Files below it have a hash of their content in their name.
const HASHED: &str = "/assets/";

/// A file of the page, as it is stored and sent.
struct File {
    path: &'static str,
    content_type: &'static str,
    /// Whether it is compressed. There is no other form of it.
    gzip: bool,
    /// Its ETag.
    tag: &'static str,
    body: &'static [u8],
}

/// The page itself. It may show what is served at `previews`, a source of its policy.
pub(super) fn index(site: Option<&Site>, previews: Option<&str>) -> Answer {
    html(StatusCode::OK, INDEX, site, previews)
}

/// Says that a sign-in ticket is not good any more, and what to do.
pub(super) fn refused(site: Option<&Site>) -> Answer {
    html(StatusCode::FORBIDDEN, REFUSED, site, None)
}

fn html(status: StatusCode, text: &str, site: Option<&Site>, previews: Option<&str>) -> Answer {
    let Ok(nonce) = policy::nonce() else {
        return answer::error(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", "there are no random numbers");
    };
    let mut answer = answer::text("text/html; charset=utf-8", text.replace(NONCE, &nonce));
    *answer.status_mut() = status;
    policy::apply(answer.headers_mut(), site, previews, &nonce);
    answer
}

/// Whether a path is a file's of the page, or could be another version's.
pub(super) fn has(path: &str) -> bool {
    path.starts_with(HASHED) || find(path).is_some()
}

fn find(path: &str) -> Option<&'static File> {
    FILES.binary_search_by(|file| file.path.cmp(path)).ok().and_then(|index| FILES.get(index))
}

/// A file of the page.
pub(super) fn file<B>(request: &Request<B>) -> Answer {
    let path = request.uri().path();
    let Some(file) = find(path) else {
        let message = "the page has no such file: it may be another version's, so load the page again";
        return answer::error(StatusCode::NOT_FOUND, "NOT_FOUND", message);
    };
    let mut answer = answer::text(file.content_type, Bytes::from_static(file.body));
    let headers = answer.headers_mut();
    let caching = if path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(header::ETAG, HeaderValue::from_static(file.tag));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if known(request.headers(), file.tag) {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        answer.headers_mut().remove(header::CONTENT_TYPE);
        *answer.body_mut() = Bytes::new().into();
        return answer;
    }
    if file.gzip {
        if !takes_gzip(request.headers()) {
            let message =
                "this file is stored compressed: ask with `Accept-Encoding: gzip`, as `curl --compressed` does";
            return answer::error(StatusCode::NOT_ACCEPTABLE, "NOT_ACCEPTABLE", message);
        }
        answer.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    answer
}

/// Whether who asks has the file already (RFC 9110, section 13.1.2).
fn known(headers: &HeaderMap, tag: &str) -> bool {
    list(headers, header::IF_NONE_MATCH).any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

/// Whether gzip is acceptable (RFC 9110, section 12.5.3): without a word about encodings, every one is.
fn takes_gzip(headers: &HeaderMap) -> bool {
    if !headers.contains_key(header::ACCEPT_ENCODING) {
        return true;
    }
    let mut any = false;
    for one in list(headers, header::ACCEPT_ENCODING) {
        let (coding, weight) = one.split_once(';').unwrap_or((one, ""));
        let weight = weight.trim().trim_start_matches(['q', 'Q']).trim_start_matches('=');
        let wanted = weight.parse::<f32>() != Ok(0.0);
        match coding.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => return wanted,
            "*" => any = wanted,
            _ => {}
        }
    }
    any
}

/// The elements of a header that is a list.
fn list(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn with(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        headers
    }

    #[test]
    fn the_table_is_in_order_and_names_no_file_outside_the_page() {
        assert!(FILES.is_sorted_by(|a, b| a.path < b.path), "it is searched by halves");
        assert!(INDEX.contains("<script type=\"module\""));
        for file in FILES {
            assert!(file.path.starts_with('/') && !file.path.contains("..") && !file.body.is_empty(), "{}", file.path);
            assert_eq!(file.gzip, file.body.starts_with(&[0x1f, 0x8b]), "{}", file.path);
        }
    }

    #[test]
    fn gzip_is_sent_to_who_takes_it() {
        assert!(takes_gzip(&HeaderMap::new()));
        for yes in ["gzip", "br, gzip", "deflate, GZIP;q=0.5", "*", "x-gzip", "gzip; q=1, *;q=0"] {
            assert!(takes_gzip(&with("accept-encoding", yes)), "{yes}");
        }
        for no in ["identity", "br", "gzip;q=0", "gzip; q=0.0, *", "*;q=0", ""] {
            assert!(!takes_gzip(&with("accept-encoding", no)), "{no}");
        }
    }

    #[test]
    fn a_tag_is_found_in_a_list() {
        for yes in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "*"] {
            assert!(known(&with("if-none-match", yes), "\"a\""), "{yes}");
        }
        assert!(!known(&HeaderMap::new(), "\"a\"") && !known(&with("if-none-match", "\"aa\", a"), "\"a\""));
    }
}
