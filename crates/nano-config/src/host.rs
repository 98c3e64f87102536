//! Host names, as they come in the `Host` header.

use std::net::Ipv6Addr;

/// The longest host name.
const NAME_BYTES_MAX: usize = 253;

/// The longest part of a host name between two dots.
const LABEL_BYTES_MAX: usize = 63;

/// A host name in lower case, or what would be right instead.
pub(crate) fn name(text: &str) -> Result<String, String> {
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if let Some(Ok(addr)) = bracketed.map(str::parse::<Ipv6Addr>) {
        return Ok(format!("[{addr}]"));
    }
    if text.contains("://") || text.contains('/') {
        return Err("leave out the scheme and the path".to_owned());
    }
    if text.contains(':') {
        return Err("leave out the port".to_owned());
    }
    if text.contains('*') {
        return Err("only an app's host names may have a `*`, and only as `*.` at the start; \
                    \"default\": true on an app takes all unknown hosts"
            .to_owned());
    }
    if !text.is_ascii() {
        return Err("write it in its ASCII form, which starts with `xn--`".to_owned());
    }
    let is_label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    if text.len() > NAME_BYTES_MAX || !text.split('.').all(is_label) {
        return Err(format!(
            "a host name has letters, digits, `-` and `_`, with single dots between its parts, \
             at most {LABEL_BYTES_MAX} characters a part and {NAME_BYTES_MAX} in all"
        ));
    }
    Ok(text.to_ascii_lowercase())
}

/// The host name of an app that is known by its folder only.
pub(crate) fn of_folder(folder: &str) -> Result<String, String> {
    if folder.contains('.') { name(folder) } else { name(&format!("{folder}.localhost")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (text, expected) in [
            ("Blog.Example.com", Some("blog.example.com")),
            ("localhost", Some("localhost")),
            ("my_app.test", Some("my_app.test")),
            ("127.0.0.1", Some("127.0.0.1")),
            ("[::0001]", Some("[::1]")),
            ("", None),
            (".", None),
            ("a..b", None),
            ("a.", None),
            ("-a.b", None),
            ("a b", None),
            ("a:80", None),
            ("http://a", None),
            ("a.*.b", None),
            ("bücher.example", None),
        ] {
            assert_eq!(name(text).ok().as_deref(), expected, "{text}");
        }
        assert!(name(&"a".repeat(64)).is_err());
        assert!(name(&["a"; 127].join(".")).is_ok());
        assert!(name(&["a"; 128].join(".")).is_err());
    }
}
