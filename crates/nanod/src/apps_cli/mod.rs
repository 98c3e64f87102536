//! `nanod apps`: the admin API from the command line.

mod table;

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use http::{Method, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use serde_json::{Map, Value, json};

use crate::admin_client::{Failed, Target, refused, segment, unreachable, usage};

/// How long the server may take: an app's start-up, and what waits before it, have less.
const TIMEOUT: Duration = Duration::from_secs(120);
/// The longest answer that is read.
const ANSWER_BYTES_MAX: usize = 256 << 20;

#[derive(Args)]
pub(crate) struct AppsArgs {
    #[command(subcommand)]
    command: AppsCommand,
    /// The admin API [default: http://127.0.0.1:8081]
    #[arg(long, value_name = "URL", global = true)]
    admin: Option<String>,
    /// Take the address, and the token, from this configuration
    #[arg(long, value_name = "PATH", global = true, conflicts_with = "admin")]
    config: Option<PathBuf>,
    /// A file with the token [default: the variable NANO_ADMIN_TOKEN]
    #[arg(long, value_name = "FILE", global = true)]
    token_file: Option<PathBuf>,
    /// Print what the server answers
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum AppsCommand {
    /// List the apps
    List,
    /// Add an app, or replace the one of the same name
    Add(AddArgs),
    /// Remove an app
    Remove {
        /// One of its hosts, or its name
        app: String,
    },
    /// Read the configuration anew
    Reload,
}

#[derive(Args)]
struct AddArgs {
    /// A file that describes the app, with the keys of an app in nano.json; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "hostname", "path", "port", "default", "main", "env", "env_file"])]
    file: Option<PathBuf>,
    /// The name [default: the folder's]
    #[arg(long)]
    name: Option<String>,
    /// A host that it answers to, exact or *.suffix; may be given several times
    #[arg(long, value_name = "HOST")]
    hostname: Vec<String>,
    /// Its folder
    #[arg(long, required_unless_present = "file")]
    path: Option<PathBuf>,
    /// A port of its own
    #[arg(long)]
    port: Option<u16>,
    /// Let it take the hosts that no other app has
    #[arg(long)]
    default: bool,
    /// Its entry file, relative to its folder
    #[arg(long, value_name = "FILE")]
    main: Option<String>,
    /// A variable; may be given several times. Others on this machine can see it: secrets are better in --env-file
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// A file of NAME=value lines, which the server reads
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
}

/// What the server said.
struct Answer {
    status: StatusCode,
    body: Value,
}

/// Does what the command line says.
pub(crate) fn run(args: &AppsArgs) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime
        .map_err(|error| unreachable(format!("tokio could not be started: {error}")))
        .and_then(|runtime| runtime.block_on(ask(args)))
        .and_then(|answer| tell(args, &answer));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed { code, why }) => {
            eprintln!("nanod: {}", table::printable(why.trim_end()));
            ExitCode::from(code)
        }
    }
}

async fn ask(args: &AppsArgs) -> Result<Answer, Failed> {
    let token_file = args.token_file.as_deref();
    let target = match &args.config {
        Some(config) => Target::of_config(config, token_file)?,
        None => Target::of_url(args.admin.as_deref().unwrap_or(DEFAULT_URL), token_file)?,
    };
    let (method, path, body) = args.command.request().map_err(usage)?;
    let answer = async {
        let response = target.ask(method, &path, body.map(|body| body.to_string())).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| unreachable(error.to_string()))?.to_bytes();
        let not_json = |_| unreachable(format!("{status}, and no JSON: this is no admin API"));
        Ok(Answer { status, body: serde_json::from_slice(&body).map_err(not_json)? })
    };
    let answer = tokio::time::timeout(TIMEOUT, answer).await;
    answer.unwrap_or_else(|_| Err(unreachable(format!("no answer within {} s", TIMEOUT.as_secs()))))
}

