//! What a page of ours may do in a browser: load from here, connect to here, and show what runs in the sandbox.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::auth::Site;

/// What a page of ours needs of the machine: the clipboard, and the whole screen. Nothing else.
const PERMISSIONS: &str = "accelerometer=(), autoplay=(), camera=(), clipboard-read=(self), clipboard-write=(self), \
                           display-capture=(), fullscreen=(self), geolocation=(), gyroscope=(), hid=(), magnetometer=(), \
                           microphone=(), midi=(), payment=(), publickey-credentials-get=(), serial=(), usb=()";

/// The other headers of a page.
const HEADERS: &[(&str, &str)] = &[
    ("cross-origin-opener-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
    ("permissions-policy", PERMISSIONS),
];

/// A number that nobody can guess, for styles that a page makes as it runs.
///
/// # Errors
/// When the system has no random numbers.
pub(super) fn nonce() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(STANDARD.encode(bytes))
}

/// Puts a page under its policy. Beside what is below its own name it may show what `previews` says.
pub(super) fn apply(headers: &mut HeaderMap, site: Option<&Site>, previews: Option<&str>, nonce: &str) {
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    // Made of our own words, base64, and a name that was checked.
    if let Ok(policy) = HeaderValue::try_from(content(site, previews, nonce)) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
}

/// The Content-Security-Policy. `'self'` alone is no WebSocket in every browser.
fn content(site: Option<&Site>, previews: Option<&str>, nonce: &str) -> String {
    let (mut sockets, mut frames) = (String::new(), String::new());
    if let Some(site) = site {
        if site.is_source() {
            sockets = sources(site, ["ws", "wss"], site.authority());
        }
        if let Some(parent) = site.parent() {
            frames = sources(site, ["http", "https"], &format!("*.{parent}"));
        }
    }
    if let Some(previews) = previews {
        frames = format!("{frames} {previews}");
    }
    if frames.is_empty() {
        frames.push_str(" 'none'");
    }
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; connect-src 'self'{sockets}; \
         img-src 'self' data: blob:; font-src 'self'; frame-src{frames}; worker-src 'self'; manifest-src 'self'; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
         trusted-types 'none'"
    )
}

/// A host by both schemes; of a site with TLS only by the second one.
fn sources(site: &Site, schemes: [&str; 2], host: &str) -> String {
    let schemes = schemes.into_iter().skip(usize::from(site.secure()));
    schemes.map(|scheme| format!(" {scheme}://{host}")).collect()
}
