//! What holds for any URL pattern.

use super::{PATTERN_BYTES_MAX, Parts, create};

/// A pattern is refused or compiled; its strings are patterns again ("generate a pattern string" is the way back of
/// "parse a pattern string"), and stay of bounded length. The base is the second line.
pub fn url_pattern(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if text.len() > PATTERN_BYTES_MAX {
        return;
    }
    let (input, base) = match text.split_once('\n') {
        Some((input, base)) => (input, Some(base.to_owned())),
        None => (text, None),
    };
    // A protocol that is no plain text is left to V8's regular expressions, which are not here.
    let mut test = |component: &super::Component| {
        Ok(component.fixed_text.as_deref().is_none_or(super::canon::is_special))
    };
    let Ok(components) = create(Ok(input), base, &mut test) else { return };
    let init = || {
        let mut init = super::canon::Init::default();
        for (slot, component) in init.parts.each_mut().into_iter().zip(&components) {
            *slot = Some(component.pattern.clone());
        }
        // One mark that belongs to the URL is taken off each of these ("process protocol for init" and the like).
        let Parts { protocol, search, hash, .. } = &mut init.parts;
        for (slot, before, after) in [(protocol, "", ":"), (search, "?", ""), (hash, "#", "")] {
            *slot = slot.take().map(|text| format!("{before}{text}{after}"));
        }
        init
    };
    for component in &components {
        assert!(component.regexp.len() <= 64 * (text.len() + 64), "a regular expression grew out of bounds");
    }
    // They need not be the same: a piece whose text is empty once it is encoded is not written as one. Where it stood
    // between two wildcards, they become one with a modifier, so there need not be a pattern then. URLs drop these two:
    if text.contains(['\t', '\r']) {
        return;
    }
    // An opaque path ends before these ("canonicalize an opaque pathname"), wherever they came from.
    let is_opaque = components.first().is_none_or(|protocol| !super::canon::is_special(&protocol.pattern));
    if is_opaque && text.contains(['#', '?']) {
        return;
    }
    // And "\[" begins an IPv6 address, of which nothing has to follow, while "[" alone is too short for one ("hostname
    // pattern is an IPv6 address").
    if components.iter().any(|component| component.pattern == "[") {
        return;
    }
    let again = create(Err(init()), None, &mut test);
    let patterns = || components.iter().map(|component| &*component.pattern).collect::<Vec<_>>();
    assert!(again.is_ok(), "{input:?}: its own strings are refused: {:?}: {:?}", patterns(), again.err());
}
