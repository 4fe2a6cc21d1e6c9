//! Helix: `config.toml`, so that it shows what Interline says, and has keys for it below `space i`.
//!
//! **Invariant:** every value that is there stays; where the user has keys of their own below `space i`, none is added.

use std::path::Path;

use toml_edit::{DocumentMut, Item, Table, value};

use super::super::{Plan, SetupError, read};
use super::malformed;

/// Commands of the server without arguments: Helix 25.01 can send none.
const KEYS: &[(&str, &str)] = &[
    ("i", "interline.chat"),
    ("s", "interline.send"),
    ("x", "interline.cancel"),
    ("y", "interline.hunk.accept"),
    ("n", "interline.hunk.reject"),
    ("u", "interline.undo"),
    ("r", "interline.redo"),
    ("c", "interline.session.new"),
    ("o", "interline.session.open"),
];

/// After so many milliseconds without a change Helix saves (never in insert mode): sooner than a shell
/// command of the agent is kept waiting for it.
const AUTO_SAVE: i64 = 1000;

/// The change to `file`: what Helix shows, and the keys.
pub(in super::super) fn plan(file: &Path) -> Result<Plan, SetupError> {
    let next =
        "`space i i` opens the chat, `space i s` sends what you have written there; the other keys are in the file, and yours to change.";
    changed(file, next, keys)
}

/// The change to `file` that has Helix save by itself: a matter of its own, as it is about more than the agent's changes.
pub(in super::super) fn plan_auto_save(file: &Path) -> Result<Plan, SetupError> {
    let next = "Helix saves by itself what is changed, by you and by the agent, in buffers that are not shown, too, a second after the last change.";
    changed(file, next, auto_save)
}

fn changed(file: &Path, next: &'static str, edit: fn(&mut Table)) -> Result<Plan, SetupError> {
    let old = read(file)?;
    let new = edited(old.as_deref().unwrap_or_default(), edit)
        .map_err(|message| SetupError::Malformed(format!("{}:{message}", file.display())))?;
    Ok(Plan { file: file.to_owned(), old, new, next })
}

/// The error is `line:column: what`.
fn edited(text: &str, edit: fn(&mut Table)) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error| malformed(text, &error))?;
    edit(document.as_table_mut());
    Ok(document.to_string())
}

fn keys(root: &mut Table) {
    if let Some(lsp) = table(root, &["editor", "lsp"]) {
        for name in ["display-messages", "display-progress-messages"] {
            lsp.entry(name).or_insert_with(|| value(true));
        }
    }
    if let Some(space) = table(root, &["keys", "normal", "space"])
        && !space.contains_key("i")
    {
        let mut keys = Table::new();
        for (key, command) in KEYS {
            keys.insert(key, value(format!(":lsp-workspace-command {command}")));
        }
        space.insert("i", Item::Table(keys));
    }
}

fn auto_save(root: &mut Table) {
    if let Some(delay) = table(root, &["editor", "auto-save", "after-delay"]) {
        delay.entry("enable").or_insert_with(|| value(true));
        delay.entry("timeout").or_insert_with(|| value(AUTO_SAVE));
    }
}

/// The table at a path, made where there is none; none where something else stands there, which is the user's.
fn table<'a>(root: &'a mut Table, path: &[&str]) -> Option<&'a mut dyn toml_edit::TableLike> {
    let mut here: &mut dyn toml_edit::TableLike = root;
    for name in path {
        let made = || {
            let mut table = Table::new();
            table.set_implicit(true);
            Item::Table(table)
        };
        here = here.entry(name).or_insert_with(made).as_table_like_mut()?;
    }
    Some(here)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn twice(text: &str, edit: fn(&mut Table)) -> String {
        let new = edited(text, edit).unwrap();
        assert_eq!(edited(&new, edit).unwrap(), new, "the second run of {text}");
        new
    }

    #[test]
    fn helix_saves_by_itself_unless_the_user_has_said_otherwise() {
        let check = |own: &str, expect: &str| assert_eq!(twice(own, auto_save), expect);
        check("", "[editor.auto-save.after-delay]\nenable = true\ntimeout = 1000\n");
        check(
            "[editor.auto-save]\nafter-delay.enable = false\n",
            "[editor.auto-save]\nafter-delay.enable = false\nafter-delay.timeout = 1000\n",
        );
        check("[editor]\nauto-save = true\n", "[editor]\nauto-save = true\n");
        assert!(!twice("", keys).contains("auto-save"));
    }

    #[test]
    fn messages_are_shown_and_keys_are_there() {
        let new = twice("", keys);
        assert!(new.starts_with("[editor.lsp]\ndisplay-messages = true\ndisplay-progress-messages = true\n"), "{new}");
        assert!(new.contains("[keys.normal.space.i]\ni = \":lsp-workspace-command interline.chat\"\n"), "{new}");
    }

    #[test]
    fn what_is_there_stays() {
        let own = "theme = \"mine\" # dark\n\n[editor]\nlsp = { display-messages = false }\n\n[keys.normal]\nspace = { i = \":w\", q = \":q\" }\n";
        let new = twice(own, keys);
        assert!(
            new.contains("theme = \"mine\" # dark")
                && new.contains("lsp = { display-messages = false")
                && new.contains("display-progress-messages = true"),
            "{new}"
        );
        assert!(new.contains("space = { i = \":w\", q = \":q\" }"), "{new}");
        let taken = "[keys.normal]\nspace = \"command_mode\"\n";
        assert!(twice(taken, keys).contains(taken) && !twice(taken, keys).contains("interline"), "{}", twice(taken, keys));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_left_alone() {
        assert!(edited("a = 1\n[editor\n", keys).unwrap_err().starts_with("2:8: "), "{:?}", edited("a = 1\n[editor\n", keys));
    }
}
