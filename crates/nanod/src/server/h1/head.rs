//! A request's head: from bytes to what the request is, and how its body is framed (RFC 9112, sections 2 to 6).
//!
//! httparse takes the bytes apart and refuses what is no HTTP: bad names and values, folded lines, spaces before
//! colons. What is refused here leaves room for two readings of where a request ends, or of whom it is for.

use std::mem::MaybeUninit;

use http::{Method, Uri};
use httparse::{Header, ParserConfig};
use nano_runtime::{HeaderList, Moment};

use super::super::HEAD_BYTES_MAX;
use super::super::answer::{Problem, whole_number};
use super::super::request::{Asked, Head, Ids, is_authority, prefers_html};
use crate::apps::Route;

/// Headers that a request may have.
const HEADERS_MAX: usize = 100;

/// How a request's body is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
}

/// What the connection needs to know besides the head.
pub(super) struct Parsed {
    pub(super) head: Head,
    /// How many bytes the head has.
    pub(super) bytes: usize,
    /// `None`: there is no body.
    pub(super) framing: Option<Framing>,
    /// The client may use the connection again.
    pub(super) keep_alive: bool,
    pub(super) is_http_1_0: bool,
    /// The client waits for a word before it sends the body.
    pub(super) expects_continue: bool,
}

/// A head that is answered with a refusal, as far as it can be told whose it is.
pub(super) struct Refused {
    pub(super) problem: Problem,
    pub(super) asked: Asked,
}

/// What a connection's next bytes are.
#[allow(clippy::large_enum_variant, reason = "a head is what comes, mostly")]
pub(super) enum Parse {
    Head(Parsed),
    /// A head that is not all there.
    Partial,
    Refused(Box<Refused>),
    Http2,
}

/// Parses the head that `bytes` begin with. `route` tells whom a host belongs to.
pub(super) fn parse(bytes: &[u8], ids: &Ids, route: impl FnOnce(Option<&[u8]>) -> Option<Route>) -> Parse {
    let mut headers = [MaybeUninit::<Header<'_>>::uninit(); HEADERS_MAX];
    let mut request = httparse::Request::new(&mut []);
    let parsed = ParserConfig::default().parse_request_with_uninit_headers(&mut request, bytes, &mut headers);
    let refuse = |problem, asked: Option<Asked>| {
        let anyone = || Asked { arrived: Moment::now(), id: ids.make(), accept_html: false, is_head: false };
        Parse::Refused(Box::new(Refused { problem, asked: asked.unwrap_or_else(anyone) }))
    };
    let length = match parsed {
        Ok(httparse::Status::Complete(length)) if length <= HEAD_BYTES_MAX => length,
        Ok(httparse::Status::Partial) if bytes.len() < HEAD_BYTES_MAX => return Parse::Partial,
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return refuse(Problem::HeadTooLarge, None),
        Err(_) => return refuse(Problem::Malformed, None),
    };
    let seen = Seen::of(request.headers);
    let is_http_1_0 = request.version == Some(0);
    let method = request.method.unwrap_or_default();
    let asked = Asked {
        arrived: Moment::now(),
        id: ids.of(seen.request_id),
        accept_html: seen.accept.is_some_and(prefers_html),
        is_head: method == "HEAD",
    };
    let target = target_of(request.path.unwrap_or_default());
    let (Ok(method), Some((authority, target)), Ok(framing), Some(host)) =
        (Method::from_bytes(method.as_bytes()), target, seen.framing(is_http_1_0), seen.host(is_http_1_0))
    else {
        return refuse(Problem::Malformed, Some(asked));
    };
    let host = authority.as_deref().map(str::as_bytes).or(host);
    // There are no tunnels here, and an app's 200 to CONNECT would promise one.
    if method == Method::CONNECT || !host.is_none_or(is_authority) {
        return refuse(Problem::Malformed, Some(asked));
    }
    let mut list = HeaderList::with_capacity(length);
    for header in &*request.headers {
        let is_host = header.name.len() == HOST.len() && header.name.eq_ignore_ascii_case(HOST);
        // The target's authority counts, and apps see but one (RFC 9112, section 3.2.2).
        let value = host.filter(|_| is_host).unwrap_or(header.value);
        list.push(header.name.as_bytes(), value);
    }
    let length_said = match framing {
        Some(Framing::Length(length)) => Some(length),
        _ => None,
    };
    Parse::Head(Parsed {
        head: Head { asked, method, target, headers: list, app: route(host), length: length_said },
        bytes: length,
        framing: framing.filter(|framing| *framing != Framing::Length(0)),
        keep_alive: !seen.close && (!is_http_1_0 || seen.keep_alive),
        is_http_1_0,
        expects_continue: seen.expects_continue && !is_http_1_0,
    })
}

const HOST: &str = "host";

/// The headers that mean something to the connection.
#[derive(Default)]
struct Seen<'a> {
    hosts: u32,
    host: &'a [u8],
    lengths: u32,
    length: &'a [u8],
    lengths_differ: bool,
    codings: u32,
    coding: &'a [u8],
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
    accept: Option<&'a [u8]>,
    request_id: Option<&'a [u8]>,
}

