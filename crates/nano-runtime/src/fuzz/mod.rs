//! What holds for any bytes: each function panics if it does not. The fuzz targets and the tests call them.

mod apps;
mod expose;

use ada_url::Url;

use crate::engine::MemoryAccount;
use crate::worker::HeaderList;

pub use crate::api::fuzz::{multipart, url_pattern};
pub use crate::engine::fuzz::module_path;
pub use apps::Apps;
pub(crate) use expose::{OPS_APP, expose_ops};

/// Headers that a list of a fuzz target may have.
const HEADERS_MAX: usize = 64;
/// What a codec of a fuzz target may hold.
const CODEC_BYTES_MAX: usize = 64 << 20;
/// What is taken out of a codec, at most: compressed bytes may stand for a thousand times as many.
const DECODED_BYTES_MAX: usize = 1 << 20;

/// A list of headers as an app writes it: a list that is taken is the same when it is made header by header, and no
/// header can break out of its line.
pub fn headers(data: &[u8]) {
    let plain = |byte: &u8| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f);
    let Some(list) = HeaderList::from_text(data.to_vec(), HEADERS_MAX) else {
        let _ = HeaderList::is_value(data);
        return;
    };
    assert_eq!(list.text(), data);
    let headers: Vec<_> = list.iter().collect();
    assert!(headers.len() <= HEADERS_MAX);
    assert_eq!(headers.len(), if data.is_empty() { 0 } else { data.split(|byte| *byte == 0).count() / 2 });
    let (mut checked, mut pushed) = (HeaderList::default(), HeaderList::default());
    for (name, value) in &headers {
        assert!(!name.is_empty() && name.iter().all(|byte| byte.is_ascii_graphic() && *byte != b':'));
        assert!(!name.iter().any(u8::is_ascii_uppercase) && value.iter().all(plain));
        assert!(checked.try_push(name, value, data.len() + 1), "{name:?}: {value:?}");
        pushed.push(name, value);
        let stripped = value.trim_ascii();
        assert!(HeaderList::is_value(stripped), "{stripped:?}");
    }
    assert!(checked == list && pushed == list);
}

/// A URL: what was parsed and is written again is parsed as the same, with and without a base, and setting a part to
/// what it is changes nothing.
pub fn url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (input, base) = match text.split_once('\n') {
        Some((input, base)) => (input, Some(base)),
        None => (text, None),
    };
    let parsed = Url::parse(input, base);
    assert_eq!(Url::can_parse(input, base), parsed.is_ok(), "{input:?} {base:?}");
    let Ok(url) = parsed else { return };
    let href = url.href().to_owned();
    let again = Url::parse(&href, None).expect("a URL is one when it is written again");
    assert_eq!(again.href(), href, "{input:?} {base:?}");
    assert_eq!(again.origin(), url.origin(), "{href:?}");
    // The built-ins cut the text at these.
    let c = url.components();
    let ends = [Some(c.protocol_end), Some(c.username_end), Some(c.host_start), Some(c.host_end)];
    let ends = ends.into_iter().chain([c.pathname_start, c.search_start, c.hash_start]).flatten();
    let mut before = 0;
    for end in ends {
        assert!(before <= end && end as usize <= href.len(), "{href:?} {c:?}");
        assert!(href.is_char_boundary(end as usize), "{href:?} {c:?}");
        before = end;
    }
    if href.starts_with("http") {
        // What reaches the network goes through another parser.
        let _ = href.parse::<http::Uri>();
    }
}

/// A compression format: any bytes are decompressed to their end or refused, in steps that each get on, within the
/// limits, and what was compressed comes back. The first byte says the format.
pub fn codec(data: &[u8]) {
    let Some((format, bytes)) = data.split_first() else { return };
    let format = ["brotli", "deflate", "deflate-raw", "gzip"][usize::from(format % 4)];
    drop(transcode(format, true, bytes));
    let packed = transcode(format, false, bytes).expect("anything can be compressed");
    if bytes.len() < DECODED_BYTES_MAX / 2 {
        assert_eq!(transcode(format, true, &packed).as_deref(), Some(bytes), "{format}");
    }
}

/// `None`: refused, or cut off.
fn transcode(format: &str, decompress: bool, bytes: &[u8]) -> Option<Vec<u8>> {
    use crate::api::Codec;
    let account = MemoryAccount::new(CODEC_BYTES_MAX);
    let (mut all, mut output) = (Vec::new(), Vec::new());
    {
        let format = crate::api::fuzz::format(format)?;
        let mut codec = Codec::new(format, decompress, &account).ok()?;
        let (first, last) = bytes.split_at(bytes.len() / 2);
        for (piece, finish) in [(first, false), (last, false), (&[][..], true)] {
            codec.push(piece.to_vec()).ok()?;
            loop {
                let written = codec.step(finish, &mut output).ok()?;
                all.extend_from_slice(&output[..written]);
                if all.len() > DECODED_BYTES_MAX {
                    return None;
                }
                if !codec.has_more() {
                    break;
                }
            }
        }
    }
    assert_eq!(account.used(), 0, "bytes of a codec that is gone are still counted");
    Some(all)
}
