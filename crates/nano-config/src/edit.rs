//! Changes of a configuration file that keep its comments, its order and its form.

use std::path::Path;

use jsonc_parser::cst::{CstInputValue, CstObject, CstRootNode};
use serde_json::Value;

use crate::config::App;
use crate::document::{Document, read_bounded};
use crate::{LoadError, Loaded, json, resolve};

/// A change of a file's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What the file holds.
    pub before: Vec<u8>,
    /// What it is to hold.
    pub after: Vec<u8>,
}

/// Why a file cannot be changed. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// What it holds cannot be loaded.
    #[error("the file has mistakes that are to be mended first:\n{0}")]
    Before(LoadError),
    /// With the change it could not be loaded.
    #[error("with this change the file could not be loaded:\n{0}")]
    After(LoadError),
    /// With the change it would say something else.
    #[error("the file would not say the same; change it by hand")]
    Differs,
    /// The app is there because its folder is.
    #[error("the app is a folder in `apps_dir`: remove the folder")]
    ByFolder,
}

/// Puts `app` into the file, as `description` has it: in the place of the one with the same name, or as the last.
pub fn put_app(
    file: &Path,
    description: &str,
    app: &App,
    host_env: &dyn Fn(&str) -> Option<String>,
) -> Result<Edit, EditError> {
    let present = Present::read(file, host_env)?;
    let wanted = CstRootNode::parse(description, &json::OPTIONS).ok().and_then(|root| root.to_serde_value());
    let Some(Value::Object(wanted)) = wanted else { return Err(EditError::Differs) };
    let root = present.tree()?;
    let object = root.object_value().ok_or(EditError::Differs)?;
    match object.array_value("apps") {
        Some(apps) => match present.place_of(&app.name, apps.elements().len()) {
            Some(at) => {
                let element = apps.elements().into_iter().nth(at).and_then(|element| element.as_object());
                merge(&element.ok_or(EditError::Differs)?, &wanted);
            }
            None => drop(apps.append(input(&Value::Object(wanted)))),
        },
        None => drop(object.append("apps", CstInputValue::Array(vec![input(&Value::Object(wanted))]))),
    }
    let (edit, after) = present.changed_to(&root, host_env)?;
    // A folder in `apps_dir` that the file now speaks of is no app of its own any more.
    let other = |other: &&App| other.name != app.name && other.root != app.root;
    let others_before = present.loaded.config.apps.iter().filter(other);
    let same = others_before.eq(after.config.apps.iter().filter(other)) && after.config.apps.contains(app);
    if same { Ok(edit) } else { Err(EditError::Differs) }
}

/// Takes the app of that name out of the file. `None`: the file does not speak of it.
pub fn remove_app(
    file: &Path,
    name: &str,
    host_env: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Edit>, EditError> {
    let present = Present::read(file, host_env)?;
    let root = present.tree()?;
    let apps = root.object_value().and_then(|object| object.array_value("apps"));
    let elements = apps.map(|apps| apps.elements()).unwrap_or_default();
    let Some(at) = present.place_of(name, elements.len()) else {
        let by_folder = present.loaded.config.apps.iter().any(|app| app.name == name);
        return if by_folder { Err(EditError::ByFolder) } else { Ok(None) };
    };
    if let Some(element) = elements.into_iter().nth(at).and_then(|element| element.as_object()) {
        element.remove();
    }
    let (edit, after) = present.changed_to(&root, host_env)?;
    let mut left = present.loaded.config.apps.clone();
    let removed = left.remove(at);
    match after.config.apps {
        apps if apps == left => Ok(Some(edit)),
        apps if apps.iter().any(|app| app.root == removed.root) => Err(EditError::ByFolder),
        _ => Err(EditError::Differs),
    }
}

/// What the file holds now.
struct Present<'a> {
    file: &'a Path,
    bytes: Vec<u8>,
    loaded: Loaded,
}

/// A mark of the encoding that some editors write.
const BOM: &str = "\u{feff}";

impl<'a> Present<'a> {
    fn read(file: &'a Path, host_env: &dyn Fn(&str) -> Option<String>) -> Result<Self, EditError> {
        let io = |source| EditError::Before(LoadError::Io { path: file.to_owned(), source });
        let bytes = read_bounded(file).map_err(io)?;
        let document = Document::of_bytes(file, bytes.clone()).map_err(EditError::Before)?;
        let loaded = resolve::document(&document, host_env).map_err(EditError::Before)?;
        Ok(Present { file, bytes, loaded })
    }

    fn text(&self) -> &str {
        let text = std::str::from_utf8(&self.bytes).unwrap_or_default();
        text.strip_prefix(BOM).unwrap_or(text)
    }

    fn tree(&self) -> Result<CstRootNode, EditError> {
        CstRootNode::parse(self.text(), &json::OPTIONS).map_err(|_| EditError::Differs)
    }

    /// Which of the file's apps has the name. They come before those of `apps_dir`, none left out.
    fn place_of(&self, name: &str, written: usize) -> Option<usize> {
        self.loaded.config.apps.iter().take(written).position(|app| app.name == name)
    }

    /// The change to what `root` has become, if that can be loaded.
    fn changed_to(
        &self,
        root: &CstRootNode,
        host_env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(Edit, Loaded), EditError> {
        let text = root.to_string();
        let loaded = resolve::document(&Document::new(self.file, text.clone()), host_env);
        let bom = if self.bytes.starts_with(BOM.as_bytes()) { BOM } else { "" };
        let edit = Edit { before: self.bytes.clone(), after: format!("{bom}{text}").into_bytes() };
        Ok((edit, loaded.map_err(EditError::After)?))
    }
}

/// Makes the object say what `wanted` says. What says the same already stays as it is written.
fn merge(object: &CstObject, wanted: &serde_json::Map<String, Value>) {
    for property in object.properties() {
        if property.decoded_name().is_none_or(|name| !wanted.contains_key(&name)) {
            property.remove();
        }
    }
    for (name, value) in wanted {
        let Some(property) = object.get(name) else {
            object.append(name, input(value));
            continue;
        };
        match (property.object_value(), value) {
            (Some(inner), Value::Object(wanted)) => merge(&inner, wanted),
            _ if property.value().and_then(|present| present.to_serde_value()).as_ref() == Some(value) => {}
            _ => property.set_value(input(value)),
        }
    }
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(value) => CstInputValue::Bool(*value),
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => CstInputValue::String(text.clone()),
        Value::Array(values) => CstInputValue::Array(values.iter().map(input).collect()),
        Value::Object(object) => {
            CstInputValue::Object(object.iter().map(|(name, value)| (name.clone(), input(value))).collect())
        }
    }
}
