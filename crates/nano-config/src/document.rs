//! One text file: positions of its bytes, and excerpts that never show a secret.

use std::cell::Cell;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::LoadError;
use crate::diagnostic::{Diagnostic, Excerpt, Place};
use crate::secrets::{self, Show};

/// The longest file that is read as configuration.
pub const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// The most characters of a source line that an error shows.
const EXCERPT_CHARS_MAX: usize = 120;

/// The characters shown before the problem when a line is cut.
const EXCERPT_CHARS_BEFORE: usize = 60;

/// A range of bytes of a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl From<jsonc_parser::common::Range> for Span {
    fn from(range: jsonc_parser::common::Range) -> Self {
        Span { start: range.start, end: range.end }
    }
}

/// A text file with its name.
pub(crate) struct Document {
    file: PathBuf,
    text: String,
    line_starts: Vec<usize>,
    secrets: Vec<(Span, Show)>,
    /// The starts of lines of which nothing is shown.
    hidden_lines: HashSet<usize>,
    /// A place on a line and the characters before it: files that programs write are one long line, and their places
    /// are mostly asked for in order.
    column: Cell<Column>,
}

/// So many characters of the line that starts there lie before a place.
#[derive(Clone, Copy, Default)]
struct Column {
    line_start: usize,
    at: usize,
    chars: usize,
}

impl Document {
    pub(crate) fn new(file: &Path, text: String) -> Self {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts: Vec<usize> = std::iter::once(0).chain(newlines.map(|(at, _)| at + 1)).collect();
        let secrets = secrets::find(&text);
        let mut hidden_lines = HashSet::new();
        for (span, _) in secrets.iter().filter(|(_, show)| *show == Show::Nothing) {
            let first = line_starts.partition_point(|line_start| *line_start <= span.start);
            let lines = line_starts.iter().skip(first.saturating_sub(1));
            hidden_lines.extend(lines.take_while(|line_start| **line_start < span.end.max(span.start + 1)));
        }
        Document { file: file.to_owned(), text, line_starts, secrets, hidden_lines, column: Cell::default() }
    }

    /// Reads a file whole; text that is not UTF-8 is an error with its place.
    pub(crate) fn read(file: &Path) -> Result<Self, LoadError> {
        let bytes = read_bounded(file).map_err(|source| LoadError::Io { path: file.to_owned(), source })?;
        Self::of_bytes(file, bytes)
    }

    /// A file that holds these bytes.
    pub(crate) fn of_bytes(file: &Path, bytes: Vec<u8>) -> Result<Self, LoadError> {
        match String::from_utf8(bytes) {
            Ok(text) => {
                Ok(Document::new(file, text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)))
            }
            Err(error) => {
                let start = error.utf8_error().valid_up_to();
                let document = Document::new(file, String::from_utf8_lossy(error.as_bytes()).into_owned());
                let error = document.error(Span { start, end: start }, "the file is not UTF-8 text");
                Err(LoadError::Invalid(error.help("save it in the encoding UTF-8").into()))
            }
        }
    }

    /// For a file that is no place for secrets.
    pub(crate) fn without_secrets(mut self) -> Self {
        self.secrets.clear();
        self.hidden_lines.clear();
        self
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn error(&self, span: Span, message: impl Into<String>) -> Diagnostic {
        self.place(span).error(message)
    }

    pub(crate) fn place(&self, span: Span) -> Place {
        let start = self.text.floor_char_boundary(span.start.min(self.text.len()));
        let line = self.line_starts.partition_point(|line_start| *line_start <= start);
        let line_start =
            line.checked_sub(1).and_then(|index| self.line_starts.get(index)).copied().unwrap_or(0);
        let line_end = self.line_end(line);
        let covered = self.slice(start, span.end.min(line_end)).chars().take(EXCERPT_CHARS_MAX).count();
        Place {
            file: self.file.clone(),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(self.chars_before(line_start, start) + 1).unwrap_or(u32::MAX),
            excerpt: self.excerpt(line_start, start, line_end, covered),
        }
    }

    /// The end of a line, whose number counts from one.
    fn line_end(&self, line: usize) -> usize {
        let Some(next) = self.line_starts.get(line) else { return self.text.len() };
        let end = next.saturating_sub(1);
        let text = self.text.get(..end).unwrap_or_default();
        text.trim_end_matches('\r').len()
    }

    /// Characters between a line's start and a place on it.
    fn chars_before(&self, line_start: usize, at: usize) -> usize {
        let known = self.column.get();
        let from = if known.line_start == line_start && known.at <= at {
            known
        } else {
            Column { line_start, at: line_start, chars: 0 }
        };
        let chars = from.chars + self.slice(from.at, at).chars().count();
        self.column.set(Column { line_start, at, chars });
        chars
    }

    /// The line around a problem.
    fn excerpt(&self, line_start: usize, at: usize, line_end: usize, covered: usize) -> Option<Excerpt> {
        let is_long = self.slice(line_start, line_end).chars().nth(EXCERPT_CHARS_MAX).is_some();
        let mut before = self.slice(line_start, at).char_indices().rev();
        let from = match before.nth(EXCERPT_CHARS_BEFORE - 1) {
            Some((index, _)) if is_long => line_start + index,
            _ => line_start,
        };
        let indent = self.slice(from, at).chars().count();
        let text: String = self.shown(line_start, from, line_end)?.collect();
        let width = covered.min(text.chars().count().saturating_sub(indent)).max(1);
        Some(Excerpt { text: text.trim_end().to_owned(), indent, width })
    }

    /// A line's characters with those that may be secret masked, as many as an excerpt has; unless even that would show
    /// too much.
    fn shown(
        &self,
        line_start: usize,
        from: usize,
        line_end: usize,
    ) -> Option<impl Iterator<Item = char> + '_> {
        if self.hidden_lines.contains(&line_start) {
            return None;
        }
        let first = self.secrets.partition_point(|(span, _)| span.end <= from);
        let mask = move |(at, c): (usize, char)| {
            let at = from + at;
            let before = self.secrets.iter().skip(first).take_while(|(span, _)| span.start <= at);
            let masked = before.last().is_some_and(|(span, _)| at < span.end);
            // Control characters could drive the reader's terminal.
            if masked {
                '*'
            } else if c.is_control() {
                ' '
            } else {
                c
            }
        };
        Some(self.slice(from, line_end).char_indices().take(EXCERPT_CHARS_MAX).map(mask))
    }

    fn slice(&self, start: usize, end: usize) -> &str {
        self.text.get(start..end).unwrap_or_default()
    }
}

/// Reads at most [`FILE_BYTES_MAX`]: a wrong path may name a device or a huge file.
pub(crate) fn read_bounded(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other(format!("it is longer than {FILE_BYTES_MAX} bytes")));
    }
    Ok(bytes)
}
