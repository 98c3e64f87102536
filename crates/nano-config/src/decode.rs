//! From JSON values to raw configuration types, collecting every error on the way.
//!
//! Deserialising with serde would end at the first error; this goes on.

use std::collections::BTreeMap;

use jsonc_parser::ast::{Object, ObjectPropName, Value};
use jsonc_parser::common::Ranged;

use crate::diagnostic::Diagnostic;
use crate::document::{Document, Span};
use crate::{suggest, vars};

/// Something that a JSON value can be turned into. `None` means that an error has been noted.
pub(crate) trait Decode: Sized {
    fn decode(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Self>;
}

/// An object with a fixed set of keys.
pub(crate) trait Keys: Default {
    /// The keys that are valid here.
    fn keys() -> Vec<&'static str>;
    /// Takes one property; false if it has no such key.
    fn set(&mut self, key: &str, at: Span, value: &Value<'_>, decoder: &mut Decoder<'_>) -> bool;
}

/// A value with its place.
#[derive(Debug)]
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) at: Span,
}

/// What a key of an object holds.
#[derive(Debug)]
pub(crate) struct Field<T> {
    /// Where the key is, if it is there at all.
    pub(crate) key: Option<Span>,
    /// The value, unless it is missing or wrong.
    pub(crate) value: Option<Spanned<T>>,
}

impl<T> Default for Field<T> {
    fn default() -> Self {
        Field { key: None, value: None }
    }
}

impl<T> Field<T> {
    pub(crate) fn get(&self) -> Option<&T> {
        self.value.as_ref().map(|spanned| &spanned.value)
    }

    pub(crate) fn is_absent(&self) -> bool {
        self.key.is_none()
    }
}

impl<T: Decode> Field<T> {
    pub(crate) fn decode(key: Span, value: &Value<'_>, decoder: &mut Decoder<'_>) -> Self {
        Field { key: Some(key), value: Spanned::decode(value, decoder) }
    }
}

impl<T: Decode> Decode for Spanned<T> {
    fn decode(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Self> {
        Some(Spanned { value: T::decode(value, decoder)?, at: value.range().into() })
    }
}

impl<T: Keys> Decode for T {
    fn decode(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Self> {
        let Value::Object(object) = value else {
            decoder.wrong_type(value, "an object", Some(format!("write {{ ... }}; {}", valid_keys::<T>())));
            return None;
        };
        let mut decoded = T::default();
        for (key, at, value) in decoder.properties(object) {
            if !decoded.set(key, at, value, decoder) {
                decoder.unknown_key::<T>(key, at);
            }
        }
        Some(decoded)
    }
}

fn valid_keys<T: Keys>() -> String {
    format!("the keys valid here are {}", T::keys().join(", "))
}

/// A list; entries with errors are left out of it.
#[derive(Default)]
pub(crate) struct List<T> {
    pub(crate) entries: Vec<Spanned<T>>,
    /// How many entries the file has, those with errors as well.
    pub(crate) written: usize,
}

impl<T: Decode> Decode for List<T> {
    fn decode(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Self> {
        let Value::Array(array) = value else {
            decoder.wrong_type(value, "a list", Some("write [ ... ]".into()));
            return None;
        };
        let entries = array.elements.iter().filter_map(|element| Spanned::decode(element, decoder)).collect();
        Some(List { entries, written: array.elements.len() })
    }
}

impl Decode for bool {
    fn decode(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Self> {
        match value {
            Value::BooleanLit(literal) => Some(literal.value),
            _ => {
                decoder.wrong_type(value, "true or false", Some("write it without quotes".into()));
                None
            }
        }
    }
}

/// The values of an app's `env`.
impl Decode for BTreeMap<String, String> {
    fn decode(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Self> {
        let Value::Object(object) = value else {
            let help = "write { \"NAME\": \"value\", ... }";
            decoder.wrong_type(value, "an object of strings", Some(help.into()));
            return None;
        };
        let mut env = BTreeMap::new();
        for (name, at, value) in decoder.properties(object) {
            if name.is_empty() {
                decoder.error(at, "a variable's name cannot be empty", Some("give it a name".into()));
            }
            let help = "variables are strings: put the value in double quotes";
            if let Some(text) = decoder.string(value, help) {
                env.insert(name.to_owned(), text);
            }
        }
        Some(env)
    }
}

/// The state of one file's decoding.
pub(crate) struct Decoder<'a> {
    pub(crate) document: &'a Document,
    pub(crate) host_env: &'a dyn Fn(&str) -> Option<String>,
    pub(crate) errors: Vec<Diagnostic>,
}

impl Decoder<'_> {
    pub(crate) fn error(&mut self, at: Span, message: impl Into<String>, help: Option<String>) {
        self.errors.push(self.document.error(at, message).maybe_help(help));
    }

