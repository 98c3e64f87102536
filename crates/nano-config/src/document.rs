//! One text file: positions of its bytes, and excerpts that never show a secret.

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
}

impl Document {
    pub(crate) fn new(file: &Path, text: String) -> Self {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0).chain(newlines.map(|(at, _)| at + 1)).collect();
        let secrets = secrets::find(&text);
        Document { file: file.to_owned(), text, line_starts, secrets }
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
        let before = self.slice(line_start, start);
        let rest = self.text.get(start..).unwrap_or_default();
        let after = rest.split('\n').next().unwrap_or_default().trim_end_matches('\r');
        let line_end = start + after.len();
        let covered = self.slice(start, span.end.min(line_end)).chars().count();
        Place {
            file: self.file.clone(),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(before.chars().count() + 1).unwrap_or(u32::MAX),
            excerpt: self
                .shown(line_start, line_end)
                .map(|line| excerpt(&line, before.chars().count(), covered)),
        }
    }

    /// A line's characters with those that may be secret masked, unless even that would show too much.
    fn shown(&self, line_start: usize, line_end: usize) -> Option<Vec<char>> {
        let from = self.secrets.partition_point(|(span, _)| span.end <= line_start);
        let hidden = self.secrets.iter().skip(from).take_while(|(span, _)| span.start < line_end);
        let hidden: Vec<(Span, Show)> = hidden.copied().collect();
        if hidden.iter().any(|(_, show)| *show == Show::Nothing) {
            return None;
        }
        let mask = |(at, c): (usize, char)| {
            let at = line_start + at;
            let masked = hidden.iter().any(|(span, _)| (span.start..span.end).contains(&at));
            // Control characters could drive the reader's terminal.
            if masked {
                '*'
            } else if c.is_control() {
                ' '
            } else {
                c
            }
        };
        Some(self.slice(line_start, line_end).char_indices().map(mask).collect())
    }

    fn slice(&self, start: usize, end: usize) -> &str {
        self.text.get(start..end).unwrap_or_default()
    }
}

/// The line around a problem, which comes after `indent` characters.
fn excerpt(line: &[char], indent: usize, covered: usize) -> Excerpt {
    let cut = line.len() > EXCERPT_CHARS_MAX;
    let skip = if cut { indent.saturating_sub(EXCERPT_CHARS_BEFORE) } else { 0 };
    let text: String = line.iter().skip(skip).take(EXCERPT_CHARS_MAX).collect();
    let indent = indent - skip;
    let width = covered.min(text.chars().count().saturating_sub(indent)).max(1);
    Excerpt { text: text.trim_end().to_owned(), indent, width }
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