impl<'a> Seen<'a> {
    fn of(headers: &[Header<'a>]) -> Self {
        let mut seen = Self::default();
        for header in headers {
            let is = |name: &str| header.name.eq_ignore_ascii_case(name);
            let value = header.value;
            match header.name.len() {
                4 if is(HOST) => {
                    seen.hosts += 1;
                    seen.host = value;
                }
                6 if is("accept") => seen.accept = Some(value),
                6 if is("expect") => seen.expects_continue = value.eq_ignore_ascii_case(b"100-continue"),
                10 if is("connection") => {
                    for option in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                        seen.close |= option.eq_ignore_ascii_case(b"close");
                        seen.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                    }
                }
                12 if is("x-request-id") => seen.request_id = seen.request_id.or(Some(value)),
                14 if is("content-length") => {
                    seen.lengths_differ |= seen.lengths > 0 && seen.length != value;
                    seen.lengths += 1;
                    seen.length = value;
                }
                17 if is("transfer-encoding") => {
                    seen.codings += 1;
                    seen.coding = value;
                }
                _ => {}
            }
        }
        seen
    }

    /// `None`: the request is malformed (RFC 9112, section 3.2). `Some(None)`: it names no host, and may.
    fn host(&self, is_http_1_0: bool) -> Option<Option<&'a [u8]>> {
        match self.hosts {
            0 => is_http_1_0.then_some(None),
            1 => Some(Some(self.host)),
            _ => None,
        }
    }

    /// How the body is delimited (RFC 9112, section 6.3). Both ways at once, or a coding besides chunked, is an error:
    /// whoever is in front of us may have read it in the other way.
    fn framing(&self, is_http_1_0: bool) -> Result<Option<Framing>, ()> {
        match (self.codings, self.lengths) {
            (0, 0) => Ok(None),
            (0, _) if !self.lengths_differ => {
                whole_number(self.length).map(|length| Some(Framing::Length(length))).ok_or(())
            }
            (1, 0) if !is_http_1_0 && self.coding.eq_ignore_ascii_case(b"chunked") => {
                Ok(Some(Framing::Chunked))
            }
            _ => Err(()),
        }
    }
}

/// The authority of a request's target, if it has one, and its path and query.
fn target_of(target: &str) -> Option<(Option<String>, Box<str>)> {
    if target.starts_with('/') {
        // A fragment is no part of a target.
        let end = target.bytes().position(|byte| byte == b'#').unwrap_or(target.len());
        return Some((None, target.get(..end)?.into()));
    }
    if target == "*" {
        // `OPTIONS *` names no path.
        return Some((None, "/".into()));
    }
    let uri: Uri = target.parse().ok()?;
    uri.scheme()?;
    let authority = uri.authority()?.as_str().to_owned();
    let path = uri.path_and_query().map(|path| path.as_str()).filter(|path| path.starts_with('/'));
    let path = match path {
        Some(path) => path.into(),
        None => format!("/{}", uri.query().map(|query| format!("?{query}")).unwrap_or_default()).into(),
    };
    Some((Some(authority), path))
}

