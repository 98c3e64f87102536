//! `nanod tail`: follows one app's log through the admin API.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use bytes::Bytes;
use clap::{Args, ValueEnum};
use http::{Method, Response, StatusCode};
use http_body::{Body as _, Frame};
use hyper::body::Incoming;

use crate::admin_client::{Failed, Target, refused, segment};
use crate::telemetry::Line;

/// The longest line; the server's are shorter.
const LINE_BYTES_MAX: usize = 1 << 20;
/// Of an error's answer, what is read.
const ERROR_BYTES_MAX: usize = 64 << 10;

#[derive(Args)]
pub(crate) struct TailArgs {
    /// The app: a host name of it, or its name
    app: String,
    /// The admin API
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8081")]
    admin: String,
    /// A file with the admin API's token [default: the variable NANO_ADMIN_TOKEN, if it is set]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The least important lines to show, whatever the server's own log has
    #[arg(long, value_enum, default_value_t = Level::Info)]
    level: Level,
    /// How lines look [default: pretty on a terminal, else json]
    #[arg(long, value_enum)]
    log_format: Option<crate::cli::Format>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// Writes the app's lines to stdout until it, or the server, ends.
pub(crate) fn run(args: &TailArgs) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let followed = runtime
        .map_err(|error| refused(format!("tokio could not be started: {error}")))
        .and_then(|runtime| runtime.block_on(follow(args)));
    match followed {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed { code, why }) => {
            eprintln!("nanod: {why}");
            ExitCode::from(code)
        }
    }
}

async fn follow(args: &TailArgs) -> Result<(), Failed> {
    let target = Target::of_url(&args.admin, args.token_file.as_deref())?;
    let level = args.level.to_possible_value();
    let level = level.as_ref().map_or("info", |level| level.get_name());
    let path = format!("/admin/apps/{}/logs?level={level}", segment(&args.app));
    let mut response = target.ask(Method::GET, &path, None).await?;
    if response.status() != StatusCode::OK {
        return Err(refused(format!("{}: {}", args.admin, refusal(&mut response).await)));
    }
    let is_pretty = match args.log_format {
        Some(format) => matches!(format, crate::cli::Format::Pretty),
        None => io::stdout().is_terminal(),
    };
    let mut lines = Vec::new();
    let broke = |error| refused(format!("the connection broke: {error}"));
    while let Some(bytes) = next(response.body_mut()).await.map_err(broke)? {
        lines.extend_from_slice(&bytes);
        let whole = lines.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let rest = lines.split_off(whole);
        if write(&std::mem::replace(&mut lines, rest), is_pretty).is_err() {
            return Ok(()); // Whoever read the lines has enough of them.
        }
        if lines.len() > LINE_BYTES_MAX {
            return Err(refused(format!("the server sent a line of over {LINE_BYTES_MAX} bytes")));
        }
    }
    Ok(())
}

/// What the server says against it.
async fn refusal(response: &mut Response<Incoming>) -> String {
    let mut body = Vec::new();
    while let Ok(Some(bytes)) = next(response.body_mut()).await
        && body.len() < ERROR_BYTES_MAX
    {
        body.extend_from_slice(&bytes);
    }
    let json: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    json["error"]["message"].as_str().map_or_else(|| response.status().to_string(), str::to_owned)
}

/// The next bytes of a body.
async fn next(body: &mut Incoming) -> Result<Option<Bytes>, hyper::Error> {
    loop {
        let frame = std::future::poll_fn(|cx| std::pin::Pin::new(&mut *body).poll_frame(cx)).await;
        match frame.transpose()?.map(Frame::into_data) {
            Some(Ok(data)) => return Ok(Some(data)),
            Some(Err(_trailers)) => {}
            None => return Ok(None),
        }
    }
}

fn write(lines: &[u8], is_pretty: bool) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let text = String::from_utf8_lossy(line);
        match Line::parse(&text).filter(|_| is_pretty) {
            Some(line) => stdout.write_all(line.pretty().as_bytes())?,
            None => writeln!(stdout, "{text}")?,
        }
    }
    stdout.flush()
}
