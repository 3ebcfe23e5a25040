//! Which options of s3fs a caller may choose. What is not in this list is refused: options that name a file, a program,
//! a key or another address, that write what was asked into a log, or that the parameters have a field for.

use sandwire_protocol::Error;

use super::asked::wrong;

/// Most options.
const MOST: usize = 64;

/// Options without a value, which some take a number as well.
const FLAGS: [&str; 24] = [
    "allow_other",
    "complement_stat",
    "disable_noobj_cache",
    "enable_content_md5",
    "enable_noobj_cache",
    "kernel_cache",
    "no_check_certificate",
    "noatime",
    "nocopyapi",
    "nodnscache",
    "noexec",
    "nomixupload",
    "nomultipart",
    "norenameapi",
    "nosscache",
    "notsup_compat_dir",
    "noua",
    "noxmlns",
    "sigv2",
    "sigv4",
    "stat_cache_interval_expire",
    "use_path_request_style",
    "use_rrs",
    "use_wtf8",
];

/// Options with a value of letters, digits, `-` and `_`.
const VALUES: [&str; 29] = [
    "attr_timeout",
    "connect_timeout",
    "default_acl",
    "ensure_diskfree",
    "entry_timeout",
    "gid",
    "list_object_max_keys",
    "max_dirty_data",
    "max_stat_cache_size",
    "mp_umask",
    "multipart_copy_size",
    "multipart_size",
    "multipart_threshold",
    "multireq_max",
    "negative_timeout",
    "parallel_count",
    "public_bucket",
    "readwrite_timeout",
    "retries",
    "singlepart_copy_limit",
    "ssl_verify_hostname",
    "stat_cache_expire",
    "stat_cache_interval_expire",
    "storage_class",
    "uid",
    "umask",
    "use_rrs",
    "use_sse",
    "use_xattr",
];

/// Checks them.
///
/// # Errors
/// `INVALID_MOUNT_CONFIG` with the name of the first that is refused.
pub(super) fn check(options: &[String]) -> Result<Vec<String>, Error> {
    if options.len() > MOST {
        return Err(wrong("options", &format!("at most {MOST} are taken")));
    }
    for option in options {
        let (name, value) = option.split_once('=').map_or((&**option, None), |(name, value)| (name, Some(value)));
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let known = match value {
            None => FLAGS.contains(&name),
            Some(value) => {
                VALUES.contains(&name) && !value.is_empty() && value.len() <= 64 && value.bytes().all(letters)
            }
        };
        if !known {
            // The value may be a key.
            let name: String = name.chars().filter(|letter| letter.is_ascii_graphic()).take(40).collect();
            let message = format!("the option {name:?} may not be chosen, or not with this value");
            return Err(wrong("options", &message).with("option", name));
        }
    }
    Ok(options.to_vec())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn only_what_is_harmless_is_taken() {
        for option in ["nomultipart", "retries=3", "umask=0022", "use_sse=1", "default_acl=public-read", "use_rrs"] {
            assert!(check(&[option.to_owned()]).is_ok(), "{option}");
        }
        for option in [
            "",
            "passwd_file=/root/secret",
            "use_cache=/var",
            "tmpdir=/x",
            "url=http://elsewhere",
            "endpoint=x",
            "bucket=other",
            "profile=x",
            "iam_role=auto",
            "ahbe_conf=/x",
            "mime=/etc/secret",
            "logfile=/x",
            "dbglevel=debug",
            "curldbg",
            "nonempty",
            "suid",
            "dev",
            "retries",
            "retries=",
            "retries=3,passwd_file=/x",
            "use_sse=custom:/root/secret",
            "umask=0\\,x",
            "ro=1",
        ] {
            let error = check(&[option.to_owned()]).unwrap_err();
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
    }
}
