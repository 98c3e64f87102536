//! The command line's side of the admin API: whom to ask, and one request.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::net::TcpStream;

/// The server refused what was asked for.
pub(crate) const EXIT_REFUSED: u8 = 1;
/// The command line, or a file that it names, is wrong.
pub(crate) const EXIT_USAGE: u8 = 2;
/// There is no server, or what answers is none.
pub(crate) const EXIT_UNREACHABLE: u8 = 3;

/// The variable that the token is in unless `--token-file` names a file.
const TOKEN_VARIABLE: &str = "NANO_ADMIN_TOKEN";

/// What is escaped in a path's segment: all but unreserved characters (RFC 3986, section 2.3), and `*`.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'*');

/// Why nothing came of a command, and the exit code that says so.
pub(crate) struct Failed {
    pub(crate) code: u8,
    pub(crate) why: String,
}

pub(crate) fn usage(why: impl Into<String>) -> Failed {
    Failed { code: EXIT_USAGE, why: why.into() }
}

pub(crate) fn refused(why: impl Into<String>) -> Failed {
    Failed { code: EXIT_REFUSED, why: why.into() }
}

pub(crate) fn unreachable(why: impl Into<String>) -> Failed {
    Failed { code: EXIT_UNREACHABLE, why: why.into() }
}

/// Whom to ask.
pub(crate) struct Target {
    /// Host and port.
    pub(crate) authority: String,
    authorization: Option<HeaderValue>,
}

impl Target {
    /// The server at a URL.
    pub(crate) fn of_url(url: &str, token_file: Option<&Path>) -> Result<Self, Failed> {
        let with_scheme = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let uri = with_scheme.parse::<Uri>().ok();
        let uri = uri.filter(|uri| uri.scheme_str() == Some("http") && matches!(uri.path(), "" | "/"));
        let authority = uri.as_ref().and_then(Uri::authority);
        let authority = authority.ok_or_else(|| usage(format!("--admin {url}: write http://HOST:PORT")))?;
        let authority = format!("{}:{}", authority.host(), authority.port_u16().unwrap_or(80));
        Self::new(authority, given_token(token_file)?)
    }

    /// The server of a configuration, at the address where it can be reached from this machine.
    pub(crate) fn of_config(path: &Path, token_file: Option<&Path>) -> Result<Self, Failed> {
        let loaded = nano_config::load(path, &|name| std::env::var(name).ok());
        let admin = loaded.map_err(|error| usage(error.to_string()))?.config.admin;
        let admin = admin.ok_or_else(|| usage("this configuration has no admin API"))?;
        let port = admin.listen.port();
        if port == 0 {
            return Err(usage("this configuration's admin API is on any free port: name it by --admin"));
        }
        let ip = match admin.listen.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        let token = given_token(token_file)?.or_else(|| admin.token.map(|token| token.expose().to_owned()));
        Self::new(SocketAddr::new(ip, port).to_string(), token)
    }

    fn new(authority: String, token: Option<String>) -> Result<Self, Failed> {
        let bearer = |token: String| {
            let value = HeaderValue::try_from(format!("Bearer {token}"));
            let mut value = value.map_err(|_| usage("the token has characters that cannot be sent"))?;
            value.set_sensitive(true);
            Ok(value)
        };
        Ok(Self { authority, authorization: token.map(bearer).transpose()? })
    }

    /// Sends one request, with JSON for a body if there is one. What comes back is read while tokio runs.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Response<Incoming>, Failed> {
        let mut request = Request::builder().method(method).uri(path).header(HOST, &self.authority);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = Full::<Bytes>::from(body.unwrap_or_default());
        let request = request.body(body).map_err(|error| usage(error.to_string()))?;
        let unreachable = |error: &dyn std::fmt::Display| {
            unreachable(format!("the admin API at {} cannot be reached: {error}", self.authority))
        };
        let stream = TcpStream::connect(&self.authority).await.map_err(|error| unreachable(&error))?;
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| unreachable(&error))?;
        tokio::spawn(connection);
        sender.send_request(request).await.map_err(|error| unreachable(&error))
    }
}

fn given_token(file: Option<&Path>) -> Result<Option<String>, Failed> {
    let token = match file {
        Some(file) => {
            let text = std::fs::read_to_string(file);
            let failed = |error| usage(format!("the token in {} cannot be read: {error}", file.display()));
            Some(text.map_err(failed)?)
        }
        None => std::env::var(TOKEN_VARIABLE).ok(),
    };
    Ok(token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty()))
}

/// Text as a segment of a path.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}
