//! What a server offers to do for a range: `(Command | CodeAction)[]`.
//!
//! Pure. **Invariant:** how many there are is bounded; a command is known to change files by edits alone only where it stands in a table.

use serde_json::Value;

use super::list;

/// Actions that are kept.
const MOST: usize = 200;

/// Commands that compute edits and hand them back, and do nothing else.
const EDITING: &[&str] = &[
    "_typescript.applyCodeActionCommand",
    "_typescript.applyRefactoring",
    "_typescript.applyWorkspaceEdit",
    "_typescript.organizeImports",
    "clangd.applyFix",
    "clangd.applyRename",
    "clangd.applyTweak",
    "gopls.add_import",
    "gopls.apply_fix",
    "gopls.change_signature",
    "gopls.extract_to_new_file",
    "gopls.move_type",
    "gopls.remove_dependency",
    "pyright.organizeimports",
    "ruff.applyAutofix",
    "ruff.applyFormat",
    "ruff.applyOrganizeImports",
];

/// One action.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// What it does, in the server's words.
    pub title: String,
    /// Such as `quickfix` or `refactor.extract`; empty where the server names none.
    pub kind: String,
    /// Why it cannot be done now.
    pub disabled: Option<String>,
    /// The one that fixes what is wrong there.
    pub preferred: bool,
    /// As it came.
    pub raw: Value,
}

impl Action {
    /// Its edit, if it has one.
    #[must_use]
    pub fn edit(&self) -> Option<&Value> {
        self.raw.get("edit").filter(|edit| edit.is_object())
    }

    /// Its command's name and arguments, if it has one.
    #[must_use]
    pub fn command(&self) -> Option<(&str, &Value)> {
        let command = &self.raw["command"];
        let of = if command.is_object() { command } else { &self.raw };
        Some((of["command"].as_str()?, &of["arguments"]))
    }
}

/// The answer to `textDocument/codeAction`.
#[must_use]
pub fn all(answer: &Value) -> Vec<Action> {
    let read = |raw: &Value| {
        Some(Action {
            title: raw["title"].as_str()?.split_whitespace().collect::<Vec<_>>().join(" "),
            kind: raw["kind"].as_str().unwrap_or_default().to_owned(),
            disabled: raw["disabled"]["reason"].as_str().map(str::to_owned),
            preferred: raw["isPreferred"] == true,
            raw: raw.clone(),
        })
    };
    list(answer).iter().filter_map(read).take(MOST).collect()
}

/// Whether a command does nothing but hand edits back, which are asked for then.
#[must_use]
pub fn only_edits(command: &str) -> bool {
    EDITING.contains(&command)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_forms() {
        let fix = json!({ "title": "Add\n  import", "kind": "quickfix", "isPreferred": true, "edit": { "changes": {} }, "command": { "title": "t", "command": "c", "arguments": [1] } });
        let command = json!({ "title": "Tidy", "command": "gopls.tidy", "arguments": [2] });
        let off = json!({ "title": "No", "disabled": { "reason": "not here" } });
        let all = all(&json!([fix, command, off, { "kind": "quickfix" }, 5]));
        let words = |action: &Action| (action.title.clone(), action.kind.clone(), action.preferred, action.disabled.clone());
        assert_eq!(
            all.iter().map(words).collect::<Vec<_>>(),
            [
                ("Add import".to_owned(), "quickfix".to_owned(), true, None),
                ("Tidy".to_owned(), String::new(), false, None),
                ("No".to_owned(), String::new(), false, Some("not here".to_owned())),
            ]
        );
        assert_eq!(
            (all[0].command(), all[1].command(), all[2].command()),
            (Some(("c", &json!([1]))), Some(("gopls.tidy", &json!([2]))), None)
        );
        assert!(all[0].edit().is_some() && all[1].edit().is_none());
        assert!(only_edits("gopls.apply_fix") && !only_edits("gopls.generate"));
    }
}
