//! Who may ask: the token, and what a browser may be made to send.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Digest, SHA256, digest};
use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue};

use super::answer::{Code, Refusal};

/// What has to hold of a request before anything else of it is looked at.
pub(super) struct Guard {
    /// Of the token, so that comparing tells neither where it differs nor how long it is.
    token: Option<Digest>,
}

impl Guard {
    pub(super) fn new(token: Option<&nano_config::Secret>) -> Self {
        Self { token: token.map(|token| digest(&SHA256, token.expose().as_bytes())) }
    }

    /// With a token, who shows it. Without one, who is on this machine: the listener is on its loopback interface. That
    /// includes browsers, and so the pages that are open in them.
    pub(super) fn check(&self, headers: &HeaderMap, target: Option<&Authority>) -> Result<(), Refusal> {
        if let Some(token) = &self.token {
            return if shows(headers, token) {
                Ok(())
            } else {
                Err(Refusal::new(Code::Unauthorized, "a bearer token is required"))
            };
        }
        // Browsers say which page a request is from, at least with every one that could change something.
        if headers.contains_key(ORIGIN) {
            let message = "requests from web pages are not answered; set `admin.token` if they have to be";
            return Err(Refusal::new(Code::ForbiddenOrigin, message));
        }
        // A page's own server can be given this address by its name server, and then is "the same origin". Its name
        // stays in `Host`.
        let hosts = headers.get_all(HOST).iter().map(|host| host.to_str().unwrap_or_default());
        if !hosts.chain(target.map(Authority::as_str)).all(is_local) {
            let message =
                "without a token the admin API answers to an IP address or `localhost` as host only";
            return Err(Refusal::new(Code::ForbiddenHost, message));
        }
        Ok(())
    }
}

fn shows(headers: &HeaderMap, token: &Digest) -> bool {
    let given = headers.get(AUTHORIZATION).map_or(&b""[..], HeaderValue::as_bytes);
    let (scheme, given) = given.split_at_checked(SCHEME.len()).unwrap_or_default();
    let equal = verify_slices_are_equal(digest(&SHA256, given).as_ref(), token.as_ref()).is_ok();
    equal && scheme.eq_ignore_ascii_case(SCHEME)
}

const SCHEME: &[u8] = b"Bearer ";

/// Whether no name server has a say in where this authority leads.
fn is_local(authority: &str) -> bool {
    let Ok(authority) = authority.parse::<Authority>() else { return false };
    let host = authority.host().to_ascii_lowercase();
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&host);
    address.parse::<std::net::IpAddr>().is_ok() || host == "localhost" || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn names_that_a_name_server_decides_on_are_not_local() {
        for (authority, expected) in [
            ("127.0.0.1:8081", true),
            ("127.0.0.1", true),
            ("[::1]:8081", true),
            ("localhost:8081", true),
            ("LOCALHOST", true),
            ("nano.localhost:8081", true),
            ("192.168.1.5:8081", true),
            ("evil.example:8081", false),
            ("localhost.evil.example", false),
            ("evil-localhost", false),
            ("127.0.0.1.evil.example", false),
            ("127.0.0.1@evil.example", false),
            ("admin", false),
            ("", false),
            ("a b", false),
        ] {
            assert_eq!(is_local(authority), expected, "{authority}");
        }
    }
}
