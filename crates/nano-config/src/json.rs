//! JSON with comments and trailing commas; nothing else of what the parser would also take.

use jsonc_parser::ast::Value;
use jsonc_parser::errors::ParseErrorKind;
use jsonc_parser::{CollectOptions, ParseOptions, ParseStringErrorKind, parse_to_ast};

use crate::diagnostic::Diagnostics;
use crate::document::{Document, Span};
use crate::secrets::{Token, tokens};

/// What is JSON here.
pub(crate) const OPTIONS: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_trailing_commas: true,
    allow_loose_object_property_names: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// The value of a file, or where its syntax is wrong.
pub(crate) fn parse(document: &Document) -> Result<Value<'_>, Diagnostics> {
    // The parser reads an unclosed string on to a quote on a later line, and then complains there.
    let unclosed = tokens(document.text()).find(|(token, _)| *token == Token::Text { closed: false });
    if let Some((_, Span { start, .. })) = unclosed {
        let error = document.error(Span { start, end: start + 1 }, "this string is not closed on its line");
        return Err(error.help("close it with `\"`; write \\n for a line break in it").into());
    }
    match parse_to_ast(document.text(), &CollectOptions::default(), &OPTIONS) {
        Ok(parsed) => parsed.value.ok_or_else(|| {
            let error = document.error(Span::default(), "the file is empty");
            error.help("write { \"apps\": [ ... ] }").into()
        }),
        Err(error) => {
            let range = error.range();
            let (message, help) = explain(error.kind());
            // An unclosed bracket covers the rest of the file: its first character stands for it.
            let end = match error.kind() {
                ParseErrorKind::UnterminatedObject | ParseErrorKind::UnterminatedArray => range.start + 1,
                _ => range.end,
            };
            Err(document.error(Span { start: range.start, end }, message).help(help).into())
        }
    }
}

fn explain(kind: &ParseErrorKind) -> (&'static str, &'static str) {
    use ParseErrorKind as Kind;
    match kind {
        Kind::ExpectedComma => ("a comma is missing here", "write `,` between two entries"),
        Kind::ExpectedColonAfterObjectKey => ("a colon is missing after this key", "write \"key\": value"),
        Kind::ExpectedObjectValue => ("a value is missing after this key", "write \"key\": value"),
        Kind::ExpectedStringObjectProperty => ("a key must be in double quotes", "write \"key\": value"),
        Kind::UnexpectedTokenInObject => ("expected a key in double quotes or `}`", "write \"key\": value"),
        Kind::UnterminatedObject => ("this `{` is not closed", "write `}` after its last entry"),
        Kind::UnterminatedArray => ("this `[` is not closed", "write `]` after its last entry"),
        Kind::UnterminatedCommentBlock => ("this comment is not closed", "write `*/` at its end"),
        Kind::UnexpectedCloseBrace => ("expected a value, found `}`", "add the value or remove this"),
        Kind::UnexpectedCloseBracket => ("expected a value, found `]`", "add the value or remove this"),
        Kind::UnexpectedComma => ("expected a value, found `,`", "add the value or remove this"),
        Kind::UnexpectedColon => ("expected a value, found `:`", "add the value or remove this"),
        Kind::SingleQuotedStringsNotAllowed => {
            ("strings must be in double quotes", "write \"text\" instead of 'text'")
        }
        Kind::UnexpectedWord | Kind::UnexpectedToken => {
            ("this is not a JSON value", "put text in double quotes; true, false and null stand without")
        }
        Kind::MultipleRootJsonValues => (
            "there is something after the end of the configuration",
            "the file is one { ... } and nothing more",
        ),
        Kind::NestingDepthExceeded => {
            ("brackets are nested too deeply", "a configuration needs only a few levels")
        }
        Kind::String(ParseStringErrorKind::UnterminatedStringLiteral) => {
            ("this string is not closed", "close it with `\"`")
        }
        Kind::String(_) => ("this is not an escape sequence of JSON", "write `\\\\` for a backslash"),
        Kind::BareDecimalPointNumbersNotAllowed
        | Kind::ExpectedDigit
        | Kind::ExpectedDigitFollowingNegativeSign
        | Kind::ExpectedPlusMinusOrDigitInNumberLiteral
        | Kind::HexadecimalNumbersNotAllowed
        | Kind::NonFiniteNumbersNotAllowed
        | Kind::UnaryPlusNumbersNotAllowed => ("this is not a number of JSON", "write decimal digits only"),
        Kind::CommentsNotAllowed | Kind::TrailingCommasNotAllowed => ("this is not plain JSON", "remove it"),
    }
}
