//! One component's pattern: parsed into parts, and written as a regular expression and as a pattern string
//! (sections 2.1.5, 2.2 and 2.3).

use std::collections::HashSet;

use super::Invalid;
use super::tokens::{Kind, Policy, Token, is_name_char, tokenize};

const FULL_WILDCARD: &str = ".*";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PartKind {
    FixedText,
    Regexp,
    SegmentWildcard,
    FullWildcard,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Modifier {
    None,
    Optional,
    ZeroOrMore,
    OneOrMore,
}

impl Modifier {
    fn text(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Optional => "?",
            Self::ZeroOrMore => "*",
            Self::OneOrMore => "+",
        }
    }

    fn repeats(self) -> bool {
        matches!(self, Self::ZeroOrMore | Self::OneOrMore)
    }
}

#[derive(Debug)]
struct Part {
    kind: PartKind,
    value: String,
    modifier: Modifier,
    name: String,
    prefix: String,
    suffix: String,
}

impl Part {
    fn fixed(value: String, modifier: Modifier) -> Self {
        let empty = String::new;
        Self { kind: PartKind::FixedText, value, modifier, name: empty(), prefix: empty(), suffix: empty() }
    }

    fn has_custom_name(&self) -> bool {
        !self.name.starts_with(|c: char| c.is_ascii_digit())
    }
}

/// What differs between components.
#[derive(Clone, Copy)]
pub(super) struct Options {
    /// The delimiter code point; empty for none.
    delimiter: &'static str,
    /// The prefix code point; empty for none.
    prefix: &'static str,
}

pub(super) const DEFAULT: Options = Options { delimiter: "", prefix: "" };
pub(super) const HOSTNAME: Options = Options { delimiter: ".", prefix: "" };
pub(super) const PATHNAME: Options = Options { delimiter: "/", prefix: "/" };

impl Options {
    fn segment_wildcard(&self) -> String {
        format!("[^{}]+?", escape_regexp(self.delimiter))
    }
}

/// An "encoding callback": validates a piece of fixed text and encodes it.
pub(super) type Encode = fn(&str) -> Result<String, Invalid>;

/// A compiled component, except for its regular expression, which is still a string.
pub(super) struct Component {
    pub(super) pattern: String,
    pub(super) regexp: String,
    pub(super) names: Vec<String>,
    pub(super) has_regexp_groups: bool,
    /// The only text that matches, if the pattern is that.
    pub(super) fixed_text: Option<String>,
}

/// "Compile a component".
pub(super) fn compile(input: &str, encode: Encode, options: Options) -> Result<Component, Invalid> {
    let parts = Parser::parse(input, encode, options)?;
    let (regexp, names) = regexp_and_names(&parts, options);
    let fixed_text = match parts.as_slice() {
        [] => Some(String::new()),
        [part] if part.kind == PartKind::FixedText && part.modifier == Modifier::None => {
            Some(part.value.clone())
        }
        _ => None,
    };
    Ok(Component {
        pattern: pattern_string(&parts, options),
        regexp,
        names,
        has_regexp_groups: parts.iter().any(|part| part.kind == PartKind::Regexp),
        fixed_text,
    })
}

struct Parser {
    input: Vec<char>,
    tokens: Vec<Token>,
    encode: Encode,
    segment_wildcard: String,
    parts: Vec<Part>,
    names: HashSet<String>,
    pending: String,
    index: usize,
    next_name: usize,
}

impl Parser {
    /// "Parse a pattern string".
    fn parse(input: &str, encode: Encode, options: Options) -> Result<Vec<Part>, Invalid> {
        let input: Vec<char> = input.chars().collect();
        let tokens = tokenize(&input, Policy::Strict)?;
        let mut parser = Self {
            input,
            tokens,
            encode,
            segment_wildcard: options.segment_wildcard(),
            parts: Vec::new(),
            names: HashSet::new(),
            pending: String::new(),
            index: 0,
            next_name: 0,
        };
        while parser.index < parser.tokens.len() {
            parser.step(options)?;
        }
        Ok(parser.parts)
    }

