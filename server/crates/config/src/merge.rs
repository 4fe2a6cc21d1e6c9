//! One file's values over another's.
//!
//! **Invariant:** a key that is already there keeps its place in the order, new ones follow; OpenCode orders permission rules so.

use serde_json::{Map, Value, json};

/// Puts a whole file over what was read before: as `merge`, but lists of `instructions` and `plugin` grow, each entry once, and so do those of `hooks`.
pub(crate) fn merge_file(base: &mut Map<String, Value>, mut over: Map<String, Value>) {
    if let (Some(Value::Object(old)), Some(Value::Object(new))) = (base.get_mut("hooks"), over.get_mut("hooks")) {
        for (event, programs) in new {
            match (old.get_mut(event), programs.take()) {
                (Some(Value::Array(old)), Value::Array(mut more)) => old.append(&mut more),
                (_, programs) => _ = old.insert(event.clone(), programs),
            }
        }
        over.shift_remove("hooks");
    }
    for key in ["instructions", "plugin"] {
        if let (Some(Value::Array(old)), Some(Value::Array(new))) = (base.get_mut(key), over.get_mut(key)) {
            for value in std::mem::take(new) {
                if !old.contains(&value) {
                    old.push(value);
                }
            }
            over.remove(key);
        }
    }
    merge(base, over);
}

/// Objects are merged key by key; anything else is replaced. Permissions of which one is a list are joined.
pub(crate) fn merge(base: &mut Map<String, Value>, over: Map<String, Value>) {
    for (key, new) in over {
        match (base.get_mut(&key), new) {
            (Some(old), new) if key == "permission" && (old.is_array() || new.is_array()) => {
                let mut rules = permission_list(old.take());
                rules.extend(permission_list(new));
                *old = Value::Array(rules);
            }
            (Some(Value::Object(old)), Value::Object(new)) => merge(old, new),
            (_, new) => {
                base.insert(key, new);
            }
        }
    }
}

/// OpenCode 1's map as OpenCode 2's list.
pub(crate) fn permission_list(permission: Value) -> Vec<Value> {
    match permission {
        Value::Array(rules) => rules,
        Value::Object(map) => map
            .into_iter()
            .flat_map(|(action, value)| match value {
                Value::Object(patterns) => patterns
                    .into_iter()
                    .map(|(resource, effect)| json!({"action": action, "resource": resource, "effect": effect}))
                    .collect(),
                effect => vec![json!({"action": action, "resource": "*", "effect": effect})],
            })
            .collect(),
        Value::Null => Vec::new(),
        effect => vec![json!({"action": "*", "resource": "*", "effect": effect})],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files() {
        let check = |base: &str, over: &str, expect: &str| {
            let mut merged: Map<String, Value> = serde_json::from_str(base).unwrap();
            merge_file(&mut merged, serde_json::from_str(over).unwrap());
            assert_eq!(serde_json::to_string(&merged).unwrap(), expect, "{base} {over}");
        };
        check(r#"{"a":{"b":1,"c":[1]}}"#, r#"{"a":{"c":[2],"d":3}}"#, r#"{"a":{"b":1,"c":[2],"d":3}}"#);
        check(r#"{"a":1,"b":2}"#, r#"{"b":{"x":1},"a":3}"#, r#"{"a":3,"b":{"x":1}}"#);
        check(r#"{"instructions":["x","y"]}"#, r#"{"instructions":["z","x"]}"#, r#"{"instructions":["x","y","z"]}"#);
        check(
            r#"{"permission":{"bash":"ask","*":"deny"}}"#,
            r#"{"permission":{"edit":"ask","bash":"allow"}}"#,
            r#"{"permission":{"bash":"allow","*":"deny","edit":"ask"}}"#,
        );
        check(
            r#"{"permission":{"bash":{"ls":"allow"}}}"#,
            r#"{"permission":[{"action":"edit","effect":"ask"}]}"#,
            r#"{"permission":[{"action":"bash","resource":"ls","effect":"allow"},{"action":"edit","effect":"ask"}]}"#,
        );
    }
}
