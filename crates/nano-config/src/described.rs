//! One app that is described by itself, as the admin API gets it, and not in the file.

use std::path::Path;

use crate::config::{App, Config, Source};
use crate::decode::{Decode as _, Decoder, Spanned};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::document::{Document, Span};
use crate::json;
use crate::raw::{RawApp, RawConfig};
use crate::resolve::Resolver;

/// What diagnostics call the description.
const NAME: &str = "body";

/// An app as somebody described it.
#[derive(Clone, Debug)]
pub struct Described {
    /// The app.
    pub app: App,
    /// Whether the description gives the name; else it is that of the folder.
    pub named: bool,
}

/// Why a description was refused.
#[derive(Debug, thiserror::Error)]
pub enum DescribeError {
    /// It is no JSON.
    #[error("{0}")]
    Syntax(Diagnostics),
    /// It is no app that can be served.
    #[error("{0}")]
    Invalid(Diagnostics),
}

impl DescribeError {
    /// What is wrong, with its places.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        match self {
            DescribeError::Syntax(diagnostics) | DescribeError::Invalid(diagnostics) => {
                diagnostics.as_slice()
            }
        }
    }
}

impl Config {
    /// Reads the description of an app: an object as it could stand in the `apps` of this configuration, whose
    /// defaults it gets and by whose folder its relative paths go. Other apps are not looked at.
    pub fn describe(
        &self,
        text: &str,
        host_env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Described, DescribeError> {
        let document = Document::new(Path::new(NAME), text.to_owned());
        if text.trim().is_empty() {
            let error = document.error(Span::default(), "there is no app here");
            let help = "send { \"hostname\": \"blog.example.com\", \"path\": \"./apps/blog\" }";
            return Err(DescribeError::Syntax(error.help(help).into()));
        }
        let value = json::parse(&document).map_err(DescribeError::Syntax)?;
        let mut decoder = Decoder { document: &document, host_env, errors: Vec::new() };
        let raw_app: Option<Spanned<RawApp>> = Spanned::decode(&value, &mut decoder);
        let errors = decoder.errors;
        let Some(raw_app) = raw_app else {
            return Err(DescribeError::Invalid(Diagnostics::new(errors)));
        };
        let raw = RawConfig::default();
        let defaults = self.defaults.clone();
        let mut resolver = Resolver::with_defaults(&document, &raw, self.base(), defaults, errors);
        resolver.apps_dir.clone_from(&self.apps_dir);
        let root = resolver.root(&raw_app);
        let app = resolver.app(&raw_app, root);
        let mut errors = resolver.errors;
        errors.extend(resolver.claims.conflicts());
        match app {
            Some(app) if errors.is_empty() => Ok(Described { app, named: !raw_app.value.name.is_absent() }),
            _ => Err(DescribeError::Invalid(Diagnostics::new(errors))),
        }
    }

    /// Where relative paths start.
    fn base(&self) -> std::path::PathBuf {
        match &self.source {
            Source::File(file) => file.parent().unwrap_or(Path::new("")).to_owned(),
            Source::Folder(folder) => folder.clone(),
        }
    }
}

/// The JSON of a description in a file, for who passes it on: comments and trailing commas are left out.
pub fn plain_json(file: &Path, text: &str) -> Result<serde_json::Value, Diagnostics> {
    let document = Document::new(file, text.to_owned());
    json::parse(&document).map(Into::into)
}
