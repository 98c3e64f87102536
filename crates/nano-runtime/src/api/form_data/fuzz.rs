//! What holds for any form's body.

use super::{FORM_ENTRIES_MAX, Part, escape, parse};

/// Parts of multipart/form-data lie in the body, in their order, apart from each other, and hold no delimiter; and a
/// form that is written out of them is read as the same. The boundary is the first line.
pub fn multipart(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (boundary, body) = (&data[..end], data.get(end + 1..).unwrap_or_default());
    check_escapes(body);
    let Ok(parts) = parse(body, boundary) else { return };
    assert!(parts.len() <= FORM_ENTRIES_MAX);
    let delimiter = [b"\r\n--", boundary].concat();
    let mut after = 0;
    for Part { contents, .. } in &parts {
        assert!(after <= contents.start && contents.start <= contents.end && contents.end <= body.len());
        assert!(memchr::memmem::find(&body[contents.clone()], &delimiter).is_none());
        after = contents.end;
    }
    // A line break in the boundary cannot be written; one that was quoted can, as the escape that it came as.
    if boundary.contains(&b'\r') {
        return;
    }
    let written = write(&parts, body, boundary);
    let again = parse(&written, boundary).expect("well-formed");
    assert_eq!(again.len(), parts.len());
    for (one, other) in parts.iter().zip(&again) {
        assert_eq!((&one.name, &one.file), (&other.name, &other.file));
        assert_eq!(body[one.contents.clone()], written[other.contents.clone()]);
    }
}

fn write(parts: &[Part<'_>], body: &[u8], boundary: &[u8]) -> Vec<u8> {
    let mut written = Vec::new();
    let name = |name: &str| name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
    for Part { name: field, file, contents } in parts {
        let mut head = format!("Content-Disposition: form-data; name=\"{}\"", name(field));
        if let Some(file) = file {
            head += &format!("; filename=\"{}\"\r\nContent-Type: {}", name(&file.name), file.kind);
        }
        let contents = &body[contents.clone()];
        for piece in [b"--", boundary, b"\r\n", head.as_bytes(), b"\r\n\r\n", contents, b"\r\n"] {
            written.extend_from_slice(piece);
        }
    }
    for piece in [b"--", boundary, b"--\r\n"] {
        written.extend_from_slice(piece);
    }
    written
}

fn check_escapes(body: &[u8]) {
    let text = escape(body);
    assert!(text.is_ascii() && text.len() <= body.len() * 3);
    assert_eq!(text.iter().filter(|byte| **byte == b'&').count(), memchr::memchr_iter(b'&', body).count());
}
