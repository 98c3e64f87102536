//! Why a fetch failed: in a sentence for the app, and in detail for its log.

use std::error::Error;
use std::io;

use rustls::CertificateError;

use super::wire::HasServed;

/// A fetch that came to no response.
#[derive(Debug)]
pub(crate) struct Failed {
    /// For the app.
    pub(crate) message: String,
    /// For the log of the app, where there is more to say.
    pub(crate) detail: Option<String>,
}

impl From<String> for Failed {
    fn from(message: String) -> Self {
        Self { message, detail: None }
    }
}

impl From<&str> for Failed {
    fn from(message: &str) -> Self {
        message.to_owned().into()
    }
}

impl Failed {
    /// The request to `url` failed with `error`.
    pub(super) fn to(url: &str, error: &hyper_util::client::legacy::Error) -> Self {
        let all = causes(error);
        match find::<rustls::Error>(error) {
            Some(tls) => Self { message: format!("{url}: {}", explained(tls)), detail: Some(all) },
            None => format!("{url}: {all}").into(),
        }
    }
}

/// What went wrong with TLS, for somebody who knows the server.
fn explained(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::InvalidCertificate(problem) => match problem {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "the server's certificate has expired"
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "the server's certificate is not valid yet"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the server's certificate is for another host"
            }
            CertificateError::UnknownIssuer => {
                "the server's certificate is by an authority that is not trusted here"
            }
            _ => "the server's certificate is not valid",
        },
        _ => "the server and NANO could not agree on how to use TLS",
    }
}

/// Whether the connection was used before and ended before it brought anything of an answer: its server had most
/// likely closed it already.
pub(super) fn was_stale(error: &hyper_util::client::legacy::Error) -> bool {
    let ended = find::<hyper::Error>(error).is_some_and(hyper::Error::is_incomplete_message)
        || find::<io::Error>(error).is_some_and(|error| {
            use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
            matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
        });
    ended && error.connect_info().is_some_and(HasServed::is_true_of)
}

/// An error with what it comes from.
pub(super) fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// The first error of a kind in the chain.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        // What an io::Error is made of is not its source, but what has that.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}
