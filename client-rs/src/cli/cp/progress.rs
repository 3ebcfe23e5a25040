//! [`Progress`]: a bar on standard error, when a person sees it.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How far a copy is. Nothing is shown when nobody sees it.
#[derive(Debug)]
pub(crate) struct Progress(Option<ProgressBar>);

impl Progress {
    /// Shown or not.
    pub(crate) fn new(shown: bool) -> Self {
        Self(shown.then(ProgressBar::new_spinner))
    }

    /// What is copied, and how many bytes that is when it is known.
    pub(crate) fn begin(&self, name: impl std::fmt::Display, bytes: Option<u64>) {
        let Some(bar) = &self.0 else { return };
        let template = match bytes {
            Some(bytes) => {
                bar.set_length(bytes);
                "{msg} {bar:30} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}"
            }
            None => "{spinner} {msg} {bytes} {binary_bytes_per_sec}",
        };
        bar.set_message(super::super::format::printable(&name.to_string()));
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
    }

    /// So many bytes more.
    pub(crate) fn add(&self, bytes: u64) {
        if let Some(bar) = &self.0 {
            bar.inc(bytes);
        }
    }

    /// So many bytes in all.
    pub(crate) fn set(&self, bytes: u64) {
        if let Some(bar) = &self.0 {
            bar.set_position(bytes);
        }
    }

    /// Clears the line.
    pub(crate) fn done(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