    fn step(&mut self, options: Options) -> Result<(), Invalid> {
        let char_token = self.consume(Kind::Char);
        let name = self.consume(Kind::Name);
        let matcher = self.consume_matcher(name);
        if name.is_some() || matcher.is_some() {
            let mut prefix = char_token.map_or_else(String::new, |token| self.value(token));
            if !prefix.is_empty() && prefix != options.prefix {
                self.pending.push_str(&prefix);
                prefix.clear();
            }
            self.flush_pending()?;
            let modifier = self.consume_modifier();
            return self.add_part(&prefix, name, matcher, "", modifier);
        }
        if let Some(token) = char_token.or_else(|| self.consume(Kind::EscapedChar)) {
            let text = self.value(token);
            self.pending.push_str(&text);
            return Ok(());
        }
        if self.consume(Kind::Open).is_some() {
            let prefix = self.consume_text();
            let name = self.consume(Kind::Name);
            let matcher = self.consume_matcher(name);
            let suffix = self.consume_text();
            self.consume(Kind::Close).ok_or(Invalid("a '{' is not closed"))?;
            let modifier = self.consume_modifier();
            return self.add_part(&prefix, name, matcher, &suffix, modifier);
        }
        self.flush_pending()?;
        self.consume(Kind::End).map(|_| ()).ok_or(Invalid("a modifier or bracket is out of place"))
    }

    fn value(&self, token: Token) -> String {
        self.input.get(token.start..token.end).unwrap_or_default().iter().collect()
    }

    fn consume(&mut self, kind: Kind) -> Option<Token> {
        let token = *self.tokens.get(self.index)?;
        if token.kind != kind {
            return None;
        }
        self.index += 1;
        Some(token)
    }

    fn consume_matcher(&mut self, name: Option<Token>) -> Option<Token> {
        let regexp = self.consume(Kind::Regexp);
        if regexp.is_none() && name.is_none() { self.consume(Kind::Asterisk) } else { regexp }
    }

    fn consume_modifier(&mut self) -> Modifier {
        let token = self.consume(Kind::OtherModifier).or_else(|| self.consume(Kind::Asterisk));
        match token.and_then(|token| self.input.get(token.start)) {
            Some('?') => Modifier::Optional,
            Some('*') => Modifier::ZeroOrMore,
            Some('+') => Modifier::OneOrMore,
            _ => Modifier::None,
        }
    }

    fn consume_text(&mut self) -> String {
        let mut text = String::new();
        while let Some(token) = self.consume(Kind::Char).or_else(|| self.consume(Kind::EscapedChar)) {
            text.push_str(&self.value(token));
        }
        text
    }

    /// "Maybe add a part from the pending fixed value".
    fn flush_pending(&mut self) -> Result<(), Invalid> {
        if !self.pending.is_empty() {
            let value = (self.encode)(&std::mem::take(&mut self.pending))?;
            self.parts.push(Part::fixed(value, Modifier::None));
        }
        Ok(())
    }

    /// "Add a part".
    fn add_part(
        &mut self,
        prefix: &str,
        name: Option<Token>,
        matcher: Option<Token>,
        suffix: &str,
        modifier: Modifier,
    ) -> Result<(), Invalid> {
        let is_text = name.is_none() && matcher.is_none();
        if is_text && modifier == Modifier::None {
            // A "{foo}" is put together with the text around it.
            self.pending.push_str(prefix);
            return Ok(());
        }
        self.flush_pending()?;
        if is_text {
            if !prefix.is_empty() {
                let value = (self.encode)(prefix)?;
                self.parts.push(Part::fixed(value, modifier));
            }
            return Ok(());
        }
        let regexp = match matcher {
            None => self.segment_wildcard.clone(),
            Some(token) if token.kind == Kind::Asterisk => FULL_WILDCARD.to_owned(),
            Some(token) => self.value(token),
        };
        let (kind, value) = if regexp == self.segment_wildcard {
            (PartKind::SegmentWildcard, String::new())
        } else if regexp == FULL_WILDCARD {
            (PartKind::FullWildcard, String::new())
        } else {
            (PartKind::Regexp, regexp)
        };
        let name = if let Some(token) = name {
            self.value(token)
        } else {
            self.next_name += 1;
            (self.next_name - 1).to_string()
        };
        if !self.names.insert(name.clone()) {
            return Err(Invalid("two groups have the same name"));
        }
        let (prefix, suffix) = ((self.encode)(prefix)?, (self.encode)(suffix)?);
        self.parts.push(Part { kind, value, modifier, name, prefix, suffix });
        Ok(())
    }
}

