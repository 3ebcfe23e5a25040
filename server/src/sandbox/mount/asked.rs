//! What a mount is asked to be, checked: store, bucket, keys, and what s3fs is told of them.

use std::net::IpAddr;

use sandwire_protocol::kind::mount::{Create, Provider};
use sandwire_protocol::{ByteString, Code, Error, Secret};

use super::options;

/// Longest text of each parameter, in bytes.
const LONGEST: usize = 1024;

/// A mount, checked.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(super) bucket: String,
    /// Without `/` at both ends.
    pub(super) prefix: Option<String>,
    pub(super) endpoint: String,
    pub(super) provider: Provider,
    pub(super) region: String,
    pub(super) read_only: bool,
    pub(super) options: Vec<String>,
    pub(super) keys: Option<Keys>,
}

/// By what s3fs signs in.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) id: Secret,
    pub(super) secret: Secret,
    pub(super) token: Option<Secret>,
}

impl Asked {
    /// Checks what is asked for; keys that are not given are looked up as variables of the sandbox.
    ///
    /// # Errors
    /// `INVALID_MOUNT_CONFIG`, `MISSING_CREDENTIALS`.
    pub(crate) fn new(params: &Create, variable: impl Fn(&str) -> Option<String>) -> Result<Asked, Error> {
        let (bucket, behind) =
            params.bucket.split_once(':').map_or((&*params.bucket, None), |(it, rest)| (it, Some(rest)));
        check_bucket(bucket)?;
        let prefix = match (behind, params.prefix.as_deref()) {
            (Some(_), Some(_)) => {
                return Err(wrong("prefix", "it is given twice: behind the bucket's name, and by itself"));
            }
            (behind, given) => behind.or(given).map(check_prefix).transpose()?.flatten(),
        };
        if let Some(region) = &params.region {
            let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            if region.is_empty() || region.len() > 64 || !region.bytes().all(letters) {
                return Err(wrong("region", "it is no name of a region"));
            }
        }
        let host = params.endpoint.as_deref().map(check_endpoint).transpose()?;
        let provider = params.provider.unwrap_or_else(|| host.as_deref().map_or(Provider::S3, provider_of));
        let region = params.region.clone().unwrap_or_else(|| match provider {
            Provider::R2 | Provider::Gcs => "auto".to_owned(),
            Provider::S3 | Provider::Other => host.as_deref().and_then(region_of).unwrap_or("us-east-1").to_owned(),
        });
        let endpoint = match (&params.endpoint, provider) {
            (Some(endpoint), _) => endpoint.trim_end_matches('/').to_owned(),
            (None, Provider::S3) => format!("https://s3.{region}.amazonaws.com"),
            (None, Provider::Gcs) => "https://storage.googleapis.com".to_owned(),
            (None, Provider::R2) => {
                return Err(wrong("endpoint", "R2 needs it: https://<account id>.r2.cloudflarestorage.com"));
            }
            (None, Provider::Other) => return Err(wrong("endpoint", "it is needed for a store of this provider")),
        };
        let mut all = provider_options(provider, &endpoint, bucket);
        let chosen = options::check(&params.options)?;
        if !chosen.iter().any(|option| option == "sigv2") {
            // s3fs would try the old signatures after the new, and then say of wrong keys that nobody is there.
            all.push("sigv4".to_owned());
        }
        all.extend(chosen);
        let public = all.iter().any(|option| option == "public_bucket=1");
        let keys = keys(params, provider, public, bucket, &endpoint, variable)?;
        Ok(Asked {
            bucket: bucket.to_owned(),
            prefix,
            endpoint,
            provider,
            region,
            read_only: params.read_only,
            options: all,
            keys,
        })
    }

