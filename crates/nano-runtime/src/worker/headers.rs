//! Header lists and ids in the form in which they cross between server and app: flat, and copied once.

use std::fmt;

/// The headers of one message, in one piece of memory: names in lower case, the order and repeated names kept.
///
/// It is written `name NUL value NUL name NUL value`, which is also how it crosses into JavaScript.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HeaderList {
    text: Vec<u8>,
}

impl HeaderList {
    /// An empty list with room for `bytes` of names and values.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { text: Vec::with_capacity(bytes) }
    }

    /// A list of up to `max` headers out of its text. `None`: there are more, a name is no token in lower case
    /// (RFC 9110, section 5.6.2), a value has control characters (section 5.5), or a name has no value.
    pub(crate) fn from_text(text: Vec<u8>, max: usize) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::default());
        }
        let mut rest = text.as_slice();
        for _ in 0..max {
            let name = rest.iter().position(|byte| kind(*byte) & NAME == 0)?;
            if name == 0 || rest[name] != 0 {
                return None;
            }
            rest = &rest[name + 1..];
            match rest.iter().position(|byte| kind(*byte) & VALUE == 0) {
                None => return Some(Self { text }),
                Some(value) if rest[value] == 0 => rest = &rest[value + 1..],
                Some(_) => return None,
            }
        }
        None
    }

    /// Adds a header out of an app, unless the list would be longer than `bytes_max`. `false`: it is too long, or not
    /// valid, as for [`HeaderList::from_text`].
    pub(crate) fn try_push(&mut self, name: &[u8], value: &[u8], bytes_max: usize) -> bool {
        let more = name.len() + value.len() + 2;
        if !is_name(name) || !is_value(value) || self.text.len() + more > bytes_max {
            return false;
        }
        if self.text.capacity() == 0 {
            self.text = Vec::with_capacity(more);
        }
        if !self.text.is_empty() {
            self.text.push(0);
        }
        self.text.extend_from_slice(name);
        self.text.push(0);
        self.text.extend_from_slice(value);
        true
    }

    /// Whether `value` can be a header's as it is: with nothing to strip from its ends.
    pub(crate) fn is_value(value: &[u8]) -> bool {
        let at_end = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
        is_value(value) && !at_end(value.first()) && !at_end(value.last())
    }

    /// Adds a header. The name is put in lower case; neither may contain a NUL, which no HTTP message can have there.
    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        debug_assert!(!name.contains(&0) && !value.contains(&0), "a NUL in a header");
        if !self.text.is_empty() {
            self.text.push(0);
        }
        let at = self.text.len();
        self.text.extend_from_slice(name);
        if let Some(name) = self.text.get_mut(at..) {
            name.make_ascii_lowercase();
        }
        self.text.push(0);
        self.text.extend_from_slice(value);
    }

    /// All headers, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut rest = (!self.text.is_empty()).then_some(self.text.as_slice());
        std::iter::from_fn(move || {
            let (name, after) = split_at_nul(rest?);
            let (value, after) = split_at_nul(after?);
            rest = after;
            Some((name, value))
        })
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The first value of `name`, which is given in lower case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|(other, _)| *other == name.as_bytes()).map(|(_, value)| value)
    }

    /// Leaves out the headers of `name`, which is given in lower case.
    pub(crate) fn remove(&mut self, name: &str) {
        if self.get(name).is_none() {
            return;
        }
        let mut left = Self::with_capacity(self.text.len());
        for (other, value) in self.iter().filter(|(other, _)| *other != name.as_bytes()) {
            left.push(other, value);
        }
        *self = left;
    }

    /// Names and values, with a NUL between any two.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }
}

impl fmt::Debug for HeaderList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |bytes| String::from_utf8_lossy(bytes);
        f.debug_map().entries(self.iter().map(|(name, value)| (text(name), text(value)))).finish()
    }
}

fn split_at_nul(bytes: &[u8]) -> (&[u8], Option<&[u8]>) {
    match bytes.iter().position(|byte| *byte == 0) {
        Some(at) => (&bytes[..at], Some(&bytes[at + 1..])),
        None => (bytes, None),
    }
}

