//! A file's values against the table of keys.
//!
//! **Invariant:** only what does not fit is dropped: a key of the wrong type costs that key, an entry of a list that entry; but what is said of a permission
//! in words that are none asks.

use proto::{first_hidden, visible};
use serde_json::{Map, Value, json};

use crate::node::{Entry, Kind, Node};
use crate::problem::Severity;
use crate::shape::{ACTIONS, PERMISSIONS, Rest, Shape};

/// What is said of texts that hide something.
pub(crate) const UNSEEN: &str = "holds characters that nobody sees and a model reads; they are left out";

/// What was found wrong: the offset, what, and how bad.
pub(crate) type Finding = (usize, String, Severity);

/// The parts of `node` that fit `shape`; none if nothing does.
pub(crate) fn check(node: Node, shape: &Shape, findings: &mut Vec<Finding>) -> Option<Value> {
    Checker { findings, path: Vec::new() }.value(node, shape)
}

struct Checker<'a> {
    findings: &'a mut Vec<Finding>,
    path: Vec<String>,
}

impl Checker<'_> {
    fn value(&mut self, node: Node, shape: &Shape) -> Option<Value> {
        let shape = match shape {
            Shape::Either(shapes) => match shapes.iter().find(|shape| same_type(&node, shape)) {
                Some(shape) => shape,
                None => return self.refuse(&node, shape),
            },
            shape => shape,
        };
        if let Shape::Needs(names, inner) = shape {
            let at = node.at;
            let whole = self.value(node, inner)?;
            let missing = names.iter().find(|name| whole.get(name).is_none());
            if let Some(missing) = missing {
                let name = self.path.join(".");
                self.findings.push((at, format!("\"{name}\": expected \"{missing}\" in it; it is left out"), Severity::Error));
            }
            return missing.is_none().then_some(whole);
        }
        if let Shape::Unused(idle) = shape {
            let at = node.at;
            let value = self.value(node, &idle.shape)?;
            if !idle.harmless.contains(&value.to_string().as_str()) {
                let message = format!("\"{}\" has no effect: {}", self.path.join("."), idle.instead);
                self.findings.push((at, message, Severity::Warning));
            }
            return Some(value);
        }
        match (shape, node.kind) {
            (Shape::Any, kind) => Some(Node { at: node.at, kind }.into_value()),
            // Null means: as if it did not stand there.
            (_, Kind::Scalar(Value::Null)) => None,
            (Shape::List(inner), Kind::Array(nodes)) => {
                let values =
                    nodes.into_iter().enumerate().filter_map(|(at, node)| self.below(at.to_string(), |this| this.value(node, inner)));
                Some(Value::Array(values.collect()))
            }
            (Shape::Map(inner), Kind::Object(entries)) => Some(self.entries(entries, &[], Rest::Each(inner))),
            (Shape::Object(keys, rest), Kind::Object(entries)) => Some(self.entries(entries, keys, *rest)),
            (Shape::Switch, Kind::Scalar(Value::String(word))) if word_of_switch(&word).is_some() => word_of_switch(&word).map(Value::Bool),
            (Shape::Words, Kind::Scalar(Value::String(text))) if first_hidden(&text).is_some() => {
                self.findings.push((node.at, format!("\"{}\" {UNSEEN}", self.path.join(".")), Severity::Warning));
                Some(visible(&text).into())
            }
            // Whoever answers anyway.
            (Shape::Answerer, Kind::Scalar(Value::String(word))) if matches!(word.as_str(), "inherit" | "default") => None,
            (Shape::Answerer, Kind::Scalar(Value::String(word))) if is_claudes(&word) => {
                let name = self.path.join(".");
                let message = format!(
                    "\"{name}\": \"{word}\" is Claude Code's word for a model; the conversation's own answers (write `provider/model`, as `interline models` lists them)"
                );
                self.findings.push((node.at, message, Severity::Warning));
                None
            }
            (shape, Kind::Scalar(value)) if fits(&value, shape) => Some(value),
            (shape, kind) => self.refuse(&Node { at: node.at, kind }, shape),
        }
    }

    fn entries(&mut self, entries: Vec<Entry>, keys: &[(&str, &Shape)], rest: Rest) -> Value {
        let mut map = Map::new();
        for Entry { at, key, value } in entries {
            let checked = match (keys.iter().find(|(name, _)| *name == key), rest) {
                (Some((_, shape)), _) => self.below(key.clone(), |this| this.value(value, shape)),
                (None, Rest::Each(shape) | Rest::Permissions(shape)) => {
                    if matches!(rest, Rest::Permissions(_))
                        && let Some(meant) = permission_meant(&key)
                    {
                        let name = self.named(&key);
                        self.warn(at, format!("\"{name}\": no permission has this name, so the rule never counts; `{meant}` has"));
                    }
                    // A permission's name with nothing behind it says of it something, and nobody knows what.
                    let unsaid = matches!(value.kind, Kind::Scalar(Value::Null)) && cautious(shape).is_some();
                    self.below(key.clone(), |this| if unsaid { this.refuse(&value, shape) } else { this.value(value, shape) })
                }
                (None, Rest::Warn) => {
                    self.unknown(at, &key, keys, "it is ignored");
                    Some(value.into_value())
                }
                (None, Rest::Known(names, instead)) => {
                    if !names.iter().any(|names| names.contains(&key.as_str())) {
                        self.unknown(at, &key, keys, instead);
                    }
                    Some(value.into_value())
                }
                (None, Rest::Keep) => Some(value.into_value()),
            };
            if map.contains_key(&key) {
                let name = self.named(&key);
                self.warn(at, format!("\"{name}\" stands here once more: what is said of it before does not count"));
            }
            if let Some(checked) = checked {
                map.insert(key, checked);
            }
        }
        Value::Object(map)
    }

    fn unknown(&mut self, at: usize, key: &str, keys: &[(&str, &Shape)], instead: &str) {
        let meant = near(key, keys.iter().map(|(name, _)| *name)).map(|name| format!(" (did you mean \"{name}\"?)")).unwrap_or_default();
        let name = self.named(key);
        self.warn(at, format!("unknown key \"{name}\"{meant}: {instead}"));
    }

    fn named(&mut self, key: &str) -> String {
        self.below(key.to_owned(), |this| this.path.join("."))
    }

    fn warn(&mut self, at: usize, message: String) {
        self.findings.push((at, message, Severity::Warning));
    }

    fn below<T>(&mut self, key: String, f: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(key);
        let value = f(self);
        self.path.pop();
        value
    }

    fn refuse(&mut self, node: &Node, shape: &Shape) -> Option<Value> {
        let found = match &node.kind {
            Kind::Scalar(Value::Null) => "null",
            Kind::Scalar(Value::Bool(_)) => "a boolean",
            Kind::Scalar(Value::Number(_)) => "a number",
            Kind::Scalar(_) => "other text",
            Kind::Array(_) => "a list",
            Kind::Object(_) => "an object",
        };
        let found = if matches!(shape, Shape::Word(_) | Shape::Action | Shape::Switch) || found != "other text" { found } else { "text" };
        let name = if self.path.is_empty() { "the file".to_owned() } else { format!("\"{}\"", self.path.join(".")) };
        let cautious = cautious(shape);
        let instead = if cautious.is_some() { "it counts as \"ask\"" } else { "it is left out" };
        self.findings.push((node.at, format!("{name}: expected {}, found {found}; {instead}", describe(shape)), Severity::Error));
        cautious
    }
}

