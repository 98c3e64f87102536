//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use nano_config::{Config, LogFormat};

/// One process that hosts many JavaScript apps, each in its own V8 isolate, routed by Host.
#[derive(Parser)]
#[command(name = "nanod", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Serve a configuration file, a folder of apps, or the folder of one app
    Serve(ServeArgs),
    /// As serve, for development: clients see the stack of an app's errors
    Dev(ServeArgs),
    /// Check a configuration and say what it would serve
    Check {
        /// Configuration file or folder [default: ./nano.json, else ./apps]
        path: Option<PathBuf>,
    },
    /// Print the JSON schema of the configuration
    Schema,
}

#[derive(Args)]
pub(crate) struct ServeArgs {
    /// Configuration file or folder [default: ./nano.json, else ./apps]
    pub(crate) path: Option<PathBuf>,
    /// Listen here instead of where the configuration says (port 0 takes a free one)
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<SocketAddr>,
    /// Serve the admin API here instead of where the configuration says
    #[arg(long, value_name = "IP:PORT")]
    admin_listen: Option<SocketAddr>,
    /// How log lines look [default: pretty on a terminal, else json]
    #[arg(long, value_enum)]
    pub(crate) log_format: Option<Format>,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    Json,
    Pretty,
}

impl From<Format> for LogFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Json => Self::Json,
            Format::Pretty => Self::Pretty,
        }
    }
}

impl ServeArgs {
    /// The command line wins over the file.
    pub(crate) fn over(&self, mut config: Config) -> Config {
        if let Some(listen) = self.listen {
            config.listen = vec![listen];
        }
        if let (Some(listen), Some(admin)) = (self.admin_listen, config.admin.as_mut()) {
            admin.listen = listen;
        }
        config
    }
}
