//! Strings with a meaning: addresses, host names, network ranges, words of a fixed set.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use jsonc_parser::ast::Value;
use jsonc_parser::common::Ranged;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::config::{EgressRule, HostPattern, Level, LogFormat, Sandbox, Secret};
use crate::decode::{Decode, Decoder, quoted};
use crate::limits::{ADMIN_TOKEN_CHARS_MIN, APP_NAME_CHARS_MAX};
use crate::{host, suggest};

/// What is wrong with a text, and what would be right.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) message: String,
    pub(crate) help: String,
}

impl Problem {
    pub(crate) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Problem { message: message.into(), help: help.into() }
    }
}

/// Something that is written as a string.
pub(crate) trait FromText: Sized {
    /// What such a string looks like.
    const EXAMPLE: &'static str;

    fn from_text(text: &str) -> Result<Self, Problem>;

    fn text_schema() -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// A value that a JSON string stands for.
#[derive(Debug)]
pub(crate) struct Text<T>(pub(crate) T);

impl<T: FromText> Decode for Text<T> {
    fn decode(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Self> {
        let text = decoder.string(value, &format!("write a string such as \"{}\"", T::EXAMPLE))?;
        let problem = match T::from_text(&text) {
            Ok(parsed) => return Some(Text(parsed)),
            Err(problem) => problem,
        };
        decoder.error(value.range().into(), problem.message, Some(problem.help));
        None
    }
}

impl<T: FromText> JsonSchema for Text<T> {
    fn schema_name() -> Cow<'static, str> {
        "text".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        T::text_schema()
    }
}

impl FromText for String {
    const EXAMPLE: &'static str = "./nano.schema.json";

    fn from_text(text: &str) -> Result<Self, Problem> {
        Ok(text.to_owned())
    }
}

/// The name of an app.
#[derive(Debug)]
pub(crate) struct AppName(pub(crate) String);

impl FromText for AppName {
    const EXAMPLE: &'static str = "blog";

    fn from_text(text: &str) -> Result<Self, Problem> {
        let fits = (1..=APP_NAME_CHARS_MAX).contains(&text.chars().count());
        if fits && text.trim() == text && !text.contains(char::is_control) {
            return Ok(AppName(text.to_owned()));
        }
        let help = format!(
            "use 1 to {APP_NAME_CHARS_MAX} characters, without spaces around them and without control characters"
        );
        Err(Problem::new(format!("{} cannot be an app's name", quoted(text)), help))
    }
}

impl FromText for PathBuf {
    const EXAMPLE: &'static str = "./apps/blog";

    fn from_text(text: &str) -> Result<Self, Problem> {
        if text.is_empty() || text.contains('\0') {
            return Err(Problem::new("this is not a path", "paths are relative to the folder of this file"));
        }
        Ok(PathBuf::from(text))
    }
}

impl FromText for SocketAddr {
    const EXAMPLE: &'static str = "0.0.0.0:8080";

    fn from_text(text: &str) -> Result<Self, Problem> {
        text.parse().map_err(|_| {
            let message = format!("{} is not an address with a port", quoted(text));
            let port = text.rsplit(':').next().and_then(|port| port.parse::<u16>().ok());
            let help = match port {
                Some(port) if text.starts_with("localhost") => format!("write \"127.0.0.1:{port}\""),
                Some(port) => format!("write \"0.0.0.0:{port}\" for all addresses, or \"127.0.0.1:{port}\""),
                None => {
                    "write an IP address and a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\"".to_owned()
                }
            };
            Problem::new(message, help)
        })
    }
}

impl FromText for Secret {
    const EXAMPLE: &'static str = "${NANO_ADMIN_TOKEN}";

    fn from_text(text: &str) -> Result<Self, Problem> {
        if text.len() < ADMIN_TOKEN_CHARS_MIN || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let message =
                format!("the token must be at least {ADMIN_TOKEN_CHARS_MIN} visible ASCII characters");
            return Err(Problem::new(message, "make one with `openssl rand -hex 32`"));
        }
        Ok(Secret::new(text))
    }
}

impl FromText for HostPattern {
    const EXAMPLE: &'static str = "blog.example.com";

    fn from_text(text: &str) -> Result<Self, Problem> {
        let parsed = match text.strip_prefix("*.") {
            Some(suffix) => host::name(suffix).map(HostPattern::Suffix),
            None => host::name(text).map(HostPattern::Exact),
        };
        parsed.map_err(|help| Problem::new(format!("{} is not a host name", quoted(text)), help))
    }
}

