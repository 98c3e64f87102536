//! What bodies of forms are written in: multipart/form-data (RFC 7578) and application/x-www-form-urlencoded.

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;

use std::borrow::Cow;
use std::ops::Range;

use encoding_rs::UTF_8;
use memchr::memmem::Finder;

use crate::engine::{OpFn, ops};

/// Entries that one form may have: each costs far more memory than the client's few bytes for it.
const FORM_ENTRIES_MAX: usize = 10_000;
/// Bytes of the headers of one part.
const PART_HEAD_BYTES_MAX: usize = 16 << 10;
/// The longest boundary (RFC 2046, 5.1.1).
const BOUNDARY_BYTES_MAX: usize = 70;

pub(super) fn ops() -> Vec<OpFn> {
    ops![multipart_parse, form_urlencoded_text]
}

const TOO_MANY_ENTRIES: &str = "the form has too many entries";

#[derive(Debug, PartialEq)]
struct Part<'a> {
    name: Cow<'a, str>,
    /// A file has a name, if only an empty one.
    file: Option<File<'a>>,
    contents: Range<usize>,
}

#[derive(Debug, PartialEq)]
struct File<'a> {
    name: Cow<'a, str>,
    kind: Cow<'a, str>,
}

/// The parts of `body`. Text before the first delimiter and after the last one is skipped (RFC 2046, 5.1.1).
fn parse<'a>(body: &'a [u8], boundary: &[u8]) -> Result<Vec<Part<'a>>, &'static str> {
    if boundary.is_empty() || boundary.len() > BOUNDARY_BYTES_MAX {
        return Err("the boundary is empty or too long");
    }
    let delimiter = [b"\r\n--", boundary].concat();
    let finder = Finder::new(&delimiter);
    let find = |from: usize| finder.find(&body[from..]).map(|at| from + at);
    let mut at = if body.starts_with(&delimiter[2..]) {
        delimiter.len() - 2
    } else {
        find(0).ok_or("its boundary is not to be found")? + delimiter.len()
    };
    let mut parts = Vec::new();
    while !body[at..].starts_with(b"--") {
        if parts.len() == FORM_ENTRIES_MAX {
            return Err(TOO_MANY_ENTRIES);
        }
        let padding = body[at..].iter().take_while(|byte| is_blank(**byte)).count();
        let head =
            body[at + padding..].strip_prefix(b"\r\n").ok_or("a delimiter is not alone in its line")?;
        let start = at + padding + 2;
        let (head, contents) = split_head(head)?;
        let contents = start + contents;
        // An empty part's delimiter may begin with the line break that ends its head.
        let end = find(contents - 2).ok_or("the last delimiter is missing")?;
        at = end + delimiter.len();
        parts.push(part(head, contents..end.max(contents))?);
    }
    Ok(parts)
}

/// The lines of a part's head, and where its contents begin.
fn split_head(bytes: &[u8]) -> Result<(&[u8], usize), &'static str> {
    let within = &bytes[..bytes.len().min(PART_HEAD_BYTES_MAX)];
    let end = memchr::memmem::find(within, b"\r\n\r\n");
    let end = end.ok_or("the headers of a part are too long, or do not end")?;
    Ok((&within[..end], end + 4))
}

fn part(head: &[u8], contents: Range<usize>) -> Result<Part<'_>, &'static str> {
    let mut disposition = None;
    let mut kind = None;
    for line in lines(head) {
        let colon = line.iter().position(|byte| *byte == b':').ok_or("a header of a part has no colon")?;
        let value = trim(&line[colon + 1..]);
        let name = trim(&line[..colon]);
        if name.eq_ignore_ascii_case(b"content-disposition") {
            disposition = Some(value);
        } else if name.eq_ignore_ascii_case(b"content-type") {
            kind = Some(value);
        }
    }
    let disposition = disposition.ok_or("a part has no Content-Disposition")?;
    let (name, filename) = form_data_names(disposition).ok_or("a Content-Disposition is malformed")?;
    let kind = kind.map_or(Cow::Borrowed("text/plain"), String::from_utf8_lossy);
    Ok(Part { name, file: filename.map(|name| File { name, kind }), contents })
}

fn lines(mut head: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        if head.is_empty() {
            return None;
        }
        let end = memchr::memmem::find(head, b"\r\n");
        let line = &head[..end.unwrap_or(head.len())];
        head = end.map_or(&[], |end| &head[end + 2..]);
        Some(line)
    })
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

fn trim(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| !is_blank(*byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|byte| !is_blank(*byte)).map_or(start, |last| last + 1);
    &bytes[start..end]
}

