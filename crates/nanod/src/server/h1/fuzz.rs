//! What holds for any bytes of a client: each function panics if it does not. The fuzz targets and the tests call them.

use http::Method;
use nano_runtime::HeaderList;

use super::body::Decoder;
use super::head::{Framing, Parse, Parsed, parse};
use crate::server::HEAD_BYTES_MAX;
use crate::server::request::Ids;

/// Places at which an input is cut.
const CUTS_MAX: usize = 64;

/// A request's head: it is all there or not, whatever follows it; it says what a plain reading of its lines says; and
/// written again it is read as the same.
pub(crate) fn head(data: &[u8]) {
    match parsed(data) {
        Parse::Partial => assert!(data.len() < HEAD_BYTES_MAX, "waits for more than it would take"),
        Parse::Refused(_) | Parse::Http2 => {}
        Parse::Head(head) => {
            let bytes = &data[..head.bytes];
            let step = (bytes.len() / CUTS_MAX).max(1);
            for cut in (0..bytes.len()).step_by(step) {
                assert!(matches!(parsed(&bytes[..cut]), Parse::Partial), "not partial when cut at {cut}");
            }
            check_lines(bytes, &head);
            let written = write(&head);
            for again in [bytes, &written] {
                let Parse::Head(again) = parsed(again) else { panic!("refused when it came again") };
                assert!(says(&again) == says(&head), "read differently when it came again");
            }
        }
    }
}

fn parsed(bytes: &[u8]) -> Parse {
    parse(bytes, &Ids::new(), |_| None)
}

type Said<'a> = (&'a Method, &'a str, &'a HeaderList, Option<Framing>, [bool; 5]);

/// All that a head says, but for its id, which may be a new one.
fn says(parsed: &Parsed) -> Said<'_> {
    let head = &parsed.head;
    let flags = [
        parsed.keep_alive,
        parsed.is_http_1_0,
        parsed.expects_continue,
        head.asked.accept_html,
        head.asked.is_head,
    ];
    (&head.method, &head.target, &head.headers, parsed.framing, flags)
}

fn write(parsed: &Parsed) -> Vec<u8> {
    let head = &parsed.head;
    let version = if parsed.is_http_1_0 { "1.0" } else { "1.1" };
    let mut written = format!("{} {} HTTP/{version}\r\n", head.method, head.target).into_bytes();
    for (name, value) in head.headers.iter() {
        for part in [name, b": ", value, b"\r\n"] {
            written.extend_from_slice(part);
        }
    }
    written.extend_from_slice(b"\r\n");
    written
}

/// Holds the head against its lines, read in the plainest way.
fn check_lines(bytes: &[u8], parsed: &Parsed) {
    let lines = bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let lines: Vec<&[u8]> = lines.skip_while(|line| line.is_empty()).collect();
    let [first, fields @ .., b"", b""] = lines.as_slice() else { panic!("not a head's lines") };
    let method = parsed.head.method.as_str().as_bytes();
    assert!(first.starts_with(method), "another method");
    let target = &parsed.head.target;
    assert!(target.starts_with('/') && !target.contains(['#', ' ', '\r', '\n', '\0']), "{target:?}");
    let headers: Vec<_> = parsed.head.headers.iter().collect();
    assert_eq!(headers.len(), fields.len(), "another number of headers");
    let (mut lengths, mut codings, mut hosts) = (Vec::new(), Vec::new(), 0);
    for ((name, value), line) in headers.into_iter().zip(fields) {
        let colon = line.iter().position(|byte| *byte == b':').expect("a header has a colon");
        assert!(line[..colon].eq_ignore_ascii_case(name), "another name");
        assert!(name.iter().all(u8::is_ascii_graphic), "a name that is no token");
        assert!(value.iter().all(|byte| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f)), "{value:?}");
        match name {
            b"host" => hosts += 1,
            b"content-length" => lengths.push(value),
            b"transfer-encoding" => codings.push(value),
            _ => {}
        }
        assert!(name == b"host" || line[colon + 1..].trim_ascii() == value.trim_ascii(), "another value");
    }
    assert!(hosts == 1 || (hosts == 0 && parsed.is_http_1_0), "{hosts} hosts");
    // Two framings, or two lengths, are what requests are smuggled with.
    match parsed.framing {
        Some(Framing::Chunked) => assert!(codings.len() == 1 && lengths.is_empty() && !parsed.is_http_1_0),
        Some(Framing::Length(length)) => {
            let said = |text: &&[u8]| std::str::from_utf8(text).ok()?.parse::<u64>().ok();
            assert!(codings.is_empty() && lengths.iter().all(|text| said(text) == Some(length)));
        }
        None => assert!(codings.is_empty() && lengths.iter().all(|text| text.iter().all(|c| *c == b'0'))),
    }
}