/// What counts in the place of something that is none of a shape, if that says what is allowed.
fn cautious(shape: &Shape) -> Option<Value> {
    match shape {
        Shape::Action | Shape::Switch => Some("ask".into()),
        Shape::Map(Shape::Switch) => Some(json!({"*": "ask"})),
        Shape::Either(shapes) => shapes.iter().find_map(cautious),
        _ => None,
    }
}

/// The permission whose rule a name was meant to be, where the name is of none: OpenCode has one for all tools that edit.
fn permission_meant(name: &str) -> Option<&'static str> {
    let plain = name.trim().to_lowercase();
    let meant = match plain.as_str() {
        "write" | "patch" | "apply_patch" | "multiedit" | "notebookedit" => "edit",
        "shell" => "bash",
        "subagent" | "agent" => "task",
        "ls" => "list",
        plain => PERMISSIONS.iter().find(|known| **known == plain)?,
    };
    (meant != name).then_some(meant)
}

/// A known name that is nearly this one.
fn near<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const SHORTEST: usize = 4;
    const MOST: usize = 2;
    let word: String = word.to_lowercase().chars().take(40).collect();
    let far = |name: &str| strsim::levenshtein(&word, &name.to_lowercase());
    let closest = names.map(|name| (far(name), name)).min_by_key(|(far, _)| *far);
    closest.filter(|(far, _)| *far == 0 || (*far <= MOST && word.len() >= SHORTEST)).map(|(_, name)| name)
}