/// The `name` and the `filename` of a Content-Disposition; other parameters, `filename*` among them, do not count
/// (RFC 7578, 4.2). `None`: it is malformed, or has no name.
fn form_data_names(value: &[u8]) -> Option<(Cow<'_, str>, Option<Cow<'_, str>>)> {
    let (kind, mut rest) = value.split_at(value.iter().position(|byte| *byte == b';')?);
    if !trim(kind).eq_ignore_ascii_case(b"form-data") {
        return None;
    }
    let (mut name, mut filename) = (None, None);
    while let Some(parameter) = rest.strip_prefix(b";") {
        let parameter = trim(parameter);
        if parameter.is_empty() {
            break; // A semicolon at the end.
        }
        let (key, from) = parameter.split_at(parameter.iter().position(|byte| *byte == b'=')?);
        let (text, after) = parameter_value(&from[1..])?;
        rest = trim(after);
        let key = trim(key);
        let slot = if key.eq_ignore_ascii_case(b"name") {
            &mut name
        } else if key.eq_ignore_ascii_case(b"filename") {
            &mut filename
        } else {
            continue;
        };
        // Parsers that take the first one, and those that take the last one, disagree about what comes twice.
        if slot.replace(unescape(text)).is_some() {
            return None;
        }
    }
    rest = rest.strip_prefix(b";").unwrap_or(rest);
    if rest.is_empty() { Some((name?, filename)) } else { None }
}

/// A parameter's value, quoted or not, and what is behind it. A backslash is a character like others: browsers escape
/// quotes as %22, and some clients put paths in here.
fn parameter_value(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    if let Some(quoted) = bytes.strip_prefix(b"\"") {
        let end = memchr::memchr(b'"', quoted)?;
        return Some((&quoted[..end], &quoted[end + 1..]));
    }
    let end = bytes.iter().position(|byte| is_blank(*byte) || *byte == b';').unwrap_or(bytes.len());
    Some(bytes.split_at(end))
}

/// Undoes what "escape a multipart form data name" of HTML does, 4.10.21.8.
fn unescape(text: &[u8]) -> Cow<'_, str> {
    let decoded = UTF_8.decode_without_bom_handling(text).0;
    if !decoded.contains('%') {
        return decoded;
    }
    let unescaped =
        decoded.replace("%0A", "\n").replace("%0a", "\n").replace("%0D", "\r").replace("%0d", "\r");
    Cow::Owned(unescaped.replace("%22", "\""))
}

/// A string of bytes in UTF-8 ("UTF-8 decode without BOM"). `None`: too long for one.
fn decode<'s>(scope: &v8::PinScope<'s, '_>, bytes: &[u8]) -> Option<v8::Local<'s, v8::String>> {
    if bytes.is_ascii() {
        return v8::String::new_from_one_byte(scope, bytes, v8::NewStringType::Normal);
    }
    v8::String::new(scope, &UTF_8.decode_without_bom_handling(bytes).0)
}

fn throw_malformed(scope: &mut v8::PinScope<'_, '_>, what: &str, reason: &str) {
    super::throw_type_error(scope, &format!("The body is not valid {what}: {reason}"));
}

/// `multipart_parse(uint8Array, boundary)` -> a list with five items an entry: its name; a field's value or a file's
/// name; a file's type, or undefined; where a file's contents begin and end in the bytes.
fn multipart_parse<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(boundary) = super::string_arg(scope, &args, 1) else { return };
    let Ok(view) = v8::Local::<v8::Uint8Array>::try_from(args.get(0)) else {
        return super::throw_type_error(scope, "not a Uint8Array");
    };
    let mut on_heap = [0; v8::TYPED_ARRAY_MAX_SIZE_IN_HEAP];
    let body = view.get_contents(&mut on_heap);
    let parts = match parse(body, boundary.as_bytes()) {
        Ok(parts) => parts,
        Err(reason) => return throw_malformed(scope, "multipart/form-data", reason),
    };
    match entries(scope, body, &parts) {
        Some(items) => {
            let list = v8::Array::new_with_elements(scope, &items);
            rv.set(list.into());
        }
        None => super::throw_range_error(scope, "Invalid string length"),
    }
}

fn entries<'s>(
    scope: &v8::PinScope<'s, '_>,
    body: &[u8],
    parts: &[Part<'_>],
) -> Option<Vec<v8::Local<'s, v8::Value>>> {
    let mut items = Vec::with_capacity(parts.len() * 5);
    let undefined: v8::Local<'_, v8::Value> = v8::undefined(scope).into();
    for Part { name, file, contents } in parts {
        items.push(decode(scope, name.as_bytes())?.into());
        if let Some(File { name, kind }) = file {
            items.push(decode(scope, name.as_bytes())?.into());
            items.push(decode(scope, kind.as_bytes())?.into());
            items.push(index(scope, contents.start));
            items.push(index(scope, contents.end));
        } else {
            items.push(decode(scope, &body[contents.clone()])?.into());
            items.extend([undefined; 3]);
        }
    }
    Some(items)
}

