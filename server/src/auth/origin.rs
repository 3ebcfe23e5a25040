//! Which web pages may connect: a browser says its page's Origin (RFC 6454), other clients say none.

use std::net::IpAddr;

use hyper::http::Uri;

/// The origins that may connect besides the server's own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins {
    allowed: Vec<String>,
    /// Whether a request must name this machine by a loopback address or `localhost`. Without a token that, and the
    /// Origin, is all that keeps a page of a hostile name which resolves to 127.0.0.1 out (DNS rebinding).
    loopback_only: bool,
}

impl Origins {
    /// From a list with commas between.
    pub(crate) fn new(list: Option<&str>, loopback_only: bool) -> Self {
        let allowed = list.unwrap_or_default().split(',').map(str::trim).filter(|origin| !origin.is_empty());
        Self {
            allowed: allowed.map(|origin| origin.trim_end_matches('/').to_ascii_lowercase()).collect(),
            loopback_only,
        }
    }

    /// Whether a list can be used: a browser's Origin is a scheme, a host and at most a port.
    ///
    /// # Errors
    /// A sentence that names what is no origin.
    pub(crate) fn validate(list: Option<&str>) -> Result<(), String> {
        match Self::new(list, false).allowed.iter().find(|origin| !is_origin(origin)) {
            Some(origin) => Err(format!("{origin:?} is no origin such as https://app.example")),
            None => Ok(()),
        }
    }

    /// Whether a request with these headers may be answered.
    pub(crate) fn allows(&self, host: Option<&str>, origin: Option<&str>) -> bool {
        if self.loopback_only && !host.is_some_and(is_loopback) {
            return false;
        }
        let Some(origin) = origin.map(str::to_ascii_lowercase) else { return true };
        let own = origin.split_once("://").map(|(_, authority)| authority);
        let same = own.is_some() && own == host.map(str::to_ascii_lowercase).as_deref();
        same || self.allowed.contains(&origin)
    }
}

fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let alone = |uri: Uri| uri.authority().is_some_and(|found| found.as_str() == authority);
    !scheme.is_empty() && !authority.contains(['@', '*']) && text.parse().is_ok_and(alone)
}

fn is_loopback(authority: &str) -> bool {
    let Ok(uri) = Uri::builder().scheme("http").authority(authority).path_and_query("/").build() else { return false };
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_own_page_and_listed_ones() {
        let origins = Origins::new(Some("https://app.example, http://x.test:8080/"), false);
        let host = Some("box.test:7070");
        for (origin, allowed) in [
            (None, true),
            (Some("http://box.test:7070"), true),
            (Some("https://BOX.test:7070"), true),
            (Some("https://app.example"), true),
            (Some("http://x.test:8080"), true),
            (Some("https://app.example.evil"), false),
            (Some("http://box.test"), false),
            (Some("null"), false),
            (Some(""), false),
        ] {
            assert_eq!(origins.allows(host, origin), allowed, "{origin:?}");
        }
    }

    #[test]
    fn what_no_browser_says_is_no_origin() {
        for good in ["https://app.example", "http://localhost:5173", "http://[::1]:80", "chrome-extension://abc", ""] {
            assert_eq!(Origins::validate(Some(good)), Ok(()), "{good}");
        }
        for bad in ["app.example", "*", "https://*.example", "https://a/b", "https://", "null", "https://u@h"] {
            assert!(Origins::validate(Some(bad)).is_err_and(|error| error.contains("origin")), "{bad}");
        }
        assert!(
            Origins::validate(Some("https://a.example, b.example")).is_err_and(|error| error.contains("b.example"))
        );
    }

    #[test]
    fn without_a_token_a_rebound_name_is_no_door() {
        let origins = Origins::new(None, true);
        for (host, allowed) in [
            (Some("127.0.0.1:7070"), true),
            (Some("localhost:7070"), true),
            (Some("[::1]:7070"), true),
            (Some("evil.test:7070"), false),
            (Some("127.0.0.1.evil.test"), false),
            (Some("10.0.0.1:7070"), false),
            (None, false),
        ] {
            assert_eq!(origins.allows(host, None), allowed, "{host:?}");
        }
        assert!(!origins.allows(Some("127.0.0.1:7070"), Some("http://evil.test")));
    }
}
