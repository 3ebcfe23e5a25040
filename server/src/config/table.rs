//! The table of settings as a macro: each becomes a flag, the variable `SANDWIRE_…` of the same name, and a key of the file.

macro_rules! settings {
    (
        $arguments:ident, $settings:ident, $name:literal, $about:literal, $help:expr;
        arguments { $($argument:tt)* }
        more { $($(#[$attribute:meta])+ $more:ident: $more_type:ty;)* }
        $($heading:literal { $($(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:expr, $env:literal;)+ })+
    ) => {
        /// What the command line and the environment say.
        #[derive(Debug, Default, Parser, Serialize)]
        #[command(name = $name, version, about = $about, after_help = $help, max_term_width = 100)]
        pub(super) struct $arguments {
            /// Read settings from this TOML file.
            #[arg(long, value_name = "FILE", env = "SANDWIRE_CONFIG", help_heading = "General")]
            #[serde(skip)]
            pub(super) config: Option<PathBuf>,
            /// Print the settings in effect as TOML, secrets left out, and exit.
            #[arg(long, help_heading = "General")]
            #[serde(skip)]
            pub(super) print_config: bool,
            $($argument)*
            $($(
                $(#[doc = $doc])+
                #[arg(long, env = $env, help_heading = $heading, hide_env_values = true, value_name = stringify!($field))]
                #[serde(skip_serializing_if = "Option::is_none")]
                pub(super) $field: Option<$type>,
            )+)+
        }

        /// The settings in effect.
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $settings {
            $($(
                $(#[doc = $doc])+
                pub $field: Option<$type>,
            )+)+
            $($(#[$attribute])+ pub $more: $more_type,)*
        }

        impl Default for $settings {
            fn default() -> Self {
                Self { $($($field: $default,)+)+ $($more: Default::default(),)* }
            }
        }
    };
}

pub(crate) use settings;
