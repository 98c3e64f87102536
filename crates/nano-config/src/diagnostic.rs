//! What is wrong with a configuration, where, and what would be right.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// How many errors one report prints; a file with more has one cause, repeated.
pub const DIAGNOSTICS_SHOWN_MAX: usize = 50;

/// How much a diagnostic matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// The configuration is used, but probably not as its author meant it.
    Warning,
}

/// The source line of a diagnostic, made safe for a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The line, or the part of a very long line around the problem.
    pub text: String,
    /// How many characters of `text` come before the problem.
    pub indent: usize,
    /// How many characters of `text` the problem covers, at least one.
    pub width: usize,
}

/// Another place that a diagnostic speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    /// The file it is in.
    pub file: PathBuf,
    /// Its line from 1, or 0 for the file or folder as a whole.
    pub line: u32,
    /// Its column from 1, in characters, or 0 for the file or folder as a whole.
    pub column: u32,
    /// What is there.
    pub message: String,
}

/// One thing that is wrong, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// The file it is in.
    pub file: PathBuf,
    /// Its line from 1, or 0 for the file or folder as a whole.
    pub line: u32,
    /// Its column from 1, in characters, or 0 for the file or folder as a whole.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
    /// The source line, left out where it could show a secret.
    pub excerpt: Option<Excerpt>,
    /// Other places that have to do with it, such as the first of two equal names.
    pub related: Vec<Related>,
}

impl Diagnostic {
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    pub(crate) fn related(mut self, place: &Place, message: impl Into<String>) -> Self {
        let Place { file, line, column, .. } = place.clone();
        self.related.push(Related { file, line, column, message: message.into() });
        self
    }
}

/// A place that errors can point at.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) file: PathBuf,
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) excerpt: Option<Excerpt>,
}

impl Place {
    /// A file or folder as a whole.
    pub(crate) fn whole(file: &Path) -> Self {
        Place { file: file.to_owned(), line: 0, column: 0, excerpt: None }
    }

    pub(crate) fn error(self, message: impl Into<String>) -> Diagnostic {
        self.diagnostic(Severity::Error, message.into())
    }

    pub(crate) fn warning(self, message: impl Into<String>) -> Diagnostic {
        self.diagnostic(Severity::Warning, message.into())
    }

    fn diagnostic(self, severity: Severity, message: String) -> Diagnostic {
        let Place { file, line, column, excerpt } = self;
        Diagnostic { severity, file, line, column, message, help: None, excerpt, related: Vec::new() }
    }
}

/// `file:line:column`, or only the file for a place without a line.
fn write_place(f: &mut fmt::Formatter<'_>, file: &Path, line: u32, column: u32) -> fmt::Result {
    match line {
        0 => write!(f, "{}", file.display()),
        _ => write!(f, "{}:{line}:{column}", file.display()),
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_place(f, &self.file, self.line, self.column)?;
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, ": {severity}: {}", self.message)?;
        if let Some(excerpt) = &self.excerpt {
            let number = self.line.to_string();
            let (gutter, indent) = (number.len(), excerpt.indent);
            let caret = "^".repeat(excerpt.width);
            write!(f, "\n {number} | {}\n {:gutter$} | {:indent$}{caret}", excerpt.text, "", "")?;
        }
        for related in &self.related {
            f.write_str("\nnote: ")?;
            write_place(f, &related.file, related.line, related.column)?;
            write!(f, ": {}", related.message)?;
        }
        match &self.help {
            Some(help) => write!(f, "\nhelp: {help}"),
            None => Ok(()),
        }
    }
}

/// Every error found in one configuration, in the order of the files' lines.
#[derive(Clone, Debug)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    pub(crate) fn new(mut diagnostics: Vec<Diagnostic>) -> Self {
        diagnostics.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        // A mistake under `defaults` shows once for every app that uses it.
        diagnostics.dedup();
        Diagnostics(diagnostics)
    }

    pub(crate) fn into_vec(self) -> Vec<Diagnostic> {
        self.0
    }

    /// The diagnostics; there is at least one.
    pub fn as_slice(&self) -> &[Diagnostic] {
        &self.0
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Diagnostics(vec![diagnostic])
    }
}

/// For a file that another file names, so that its error is one among others.
impl From<LoadError> for Diagnostics {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Invalid(diagnostics) => diagnostics,
            LoadError::Io { path, source } => {
                Place::whole(&path).error(format!("cannot read it: {source}")).into()
            }
        }
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().take(DIAGNOSTICS_SHOWN_MAX).enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            diagnostic.fmt(f)?;
        }
        match self.0.len().saturating_sub(DIAGNOSTICS_SHOWN_MAX) {
            0 => Ok(()),
            more => write!(f, "\n\n... and {more} more"),
        }
    }
}

/// Why a configuration could not be loaded. Its `Display` says all that a person needs.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file or folder could not be read.
    #[error("{}: error: cannot read it: {source}", path.display())]
    Io {
        /// What could not be read.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The configuration is refused.
    #[error("{0}")]
    Invalid(Diagnostics),
}