    /// The arguments of s3fs, which finds its keys in its descriptor 3.
    pub(super) fn arguments(&self, path: &ByteString) -> Vec<ByteString> {
        let bucket = match &self.prefix {
            Some(prefix) => format!("{}:/{prefix}", self.bucket),
            None => self.bucket.clone(),
        };
        let mut argv: Vec<ByteString> = vec!["s3fs".into(), bucket.into(), path.clone(), "-f".into()];
        let mut set = |option: &str| argv.extend(["-o".into(), option.into()]);
        set(&format!("url={}", self.endpoint));
        set(&format!("endpoint={}", self.region));
        // One with a token of a session is found in the environment only.
        if self.keys.as_ref().is_some_and(|keys| keys.token.is_none()) {
            set("passwd_file=/proc/self/fd/3");
        }
        if self.read_only {
            set("ro");
        }
        if rustix::process::geteuid().is_root() {
            // Also for commands that run as another user, whom the files' own permissions hold.
            set("allow_other");
        }
        for option in &self.options {
            set(option);
        }
        argv
    }
}

fn check_bucket(name: &str) -> Result<(), Error> {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if first && name.len() <= 255 && name.bytes().all(letters) && !name.contains("..") {
        return Ok(());
    }
    Err(wrong("bucket", "it is no name of a bucket"))
}

/// Without `/` at both ends; nothing when that is all.
fn check_prefix(prefix: &str) -> Result<Option<String>, Error> {
    let prefix = prefix.trim_matches('/');
    if prefix.is_empty() {
        return Ok(None);
    }
    let bad = |part: &str| part.is_empty() || part == "." || part == "..";
    if prefix.len() > LONGEST
        || prefix.contains(|letter: char| letter.is_control() || letter == ':')
        || prefix.split('/').any(bad)
    {
        return Err(wrong("prefix", "it has empty parts, `.`, `..`, `:` or control characters, or is too long"));
    }
    Ok(Some(prefix.to_owned()))
}

/// The host of an endpoint, in small letters.
fn check_endpoint(endpoint: &str) -> Result<String, Error> {
    let rest = endpoint.strip_prefix("https://").or_else(|| endpoint.strip_prefix("http://"));
    let Some(rest) = rest.map(|rest| rest.trim_end_matches('/')) else {
        return Err(wrong("endpoint", "it has to begin with https:// or http://"));
    };
    // What s3fs would take apart, or what would be a user and a password.
    let odd =
        |letter: char| letter.is_control() || letter.is_whitespace() || matches!(letter, ',' | '\\' | '@' | '?' | '#');
    if rest.len() > LONGEST || rest.contains(odd) {
        return Err(wrong("endpoint", "it is a scheme, a host and a port, without user, password or query"));
    }
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, _)) => host,
        None => authority.split(':').next().unwrap_or_default(),
    };
    if host.is_empty() || host.starts_with('-') {
        return Err(wrong("endpoint", "it names no host"));
    }
    Ok(host.to_ascii_lowercase())
}

/// Whose store is at that host.
fn provider_of(host: &str) -> Provider {
    let at = |domain: &str| host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    if at("r2.cloudflarestorage.com") {
        Provider::R2
    } else if at("amazonaws.com") || at("amazonaws.com.cn") {
        Provider::S3
    } else if at("storage.googleapis.com") {
        Provider::Gcs
    } else {
        Provider::Other
    }
}

/// The region in a host name of AWS: `s3.eu-central-1.amazonaws.com`, `s3-eu-west-1.amazonaws.com`.
fn region_of(host: &str) -> Option<&str> {
    let rest = host.strip_suffix(".amazonaws.com").or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    let last = rest.rsplit('.').next()?;
    let region = last.strip_prefix("s3-").unwrap_or(last);
    region.contains('-').then_some(region).filter(|region| !region.contains("accelerate") && !region.contains("global"))
}

/// What s3fs has to be told of a store, and what keeps its users from waiting for ever: `options` come after these.
fn provider_options(provider: Provider, endpoint: &str, bucket: &str) -> Vec<String> {
    let mut all: Vec<&str> = vec!["connect_timeout=5", "readwrite_timeout=15", "retries=2"];
    match provider {
        // They have no copy of a part of an object.
        Provider::R2 | Provider::Gcs => all.extend(["use_path_request_style", "nomixupload"]),
        // A name with dots is not in the certificate of its host.
        Provider::S3 if bucket.contains('.') => all.push("use_path_request_style"),
        Provider::S3 => {}
        Provider::Other => all.push("use_path_request_style"),
    }
    // An address has no names below it.
    let host = check_endpoint(endpoint).unwrap_or_default();
    if provider == Provider::S3 && (host.parse::<IpAddr>().is_ok() || host == "localhost") {
        all.push("use_path_request_style");
    }
    all.into_iter().map(str::to_owned).collect()
}