/// "Generate a regular expression and name list".
fn regexp_and_names(parts: &[Part], options: Options) -> (String, Vec<String>) {
    let segment_wildcard = options.segment_wildcard();
    let mut names = Vec::new();
    let mut regexp = String::from("^");
    for part in parts {
        let modifier = part.modifier.text();
        if part.kind == PartKind::FixedText {
            let text = escape_regexp(&part.value);
            match part.modifier {
                Modifier::None => regexp.push_str(&text),
                _ => regexp.push_str(&format!("(?:{text}){modifier}")),
            }
            continue;
        }
        names.push(part.name.clone());
        let value = match part.kind {
            PartKind::SegmentWildcard => &segment_wildcard,
            PartKind::FullWildcard => FULL_WILDCARD,
            PartKind::Regexp | PartKind::FixedText => &part.value,
        };
        let (prefix, suffix) = (escape_regexp(&part.prefix), escape_regexp(&part.suffix));
        let bare = prefix.is_empty() && suffix.is_empty();
        let piece = match (bare, part.modifier.repeats()) {
            (true, false) => format!("({value}){modifier}"),
            (true, true) => format!("((?:{value}){modifier})"),
            (false, false) => format!("(?:{prefix}({value}){suffix}){modifier}"),
            (false, true) => {
                // The first prefix and the last suffix are not part of the group, those between are.
                let optional = if part.modifier == Modifier::ZeroOrMore { "?" } else { "" };
                format!("(?:{prefix}((?:{value})(?:{suffix}{prefix}(?:{value}))*){suffix}){optional}")
            }
        };
        regexp.push_str(&piece);
    }
    regexp.push('$');
    (regexp, names)
}

/// "Generate a pattern string".
fn pattern_string(parts: &[Part], options: Options) -> String {
    let mut result = String::new();
    for (index, part) in parts.iter().enumerate() {
        let previous = index.checked_sub(1).and_then(|index| parts.get(index));
        let modifier = part.modifier.text();
        if part.kind == PartKind::FixedText {
            let text = escape_pattern(&part.value);
            match part.modifier {
                Modifier::None => result.push_str(&text),
                _ => result.push_str(&format!("{{{text}}}{modifier}")),
            }
            continue;
        }
        let custom_name = part.has_custom_name();
        let grouped = needs_grouping(part, previous, parts.get(index + 1), options);
        if grouped {
            result.push('{');
        }
        result.push_str(&escape_pattern(&part.prefix));
        if custom_name {
            result.push(':');
            result.push_str(&part.name);
        }
        match part.kind {
            PartKind::Regexp => result.push_str(&format!("({})", part.value)),
            PartKind::SegmentWildcard if !custom_name => {
                result.push_str(&format!("({})", options.segment_wildcard()));
            }
            PartKind::FullWildcard => {
                let stands_alone = previous.is_none_or(|previous| {
                    previous.kind == PartKind::FixedText || previous.modifier != Modifier::None
                });
                if !custom_name && (stands_alone || grouped || !part.prefix.is_empty()) {
                    result.push('*');
                } else {
                    result.push_str(&format!("({FULL_WILDCARD})"));
                }
            }
            PartKind::SegmentWildcard | PartKind::FixedText => {}
        }
        let suffix_goes_on = part.suffix.starts_with(|c| is_name_char(c, false));
        if part.kind == PartKind::SegmentWildcard && custom_name && suffix_goes_on {
            result.push('\\');
        }
        result.push_str(&escape_pattern(&part.suffix));
        if grouped {
            result.push('}');
        }
        result.push_str(modifier);
    }
    result
}

/// Whether braces keep `part` from being read together with what is around it.
fn needs_grouping(part: &Part, previous: Option<&Part>, next: Option<&Part>, options: Options) -> bool {
    if !part.suffix.is_empty() || (!part.prefix.is_empty() && part.prefix != options.prefix) {
        return true;
    }
    let ends_as_name =
        part.has_custom_name() && part.kind == PartKind::SegmentWildcard && part.modifier == Modifier::None;
    if let Some(next) = next.filter(|next| next.prefix.is_empty() && next.suffix.is_empty())
        && ends_as_name
    {
        let runs_on = if next.kind == PartKind::FixedText {
            next.value.starts_with(|c| is_name_char(c, false))
        } else {
            !next.has_custom_name()
        };
        if runs_on {
            return true;
        }
    }
    part.prefix.is_empty()
        && !options.prefix.is_empty()
        && previous.is_some_and(|previous| {
            previous.kind == PartKind::FixedText && previous.value.ends_with(options.prefix)
        })
}

fn escape(text: &str, special: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for c in text.chars() {
        if special.contains(c) {
            result.push('\\');
        }
        result.push(c);
    }
    result
}

fn escape_regexp(text: &str) -> String {
    escape(text, r".+*?^${}()[]|/\")
}

/// "Escape a pattern string".
pub(super) fn escape_pattern(text: &str) -> String {
    escape(text, r"+*?:{}()\")
}
