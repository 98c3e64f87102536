//! Pattern strings as tokens (section 2.1.2).

use super::Invalid;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Open,
    Close,
    Regexp,
    Name,
    Char,
    EscapedChar,
    OtherModifier,
    Asterisk,
    End,
    InvalidChar,
}

/// A token: where it begins, and which code points are its value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) index: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The "tokenize policy": what becomes of what is no token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    Strict,
    Lenient,
}

/// "Tokenize".
pub(super) fn tokenize(input: &[char], policy: Policy) -> Result<Vec<Token>, Invalid> {
    let mut tokens = Vec::new();
    let mut index = 0;
    while let Some(&first) = input.get(index) {
        let after = index + 1;
        let found = match first {
            '*' => Ok((Kind::Asterisk, index, after, after)),
            '+' | '?' => Ok((Kind::OtherModifier, index, after, after)),
            '{' => Ok((Kind::Open, index, after, after)),
            '}' => Ok((Kind::Close, index, after, after)),
            '\\' if after < input.len() => Ok((Kind::EscapedChar, after, after + 1, after + 1)),
            // "Process a tokenizing error" goes on behind the backslash with an invalid character that is the backslash.
            '\\' => Err((index, "a pattern ends with a backslash")),
            ':' => {
                let end = name_end(input, after);
                if end > after {
                    Ok((Kind::Name, after, end, end))
                } else {
                    Err((index, "a ':' is not followed by a name"))
                }
            }
            '(' => match regexp_end(input, after) {
                Ok(end) => Ok((Kind::Regexp, after, end, end + 1)),
                Err(why) => Err((index, why)),
            },
            _ => Ok((Kind::Char, index, after, after)),
        };
        match found {
            Ok((kind, start, end, next)) => {
                tokens.push(Token { kind, index, start, end });
                index = next;
            }
            Err((_, why)) if policy == Policy::Strict => return Err(Invalid(why)),
            Err((start, _)) => {
                tokens.push(Token { kind: Kind::InvalidChar, index, start, end: after });
                index = after;
            }
        }
    }
    tokens.push(Token { kind: Kind::End, index, start: index, end: index });
    Ok(tokens)
}

/// Where the name that begins at `start` ends.
fn name_end(input: &[char], start: usize) -> usize {
    let is_part = |(at, c): (usize, &char)| is_name_char(*c, at == 0);
    let rest = input.get(start..).unwrap_or_default();
    start + rest.iter().enumerate().take_while(|pair| is_part(*pair)).count()
}

/// "Is a valid name code point": as in an identifier of JavaScript. (The crate's XID properties lack a few code points
/// that identifiers could not hold once normalised.)
pub(super) fn is_name_char(c: char, first: bool) -> bool {
    match c {
        '$' | '_' => true,
        '\u{200c}' | '\u{200d}' => !first,
        _ if first => unicode_ident::is_xid_start(c),
        _ => unicode_ident::is_xid_continue(c),
    }
}

/// Where the regular expression that begins at `start` has its closing parenthesis.
fn regexp_end(input: &[char], start: usize) -> Result<usize, &'static str> {
    let mut depth = 1;
    let mut at = start;
    while let Some(&c) = input.get(at) {
        let next = input.get(at + 1);
        match c {
            _ if !c.is_ascii() => return Err("a regular expression has to be ASCII"),
            '?' if at == start => return Err("a regular expression begins with '?'"),
            '\\' => {
                if !next.is_some_and(char::is_ascii) {
                    return Err("a regular expression has an escape that is not ASCII");
                }
                at += 1;
            }
            ')' => {
                depth -= 1;
                if depth == 0 {
                    return if at == start { Err("a regular expression is empty") } else { Ok(at) };
                }
            }
            '(' => {
                depth += 1;
                if next != Some(&'?') {
                    return Err("a regular expression has a capturing group");
                }
            }
            _ => {}
        }
        at += 1;
    }
    Err("a regular expression is not closed")
}
