//! Tells which parts of a JSON text an error may show.
//!
//! It works on tokens rather than on a parsed tree, because texts with syntax errors are shown too. Only values of
//! known keys are shown: a misspelt or broken `env` holds the same secrets as a correct one.

use crate::document::Span;
use crate::raw::{is_known_key, is_secret_key};

/// A token of JSON, as far as hiding secrets and finding unclosed strings need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A string; `closed` tells whether its quote came before the end of the line.
    Text { closed: bool },
    /// One of `{`, `}`, `[`, `]`, `:` and `,`.
    Mark(u8),
    /// A comment, with its marks.
    Comment,
    /// Any other run of characters.
    Word,
}

/// How much of a piece of text may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Show {
    /// All of it.
    Plain,
    /// That there is something.
    Masked,
    /// Not even the line that it is in.
    Nothing,
}

/// Every part of the text that cannot be shown plainly.
pub(crate) fn find(text: &str) -> Vec<(Span, Show)> {
    let tokens: Vec<(Token, Span)> = tokens(text).collect();
    let mut found = Vec::new();
    // What each open bracket says about the values in it, and what the last key says about its value.
    let mut open: Vec<Show> = Vec::new();
    let mut pending: Option<Show> = None;
    for (index, (token, span)) in tokens.iter().enumerate() {
        let around = open.last().copied().unwrap_or(Show::Masked);
        let followed = tokens.get(index + 1).is_some_and(|(next, _)| *next == Token::Mark(b':'));
        let name = text.get(span.start..span.end).unwrap_or_default().trim_matches(['"', '\'']);
        let show = match token {
            Token::Mark(b'[') => {
                open.push(pending.take().unwrap_or(around));
                continue;
            }
            Token::Mark(b'{') => {
                let secret = pending.take().unwrap_or(around) == Show::Nothing;
                open.push(if secret { Show::Nothing } else { Show::Masked });
                continue;
            }
            Token::Mark(mark) => {
                if matches!(mark, b']' | b'}') {
                    open.pop();
                }
                pending = pending.filter(|_| *mark == b':');
                continue;
            }
            Token::Comment => Show::Masked,
            _ if around == Show::Nothing => Show::Nothing,
            // After a colon comes a value, even if another colon follows.
            _ if pending.is_some() => pending.take().unwrap_or(around),
            _ if followed || is_secret_key(name) => {
                pending = Some(of_value(name));
                Show::Plain
            }
            _ if is_known_key(name) => Show::Plain,
            _ => around,
        };
        if show != Show::Plain {
            found.push((*span, show));
        }
    }
    found
}

/// What a key says about its value.
fn of_value(key: &str) -> Show {
    match (is_secret_key(key), is_known_key(key)) {
        (true, _) => Show::Nothing,
        (false, true) => Show::Plain,
        (false, false) => Show::Masked,
    }
}

/// The tokens of a JSON text with comments; strings end at their quote or at the end of the line.
pub(crate) fn tokens(text: &str) -> impl Iterator<Item = (Token, Span)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        at = find_from(bytes, at, |byte| !byte.is_ascii_whitespace());
        let start = at;
        let token = match *bytes.get(start)? {
            b'"' => {
                let closed;
                (at, closed) = string_end(bytes, start + 1);
                Token::Text { closed }
            }
            mark @ (b'{' | b'}' | b'[' | b']' | b':' | b',') => {
                at += 1;
                Token::Mark(mark)
            }
            b'/' if matches!(bytes.get(start + 1), Some(b'/' | b'*')) => {
                at = comment_end(bytes, start);
                Token::Comment
            }
            _ => {
                let ends = |byte: &u8| byte.is_ascii_whitespace() || br#"{}[]:,"/"#.contains(byte);
                at = find_from(bytes, start + 1, ends);
                Token::Word
            }
        };
        Some((token, Span { start, end: at }))
    })
}

fn find_from(bytes: &[u8], from: usize, wanted: impl Fn(&u8) -> bool) -> usize {
    bytes.iter().skip(from).position(wanted).map_or(bytes.len(), |offset| from + offset)
}

/// The end of a string that starts before `at`, and whether it is closed on its line.
fn string_end(bytes: &[u8], mut at: usize) -> (usize, bool) {
    loop {
        match bytes.get(at) {
            Some(b'"') => return (at + 1, true),
            Some(b'\\') if bytes.get(at + 1) != Some(&b'\n') => at += 2,
            None | Some(b'\n') => return (at.min(bytes.len()), false),
            Some(_) => at += 1,
        }
    }
}

/// The end of a comment that starts at `at`.
fn comment_end(bytes: &[u8], at: usize) -> usize {
    if bytes.get(at + 1) == Some(&b'/') {
        return find_from(bytes, at, |byte| *byte == b'\n');
    }
    let rest = bytes.get(at + 2..).unwrap_or_default();
    rest.windows(2).position(|pair| pair == b"*/").map_or(bytes.len(), |end| at + 2 + end + 2)
}
