//! `file.list`: pages of a directory, without keeping anything between them.

use sandwire_protocol::kind::file::{Info, List, Listing};
use sandwire_protocol::limits::MAX_PAYLOAD;
use sandwire_protocol::{ByteString, Code, Error};

use super::error::failed;
use super::globs::Globs;
use super::info::describe_entry;
use super::path::Need;
use super::walk::{Rules, Step, Walk};
use super::{Files, blocking};

const DEFAULT_LIMIT: u32 = 1000;
const MAX_LIMIT: u32 = 10_000;

/// Room on the wire for an entry, less its path and target.
const ENTRY_BYTES: usize = 256;

impl Files {
    /// One page, sorted by the bytes of the path. Directories that cannot be looked into are listed without content.
    pub(crate) async fn list(&self, params: List) -> Result<Listing, Error> {
        let limit = params.limit.unwrap_or(DEFAULT_LIMIT);
        if limit == 0 || limit > MAX_LIMIT {
            let text = format!("limit is {limit}; it has to be from 1 to {MAX_LIMIT}");
            return Err(Error::new(Code::ValidationFailed, text).with("parameter", "limit"));
        }
        let globs = Globs::new(&params.include, &params.exclude)?;
        let files = self.clone();
        let passage = self.passage([&params.path], true);
        blocking::run(&passage, move |stop| {
            let root = files.open_directory(&params.path, Need::Read)?;
            let after = params.cursor.map(ByteString::into_bytes);
            let rules = Rules {
                globs: globs.clone(),
                no_hidden: params.no_hidden,
                gitignore: None,
                depth: if params.recursive { params.depth } else { Some(1) },
                after,
                ..Rules::default()
            };
            let mut walk = Walk::new(root, rules).map_err(|errno| failed("list", params.path.as_bytes(), errno))?;
            let mut entries: Vec<Info> = Vec::new();
            let mut bytes = 0;
            while let Some(step) = walk.next() {
                stop.check()?;
                let entry = match step {
                    Step::Entry(entry) => entry,
                    Step::Unreadable(path, errno) if path.is_empty() => {
                        return Err(failed("list", params.path.as_bytes(), errno));
                    }
                    Step::Leave(_) | Step::Unreadable(..) => continue,
                };
                if !globs.includes(&entry.path) {
                    continue;
                }
                // What vanished meanwhile is not listed.
                let Ok(info) = describe_entry(entry.path.into(), &*entry.dir, &entry.name) else { continue };
                bytes += ENTRY_BYTES + info.path.as_bytes().len();
                bytes += info.target.as_ref().map_or(0, |target| target.as_bytes().len());
                if entries.len() >= limit as usize || bytes > MAX_PAYLOAD {
                    let cursor = entries.last().map(|last| last.path.clone());
                    return Ok(Listing { entries, cursor });
                }
                entries.push(info);
            }
            Ok(Listing { entries, cursor: None })
        })
        .await
    }
}