/// A chunked body: it comes out the same wherever it is cut, and as a plain reading has it. The first byte says how many
/// of the next ones are places to cut at.
pub(crate) fn body(data: &[u8]) {
    let Some((count, rest)) = data.split_first() else { return };
    let (cuts, sent) = rest.split_at(usize::from(count % 8).min(rest.len()));
    let whole = decode(&[sent]);
    let mut at: Vec<usize> = cuts.iter().map(|cut| usize::from(*cut).min(sent.len())).collect();
    at.sort_unstable();
    let mut pieces = Vec::new();
    let mut from = 0;
    for cut in at {
        pieces.push(&sent[from..cut]);
        from = cut;
    }
    pieces.push(&sent[from..]);
    assert_eq!(decode(&pieces), whole, "cut at {cuts:?}");
    let bytes: Vec<&[u8]> = sent.chunks(1).collect();
    assert_eq!(decode(&bytes), whole, "byte by byte");
    // What the decoder limits is more than this reading looks at.
    if sent.len() < 16 << 10 {
        assert_eq!(whole, read_whole(sent));
    }
}

/// The data of a chunked body and what follows it; `None` if it is broken, or not all there.
fn decode(pieces: &[&[u8]]) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut decoder = Decoder::new(Framing::Chunked);
    let (mut data, mut rest) = (Vec::new(), Vec::new());
    for piece in pieces {
        let mut piece = *piece;
        while !piece.is_empty() && !decoder.is_done() {
            let marks = decoder.marks(piece).ok()?;
            piece = &piece[marks..];
            let (taken, after) = piece.split_at(decoder.data(piece));
            assert!(marks + taken.len() > 0, "it stands still");
            data.extend_from_slice(taken);
            piece = after;
        }
        rest.extend_from_slice(piece);
    }
    decoder.is_done().then_some((data, rest))
}

/// As [`decode`], line by line out of the whole (RFC 9112, section 7.1).
fn read_whole(sent: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (mut data, mut rest) = (Vec::new(), sent);
    loop {
        let (line, after) = read_line(rest)?;
        let size = line.split(|byte| *byte == b';').next()?;
        let size = std::str::from_utf8(size).ok()?.trim_end_matches([' ', '\t']);
        if size.len() > 16 || !size.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let size = usize::try_from(u64::from_str_radix(size, 16).ok()?).ok()?;
        if size == 0 {
            rest = after;
            break;
        }
        let (chunk, after) = after.split_at_checked(size)?;
        data.extend_from_slice(chunk);
        rest = after.strip_prefix(b"\r\n")?;
    }
    loop {
        let (line, after) = read_line(rest)?;
        rest = after;
        if line.is_empty() {
            return Some((data, rest.to_vec()));
        }
    }
}

/// A line that has no line end but its own.
fn read_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (line, after) = bytes.split_at(bytes.iter().position(|byte| *byte == b'\r' || *byte == b'\n')?);
    Some((line, after.strip_prefix(b"\r\n")?))
}

#[cfg(test)]
mod tests {
    use crate::replay::replay;

    /// Changed inputs of each target.
    const CHANGED: usize = 3_000;

    #[test]
    fn fuzz_target_http_head() {
        replay("http_head", CHANGED, super::head);
    }

    #[test]
    fn fuzz_target_http_body() {
        replay("http_body", CHANGED, super::body);
    }
}