fn is_name(bytes: &[u8]) -> bool {
    bytes == b"content-type" || !bytes.is_empty() && bytes.iter().all(|byte| kind(*byte) & NAME != 0)
}

fn is_value(bytes: &[u8]) -> bool {
    let (eights, rest) = bytes.as_chunks();
    let all = |bytes: &[u8]| bytes.iter().all(|byte| kind(*byte) & VALUE != 0);
    eights.iter().all(|eight| are_printable(*eight) || all(eight)) && all(rest)
}

/// Whether none of the bytes is a control character, which takes one look: no byte of a difference borrows from the
/// next one unless it is itself one that is looked for.
fn are_printable(eight: [u8; 8]) -> bool {
    let bytes = u64::from_ne_bytes(eight);
    let deletes = bytes ^ each(0x7f);
    let below_space = bytes.wrapping_sub(each(b' ')) & !bytes;
    let is_delete = deletes.wrapping_sub(each(1)) & !deletes;
    (below_space | is_delete) & each(0x80) == 0
}

/// The same for each of eight bytes.
const fn each(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// A byte may be in a name.
const NAME: u8 = 1;
/// A byte may be in a value.
const VALUE: u8 = 2;

fn kind(byte: u8) -> u8 {
    KINDS[usize::from(byte)]
}

const KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0_u8;
    loop {
        let in_name = byte.is_ascii_lowercase() || byte.is_ascii_digit() || is_token_mark(byte);
        let in_value = byte == b'\t' || (byte >= b' ' && byte != 0x7f);
        kinds[byte as usize] = if in_name { NAME } else { 0 } | if in_value { VALUE } else { 0 };
        if byte == u8::MAX {
            break kinds;
        }
        byte += 1;
    }
};

const fn is_token_mark(byte: u8) -> bool {
    matches!(
        byte,
        b'!' | b'#'
            | b'$'
            | b'%'
            | b'&'
            | b'\''
            | b'*'
            | b'+'
            | b'-'
            | b'.'
            | b'^'
            | b'_'
            | b'`'
            | b'|'
            | b'~'
    )
}

/// The value of a request's `x-request-id`: made here, or taken over from the client.
#[derive(Clone, PartialEq, Eq)]
pub struct XRequestId(Id);

#[derive(Clone, PartialEq, Eq)]
enum Id {
    /// Written as 16 hexadecimal digits.
    Made(u64),
    Taken(Box<str>),
}

impl XRequestId {
    /// The longest id that is taken over from a client, in bytes.
    const BYTES_MAX: usize = 128;

    /// An id of 16 hexadecimal digits.
    #[must_use]
    pub const fn made(number: u64) -> Self {
        Self(Id::Made(number))
    }

    /// The client's own id, if it is a sane one: 1 to 128 letters, digits and `-_.:/+=`.
    #[must_use]
    pub fn taken(value: &[u8]) -> Option<Self> {
        let sane = (1..=Self::BYTES_MAX).contains(&value.len())
            && value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte));
        let text = std::str::from_utf8(value).ok().filter(|_| sane)?;
        Some(Self(Id::Taken(text.into())))
    }

    /// Calls `f` with its bytes.
    pub fn with_bytes<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        match &self.0 {
            Id::Made(number) => f(&hex(*number)),
            Id::Taken(text) => f(text.as_bytes()),
        }
    }
}

impl fmt::Display for XRequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_bytes(|bytes| f.write_str(std::str::from_utf8(bytes).unwrap_or_default()))
    }
}

