//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::apps_cli::AppsArgs;
use clap::{Args, Parser, Subcommand, ValueEnum};
use nano_config::{Admin, Config, LogFormat, Sandbox, Source};

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
    /// List and change the apps of a running nanod
    Apps(AppsArgs),
    /// Follow one app's log through the admin API
    Tail(crate::tail_cli::TailArgs),
    /// Print the JSON schema of the configuration
    Schema,
    /// Write a configuration file's changes, as told by `nanod serve --persist`, which starts this
    #[command(hide = true)]
    WriteConfig { file: PathBuf },
}

#[derive(Args, Clone)]
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
    /// Give up rights before apps run: what the system can (auto), all or no start (on), none (off) [default: auto]
    #[arg(long, value_name = "MODE", value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "on")]
    sandbox: Option<Mode>,
    /// Look for changes of apps and configuration only when told to (SIGHUP, `POST /admin/reload`)
    #[arg(long)]
    pub(crate) no_watch: bool,
    /// Write changes that come through the admin API to the configuration file
    #[arg(long)]
    pub(crate) persist: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Mode {
    Auto,
    On,
    Off,
}

impl From<Mode> for Sandbox {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Auto => Self::Auto,
            Mode::On => Self::On,
            Mode::Off => Self::Off,
        }
    }
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
    /// The command line wins over the file. The error says why the two do not go together.
    pub(crate) fn over(&self, mut config: Config) -> Result<Config, String> {
        if let Some(listen) = self.listen {
            config.listen = vec![listen];
        }
        if let Some(listen) = self.admin_listen {
            let token = config.admin.take().and_then(|admin| admin.token);
            if token.is_none() && !listen.ip().is_loopback() {
                return Err(format!(
                    "--admin-listen {listen}: the admin API needs a token on any address but loopback; set \
                     `admin.token` in the configuration"
                ));
            }
            config.admin = Some(Admin { listen, token });
        }
        if self.persist && !matches!(config.source, Source::File(_)) {
            return Err(
                "--persist: changes can be written to a configuration file only, and this is a folder".into(),
            );
        }
        if let Some(mode) = self.sandbox {
            config.sandbox = mode.into();
        }
        match self.twice(&config) {
            Some(error) => Err(error),
            None => Ok(config),
        }
    }

    /// Tells of a port that the command line and another listener both want; the file was looked at already.
    fn twice(&self, config: &Config) -> Option<String> {
        let given = [("--listen", self.listen), ("--admin-listen", self.admin_listen)];
        for (option, address) in given {
            let Some(address) = address.filter(|address| address.port() != 0) else { continue };
            if let Some(app) = config.apps.iter().find(|app| app.port == Some(address.port())) {
                return Some(format!("{option} {address}: the port is that of the app `{}`", app.name));
            }
        }
        let admin = config.admin.as_ref().map(|admin| admin.listen)?;
        let both = config.listen.iter().find(|listen| nano_config::overlap(**listen, admin))?;
        let given = self.listen.is_some() || self.admin_listen.is_some();
        given.then(|| format!("the apps and the admin API cannot both listen on port {}", both.port()))
    }
}
