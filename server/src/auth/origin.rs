//! Which web pages may connect: a browser says its page's Origin (RFC 6454), other clients say none.

use hyper::http::Uri;

use super::site::{Authority, Site};

/// The origins that may connect besides the server's own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins {
    allowed: Vec<String>,
    /// Whether a request must name this machine by a loopback address or `localhost`. Without a token that, and the
    /// Origin, is all that keeps a page of a hostile name which resolves to 127.0.0.1 out (DNS rebinding).
    loopback_only: bool,
    /// Whether the server speaks TLS itself.
    tls: bool,
}

impl Origins {
    /// From a list with commas between.
    pub(crate) fn new(list: Option<&str>, loopback_only: bool, tls: bool) -> Self {
        let allowed = list.unwrap_or_default().split(',').map(str::trim).filter(|origin| !origin.is_empty());
        Self {
            allowed: allowed.map(|origin| origin.trim_end_matches('/').to_ascii_lowercase()).collect(),
            loopback_only,
            tls,
        }
    }

    /// Whether a list can be used: a browser's Origin is a scheme, a host and at most a port.
    ///
    /// # Errors
    /// A sentence that names what is no origin.
    pub(crate) fn validate(list: Option<&str>) -> Result<(), String> {
        match Self::new(list, false, false).allowed.iter().find(|origin| !is_origin(origin)) {
            Some(origin) => Err(format!("{origin:?} is no origin such as https://app.example")),
            None => Ok(()),
        }
    }

    /// Whether a request with these headers may be answered.
    pub(crate) fn allows(&self, host: Option<&str>, origin: Option<&str>) -> bool {
        let loopback = |host| Authority::parse(host).is_some_and(|authority| authority.is_loopback());
        if self.loopback_only && !host.is_some_and(loopback) {
            return false;
        }
        let Some(origin) = origin.map(str::to_ascii_lowercase) else { return true };
        let own = origin.split_once("://").map(|(_, authority)| authority);
        let same = own.is_some() && own == host.map(str::to_ascii_lowercase).as_deref();
        same || self.allowed.contains(&origin)
    }

    /// The server as pages see it that were loaded under this `Host`; nothing when no browser writes it so. Behind a proxy
    /// that speaks TLS for the server, the setting `origins` names the server itself with `https://`.
    pub(crate) fn site(&self, host: Option<&str>) -> Option<Site> {
        let authority = Authority::parse(host?)?;
        let secure = Site::new(authority.clone(), true);
        let is_secure = self.tls || self.allowed.contains(&secure.origin());
        Some(if is_secure { secure } else { Site::new(authority, false) })
    }
}

fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let alone = |uri: Uri| uri.authority().is_some_and(|found| found.as_str() == authority);
    !scheme.is_empty() && !authority.contains(['@', '*']) && text.parse().is_ok_and(alone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_own_page_and_listed_ones() {
        let origins = Origins::new(Some("https://app.example, http://x.test:8080/"), false, false);
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
        let origins = Origins::new(None, true, false);
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

    #[test]
    fn a_site_has_the_scheme_of_the_server_or_of_the_proxy_before_it() {
        let origin = |list, tls, host| Origins::new(list, false, tls).site(Some(host)).map(|site| site.origin());
        assert_eq!(origin(None, false, "box:7070").as_deref(), Some("http://box:7070"));
        assert_eq!(origin(None, true, "box:7070").as_deref(), Some("https://box:7070"));
        let proxy = Some("https://app.example");
        assert_eq!(origin(proxy, false, "app.example").as_deref(), Some("https://app.example"));
        assert_eq!(origin(proxy, false, "other.example").as_deref(), Some("http://other.example"));
        assert_eq!(origin(None, false, "box; script-src *"), None);
    }
}