impl fmt::Debug for XRequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The digits of `number`, eight at a time in one register each.
fn hex(number: u64) -> [u8; 16] {
    let digits = |half: u64| {
        // Each of the eight nibbles to a byte of its own.
        let spread = (half | (half << 16)) & 0x0000_ffff_0000_ffff;
        let spread = (spread | (spread << 8)) & 0x00ff_00ff_00ff_00ff;
        let nibbles = (spread | (spread << 4)) & each(0x0f);
        let is_letter = ((nibbles + each(6)) >> 4) & each(1);
        nibbles + each(b'0') + is_letter * u64::from(b'a' - b'0' - 10)
    };
    let (high, low) = (digits(number >> 32), digits(number & 0xffff_ffff));
    (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::{HeaderList, XRequestId};

    fn pairs(list: &HeaderList) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        list.iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    #[test]
    fn a_list_keeps_order_and_repeated_names_and_lowers_names() {
        let mut list = HeaderList::default();
        assert_eq!(pairs(&list), []);
        for (name, value) in [("Set-Cookie", "A=1"), ("x", ""), ("SET-COOKIE", "B=2"), ("y", "")] {
            list.push(name.as_bytes(), value.as_bytes());
        }
        let expected = [("set-cookie", "A=1"), ("x", ""), ("set-cookie", "B=2"), ("y", "")];
        assert_eq!(pairs(&list), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(list.get("set-cookie"), Some(&b"A=1"[..]));
        assert_eq!(list.get("y"), Some(&b""[..]));
        assert_eq!(list.get("z"), None);
        assert_eq!(HeaderList::from_text(list.text().to_vec(), 4), Some(list));
    }

    #[test]
    fn a_text_that_is_no_list_is_refused() {
        for good in ["", "a\0", "a\0b", "a\0b\0c\0", "a\0b\tc \u{e9}\0!#$%&'*+-.^_`|~09\0x"] {
            assert!(HeaderList::from_text(good.into(), 2).is_some(), "{good:?}");
        }
        for (name, value) in [("a", ""), ("a", "b"), ("x-1", "b\tc \u{e9}")] {
            let text = format!("{name}\0{value}\0{name}\0{value}").into_bytes();
            let mut list = HeaderList::default();
            assert!(list.try_push(name.as_bytes(), value.as_bytes(), 1000), "{name:?}: {value:?}");
            assert!(list.try_push(name.as_bytes(), value.as_bytes(), text.len() + 1), "{name:?}: {value:?}");
            assert!(!list.try_push(b"x", b"", text.len() + 2));
            assert_eq!(Some(list), HeaderList::from_text(text, 2));
            assert!(HeaderList::is_value(value.as_bytes()));
        }
        for (name, value) in
            [("", "b"), ("A", "b"), ("a b", ""), ("a\0b", "c"), ("a", "b\0c\0d"), ("a", "b\r\nc: d")]
        {
            let mut list = HeaderList::default();
            assert!(!list.try_push(name.as_bytes(), value.as_bytes(), 1000), "{name:?}: {value:?}");
            assert_eq!(list, HeaderList::default());
        }
        for value in [" ", " a", "a ", "\ta", "a\t", "a\nb", "\0", "\u{7f}"] {
            assert!(!HeaderList::is_value(value.as_bytes()), "{value:?}");
        }
        for bad in [
            "a",
            "\0",
            "\0a",
            "A\0b",
            "a b\0c",
            "a:\0b",
            "a\0b\0c",
            "a\0b\0\0c",
            "a\0b\r\nc: d",
            "a\0b\n",
            "a\0\u{7f}",
            "\u{e9}\0b",
            "a\r\nb\0c",
            "a\0b\0c\0d\0e\0f",
        ] {
            assert!(HeaderList::from_text(bad.into(), 2).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn every_byte_of_a_value_is_looked_at() {
        for byte in 0..=u8::MAX {
            for at in 0..20 {
                let mut value = *b"a long header value.";
                value[at] = byte;
                let valid = byte == b'\t' || (byte >= b' ' && byte != 0x7f);
                let mut list = HeaderList::default();
                assert_eq!(list.try_push(b"x", &value, 100), valid, "{byte} at {at}");
            }
        }
    }

    #[test]
    fn numbers_are_written_in_sixteen_digits() {
        for number in [0, 1, 0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210, u64::MAX, 0x9a9a_0f0f_a0a0_9999] {
            assert_eq!(XRequestId::made(number).to_string(), format!("{number:016x}"));
        }
    }

    #[test]
    fn only_sane_ids_are_taken_over() {
        let longest = "a".repeat(128);
        for good in ["a", "A-1_2.3:4/5+6=", &longest] {
            assert_eq!(XRequestId::taken(good.as_bytes()).map(|id| id.to_string()).as_deref(), Some(good));
        }
        for bad in ["", "a b", "a\"", "\u{e9}", &"a".repeat(129)] {
            assert!(XRequestId::taken(bad.as_bytes()).is_none(), "{bad:?}");
        }
    }
}
