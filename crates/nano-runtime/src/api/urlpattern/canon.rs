//! Canonicalisation of components (section 3.1), each by the URL parser, and of what they are given in (3.2).

use ada_url::Url;

use super::pattern::escape_pattern;
use super::{Invalid, Parts};

/// Special schemes with their default ports (URL, section 4.2).
const SPECIAL_SCHEMES: [(&str, &str); 6] =
    [("ftp", "21"), ("file", ""), ("http", "80"), ("https", "443"), ("ws", "80"), ("wss", "443")];

pub(super) fn is_special(scheme: &str) -> bool {
    SPECIAL_SCHEMES.iter().any(|(special, _)| *special == scheme)
}

pub(super) fn is_default_port(scheme: &str, port: &str) -> bool {
    !port.is_empty() && SPECIAL_SCHEMES.contains(&(scheme, port))
}

/// A URL whose components take the places of a new URL record's.
fn dummy(scheme: &str) -> Result<Url, Invalid> {
    Url::parse(format!("{scheme}://dummy.test"), None).map_err(|_| Invalid("the protocol is not valid"))
}

pub(super) fn protocol(value: &str) -> Result<String, Invalid> {
    if value.is_empty() {
        return Ok(String::new());
    }
    let url = dummy(value)?;
    Ok(url.protocol().strip_suffix(':').unwrap_or_default().to_owned())
}

pub(super) fn username(value: &str) -> Result<String, Invalid> {
    let mut url = dummy("https")?;
    url.set_username(Some(value)).map_err(|_| Invalid("the username is not valid"))?;
    Ok(url.username().to_owned())
}

pub(super) fn password(value: &str) -> Result<String, Invalid> {
    let mut url = dummy("https")?;
    url.set_password(Some(value)).map_err(|_| Invalid("the password is not valid"))?;
    Ok(url.password().to_owned())
}

pub(super) fn hostname(value: &str) -> Result<String, Invalid> {
    if value.is_empty() {
        return Ok(String::new());
    }
    let mut url = dummy("https")?;
    url.set_hostname(Some(value)).map_err(|_| Invalid("the hostname is not valid"))?;
    Ok(url.hostname().to_owned())
}

pub(super) fn ipv6_hostname(value: &str) -> Result<String, Invalid> {
    if value.chars().all(|c| c.is_ascii_hexdigit() || "[]:".contains(c)) {
        Ok(value.to_ascii_lowercase())
    } else {
        Err(Invalid("the IPv6 address is not valid"))
    }
}

pub(super) fn port(value: &str) -> Result<String, Invalid> {
    port_of(value, "")
}

fn port_of(value: &str, scheme: &str) -> Result<String, Invalid> {
    if value.is_empty() {
        return Ok(String::new());
    }
    // Only http's like have a default port that is left out.
    let scheme = if is_special(scheme) && scheme != "file" { scheme } else { "dummy" };
    let mut url = dummy(scheme)?;
    url.set_port(Some(value)).map_err(|_| Invalid("the port is not valid"))?;
    Ok(url.port().to_owned())
}

pub(super) fn pathname(value: &str) -> Result<String, Invalid> {
    if value.is_empty() {
        return Ok(String::new());
    }
    let mut url = dummy("dummy")?;
    if value.starts_with('/') {
        url.set_pathname(Some(value)).map_err(|_| Invalid("the pathname is not valid"))?;
        return Ok(url.pathname().to_owned());
    }
    // A piece from the middle of a path must get no slash, nor be taken for a dot segment.
    url.set_pathname(Some(&format!("/-{value}"))).map_err(|_| Invalid("the pathname is not valid"))?;
    Ok(url.pathname().get(2..).unwrap_or_default().to_owned())
}

pub(super) fn opaque_pathname(value: &str) -> Result<String, Invalid> {
    if value.is_empty() {
        return Ok(String::new());
    }
    // The letter makes the path opaque whatever it begins with, the fragment keeps what it ends with.
    let url =
        Url::parse(format!("dummy:-{value}#"), None).map_err(|_| Invalid("the pathname is not valid"))?;
    Ok(url.pathname().get(1..).unwrap_or_default().to_owned())
}

pub(super) fn search(value: &str) -> Result<String, Invalid> {
    let mut url = dummy("dummy")?;
    url.set_search(Some(&format!("?{value}")));
    Ok(without_first(url.search(), '?').to_owned())
}

pub(super) fn hash(value: &str) -> Result<String, Invalid> {
    let mut url = dummy("dummy")?;
    url.set_hash(Some(&format!("#{value}")));
    Ok(without_first(url.hash(), '#').to_owned())
}

fn without_first(text: &str, first: char) -> &str {
    text.strip_prefix(first).unwrap_or(text)
}

