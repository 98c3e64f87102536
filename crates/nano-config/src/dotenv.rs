//! Files of `NAME=value` lines. No message repeats any of their text: it is secret.

use std::collections::BTreeMap;
use std::path::Path;

use crate::diagnostic::{Diagnostic, Place};

/// Reads every variable; a later line wins over an earlier one of the same name.
pub(crate) fn parse(file: &Path, text: &str) -> Result<BTreeMap<String, String>, Vec<Diagnostic>> {
    let mut reader = Reader { rest: text, line: 1, line_start: text };
    let mut variables = BTreeMap::new();
    let mut errors = Vec::new();
    while reader.skip_blank() {
        match reader.variable() {
            Ok((name, value)) => {
                variables.insert(name, value);
            }
            Err(problem) => {
                let place = Place { line: problem.line, column: problem.column, ..Place::whole(file) };
                errors.push(place.error(problem.message).help(problem.help));
                reader.skip_line();
            }
        }
    }
    if errors.is_empty() { Ok(variables) } else { Err(errors) }
}

struct Problem {
    line: u32,
    column: u32,
    message: &'static str,
    help: &'static str,
}

struct Reader<'a> {
    rest: &'a str,
    line: u32,
    /// The text from the start of the current line.
    line_start: &'a str,
}

impl<'a> Reader<'a> {
    fn problem(&self, message: &'static str, help: &'static str) -> Problem {
        let read = self.line_start.len() - self.rest.len();
        let before = self.line_start.get(..read).unwrap_or_default();
        let column = u32::try_from(before.chars().count() + 1).unwrap_or(u32::MAX);
        Problem { line: self.line, column, message, help }
    }

    /// Takes the text up to the first character that does not fit.
    fn take_while(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !fits(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn next(&mut self) -> Option<char> {
        let next = self.rest.chars().next()?;
        self.rest = self.rest.get(next.len_utf8()..).unwrap_or_default();
        if next == '\n' {
            self.line = self.line.saturating_add(1);
            self.line_start = self.rest;
        }
        Some(next)
    }

    fn skip_spaces(&mut self) {
        self.take_while(|c| c != '\n' && c.is_whitespace());
    }

    fn skip_line(&mut self) {
        self.take_while(|c| c != '\n');
        self.next();
    }

    /// Goes to the next variable; false at the end of the file.
    fn skip_blank(&mut self) -> bool {
        loop {
            self.skip_spaces();
            match self.rest.chars().next() {
                Some('#' | '\n') => self.skip_line(),
                next => return next.is_some(),
            }
        }
    }

    fn variable(&mut self) -> Result<(String, String), Problem> {
        if let Some(rest) = self.rest.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t'])) {
            self.rest = rest;
            self.skip_spaces();
        }
        let at_name = self.problem("expected NAME=value", "a name has letters, digits, `_`, `.` and `-`");
        let name = self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
        self.skip_spaces();
        if name.is_empty() || !self.rest.starts_with('=') {
            return Err(at_name);
        }
        self.next();
        self.skip_spaces();
        Ok((name.to_owned(), self.value()?))
    }

    fn value(&mut self) -> Result<String, Problem> {
        let Some(quote @ ('"' | '\'')) = self.rest.chars().next() else {
            let line = self.take_while(|c| c != '\n');
            let comment = line.match_indices('#').find(|(at, _)| {
                line.get(..*at)
                    .is_some_and(|before| before.is_empty() || before.ends_with(char::is_whitespace))
            });
            let value = comment.and_then(|(at, _)| line.get(..at)).unwrap_or(line);
            return Ok(value.trim_end().to_owned());
        };
        let value = self.quoted(quote)?;
        self.skip_spaces();
        match self.rest.chars().next() {
            None | Some('\n' | '#') => Ok(value),
            Some(_) => Err(self.problem(
                "text after the closing quote",
                "write `\\\"` for a quote inside double quotes, or remove what follows the value",
            )),
        }
    }

    /// A quoted value, which may go over several lines.
    fn quoted(&mut self, quote: char) -> Result<String, Problem> {
        let unclosed = self.problem("this quote is not closed", "close the value with the same quote");
        self.next();
        let mut value = String::new();
        loop {
            match self.next().ok_or(Problem { ..unclosed })? {
                end if end == quote => return Ok(value),
                '\\' if quote == '"' => match self.next() {
                    Some('n') => value.push('\n'),
                    Some('r') => value.push('\r'),
                    Some('t') => value.push('\t'),
                    Some(same @ ('"' | '\\' | '$')) => value.push(same),
                    Some(other) => value.extend(['\\', other]),
                    None => return Err(unclosed),
                },
                other => value.push(other),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_values() {
        let text = "# a comment\nA=1\nexport B = two words # comment\r\nC=\"x\\ny \\\"q\\\" $A\" # c\nD='\\n#'\nE=\n\
                    F=a#b\nG=\"two\nlines\"\nexport=9\nA=last";
        let expected = [
            ("A", "last"),
            ("B", "two words"),
            ("C", "x\ny \"q\" $A"),
            ("D", "\\n#"),
            ("E", ""),
            ("F", "a#b"),
            ("G", "two\nlines"),
            ("export", "9"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(parse(Path::new(".env"), text), Ok(BTreeMap::from(expected)));
    }

    #[test]
    fn errors_have_places_and_no_text() {
        let errors = parse(Path::new(".env"), "A=1\n  secret words\nB=\"x\" secret\nC=\"a\nb").unwrap_err();
        let places: Vec<(u32, u32)> = errors.iter().map(|error| (error.line, error.column)).collect();
        assert_eq!(places, [(2, 3), (3, 7), (4, 3)]);
        assert!(errors.iter().all(|error| !error.to_string().contains("secret")));
    }
}
