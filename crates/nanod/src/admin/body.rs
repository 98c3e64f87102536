//! The body of an admin request: JSON, of bounded size, in bounded time.

use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use http_body::Body as _;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;

use super::answer::{Code, Refusal};

/// The largest body of an admin request. An app with more variables than that has them in an `env_file`.
pub(super) const BODY_BYTES_MAX: usize = 64 << 10;
/// How long a client may take for a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The whole body of a request that says it is JSON.
pub(super) async fn read(headers: &HeaderMap, body: Incoming) -> Result<String, Refusal> {
    // A page's form can send text, but not this.
    if !headers.get(CONTENT_TYPE).is_some_and(is_json) {
        let message = "send `content-type: application/json`";
        return Err(Refusal::new(Code::UnsupportedMediaType, message));
    }
    let too_large = || {
        let message =
            format!("the body is longer than {BODY_BYTES_MAX} bytes; put variables into `env_file`");
        Refusal::new(Code::BodyTooLarge, message)
    };
    if usize::try_from(body.size_hint().lower()).is_ok_and(|length| length > BODY_BYTES_MAX) {
        return Err(too_large());
    }
    let collect = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, BODY_BYTES_MAX).collect());
    let collected = collect.await.map_err(|_| {
        Refusal::new(Code::BodyTimeout, format!("the body did not come within {} s", BODY_TIMEOUT.as_secs()))
    })?;
    let bytes = match collected {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(too_large()),
        Err(_) => return Err(Refusal::new(Code::BrokenBody, "the body broke off")),
    };
    String::from_utf8(bytes.into()).map_err(|_| Refusal::new(Code::BadJson, "the body is not UTF-8 text"))
}

fn is_json(content_type: &HeaderValue) -> bool {
    let text = content_type.to_str().unwrap_or_default();
    let mut parts = text.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let utf_8 = |parameter: &str| {
        parameter.is_empty()
            || parameter.split_once('=').is_none_or(|(name, value)| {
                !name.trim().eq_ignore_ascii_case("charset")
                    || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
            })
    };
    essence.eq_ignore_ascii_case("application/json") && parts.all(utf_8)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::is_json;

    #[test]
    fn only_json_in_utf_8_is_json() {
        for (content_type, expected) in [
            ("application/json", true),
            ("Application/JSON ; Charset=\"UTF-8\"", true),
            ("application/json;", true),
            ("application/json; charset=latin1", false),
            ("text/plain", false),
            ("text/plain; application/json", false),
            ("application/json-patch+json", false),
            ("application/x-www-form-urlencoded", false),
            ("", false),
        ] {
            assert_eq!(is_json(&HeaderValue::from_static(content_type)), expected, "{content_type}");
        }
    }
}
