//! NANO's configuration: a file or folder in, diagnostics with positions or a resolved [`Config`] out.
//!
//! The way of a file: `document` reads it, `json` parses it, `decode` turns it into the types of `raw`,
//! `resolve` and `app` check those against the file system and fill in defaults, `claims` settles what
//! belongs to whom. Every step collects all the errors it finds.

mod app;
mod certificates;
mod claims;
mod config;
mod decode;
mod described;
mod diagnostic;
mod document;
mod dotenv;
mod edit;
mod entry;
mod folder;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzz;
mod host;
mod json;
pub mod limits;
mod raw;
mod resolve;
mod schema;
mod secrets;
mod suggest;
mod text;
mod vars;

use std::path::{Path, PathBuf};

pub use claims::overlap;
pub use config::{
    Admin, App, Certificate, Config, EgressRule, HostPattern, Level, Limits, Log, LogFormat, Sandbox, Secret,
    Settings, Source,
};
pub use described::{DescribeError, Described, plain_json};
pub use diagnostic::{DIAGNOSTICS_SHOWN_MAX, Diagnostic, Diagnostics, Excerpt, LoadError, Related, Severity};
pub use document::FILE_BYTES_MAX;
pub use edit::{Edit, EditError, put_app, remove_app};
pub use entry::ENTRY_FILES;
pub use schema::json_schema;

use diagnostic::Place;

/// The configuration file that is looked for in a folder.
pub const CONFIG_FILE: &str = "nano.json";

/// The folder of apps that is looked for where there is no configuration file.
pub const APPS_FOLDER: &str = "apps";

/// A configuration that can be used, and what its author may want to know.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What is probably not as it was meant.
    pub warnings: Vec<Diagnostic>,
}

/// Loads a configuration file, a folder of apps, or the folder of one app.
///
/// A folder that holds a [`CONFIG_FILE`] stands for that file. `host_env` looks up variables of the host, which
/// strings of the file can name.
pub fn load(target: &Path, host_env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, LoadError> {
    let metadata =
        std::fs::metadata(target).map_err(|source| LoadError::Io { path: target.to_owned(), source })?;
    if !metadata.is_dir() {
        return resolve::file(target, host_env);
    }
    let config_file = target.join(CONFIG_FILE);
    if config_file.is_file() { resolve::file(&config_file, host_env) } else { resolve::folder(target) }
}

/// What `nanod serve` loads when it is not told: `nano.json` in the folder, else the folder `apps` in it.
pub fn default_target(cwd: &Path) -> Result<PathBuf, LoadError> {
    let file = cwd.join(CONFIG_FILE);
    if file.is_file() {
        return Ok(file);
    }
    let apps = cwd.join(APPS_FOLDER);
    if apps.is_dir() {
        return Ok(apps);
    }
    let error = Place::whole(cwd).error("there is neither a nano.json nor a folder of apps here");
    let help = "create apps/hello/index.js with\n\
                \n    export default { fetch: () => new Response(\"Hello\") }\n\
                \nand open http://hello.localhost:8080, or name a configuration file or a folder: nanod serve PATH";
    Err(LoadError::Invalid(error.help(help).into()))
}