    pub(crate) fn wrong_type(&mut self, value: &Value<'_>, expected: &str, help: Option<String>) {
        let message = format!("expected {expected}, found {}", describe(value));
        // An object or list may be long: its first character stands for it.
        let Span { start, end } = value.range().into();
        let composite = matches!(value, Value::Object(_) | Value::Array(_));
        self.error(Span { start, end: if composite { start + 1 } else { end } }, message, help);
    }

    /// A string with its `${VAR}` put in.
    pub(crate) fn string(&mut self, value: &Value<'_>, help: &str) -> Option<String> {
        let Value::StringLit(literal) = value else {
            self.wrong_type(value, "a string", Some(help.to_owned()));
            return None;
        };
        let (at, message, help) = match vars::expand(&literal.value, self.host_env) {
            Ok(text) => return Some(text),
            Err(vars::Problem::Unterminated(at)) => {
                (at, "`${` without its `}`".to_owned(), "write `$${` for a literal `${`".to_owned())
            }
            Err(vars::Problem::NotAName(at)) => (
                at,
                "`${...}` does not hold the name of a variable".to_owned(),
                "a name has letters, digits and `_`; write `$${` for a literal `${`".to_owned(),
            ),
            Err(vars::Problem::Missing(at, name)) => (
                at,
                format!("the environment variable `{name}` is not set"),
                format!("set `{name}` where nanod is started; write `$${{{name}}}` for the literal text"),
            ),
        };
        let span: Span = literal.range.into();
        // With an escape in the string, bytes of value and source do not correspond.
        let escaped = literal.value.len() + 2 != span.end - span.start;
        let start = if escaped { span.start } else { span.start + 1 + at };
        self.error(Span { start, end: span.end }, message, Some(help));
        None
    }

    /// The properties of an object; a second one of the same name is an error.
    fn properties<'o>(&mut self, object: &'o Object<'_>) -> Vec<(&'o str, Span, &'o Value<'o>)> {
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        let mut properties = Vec::new();
        for property in &object.properties {
            let (name, at): (&str, Span) = match &property.name {
                ObjectPropName::String(literal) => (&literal.value, literal.range.into()),
                ObjectPropName::Word(word) => (word.value, word.range.into()),
            };
            if let Some(first) = seen.get(name) {
                let error = self.document.error(at, format!("the key {} is there twice", quoted(name)));
                let first = self.document.place(*first);
                self.errors.push(error.related(&first, "the first is here").help("remove one of the two"));
                continue;
            }
            seen.insert(name, at);
            properties.push((name, at, &property.value));
        }
        properties
    }

    fn unknown_key<T: Keys>(&mut self, key: &str, at: Span) {
        let keys = T::keys();
        let help = match suggest::nearest(key, &keys) {
            Some(nearest) => format!("did you mean `{nearest}`? {}", valid_keys::<T>()),
            None => valid_keys::<T>(),
        };
        self.error(at, format!("unknown key {}", quoted(key)), Some(help));
    }
}

/// The most characters of the user's own text that a message repeats.
const QUOTED_CHARS_MAX: usize = 80;

/// A piece of the user's text for a message: of bounded length, without control characters.
pub(crate) fn quoted(text: &str) -> String {
    let clean: String =
        text.chars().take(QUOTED_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let cut = if text.chars().nth(QUOTED_CHARS_MAX).is_some() { "..." } else { "" };
    format!("`{clean}{cut}`")
}

fn describe(value: &Value<'_>) -> &'static str {
    match value {
        Value::StringLit(_) => "a string",
        Value::NumberLit(_) => "a number",
        Value::BooleanLit(literal) if literal.value => "true",
        Value::BooleanLit(_) => "false",
        Value::Object(_) => "an object",
        Value::Array(_) => "a list",
        Value::NullKeyword(_) => "null",
    }
}