/// Whether it is what Claude Code calls a model: it knows one provider.
fn is_claudes(word: &str) -> bool {
    let word = word.strip_suffix("[1m]").unwrap_or(word);
    matches!(word, "sonnet" | "opus" | "haiku" | "best" | "opusplan") || (word.starts_with("claude-") && !word.contains('/'))
}

fn word_of_switch(word: &str) -> Option<bool> {
    [true, false].into_iter().find(|on| word.trim().eq_ignore_ascii_case(&on.to_string()))
}

fn same_type(node: &Node, shape: &Shape) -> bool {
    match (&node.kind, shape) {
        (_, Shape::Any)
        | (Kind::Array(_), Shape::List(_))
        | (Kind::Object(_), Shape::Map(_) | Shape::Object(..))
        | (Kind::Scalar(Value::Null), _)
        | (Kind::Scalar(Value::String(_)), Shape::Word(_) | Shape::Action | Shape::Switch) => true,
        (_, Shape::Needs(_, inner)) => same_type(node, inner),
        (_, Shape::Unused(idle)) => same_type(node, &idle.shape),
        (Kind::Scalar(value), shape) => fits(value, shape),
        _ => false,
    }
}

fn fits(value: &Value, shape: &Shape) -> bool {
    match shape {
        Shape::Text | Shape::Words | Shape::Answerer => value.is_string(),
        Shape::Flag | Shape::Switch => value.is_boolean(),
        Shape::Number => value.is_number(),
        Shape::Whole => value.is_u64(),
        Shape::Amount => value.as_f64().is_some_and(|amount| amount >= 0.0),
        Shape::Word(words) => value.as_str().is_some_and(|value| words.contains(&value)),
        Shape::Action => value.as_str().is_some_and(|value| ACTIONS.contains(&value)),
        _ => false,
    }
}

fn describe(shape: &Shape) -> String {
    match shape {
        Shape::Any => "anything".into(),
        Shape::Text | Shape::Words | Shape::Answerer => "text".into(),
        Shape::Flag | Shape::Switch => "true or false".into(),
        Shape::Number => "a number".into(),
        Shape::Whole => "a whole number of 0 or more".into(),
        Shape::Amount => "a number of 0 or more (US dollars)".into(),
        Shape::Word(words) => alternatives(words.iter().map(|word| format!("\"{word}\""))),
        Shape::Action => describe(&Shape::Word(ACTIONS)),
        Shape::List(inner) => format!("a list ({} each)", describe(inner)),
        Shape::Map(_) | Shape::Object(..) | Shape::Needs(..) => "an object".into(),
        Shape::Either(shapes) => alternatives(shapes.iter().map(describe)),
        Shape::Unused(idle) => describe(&idle.shape),
    }
}

fn alternatives(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<String> = parts.collect();
    match parts.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => parts.concat(),
    }
}