/// The components of a URL, as "match" has them.
pub(super) fn parts_of(url: &Url) -> Parts<String> {
    Parts {
        protocol: url.protocol().strip_suffix(':').unwrap_or_default().to_owned(),
        username: url.username().to_owned(),
        password: url.password().to_owned(),
        hostname: url.hostname().to_owned(),
        port: url.port().to_owned(),
        pathname: url.pathname().to_owned(),
        search: without_first(url.search(), '?').to_owned(),
        hash: without_first(url.hash(), '#').to_owned(),
    }
}

/// A URLPatternInit.
#[derive(Default)]
pub(super) struct Init {
    pub(super) parts: Parts<Option<String>>,
    pub(super) base_url: Option<String>,
}

/// What "process a URLPatternInit" is to make.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Pattern,
    Url,
}

/// "Process a URLPatternInit", with null for all components in a pattern, and empty strings in a URL.
pub(super) fn process(init: Init, usage: Use) -> Result<Parts<Option<String>>, Invalid> {
    let is_url = usage == Use::Url;
    let mut result = Parts::default();
    if is_url {
        for slot in result.each_mut() {
            *slot = Some(String::new());
        }
    }
    let given = init.parts;
    let mut base_path = None;
    if let Some(base) = init.base_url {
        let base = Url::parse(base, None).map_err(|_| Invalid("the base URL is not valid"))?;
        inherit(&mut result, &given, &parts_of(&base), is_url);
        // An opaque path has no segments to be relative to.
        let has_segments = base.href().get(base.protocol().len()..).unwrap_or_default().starts_with('/');
        base_path = has_segments.then(|| base.pathname().to_owned());
    }
    let finish = |value: String, canonicalize: fn(&str) -> Result<String, Invalid>| {
        if is_url { canonicalize(&value) } else { Ok(value) }
    };
    if let Some(value) = given.protocol {
        let value = value.strip_suffix(':').unwrap_or(&value).to_owned();
        result.protocol = Some(finish(value, protocol)?);
    }
    if let Some(value) = given.username {
        result.username = Some(finish(value, username)?);
    }
    if let Some(value) = given.password {
        result.password = Some(finish(value, password)?);
    }
    if let Some(value) = given.hostname {
        result.hostname = Some(finish(value, hostname)?);
    }
    let scheme = result.protocol.clone().unwrap_or_default();
    if let Some(value) = given.port {
        result.port = Some(if is_url { port_of(&value, &scheme)? } else { value });
    }
    if let Some(mut value) = given.pathname {
        if let Some(path) = base_path
            && !is_absolute(&value, usage)
        {
            let path = if is_url { path } else { escape_pattern(&path) };
            if let Some(slash) = path.rfind('/') {
                value.insert_str(0, path.get(..=slash).unwrap_or_default());
            }
        }
        let canonicalize = if scheme.is_empty() || is_special(&scheme) { pathname } else { opaque_pathname };
        result.pathname = Some(finish(value, canonicalize)?);
    }
    if let Some(value) = given.search {
        result.search = Some(finish(without_first(&value, '?').to_owned(), search)?);
    }
    if let Some(value) = given.hash {
        result.hash = Some(finish(without_first(&value, '#').to_owned(), hash)?);
    }
    Ok(result)
}

/// Takes those components of the base URL that are less specific than all that were given.
fn inherit(
    result: &mut Parts<Option<String>>,
    given: &Parts<Option<String>>,
    base: &Parts<String>,
    is_url: bool,
) {
    let take = |value: &String| Some(if is_url { value.clone() } else { escape_pattern(value) });
    let mut free = given.protocol.is_none();
    if free {
        result.protocol = take(&base.protocol);
    }
    // A pattern never inherits credentials.
    let mut free_credentials =
        is_url && free && given.hostname.is_none() && given.port.is_none() && given.username.is_none();
    if free_credentials {
        result.username = take(&base.username);
    }
    free_credentials &= given.password.is_none();
    if free_credentials {
        result.password = take(&base.password);
    }
    let order = [
        (&given.hostname, &base.hostname, &mut result.hostname),
        (&given.port, &base.port, &mut result.port),
        (&given.pathname, &base.pathname, &mut result.pathname),
        (&given.search, &base.search, &mut result.search),
        (&given.hash, &base.hash, &mut result.hash),
    ];
    for (given, base, result) in order {
        free &= given.is_none();
        if free {
            *result = take(base);
        }
    }
}

/// "Is an absolute pathname".
fn is_absolute(value: &str, usage: Use) -> bool {
    value.starts_with('/') || (usage == Use::Pattern && (value.starts_with("\\/") || value.starts_with("{/")))
}
