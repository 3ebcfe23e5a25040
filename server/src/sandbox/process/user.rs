//! Users and groups of the sandbox, read from `/etc/passwd` and `/etc/group`: a static binary has no working NSS.

use std::fs;
use std::io;

use sandwire_protocol::{Code, Error};

/// Whom a command runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Supplementary groups, `gid` included.
    pub(crate) groups: Vec<u32>,
    /// Name, when `/etc/passwd` has one.
    pub(crate) name: Option<String>,
    pub(crate) home: Option<String>,
    pub(crate) shell: Option<String>,
}

impl Credentials {
    /// Looks up `user`, `user:group`, `1000` or `1000:1000`.
    ///
    /// # Errors
    /// `USER_NOT_FOUND`, `FILESYSTEM_ERROR` when the files cannot be read.
    pub(crate) fn find(spec: &str) -> Result<Credentials, Error> {
        Self::find_in(spec, &read("/etc/passwd")?, &read("/etc/group")?)
    }

    /// The entry of a user id, for its home and shell.
    pub(crate) fn of_uid(uid: u32) -> Option<Credentials> {
        Self::find(&uid.to_string()).ok()
    }

    fn find_in(spec: &str, passwd: &str, group: &str) -> Result<Credentials, Error> {
        let (user, wanted_group) = match spec.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (spec, None),
        };
        let entry = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| {
            fields.len() >= 7 && (fields[0] == user || (user.parse::<u32>().is_ok() && fields[2] == user))
        });
        let number = |text: &str| text.parse::<u32>().ok().filter(|id| *id != u32::MAX);
        let (uid, own_gid, name, home, shell) = match &entry {
            Some(fields) => (
                number(fields[2]),
                number(fields[3]),
                Some(fields[0].to_owned()),
                Some(fields[5].to_owned()),
                Some(fields[6].to_owned()),
            ),
            None => (number(user), number(user), None, None, None),
        };
        let missing = || Error::new(Code::UserNotFound, format!("there is no user {spec:?}")).with("user", spec);
        let uid = uid.ok_or_else(missing)?;
        let gid = match wanted_group {
            Some(wanted) => groups(group)
                .find(|(found, _, _)| *found == wanted)
                .map(|(_, gid, _)| gid)
                .or_else(|| number(wanted))
                .ok_or_else(missing)?,
            None => own_gid.ok_or_else(missing)?,
        };
        let mut all = vec![gid];
        if let Some(name) = &name {
            all.extend(
                groups(group)
                    .filter(|(_, other, members)| *other != gid && members.split(',').any(|member| member == name))
                    .map(|(_, other, _)| other),
            );
        }
        Ok(Credentials { uid, gid, groups: all, name, home, shell })
    }
}

fn groups(text: &str) -> impl Iterator<Item = (&str, u32, &str)> {
    text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let (name, _, gid, members) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        Some((name, gid.parse().ok()?, members))
    })
}

fn read(path: &str) -> Result<String, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        // An image without the file has numbers only.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(Error::new(Code::Filesystem, format!("{path} cannot be read: {error}"))
            .with("path", path)
            .with("errno", error.raw_os_error().unwrap_or(0))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nada:x:1000:1001:Ada:/home/ada:/bin/zsh\nbroken\n";
    const GROUP: &str = "root:x:0:\nada:x:1001:\nwheel:x:10:bob,ada\ndocker:x:999:ada\n";

    #[test]
    fn names_numbers_and_groups_are_found() {
        let ada = Credentials::find_in("ada", PASSWD, GROUP).unwrap();
        assert_eq!((ada.uid, ada.gid, ada.groups.as_slice()), (1000, 1001, &[1001, 10, 999][..]));
        assert_eq!((ada.home.as_deref(), ada.shell.as_deref()), (Some("/home/ada"), Some("/bin/zsh")));
        assert_eq!(Credentials::find_in("1000", PASSWD, GROUP).unwrap(), ada);
        assert_eq!(Credentials::find_in("ada:wheel", PASSWD, GROUP).unwrap().gid, 10);
        let stranger = Credentials::find_in("5000:77", PASSWD, GROUP).unwrap();
        assert_eq!((stranger.uid, stranger.gid, stranger.name), (5000, 77, None));
        for bad in ["bob", "", "ada:none", "-1", "4294967295", "ada:"] {
            assert_eq!(Credentials::find_in(bad, PASSWD, GROUP).unwrap_err().code, Code::UserNotFound, "{bad}");
        }
    }
}
