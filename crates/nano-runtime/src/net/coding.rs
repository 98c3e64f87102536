//! Content codings (RFC 9110, section 8.4): which a response has, and which a client takes.

use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use crate::api::Format;
use crate::worker::HeaderList;

/// Codings that a response may have on top of each other.
const CODINGS_MAX: usize = 4;

/// What an app that names no codings asks for.
pub(super) const ACCEPTED: &str = "gzip, br, zstd";

/// The codings of a body, all of them known here, in the order in which they were applied.
#[derive(Debug, Clone)]
pub(crate) struct Codings {
    formats: Vec<Format>,
    /// As Content-Encoding names them.
    names: String,
}

impl Codings {
    /// The codings that `headers` name. `None`: none, or one of them is not known ("handle content codings" then leaves
    /// the body as it is).
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Self>, String> {
        let mut formats = Vec::new();
        let mut names = String::new();
        for value in headers.get_all(CONTENT_ENCODING) {
            let Ok(value) = value.to_str() else { return Ok(None) };
            for name in value.split(',').map(str::trim) {
                if name.is_empty() || name.eq_ignore_ascii_case("identity") {
                    continue;
                }
                let Some(format) = format_of(name) else { return Ok(None) };
                if formats.len() == CODINGS_MAX {
                    return Err(format!("the response has more than {CODINGS_MAX} content codings"));
                }
                formats.push(format);
                names.push_str(if names.is_empty() { "" } else { ", " });
                names.push_str(name);
            }
        }
        Ok((!formats.is_empty()).then_some(Self { formats, names }))
    }

    pub(crate) fn formats(&self) -> &[Format] {
        &self.formats
    }

    pub(crate) fn names(&self) -> &str {
        &self.names
    }

    /// Whether a client that sent `headers` takes the body as it is (RFC 9110, section 12.5.3). One that names no
    /// codings would have to, but those that do not are the ones that cannot.
    pub(crate) fn are_accepted_by(&self, headers: &HeaderList) -> bool {
        let sent: Vec<&str> = headers
            .iter()
            .filter(|(name, _)| *name == b"accept-encoding")
            .filter_map(|(_, value)| std::str::from_utf8(value).ok())
            .collect();
        self.formats.iter().all(|format| accepts(&sent, *format))
    }
}

fn format_of(name: &str) -> Option<Format> {
    let known = [
        ("gzip", Format::Gzip),
        ("x-gzip", Format::Gzip),
        ("br", Format::Brotli),
        ("deflate", Format::Deflate),
        ("zstd", Format::Zstd),
    ];
    known.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, format)| *format)
}

/// Whether one of the lists `sent` has `format`, or `*`, with a weight above 0. What names it wins over `*`.
fn accepts(sent: &[&str], format: Format) -> bool {
    let mut by_any = false;
    let mut by_name = None;
    for item in sent.iter().flat_map(|value| value.split(',')) {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next().unwrap_or("");
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        // A weight that is none says nothing for it.
        let wanted = weight.is_none_or(|weight| weight.parse().is_ok_and(|weight: f32| weight > 0.0));
        if name == "*" {
            by_any = wanted;
        } else if format_of(name) == Some(format) {
            by_name = Some(by_name.unwrap_or(false) || wanted);
        }
    }
    by_name.unwrap_or(by_any)
}

#[cfg(test)]
mod tests {
    use super::Codings;
    use crate::worker::HeaderList;
    use http::{HeaderMap, HeaderValue};

    fn codings(values: &[&'static str]) -> Result<Option<Codings>, String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("content-encoding", HeaderValue::from_static(value));
        }
        Codings::of(&headers)
    }

    #[test]
    fn the_codings_of_a_response_are_all_known_or_none() {
        let none: [&[&str]; 5] = [&[], &[""], &["identity"], &["compress"], &["gzip, dcb"]];
        for values in none {
            assert!(codings(values).is_ok_and(|codings| codings.is_none()), "{values:?}");
        }
        let some: [(&[&str], &str, usize); 4] = [
            (&["GZip"], "GZip", 1),
            (&["x-gzip , identity,br"], "x-gzip, br", 2),
            (&["deflate", "zstd"], "deflate, zstd", 2),
            (&["gzip,gzip", "gzip,gzip"], "gzip, gzip, gzip, gzip", 4),
        ];
        for (values, names, count) in some {
            let codings = codings(values).expect("few enough").expect("known ones");
            assert_eq!((codings.names(), codings.formats().len()), (names, count), "{values:?}");
        }
        assert!(codings(&["gzip,gzip,gzip", "gzip,gzip"]).is_err());
    }

    #[test]
    fn a_client_takes_what_it_names_with_a_weight_above_zero() {
        for (coding, accepts, expected) in [
            ("gzip", &[][..], false),
            ("gzip", &[""][..], false),
            ("gzip", &["gzip"][..], true),
            ("x-gzip", &["br, GZIP"][..], true),
            ("gzip", &["x-gzip;q=0.001"][..], true),
            ("gzip", &["gzip;q=0"][..], false),
            ("gzip", &["gzip; q=0.000"][..], false),
            ("gzip", &["gzip;q=nonsense"][..], false),
            ("gzip", &["*"][..], true),
            ("gzip", &["*;q=0.5, gzip;q=0"][..], false),
            ("gzip", &["gzip;q=0", "*"][..], false),
            ("br", &["gzip, *;q=0"][..], false),
            ("br", &["gzip", "br;Q=1.0"][..], true),
            ("gzip, br", &["gzip"][..], false),
            ("gzip, br", &["gzip, br"][..], true),
        ] {
            let codings = codings(&[coding]).expect("few").expect("known");
            let mut headers = HeaderList::default();
            for value in accepts {
                headers.push(b"accept-encoding", value.as_bytes());
            }
            assert_eq!(codings.are_accepted_by(&headers), expected, "{coding}: {accepts:?}");
        }
    }
}
