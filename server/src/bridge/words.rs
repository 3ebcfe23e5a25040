//! [`LastWords`]: what a kernel says outside of cells.

/// Most of it that is kept, in bytes.
const MOST: usize = 4 << 10;

/// What ipykernel writes at each start that no Jupyter server asks for, whatever comes of it. It may be read when the kernel
/// has answered already.
const NOTE: [&str; 5] = [
    "NOTE: When using the `ipython kernel` entry point, Ctrl-C will not work.",
    "To exit, you will have to explicitly quit this process, by either sending",
    "\"quit\" from a client, or using Ctrl-\\ in UNIX-like environments.",
    "To read more about this, see https://github.com/ipython/ipython/issues/2049",
    "To connect another client to this kernel, use:",
];

/// What the last line of that note begins with; the name of the connection file follows.
const NOTE_END: &str = "    --existing ";

/// The last of what a kernel said outside of cells, for whoever asks why it ended.
#[derive(Debug, Default)]
pub(super) struct LastWords(Vec<u8>);

impl LastWords {
    /// It said this, too.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        let surplus = self.0.len().saturating_sub(MOST);
        self.0.drain(..surplus);
    }

    /// What it said until now was no last word.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The words, without what says nothing of why.
    pub(super) fn text(&self) -> String {
        let said = String::from_utf8_lossy(&self.0);
        // Line by line: what comes by another pipe may be in between.
        let mut in_note = false;
        let telling = said.split('\n').filter(|line| {
            in_note = NOTE.contains(line) || (in_note && (line.is_empty() || line.starts_with(NOTE_END)));
            !in_note
        });
        telling.collect::<Vec<_>>().join("\n").trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As ipykernel 7 writes it.
    const WHOLE_NOTE: &str = "NOTE: When using the `ipython kernel` entry point, Ctrl-C will not work.\n\n\
        To exit, you will have to explicitly quit this process, by either sending\n\
        \"quit\" from a client, or using Ctrl-\\ in UNIX-like environments.\n\n\
        To read more about this, see https://github.com/ipython/ipython/issues/2049\n\n\n\
        To connect another client to this kernel, use:\n    --existing /run/k/connection.json\n";

    fn told(said: &str) -> String {
        let mut words = LastWords::default();
        words.add(said.as_bytes());
        words.text()
    }

    #[test]
    fn the_note_of_ipykernel_is_no_reason() {
        assert_eq!(told(WHOLE_NOTE), "");
        assert_eq!(told(&format!("Traceback:\n\n  no module\n{WHOLE_NOTE}")), "Traceback:\n\n  no module");
        assert_eq!(told(&format!("{WHOLE_NOTE}Killed\n")), "Killed");
        let (first, rest) = WHOLE_NOTE.split_once("To exit").unwrap_or_default();
        assert_eq!(told(&format!("{first}out of memory\nTo exit{rest}")), "out of memory");
    }

    #[test]
    fn what_is_not_of_the_note_stays() {
        for said in ["usage:\n    --existing FILE", "a\n\n\nb", "NOTE: Ctrl-C will not work."] {
            assert_eq!(told(said), said);
        }
    }

    #[test]
    fn the_last_of_many_words_is_kept() {
        let mut words = LastWords::default();
        words.add(&[b'x'; MOST]);
        words.add(b"why");
        assert_eq!(words.text().len(), MOST);
        assert!(words.text().ends_with("xwhy"));
        words.clear();
        assert_eq!(words.text(), "");
    }
}
