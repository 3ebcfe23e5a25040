//! What builders share that start a command, or something that runs commands.

/// Writes the methods of a builder whose field has the directory and the variables that something starts with: `cwd`, `env`,
/// `clear_env`. The text says whose directory it is.
macro_rules! context_methods {
    ($($field:ident).+, $directory:literal) => {
        #[doc = concat!($directory, ". Default: the server's workspace, from which relative paths are taken too.")]
        pub fn cwd(mut self, path: impl Into<ByteString>) -> Self {
            self.$($field).+.cwd = Some(path.into());
            self
        }

        /// Sets a variable over the server's environment.
        pub fn env(mut self, name: impl Into<ByteString>, value: impl Into<ByteString>) -> Self {
            self.$($field).+.env.insert(name.into(), Some(value.into()));
            self
        }

        /// Removes a variable of the server's environment.
        pub fn env_remove(mut self, name: impl Into<ByteString>) -> Self {
            self.$($field).+.env.insert(name.into(), None);
            self
        }

        /// Starts from an empty environment instead of the server's.
        pub const fn env_clear(mut self) -> Self {
            self.$($field).+.clear_env = true;
            self
        }
    };
}

/// Writes the methods of a builder whose field holds a [`Launch`](sandwire_protocol::kind::command::Launch).
macro_rules! launch_methods {
    ($($field:ident).+) => {
        /// All of what runs, and how, at once.
        pub fn launch(mut self, run: Launch) -> Self {
            self.$($field).+ = run;
            self
        }

        $crate::kinds::launch::context_methods!($($field).+, "Working directory");

        /// Runs as this user: a name or a number, with `:group` when it is not the user's own. The server must be root.
        pub fn user(mut self, user: impl Into<String>) -> Self {
            self.$($field).+.user = Some(user.into());
            self
        }

        /// The shell for a line. Default: `/bin/bash` when it exists, else `/bin/sh`.
        pub fn shell(mut self, shell: impl Into<ByteString>) -> Self {
            self.$($field).+.shell = Some(shell.into());
            self
        }

        /// Bounds of what it may use. One that the machine cannot hold is refused with `NOT_SUPPORTED`.
        pub fn limits(mut self, limits: Limits) -> Self {
            self.$($field).+.limits = Some(limits);
            self
        }
    };
}

pub(crate) use {context_methods, launch_methods};
