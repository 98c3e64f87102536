//! What holds for any text: each function panics if it does not. The fuzz targets and the tests call them.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use crate::config::{EgressRule, HostPattern};
use crate::diagnostic::DIAGNOSTICS_SHOWN_MAX;
use crate::document::Document;
use crate::text::{AppName, FromText};
use crate::{Diagnostic, LoadError, Loaded, dotenv, host, resolve, vars};

/// More than any one diagnostic has to say, in bytes: what it quotes is cut.
const SAID_BYTES_MAX: usize = 8 << 10;

/// A folder that no machine has, so that what a configuration names by a relative path is not there.
const NOWHERE: &str = "/nowhere.invalid/nano.json";

/// A configuration file: whatever is in it, its author is told where it is wrong, in a text of bounded length and
/// without control characters.
pub fn document(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let document = Document::new(Path::new(NOWHERE), text.to_owned());
    let host_env = |name: &str| (name == "NAME").then(|| "value".to_owned());
    description(text, &host_env);
    match resolve::document(&document, &host_env) {
        Ok(loaded) => check_told(text, &loaded.warnings),
        Err(LoadError::Invalid(diagnostics)) => {
            assert!(!diagnostics.as_slice().is_empty(), "refused without a reason");
            check_told(text, diagnostics.as_slice());
            let said = diagnostics.to_string();
            assert!(said.len() <= (DIAGNOSTICS_SHOWN_MAX + 1) * SAID_BYTES_MAX, "{} bytes", said.len());
        }
        Err(LoadError::Io { .. }) => panic!("no file was read"),
    }
}

/// The same text as one app, as the admin API gets it.
fn description(text: &str, host_env: &dyn Fn(&str) -> Option<String>) {
    let empty = Document::new(Path::new(NOWHERE), "{}".to_owned());
    let Ok(Loaded { config, .. }) = resolve::document(&empty, host_env) else {
        panic!("nothing is wrong with it")
    };
    if let Err(error) = config.describe(text, host_env) {
        assert!(!error.diagnostics().is_empty(), "refused without a reason");
        check_told(text, error.diagnostics());
    }
}

fn check_told(text: &str, diagnostics: &[Diagnostic]) {
    for diagnostic in diagnostics {
        let said = diagnostic.to_string();
        assert!(said.len() <= SAID_BYTES_MAX, "{} bytes", said.len());
        assert!(!said.contains(|c: char| c.is_control() && c != '\n'), "control characters: {said:?}");
        if ![NOWHERE, "body"].map(Path::new).contains(&diagnostic.file.as_path()) || diagnostic.line == 0 {
            continue;
        }
        let line = text.split('\n').nth(diagnostic.line as usize - 1).expect("the line exists");
        assert!((1..=line.chars().count() + 1).contains(&(diagnostic.column as usize)), "{said}");
    }
}

/// A file of `NAME=value` lines: what was read and is written again in quotes is read as the same.
pub fn dotenv(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let file = Path::new(".env");
    match dotenv::parse(file, text) {
        Ok(variables) => {
            let mut written = String::new();
            for (name, value) in &variables {
                let value = value.replace('\\', "\\\\").replace('"', "\\\"");
                let _ = writeln!(written, "export {name} = \"{value}\" # {name}");
            }
            assert_eq!(dotenv::parse(file, &written), Ok(variables), "{written:?}");
        }
        Err(errors) => {
            let lines = text.split('\n').count();
            for error in &errors {
                assert!((1..=lines).contains(&(error.line as usize)), "{error}");
                assert!(error.column >= 1 && error.excerpt.is_none(), "{error}");
            }
        }
    }
}

/// Strings with a meaning: what is read and written again is read as the same.
pub fn texts(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(name) = host::name(text) {
        assert_eq!(host::name(&name).as_ref(), Ok(&name), "{text:?}");
        assert!(name.is_ascii() && !name.bytes().any(|byte| byte.is_ascii_uppercase()), "{name:?}");
    }
    let _ = host::of_folder(text);
    if let Ok(pattern) = HostPattern::from_text(text) {
        assert_eq!(HostPattern::from_text(&pattern.to_string()), Ok(pattern));
    }
    if let Ok(EgressRule::Net { addr, prefix_len }) = EgressRule::from_text(text) {
        let again = EgressRule::from_text(&format!("{addr}/{prefix_len}"));
        assert_eq!(again, Ok(EgressRule::Net { addr, prefix_len }));
    }
    if let Ok(address) = SocketAddr::from_text(text) {
        // Port 0 is another one each time.
        assert!(address.port() == 0 || crate::overlap(address, address), "{address}");
    }
    if let Ok(AppName(name)) = AppName::from_text(text) {
        assert!(AppName::from_text(&name).is_ok() && !name.contains(char::is_control), "{name:?}");
    }
    let name = |name: &str| (name != "MISSING").then(|| format!("<{name}>"));
    let escaped = text.replace("${", "$${");
    if !text.contains("$${") {
        assert_eq!(vars::expand(&escaped, &name), Ok(text.to_owned()));
    }
    if let Ok(expanded) = vars::expand(text, &name) {
        assert!(text.contains("${") || expanded == text, "{text:?} became {expanded:?}");
    }
}
