//! Host names to addresses.
//!
//! With the feature `resolver` by `/etc/hosts` and `/etc/resolv.conf` and nothing else. It is for a static binary: the C library
//! there would load the modules that `/etc/nsswitch.conf` names, made for the C library of whatever image it runs in, and
//! wait for an answer on one of the threads that files need.

use std::io;
use std::net::IpAddr;

/// The addresses of a host, in the order in which they are to be tried; never empty.
///
/// # Errors
/// What was asked, and why there is no answer.
#[cfg(not(any(feature = "resolver", test)))]
pub(crate) async fn resolve(host: &str) -> io::Result<Vec<IpAddr>> {
    let found: Vec<_> = tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect();
    if found.is_empty() { Err(unknown()) } else { Ok(found) }
}

fn unknown() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "no host of this name is known, or it has no address")
}

// Unit tests have it too, so that it needs no test run of its own.
#[cfg(any(feature = "resolver", test))]
pub(crate) use own::resolve;

#[cfg(any(feature = "resolver", test))]
mod own {
    use std::fs::File;
    use std::io::{BufRead, BufReader, Read};
    use std::path::Path;

    use hickory_resolver::Resolver;
    use hickory_resolver::config::{LookupIpStrategy, ResolveHosts};
    use hickory_resolver::net::runtime::TokioRuntimeProvider;
    use hickory_resolver::system_conf::parse_resolv_conf;
    use tokio::sync::Semaphore;

    use super::{IpAddr, io, unknown};

    const HOSTS: &str = "/etc/hosts";
    const RESOLV_CONF: &str = "/etc/resolv.conf";

    /// The longest line of `/etc/hosts`; of a longer one the rest is not seen.
    const LINE: u64 = 16 << 10;

    /// The most of `/etc/resolv.conf` that is read.
    const CONF: u64 = 64 << 10;

    /// Look-ups at once, because each takes memory of its own; more wait, as their callers' time allows.
    static LOOKUPS: Semaphore = Semaphore::const_new(32);

    /// See above. Both files are read each time: they are small, and what is in them changes while the sandbox runs.
    pub(crate) async fn resolve(host: &str) -> io::Result<Vec<IpAddr>> {
        let _turn = LOOKUPS.acquire().await.map_err(io::Error::other)?;
        let wanted = host.to_owned();
        let files = move || {
            let listed = in_hosts(Path::new(HOSTS), &wanted)?;
            let servers = if listed.is_empty() { conf(Path::new(RESOLV_CONF))? } else { Vec::new() };
            Ok::<_, io::Error>((listed, servers))
        };
        let (listed, servers) = tokio::task::spawn_blocking(files).await??;
        if listed.is_empty() { ask(host, &servers).await } else { Ok(listed) }
    }

    /// Asks the name servers, IPv4 first.
    async fn ask(host: &str, conf: &[u8]) -> io::Result<Vec<IpAddr>> {
        let (config, mut options) = parse_resolv_conf(conf).map_err(|error| no_servers(&error))?;
        options.use_hosts_file = ResolveHosts::Never;
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.cache_size = 0;
        let mut resolver = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
        *resolver.options_mut() = options;
        let resolver = resolver.build().map_err(io::Error::other)?;
        let found: Vec<_> = match resolver.lookup_ip(host).await {
            Ok(found) => found.iter().collect(),
            Err(error) if error.is_no_records_found() => Vec::new(),
            Err(error) => return Err(io::Error::other(error)),
        };
        if found.is_empty() { Err(unknown()) } else { Ok(found) }
    }

    /// The addresses that a hosts file has for a name: none where there is no file.
    fn in_hosts(path: &Path, host: &str) -> io::Result<Vec<IpAddr>> {
        let Some(file) = regular(path)? else { return Ok(Vec::new()) };
        let host = host.strip_suffix('.').unwrap_or(host);
        let (mut file, mut line, mut found) = (BufReader::new(file), Vec::new(), Vec::new());
        loop {
            line.clear();
            if file.by_ref().take(LINE).read_until(b'\n', &mut line)? == 0 {
                return Ok(found);
            }
            if !line.ends_with(b"\n") {
                file.skip_until(b'\n')?;
            }
            let text = String::from_utf8_lossy(&line);
            let mut words = text.split('#').next().unwrap_or_default().split_ascii_whitespace();
            let address = words.next().and_then(|address| address.parse::<IpAddr>().ok());
            found.extend(address.filter(|_| words.any(|name| name.eq_ignore_ascii_case(host))));
        }
    }

    fn conf(path: &Path) -> io::Result<Vec<u8>> {
        let missing = || no_servers(&"there is no such file");
        let mut text = Vec::new();
        regular(path)?.ok_or_else(missing)?.take(CONF).read_to_end(&mut text)?;
        Ok(text)
    }

    /// A file, if there is one: not what could keep its reader waiting.
    fn regular(path: &Path) -> io::Result<Option<File>> {
        match std::fs::metadata(path) {
            Ok(found) if found.is_file() => File::open(path).map(Some),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io::Error::other(format!("{}: {error}", path.display()))),
        }
    }

    fn no_servers(why: &dyn std::fmt::Display) -> io::Error {
        io::Error::other(format!("it is not in {HOSTS}, and no name server can be asked: {RESOLV_CONF}: {why}"))
    }

    #[cfg(test)]
    mod tests {
        #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
        use super::*;

        #[test]
        fn hosts_are_read_line_by_line() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("hosts");
            let long = "x".repeat(2 * LINE as usize);
            let text = format!(
                "# 192.0.2.9 db\n127.0.0.1\tlocalhost Db.Example db\n::1 db # 192.0.2.8 late\nnonsense db\n192.0.2.7 {long} far\n\
                 192.0.2.1 last"
            );
            std::fs::write(&path, text).unwrap();
            let of = |host: &str| in_hosts(&path, host).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>();
            assert_eq!(of("db"), ["127.0.0.1", "::1"]);
            assert_eq!(of("DB.example."), ["127.0.0.1"]);
            assert_eq!(of("last"), ["192.0.2.1"]);
            for none in ["late", "far", "example", ""] {
                assert_eq!(of(none), Vec::<String>::new(), "{none:?}");
            }
            assert_eq!(in_hosts(&folder.path().join("missing"), "db").unwrap(), Vec::<IpAddr>::new());
            assert_eq!(in_hosts(Path::new("/dev/zero"), "db").unwrap(), Vec::<IpAddr>::new());
        }

        #[tokio::test]
        async fn without_name_servers_it_says_what_is_missing() {
            let missing = conf(Path::new("/nonexistent/resolv.conf")).unwrap_err().to_string();
            let empty = ask("db.example", b"search example\n").await.unwrap_err().to_string();
            for said in [missing, empty] {
                assert!(said.contains("no name server can be asked: /etc/resolv.conf"), "{said}");
            }
        }
    }
}
