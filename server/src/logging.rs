//! Logs: for people on a terminal, JSON lines otherwise; always on standard error.

use std::io::IsTerminal;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Human,
    /// A JSON object a line.
    Json,
}

/// Starts logging what the filter lets through.
///
/// # Errors
/// A sentence, when the filter cannot be read.
pub(crate) fn start(filter: &str, format: LogFormat) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter).map_err(|error| format!("the setting `log` cannot be used: {error}"))?;
    // Where nobody reads standard error any more, the report of that would go there, too, and its failure is a panic.
    let builder = tracing_subscriber::fmt().log_internal_errors(false);
    let builder = builder.with_env_filter(filter).with_writer(std::io::stderr);
    let terminal = std::io::stderr().is_terminal();
    let human = match format {
        LogFormat::Auto => terminal,
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    let result = if human {
        builder.with_target(false).with_ansi(terminal).try_init()
    } else {
        builder.json().flatten_event(true).with_span_list(false).try_init()
    };
    result.map_err(|error| error.to_string())
}
