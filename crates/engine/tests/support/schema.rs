//! Checks values against the part of JSON Schema that the description uses. Stricter than the
//! standard: a property that is not described is a fault, and so is a keyword that is not known.

use serde_json::{Map, Value};

const SILENT: [&str; 6] = [
    "description",
    "format",
    "title",
    "default",
    "$schema",
    "pattern",
];

/// Checks `value` against `schema`, whose references lead into `document`.
pub(crate) fn check(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let schema = match schema {
        Value::Bool(true) => return Ok(()),
        Value::Object(schema) => schema,
        _ => return Err(format!("{value} is not wanted")),
    };
    for (keyword, given) in schema {
        let met = match keyword.as_str() {
            "$ref" => {
                let path = given.as_str().unwrap_or_default().trim_start_matches('#');
                let target = document
                    .pointer(path)
                    .ok_or(format!("there is no {given}"))?;
                check(document, target, value)?;
                true
            }
            "type" => types(given).any(|name| is(value, name)),
            "const" => given == value,
            "enum" => given.as_array().is_some_and(|all| all.contains(value)),
            "minimum" => value
                .as_f64()
                .is_none_or(|v| given.as_f64().is_some_and(|min| v >= min)),
            "maximum" => value
                .as_f64()
                .is_none_or(|v| given.as_f64().is_some_and(|max| v <= max)),
            "anyOf" | "oneOf" => {
                let all = given.as_array().map_or(&[][..], Vec::as_slice);
                all.iter().any(|one| check(document, one, value).is_ok())
            }
            "items" => {
                let items = value.as_array().map_or(&[][..], Vec::as_slice);
                items
                    .iter()
                    .try_for_each(|item| check(document, given, item))?;
                true
            }
            "required" => {
                let mut names = given.as_array().map_or(&[][..], Vec::as_slice).iter();
                names.all(|name| name.as_str().is_some_and(|name| value.get(name).is_some()))
            }
            "properties" | "additionalProperties" => {
                properties(document, schema, value)?;
                true
            }
            word if SILENT.contains(&word) => true,
            word => return Err(format!("the keyword `{word}` is not known")),
        };
        if !met {
            return Err(format!("{value} does not meet {keyword}: {given}"));
        }
    }
    Ok(())
}

fn properties(document: &Value, schema: &Map<String, Value>, value: &Value) -> Result<(), String> {
    for (name, property) in value.as_object().into_iter().flatten() {
        let described = schema.get("properties").and_then(|all| all.get(name));
        let described = described.or_else(|| schema.get("additionalProperties"));
        let described = described.ok_or(format!("`{name}` is not described"))?;
        check(document, described, property).map_err(|e| format!("{name}: {e}"))?;
    }
    Ok(())
}

fn types(given: &Value) -> impl Iterator<Item = &str> {
    let several = given.as_array().map_or(&[][..], Vec::as_slice);
    given
        .as_str()
        .into_iter()
        .chain(several.iter().filter_map(Value::as_str))
}

fn is(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        _ => false,
    }
}
