//! The head of a response, and how its body is framed (RFC 9112, sections 4 to 6).

use std::cell::RefCell;
use std::time::{Duration, SystemTime};

use http::StatusCode;
use nano_runtime::Moment;

use super::super::answer::Outgoing;

/// How a response's body is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is none, whatever the head says.
    None,
    Length(u64),
    Chunked,
    /// The connection's end is the body's (for HTTP/1.0, which has no chunks).
    Close,
}

/// What the head has to say about the connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) is_http_1_0: bool,
    /// The connection stays open after this response.
    pub(super) keep_alive: bool,
}

/// Writes the head of `outgoing`; `now` need not be newer than the request.
pub(super) fn head(out: &mut Vec<u8>, outgoing: &Outgoing, terms: Terms, now: Moment) -> Framing {
    status_line(out, outgoing.status, terms.is_http_1_0);
    let mut has_date = false;
    let length = outgoing.each_header(|name, value| {
        has_date |= name == b"date";
        out.reserve(name.len() + value.len() + 4);
        out.extend_from_slice(name);
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    });
    out.extend_from_slice(b"x-request-id: ");
    outgoing.id.with_bytes(|id| out.extend_from_slice(id));
    out.extend_from_slice(b"\r\n");
    let framing = match length {
        _ if outgoing.is_bodiless() => Framing::None,
        Some(length) => Framing::Length(length),
        None if terms.is_http_1_0 => Framing::Close,
        None => Framing::Chunked,
    };
    let said = match framing {
        Framing::Length(length) => Some(length),
        // HEAD is told what GET would have.
        Framing::None if outgoing.is_head => length.filter(|length| *length > 0),
        _ => None,
    };
    if let Some(length) = said {
        out.extend_from_slice(b"content-length: ");
        decimal(out, length);
        out.extend_from_slice(b"\r\n");
    }
    if framing == Framing::Chunked {
        out.extend_from_slice(b"transfer-encoding: chunked\r\n");
    }
    if !terms.keep_alive || framing == Framing::Close {
        out.extend_from_slice(b"connection: close\r\n");
    } else if terms.is_http_1_0 {
        out.extend_from_slice(b"connection: keep-alive\r\n");
    }
    if !has_date {
        date(out, now);
    }
    out.extend_from_slice(b"\r\n");
    framing
}

fn status_line(out: &mut Vec<u8>, status: StatusCode, is_http_1_0: bool) {
    if status == StatusCode::OK && !is_http_1_0 {
        out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        return;
    }
    out.extend_from_slice(if is_http_1_0 { b"HTTP/1.0 " } else { b"HTTP/1.1 " });
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or("").as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn decimal(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// The head of a chunk of `bytes` bytes.
pub(super) fn chunk_size(out: &mut Vec<u8>, bytes: usize) {
    let digits = (usize::BITS - bytes.leading_zeros()).div_ceil(4).max(1);
    for digit in (0..digits).rev() {
        let nibble = u8::try_from((bytes >> (digit * 4)) & 0xf).unwrap_or(0);
        out.push(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 });
    }
    out.extend_from_slice(b"\r\n");
}

/// The line of the date, made anew each second.
struct DateLine {
    valid_until: Moment,
    line: Vec<u8>,
}

thread_local! {
    static DATE: RefCell<Option<DateLine>> = const { RefCell::new(None) };
}

fn date(out: &mut Vec<u8>, now: Moment) {
    DATE.with_borrow_mut(|date| {
        let date = match date {
            Some(date) if now < date.valid_until => date,
            stale => {
                let time = SystemTime::now();
                let into_second =
                    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
                let left = Duration::from_secs(1).saturating_sub(Duration::from_nanos(into_second.into()));
                let line = format!("date: {}\r\n", httpdate::fmt_http_date(time)).into_bytes();
                stale.insert(DateLine { valid_until: Moment::now() + left, line })
            }
        };
        out.extend_from_slice(&date.line);
    });
}

#[cfg(test)]
mod tests {
    use super::{chunk_size, decimal};

    #[test]
    fn numbers_are_written_whole() {
        let written = |write: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            write(&mut out);
            String::from_utf8(out).expect("text")
        };
        for number in [0, 9, 10, 65_535, u64::MAX] {
            assert_eq!(written(&|out| decimal(out, number)), number.to_string());
        }
        for bytes in [0, 1, 15, 16, 255, 256, 65_536, usize::MAX] {
            assert_eq!(written(&|out| chunk_size(out, bytes)), format!("{bytes:x}\r\n"));
        }
    }
}
