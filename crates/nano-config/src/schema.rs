//! `nano.schema.json`: what editors complete and check configuration files with.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;

use crate::raw::RawConfig;

/// The JSON Schema of the configuration file, indented, with a newline at its end.
pub fn json_schema() -> String {
    let settings = SchemaSettings::draft07().with_transform(RecursiveTransform(close_objects));
    let schema = settings.into_generator().into_root_schema_for::<RawConfig>();
    let mut schema = serde_json::Value::from(schema);
    // Another crate of the workspace may switch serde_json to keeping keys in the order of their insertion.
    schema.sort_all_objects();
    // `{:#}` of a JSON value is its indented text, and cannot fail.
    format!("{schema:#}\n")
}

/// Only the keys that are listed are valid; `env`, which lists none, takes any.
fn close_objects(schema: &mut Schema) {
    if schema.get("properties").is_some() {
        schema.insert("additionalProperties".to_owned(), false.into());
        // A flattened schema would close the object a second time, in a way that draft 7 does not know.
        schema.remove("unevaluatedProperties");
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::Value;

    #[test]
    fn every_object_is_closed_and_every_key_described() {
        let schema: Value = serde_json::from_str(&super::json_schema()).unwrap();
        let definitions = schema["definitions"].as_object().unwrap().values();
        for object in definitions.chain([&schema]) {
            assert_eq!(object["additionalProperties"], Value::Bool(false), "{object:#}");
            for (key, value) in object["properties"].as_object().unwrap() {
                assert!(value["description"].is_string(), "{key}");
            }
        }
    }

    #[test]
    fn the_schema_in_the_repository_is_current() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../nano.schema.json");
        let schema = super::json_schema();
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&file, &schema).unwrap();
        }
        let stored = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(stored == schema, "nano.schema.json is out of date: run the tests with UPDATE=1");
    }
}