#[cfg(test)]
mod tests {
    use super::{Framing, Ids, Parse, Parsed, parse};

    fn parsed(bytes: &str) -> Option<Parsed> {
        match parse(bytes.as_bytes(), &Ids::new(), |_| None) {
            Parse::Head(parsed) => Some(parsed),
            _ => None,
        }
    }

    #[test]
    fn the_target_names_the_host_before_the_header_does() {
        for (head, host, target) in [
            ("GET /a?b#c HTTP/1.1\r\nHost: x\r\n\r\n", Some("x"), "/a?b"),
            ("GET http://y:80/a?b HTTP/1.1\r\nHost: x\r\n\r\n", Some("y:80"), "/a?b"),
            ("GET http://y HTTP/1.1\r\nHost: x\r\n\r\n", Some("y"), "/"),
            ("GET http://y?q HTTP/1.1\r\nHost: x\r\n\r\n", Some("y"), "/?q"),
            ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", Some("x"), "/"),
            ("GET / HTTP/1.0\r\n\r\n", None, "/"),
        ] {
            let head = parsed(head).expect("a head").head;
            assert_eq!(head.headers.get("host"), host.map(str::as_bytes));
            assert_eq!(&*head.target, target);
        }
        for bad in
            ["GET x", "GET x:80", "GET ?a", "GET //", "GET http:///a", "GET http://a b/", "CONNECT x:80"]
        {
            let head = format!("{bad} HTTP/1.1\r\nHost: x\r\n\r\n");
            assert_eq!(parsed(&head).is_none(), bad != "GET //", "{bad}");
        }
    }

    #[test]
    fn a_connection_is_kept_as_the_version_and_the_client_have_it() {
        for (version, connection, kept) in [
            ("1.1", "", true),
            ("1.1", "connection: close\r\n", false),
            ("1.1", "Connection: Upgrade, CLOSE\r\n", false),
            ("1.1", "connection: keep-alive\r\nconnection: close\r\n", false),
            ("1.0", "", false),
            ("1.0", "connection: Keep-Alive\r\n", true),
        ] {
            let parsed = parsed(&format!("GET / HTTP/{version}\r\nhost: x\r\n{connection}\r\n"));
            assert_eq!(parsed.map(|parsed| parsed.keep_alive), Some(kept), "{version} {connection}");
        }
    }

    #[test]
    fn a_body_has_one_length() {
        for (lengths, framing) in [
            ("", Some(None)),
            ("content-length: 0\r\n", Some(None)),
            ("content-length: 7\r\n", Some(Some(Framing::Length(7)))),
            ("content-length: 7\r\nContent-Length: 7\r\n", Some(Some(Framing::Length(7)))),
            ("Transfer-Encoding: Chunked\r\n", Some(Some(Framing::Chunked))),
            ("content-length: 7\r\ncontent-length: 8\r\n", None),
            ("content-length: 7\r\ncontent-length: 8\r\ncontent-length: 7\r\n", None),
            ("content-length: 7, 7\r\n", None),
            ("content-length: +7\r\n", None),
            ("content-length: 18446744073709551616\r\n", None),
            ("transfer-encoding: chunked\r\ncontent-length: 7\r\n", None),
            ("transfer-encoding: gzip, chunked\r\n", None),
            ("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", None),
            ("transfer-encoding: chunked, chunked\r\n", None),
            ("transfer-encoding:\r\n", None),
        ] {
            let parsed = parsed(&format!("POST / HTTP/1.1\r\nhost: x\r\n{lengths}\r\n"));
            assert_eq!(parsed.map(|parsed| parsed.framing), framing, "{lengths}");
        }
    }
}