impl FromText for EgressRule {
    const EXAMPLE: &'static str = "10.1.0.0/16";

    fn from_text(text: &str) -> Result<Self, Problem> {
        if let Ok(addr) = text.parse::<IpAddr>() {
            return Ok(EgressRule::Net { addr, prefix_len: address_bits(addr) });
        }
        match text.split_once('/') {
            Some((addr, prefix_len)) => network(text, addr, prefix_len),
            None => host::name(text).map(EgressRule::Host).map_err(|help| {
                let message = format!("{} is neither a network range nor a host name", quoted(text));
                Problem::new(message, format!("write \"10.1.0.0/16\" or \"localhost\"; {help}"))
            }),
        }
    }
}

fn address_bits(addr: IpAddr) -> u8 {
    if addr.is_ipv4() { 32 } else { 128 }
}

fn network(text: &str, addr: &str, prefix_len: &str) -> Result<EgressRule, Problem> {
    let message = format!("{} is not a network range", quoted(text));
    let Ok(addr) = addr.parse::<IpAddr>() else {
        return Err(Problem::new(
            message,
            "write an IP address, a slash and a length, such as \"10.1.0.0/16\"",
        ));
    };
    let bits = address_bits(addr);
    let Some(prefix_len) = prefix_len.parse::<u8>().ok().filter(|length| *length <= bits) else {
        return Err(Problem::new(
            message,
            format!("the length after the slash is a number from 0 to {bits}"),
        ));
    };
    let start = match addr {
        IpAddr::V4(addr) => {
            let mask = u32::MAX.checked_shl(u32::from(bits - prefix_len)).unwrap_or(0);
            IpAddr::V4((addr.to_bits() & mask).into())
        }
        IpAddr::V6(addr) => {
            let mask = u128::MAX.checked_shl(u32::from(bits - prefix_len)).unwrap_or(0);
            IpAddr::V6((addr.to_bits() & mask).into())
        }
    };
    if start != addr {
        let message = format!("{} is not the start of its range", quoted(text));
        return Err(Problem::new(message, format!("write \"{start}/{prefix_len}\"")));
    }
    Ok(EgressRule::Net { addr, prefix_len })
}

/// Implements a string that is one word of a fixed set.
macro_rules! words {
    ($type:ident, $example:literal: $($word:literal => $value:ident),*) => {
        impl FromText for $type {
            const EXAMPLE: &'static str = $example;

            fn from_text(text: &str) -> Result<Self, Problem> {
                match text {
                    $($word => Ok($type::$value),)*
                    _ => Err(unknown_word(text, &[$($word),*], $example)),
                }
            }

            fn text_schema() -> Schema {
                json_schema!({ "type": "string", "enum": [$($word),*] })
            }
        }
    };
}

words!(Sandbox, "auto": "auto" => Auto, "on" => On, "off" => Off);
words!(LogFormat, "json": "json" => Json, "pretty" => Pretty);
words!(Level, "info": "error" => Error, "warn" => Warn, "info" => Info, "debug" => Debug, "trace" => Trace);

fn unknown_word(text: &str, words: &[&str], example: &str) -> Problem {
    let message = format!("{} is not one of {}", quoted(text), words.join(", "));
    let example = suggest::nearest(text, words).unwrap_or(example);
    Problem::new(message, format!("write \"{example}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_ranges() {
        for (text, expected) in [
            ("10.1.0.0/16", Ok(("10.1.0.0", 16))),
            ("0.0.0.0/0", Ok(("0.0.0.0", 0))),
            ("::/0", Ok(("::", 0))),
            ("fd00::/8", Ok(("fd00::", 8))),
            ("127.0.0.1", Ok(("127.0.0.1", 32))),
            ("::1", Ok(("::1", 128))),
            ("10.1.2.3/16", Err("write \"10.1.0.0/16\"")),
            ("10.1.0.0/33", Err("the length after the slash is a number from 0 to 32")),
        ] {
            let expected = expected
                .map(|(addr, prefix_len)| EgressRule::Net { addr: addr.parse().unwrap(), prefix_len })
                .map_err(str::to_owned);
            assert_eq!(EgressRule::from_text(text).map_err(|problem| problem.help), expected, "{text}");
        }
    }
}
