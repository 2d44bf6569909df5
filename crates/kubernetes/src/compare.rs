//! What would change, for a reader.

use serde_json::Value;
use similar::TextDiff;

use crate::{Error, Object};

/// What the server keeps for itself, and changes at every write.
const OWN: [&str; 6] = [
    "managedFields",
    "resourceVersion",
    "generation",
    "uid",
    "creationTimestamp",
    "selfLink",
];

/// `before` and `after` of `object` as a unified diff; empty where they say the same. Values of a
/// Secret are not shown, only that they change.
pub(crate) fn diff(
    object: &Object,
    before: Option<&Value>,
    after: &Value,
) -> Result<String, Error> {
    let mut after = plain(after);
    let mut before = before.map(plain);
    if object.is_secret() {
        hide(before.as_mut(), &mut after);
    }
    let text =
        |value: &Value| serde_saphyr::to_string(value).map_err(|e| Error::Write(e.to_string()));
    let old = before.as_ref().map(text).transpose()?.unwrap_or_default();
    let new = text(&after)?;
    let name = object.label();
    let diff = TextDiff::from_lines(&old, &new)
        .unified_diff()
        .context_radius(3)
        .header(&format!("{name} (cluster)"), &format!("{name} (applied)"))
        .to_string();
    Ok(diff)
}

fn plain(value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(fields) = value.as_object_mut() {
        fields.remove("status");
        if let Some(meta) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
            meta.retain(|name, _| !OWN.contains(&name.as_str()));
        }
    }
    value
}

fn hide(mut before: Option<&mut Value>, after: &mut Value) {
    let of = |value: &Value, key: &str| value.pointer(&format!("/data/{key}")).cloned();
    let keys = |value: &Value| -> Vec<String> {
        let data = value.get("data").and_then(Value::as_object);
        data.map(|data| data.keys().cloned().collect())
            .unwrap_or_default()
    };
    let mut all = keys(after);
    all.extend(before.as_deref().map(keys).unwrap_or_default());
    for key in all {
        let was = before.as_deref().and_then(|value| of(value, &key));
        let is = of(after, &key);
        let same = was == is;
        let mask = |value: Option<&mut Value>, said: &str| {
            let data = value.and_then(|value| value.get_mut("data")?.as_object_mut());
            if let Some(shown) = data.and_then(|data| data.get_mut(&key)) {
                *shown = Value::from(said);
            }
        };
        mask(
            before.as_deref_mut(),
            if same { "***" } else { "*** (before)" },
        );
        mask(Some(after), if same { "***" } else { "*** (after)" });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::{Settings, Variables, objects};

    fn secret() -> Object {
        let mut settings = Settings::new("{}");
        let values = [("A".to_owned(), "x".to_owned())];
        settings.variables = Variables::Values(BTreeMap::from(values));
        objects(&settings)
            .unwrap()
            .into_iter()
            .find(Object::is_secret)
            .unwrap()
    }

    #[test]
    fn secrets_differ_without_being_shown() {
        let object = secret();
        let before = json!({"data": {"A": "b2xk", "B": "c2FtZQ=="}, "kind": "Secret"});
        let after = json!({"data": {"A": "bmV3", "B": "c2FtZQ=="}, "kind": "Secret"});
        let shown = diff(&object, Some(&before), &after).unwrap();
        assert!(
            shown.contains("*** (before)") && shown.contains("*** (after)"),
            "{shown}"
        );
        for value in ["b2xk", "bmV3", "c2FtZQ"] {
            assert!(!shown.contains(value), "{shown}");
        }
        assert_eq!(diff(&object, Some(&before), &before).unwrap(), "");
        // Created: there is nothing before.
        let shown = diff(&object, None, &after).unwrap();
        assert!(shown.contains("+") && !shown.contains("bmV3"), "{shown}");
    }

    #[test]
    fn what_the_server_keeps_for_itself_is_no_difference() {
        let object = secret();
        let before = json!({"kind": "Secret", "metadata": {"name": "a", "resourceVersion": "1"}});
        let after = json!({"kind": "Secret", "metadata": {"name": "a", "resourceVersion": "2"}, "status": {}});
        assert_eq!(diff(&object, Some(&before), &after).unwrap(), "");
    }
}