fn keys(
    params: &Create,
    provider: Provider,
    public: bool,
    bucket: &str,
    endpoint: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Keys>, Error> {
    let found = |name: &str| variable(name).filter(|value| !value.is_empty()).map(Secret::from);
    let keys = match (&params.access_key_id, &params.secret_access_key) {
        (Some(id), Some(secret)) => Some((id.clone(), secret.clone(), params.session_token.clone())),
        (None, None) if params.session_token.is_some() => {
            return Err(wrong(
                "session_token",
                "it belongs to `access_key_id` and `secret_access_key`; give these too",
            ));
        }
        (None, None) if public => None,
        (None, None) => {
            let of_r2 =
                || found("R2_ACCESS_KEY_ID").zip(found("R2_SECRET_ACCESS_KEY")).map(|(id, secret)| (id, secret, None));
            let of_all = || {
                let (id, secret) = found("AWS_ACCESS_KEY_ID").zip(found("AWS_SECRET_ACCESS_KEY"))?;
                Some((id, secret, found("AWS_SESSION_TOKEN")))
            };
            let keys = (provider == Provider::R2).then(of_r2).flatten().or_else(of_all);
            Some(keys.ok_or_else(|| {
                let message = "there are no keys for the bucket: give `access_key_id` and `secret_access_key`, or set \
                               AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the sandbox";
                Error::new(Code::MissingCredentials, message).with("bucket", bucket).with("endpoint", endpoint)
            })?)
        }
        (Some(_), None) | (None, Some(_)) => {
            return Err(wrong("secret_access_key", "it belongs to `access_key_id`; give both, or none"));
        }
    };
    let Some((id, secret, token)) = keys else { return Ok(None) };
    for (name, value) in
        [("access_key_id", Some(&id)), ("secret_access_key", Some(&secret)), ("session_token", token.as_ref())]
    {
        // s3fs reads them from lines, in which `:` has a meaning of its own.
        let odd = |letter: char| letter.is_control() || letter.is_whitespace() || letter == ':' || !letter.is_ascii();
        if value.is_some_and(|value| value.is_empty() || value.reveal().len() > 4096 || value.reveal().contains(odd)) {
            return Err(wrong(name, "it is empty, or has spaces, `:` or other characters that no key has"));
        }
    }
    Ok(Some(Keys { id, secret, token }))
}

/// `INVALID_MOUNT_CONFIG` of that parameter.
pub(super) fn wrong(field: &str, message: &str) -> Error {
    Error::new(Code::InvalidMountConfig, format!("`{field}` cannot be used: {message}")).with("field", field)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn bare() -> Create {
        Create {
            bucket: "photos".to_owned(),
            access_key_id: Some("id".into()),
            secret_access_key: Some("secret".into()),
            ..Create::default()
        }
    }

    fn asked(change: impl FnOnce(&mut Create)) -> Result<Asked, Error> {
        let mut params = bare();
        change(&mut params);
        Asked::new(&params, |_| None)
    }

    fn at(endpoint: &str) -> Asked {
        asked(|it| it.endpoint = Some(endpoint.to_owned())).unwrap()
    }

    fn shown(asked: &Asked) -> String {
        asked.arguments(&"/data".into()).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_store_is_read_off_its_address() {
        for (endpoint, provider, region) in [
            ("https://0123.r2.cloudflarestorage.com", Provider::R2, "auto"),
            ("https://0123.eu.R2.cloudflarestorage.com/", Provider::R2, "auto"),
            ("https://s3.eu-central-1.amazonaws.com", Provider::S3, "eu-central-1"),
            ("https://s3-eu-west-1.amazonaws.com", Provider::S3, "eu-west-1"),
            ("https://s3.amazonaws.com", Provider::S3, "us-east-1"),
            ("https://storage.googleapis.com", Provider::Gcs, "auto"),
            ("http://127.0.0.1:9000", Provider::Other, "us-east-1"),
            ("http://[::1]:9000", Provider::Other, "us-east-1"),
            ("https://r2.cloudflarestorage.com.evil.example", Provider::Other, "us-east-1"),
            ("https://notamazonaws.com", Provider::Other, "us-east-1"),
        ] {
            let asked = at(endpoint);
            assert_eq!((asked.provider, asked.region.as_str()), (provider, region), "{endpoint}");
        }
        assert_eq!(asked(|_| ()).unwrap().endpoint, "https://s3.us-east-1.amazonaws.com");
        assert!(shown(&at("https://0123.r2.cloudflarestorage.com")).contains("-o nomixupload"));
        assert!(shown(&at("http://127.0.0.1:9000")).contains("-o use_path_request_style"));
        assert!(!shown(&asked(|_| ()).unwrap()).contains("use_path_request_style"));
    }

    #[test]
    fn no_argument_holds_a_key_and_options_come_last() {
        let asked = asked(|it| {
            it.bucket = "photos:/a/b/".to_owned();
            it.options = vec!["retries=5".to_owned(), "umask=0022".to_owned()];
            it.read_only = true;
        });
        let asked = asked.unwrap();
        let all = shown(&asked);
        assert!(!format!("{all} {asked:?}").contains("secret "), "{all}");
        assert!(all.starts_with("s3fs photos:/a/b /data -f "), "{all}");
        assert!(all.ends_with("-o retries=5 -o umask=0022") && all.contains("-o ro"), "{all}");
    }

    #[test]
    fn what_does_not_go_together_is_refused_by_name() {
        let field = |change: fn(&mut Create)| {
            let error = asked(change).unwrap_err();
            assert_eq!(error.code, Code::InvalidMountConfig, "{error:?}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
            error.details["field"].clone()
        };
        assert_eq!(field(|it| it.bucket = String::new()), "bucket".into());
        assert_eq!(field(|it| it.bucket = "-o".to_owned()), "bucket".into());
        assert_eq!(field(|it| it.bucket = "a/b".to_owned()), "bucket".into());
        assert_eq!(field(|it| it.prefix = Some("a/../b".to_owned())), "prefix".into());
        assert_eq!(field(|it| (it.bucket, it.prefix) = ("a:/b".to_owned(), Some("c".to_owned()))), "prefix".into());
        assert_eq!(field(|it| it.endpoint = Some("ftp://x".to_owned())), "endpoint".into());
        assert_eq!(field(|it| it.endpoint = Some("https://ada:hunter2@x".to_owned())), "endpoint".into());
        assert_eq!(field(|it| it.endpoint = Some("https://x,passwd_file=/etc/x".to_owned())), "endpoint".into());
        assert_eq!(field(|it| it.provider = Some(Provider::R2)), "endpoint".into());
        assert_eq!(field(|it| it.region = Some("a,b".to_owned())), "region".into());
        assert_eq!(field(|it| it.access_key_id = None), "secret_access_key".into());
        assert_eq!(field(|it| it.secret_access_key = Some("hunter2\nx".into())), "secret_access_key".into());
        assert_eq!(field(|it| it.access_key_id = Some("hunter2:x".into())), "access_key_id".into());
    }

    #[test]
    fn keys_are_found_in_the_sandbox() {
        let params = Create { access_key_id: None, secret_access_key: None, ..bare() };
        let known = |names: &'static [&'static str]| {
            move |name: &str| names.contains(&name).then(|| format!("of-{}", name.to_lowercase()))
        };
        let error = Asked::new(&params, known(&["AWS_ACCESS_KEY_ID"])).unwrap_err();
        assert_eq!(error.code, Code::MissingCredentials);
        let both: &[&str] = &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY"];
        let id = |params: &Create| Asked::new(params, known(both)).unwrap().keys.unwrap().id;
        assert_eq!(id(&params).reveal(), "of-aws_access_key_id");
        let r2 = Create { endpoint: Some("https://0.r2.cloudflarestorage.com".to_owned()), ..params.clone() };
        assert_eq!(id(&r2).reveal(), "of-r2_access_key_id");
        let public = Create { options: vec!["public_bucket=1".to_owned()], ..params };
        assert!(Asked::new(&public, |_| None).unwrap().keys.is_none());
    }
}