#[allow(clippy::cast_precision_loss, reason = "no ArrayBuffer is as long as 2^53 bytes")]
fn index<'s>(scope: &v8::PinScope<'s, '_>, index: usize) -> v8::Local<'s, v8::Value> {
    v8::Number::new(scope, index as f64).into()
}

/// `form_urlencoded_text(uint8Array)` -> the bytes as a string in ASCII, those that are none as escapes. So bytes and
/// escapes make up a character together, as in the standard's parser, which works on bytes (URL, 5.1).
fn form_urlencoded_text(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Ok(view) = v8::Local::<v8::Uint8Array>::try_from(args.get(0)) else {
        return super::throw_type_error(scope, "not a Uint8Array");
    };
    let mut on_heap = [0; v8::TYPED_ARRAY_MAX_SIZE_IN_HEAP];
    let body = view.get_contents(&mut on_heap);
    if memchr::memchr_iter(b'&', body).count() >= FORM_ENTRIES_MAX {
        return throw_malformed(scope, "application/x-www-form-urlencoded", TOO_MANY_ENTRIES);
    }
    let text = if body.is_ascii() { Cow::Borrowed(body) } else { Cow::Owned(escape(body)) };
    match v8::String::new_from_one_byte(scope, &text, v8::NewStringType::Normal) {
        Some(text) => rv.set(text.into()),
        None => super::throw_range_error(scope, "Invalid string length"),
    }
}

fn escape(bytes: &[u8]) -> Vec<u8> {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut text = Vec::with_capacity(bytes.len() * 3);
    for byte in bytes {
        if byte.is_ascii() {
            text.push(*byte);
        } else {
            text.extend([b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"preamble\r\n--b \t\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b\r\n\
        content-TYPE: image/png\r\nContent-Disposition:form-data;filename=\"f\";x=y;name=n;\r\n\r\n\r\n--b\r\n\
        Content-Disposition: form-data; name=\"%22\"\r\n\r\n\r\n\r\n--b--epilogue";

    #[test]
    fn parts_are_found() {
        let parts = parse(BODY, b"b").expect("well-formed");
        let seen = parts.iter().map(|Part { name, file, contents }| {
            let file = file.as_ref().map(|file| format!("{} {}", file.name, file.kind));
            (name.as_ref(), file, &BODY[contents.clone()])
        });
        let expected =
            [("a", None, &b"1"[..]), ("n", Some("f image/png".to_owned()), b""), ("\"", None, b"\r\n")];
        assert_eq!(seen.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_is_cut_off_or_changed_never_panics() {
        let end = BODY.len() - "--epilogue".len();
        for cut in 0..BODY.len() {
            assert_eq!(parse(&BODY[..cut], b"b").is_ok(), cut >= end + 2, "cut at {cut}");
            for byte in [b'\r', b'\n', b'-', b'"', b';', b'=', b':', b'b', 0xff] {
                let mut changed = BODY.to_vec();
                changed[cut] = byte;
                let parts = parse(&changed, b"b").unwrap_or_default();
                assert!(parts.iter().all(|part| part.contents.end <= changed.len()));
            }
        }
    }

    #[test]
    fn limits_hold() {
        let part = b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n";
        let form = |parts: usize| [&part.repeat(parts)[..], b"--b--"].concat();
        assert_eq!(parse(&form(FORM_ENTRIES_MAX), b"b").expect("well-formed").len(), FORM_ENTRIES_MAX);
        assert_eq!(parse(&form(FORM_ENTRIES_MAX + 1), b"b"), Err(TOO_MANY_ENTRIES));
        for (head, fits) in [(PART_HEAD_BYTES_MAX / 2, true), (PART_HEAD_BYTES_MAX, false)] {
            let name = "n".repeat(head);
            let body = format!("--b\r\nContent-Disposition: form-data; name={name}\r\n\r\n\r\n--b--");
            assert_eq!(parse(body.as_bytes(), b"b").is_ok(), fits);
        }
        for (length, fits) in [(0, false), (BOUNDARY_BYTES_MAX, true), (BOUNDARY_BYTES_MAX + 1, false)] {
            let boundary = "b".repeat(length);
            assert_eq!(parse(format!("--{boundary}--").as_bytes(), boundary.as_bytes()).is_ok(), fits);
        }
    }
}
