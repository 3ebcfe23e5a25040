//! The flags of every subcommand that starts something.

use std::collections::BTreeMap;
use std::ffi::OsString;

use sandwire::protocol::ByteString;
use sandwire::protocol::kind::command::{Launch, Limits};

use super::args;
use super::fail::Failure;

/// What to run, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct LaunchArgs {
    #[command(flatten)]
    flags: LaunchFlags,
    /// The program and its arguments.
    #[arg(trailing_var_arg = true, value_name = "ARGV")]
    argv: Vec<OsString>,
}

impl LaunchArgs {
    /// Whether it is one word that only a shell would understand.
    pub(crate) fn looks_like_a_line(&self) -> bool {
        matches!(self.argv.as_slice(), [only] if only.as_encoded_bytes().contains(&b' '))
    }

    /// The same for the server. There must be something to run.
    pub(crate) fn launch(self) -> Result<Launch, Failure> {
        let launch = self.flags.launch(self.argv)?;
        if launch.command.is_none() && launch.argv.is_empty() {
            return Err(Failure::Usage("there is nothing to run: give a program, or a line with -c".to_owned()));
        }
        Ok(launch)
    }
}

/// How to run it: a line of shell, where, as whom, and within which bounds.
#[derive(Debug, clap::Args)]
pub(crate) struct LaunchFlags {
    /// A line for the shell, instead of a program and its arguments.
    #[arg(short = 'c', long, value_name = "LINE")]
    command: Option<OsString>,
    /// The shell for `-c`. Default: the sandbox's /bin/bash, else /bin/sh.
    #[arg(long, value_name = "PROGRAM")]
    shell: Option<OsString>,
    #[command(flatten)]
    context: ContextFlags,
    /// Memory of everything that it starts.
    #[arg(long, value_name = "SIZE", value_parser = args::size, help_heading = "Limits")]
    limit_memory: Option<u64>,
    /// CPU of everything that it starts, in cores, as 0.5.
    #[arg(long, value_name = "CORES", help_heading = "Limits")]
    limit_cpu: Option<f64>,
    /// CPU time of each process, in seconds.
    #[arg(long, value_name = "SECONDS", help_heading = "Limits")]
    limit_cpu_time: Option<u64>,
    /// Number of processes and threads.
    #[arg(long, value_name = "NUMBER", help_heading = "Limits")]
    limit_pids: Option<u64>,
    /// Open files of each process.
    #[arg(long, value_name = "NUMBER", help_heading = "Limits")]
    limit_open_files: Option<u64>,
    /// Largest file that a process may write.
    #[arg(long, value_name = "SIZE", value_parser = args::size, help_heading = "Limits")]
    limit_file_size: Option<u64>,
    /// Output that is delivered; what comes after it is thrown away and counted.
    #[arg(long, value_name = "SIZE", value_parser = args::size, help_heading = "Limits")]
    limit_output: Option<u64>,
}

/// Where it runs, with which variables, and as whom.
#[derive(Debug, clap::Args)]
pub(crate) struct ContextFlags {
    /// Working directory. Default: the workspace.
    #[arg(short = 'C', long, value_name = "DIR")]
    pub(crate) cwd: Option<OsString>,
    /// Set a variable; NAME alone takes its value from here.
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    env: Vec<OsString>,
    /// Remove a variable.
    #[arg(long, value_name = "NAME")]
    unset: Vec<OsString>,
    /// Begin with no variables at all.
    #[arg(long)]
    pub(crate) clear_env: bool,
    /// Run as this user; the server must be root.
    #[arg(short, long, value_name = "USER[:GROUP]")]
    pub(crate) user: Option<String>,
}

impl LaunchFlags {
    /// The same for the server.
    pub(crate) fn launch(self, argv: Vec<OsString>) -> Result<Launch, Failure> {
        if self.command.is_some() && !argv.is_empty() {
            return Err(Failure::Usage("give a line with -c, or a program and its arguments, not both".to_owned()));
        }
        let env = self.context.variables()?;
        let cpu_millis = match self.limit_cpu {
            Some(cores) if cores > 0.0 && cores < 1e6 => Some((cores * 1000.0).ceil() as u32),
            Some(_) => return Err(Failure::Usage("--limit-cpu takes a number of cores above 0".to_owned())),
            None => None,
        };
        let limits = Limits {
            memory_bytes: self.limit_memory,
            cpu_millis,
            cpu_seconds: self.limit_cpu_time,
            pids: self.limit_pids,
            open_files: self.limit_open_files,
            file_bytes: self.limit_file_size,
            output_bytes: self.limit_output,
        };
        Ok(Launch {
            argv: argv.into_iter().map(Into::into).collect(),
            command: self.command.map(Into::into),
            shell: self.shell.map(Into::into),
            cwd: self.context.cwd.map(Into::into),
            env,
            clear_env: self.context.clear_env,
            user: self.context.user,
            limits: (limits != Limits::default()).then_some(limits),
        })
    }
}

impl ContextFlags {
    /// What `--env` and `--unset` say.
    pub(crate) fn variables(&self) -> Result<BTreeMap<ByteString, Option<ByteString>>, Failure> {
        let mut env = BTreeMap::new();
        for setting in &self.env {
            let (name, value) = variable(setting)?;
            env.insert(name, Some(value));
        }
        env.extend(self.unset.iter().map(|name| (name.clone().into(), None)));
        Ok(env)
    }
}

/// Gives the builder of something that runs commands the directory and the variables of [`ContextFlags`]. Not the user,
/// whom not all of them take. A macro, for these builders have methods in common and no trait.
macro_rules! in_context {
    ($builder:expr, $flags:expr) => {{
        let variables = $flags.variables()?;
        let mut builder = $builder;
        if let Some(cwd) = $flags.cwd {
            builder = builder.cwd(cwd);
        }
        for (name, value) in variables {
            builder = match value {
                Some(value) => builder.env(name, value),
                None => builder.env_remove(name),
            };
        }
        if $flags.clear_env {
            builder = builder.env_clear();
        }
        builder
    }};
}

pub(crate) use in_context;

/// `NAME=value`, or NAME alone with its value from here.
pub(super) fn variable(setting: &OsString) -> Result<(ByteString, ByteString), Failure> {
    use std::os::unix::ffi::OsStrExt;
    let bytes = setting.as_bytes();
    if let Some(at) = bytes.iter().position(|byte| *byte == b'=') {
        let (name, value) = bytes.split_at(at);
        return Ok((name.into(), value.get(1..).unwrap_or_default().into()));
    }
    match std::env::var_os(setting) {
        Some(value) => Ok((bytes.into(), value.into())),
        None => {
            Err(Failure::Usage(format!("{}: there is no such variable here to take the value of", setting.display())))
        }
    }
}
