//! What a server is answered when it asks for its configuration.
//!
//! Pure. **Invariant:** each section that is asked for has exactly one answer; what is not set is null, as in an editor.

use serde_json::Value;

/// The answer to `workspace/configuration`. `own` is the section that is the server's own: the settings may be written without it.
pub(crate) fn answer(params: &Value, settings: &Value, own: &str) -> Value {
    let items = params["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().map(|item| section(settings, item["section"].as_str().unwrap_or_default(), own)).collect()
}

fn section(settings: &Value, section: &str, own: &str) -> Value {
    let under = |section: &str| section.split('.').filter(|part| !part.is_empty()).try_fold(settings, |value, part| value.get(part));
    let found = under(section).or_else(|| {
        let rest = section.strip_prefix(own).filter(|_| !own.is_empty())?;
        if rest.is_empty() || rest.starts_with('.') { under(rest) } else { None }
    });
    found.cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sections() {
        let settings = json!({ "python": { "analysis": { "mode": "strict" } }, "cargo": { "sysroot": "x" } });
        let check = |section: Value, expect: Value| {
            let asked = json!({ "items": [{ "section": section }] });
            assert_eq!(answer(&asked, &settings, "rust-analyzer"), json!([expect]), "{section}");
        };
        check(json!("python.analysis"), json!({ "mode": "strict" }));
        check(json!("python.analysis.mode"), json!("strict"));
        check(json!("python.nothing"), Value::Null);
        check(json!("rust-analyzer"), settings.clone());
        check(json!("rust-analyzer.cargo.sysroot"), json!("x"));
        check(json!("rust-analyzerX"), Value::Null);
        check(json!("gopls"), Value::Null);
        check(Value::Null, settings.clone());
        check(json!(5), settings.clone());
        assert_eq!(answer(&json!({ "items": [{}, {}] }), &Value::Null, ""), json!([null, null]));
        assert_eq!(answer(&Value::Null, &settings, ""), json!([]));
    }
}