/// Prints what the server said.
fn tell(args: &AppsArgs, Answer { status, body }: &Answer) -> Result<(), Failed> {
    let is_done = status.is_success();
    if args.json {
        println!("{body}");
    } else if is_done {
        print!("{}", args.command.told(body));
        if let Some(note) = body["note"].as_str() {
            eprintln!("nanod: {}", table::printable(note));
        }
    }
    if is_done {
        return Ok(());
    }
    let error = &body["error"];
    let (code, message) = (error["code"].as_str(), error["message"].as_str());
    let (code, message) = (code.unwrap_or("unknown"), message.unwrap_or_default());
    Err(refused(format!("refused ({}, {code}): {message}", status.as_u16())))
}

const DEFAULT_URL: &str = "http://127.0.0.1:8081";

impl AppsCommand {
    /// What to ask the server for.
    fn request(&self) -> Result<(Method, String, Option<Value>), String> {
        Ok(match self {
            Self::List => (Method::GET, "/admin/apps".to_owned(), None),
            Self::Add(args) => (Method::POST, "/admin/apps".to_owned(), Some(args.description()?)),
            Self::Remove { app } => (Method::DELETE, format!("/admin/apps/{}", segment(app)), None),
            Self::Reload => (Method::POST, "/admin/reload".to_owned(), None),
        })
    }

    /// What people are told of the answer.
    fn told(&self, body: &Value) -> String {
        match self {
            Self::List => table::apps(body["apps"].as_array().map_or(&[][..], Vec::as_slice)),
            Self::Add(_) | Self::Remove { .. } => {
                let text = |key: &str| table::printable(body[key].as_str().unwrap_or_default());
                format!("{}: {}\n", text("name"), text("result"))
            }
            Self::Reload => table::changes(body),
        }
    }
}

impl AddArgs {
    /// The app as the server is told of it. The server's folder is another one, so paths become absolute.
    fn description(&self) -> Result<Value, String> {
        match &self.file {
            Some(file) => from_file(file),
            None => self.by_options(),
        }
    }

    fn by_options(&self) -> Result<Value, String> {
        let mut app = Map::new();
        let mut set = |key: &str, value: Value| app.insert(key.to_owned(), value);
        if let Some(name) = &self.name {
            set("name", literal(name).into());
        }
        if !self.hostname.is_empty() {
            set("hostnames", self.hostname.iter().map(|host| literal(host)).collect());
        }
        if let Some(port) = self.port {
            set("port", port.into());
        }
        if self.default {
            set("default", true.into());
        }
        for (key, path) in [("path", &self.path), ("env_file", &self.env_file)] {
            if let Some(path) = path {
                let path = std::path::absolute(path).map_err(|error| format!("--{key}: {error}"))?;
                let path = path.to_str().ok_or_else(|| format!("--{key}: the path is not UTF-8 text"))?;
                set(key, literal(path).into());
            }
        }
        if let Some(main) = &self.main {
            set("main", literal(main).into());
        }
        let mut env = Map::new();
        for variable in &self.env {
            // The message does not repeat what may be a secret.
            let (name, value) = variable.split_once('=').ok_or("--env: expected NAME=VALUE")?;
            env.insert(name.to_owned(), literal(value).into());
        }
        if !env.is_empty() {
            set("env", env.into());
        }
        Ok(app.into())
    }
}

/// Text in which the server is to replace nothing: the shell has done so.
fn literal(text: &str) -> String {
    text.replace("${", "$${")
}

/// An app as it is described in a file, by whose folder its relative paths go.
fn from_file(file: &Path) -> Result<Value, String> {
    let (text, folder) = if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|error| format!("standard input: {error}"))?;
        (text, PathBuf::new())
    } else {
        let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        (text, file.parent().unwrap_or(Path::new("")).to_owned())
    };
    let mut app = nano_config::plain_json(file, &text).map_err(|error| error.to_string())?;
    for key in ["path", "env_file"] {
        let Some(path) = app.get(key).and_then(Value::as_str) else { continue };
        // A variable of the server may stand for an absolute path.
        if path.is_empty() || path.starts_with('/') || path.starts_with("${") {
            continue;
        }
        let folder = std::path::absolute(folder.join(".")).map_err(|error| error.to_string())?;
        let folder = folder.to_str().ok_or("the folder's path is not UTF-8 text")?;
        app[key] = json!(format!("{}/{path}", literal(folder).trim_end_matches('/')));
    }
    Ok(app)
}
