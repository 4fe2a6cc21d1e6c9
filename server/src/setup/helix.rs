//! Helix: `languages.toml`, and `config.toml` beside it.
//!
//! Helix has no language that stands for all, so each is named; and a `language-servers` of the user's own replaces Helix's list, so that list is
//! written out beside ours. Must not know how the change is shown.
//!
//! **Invariant:** comments, order and every value that is there stay; no server that Helix would have started is lost.

mod config;

use std::path::{Path, PathBuf};

use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value, value};

use super::{Plan, Planner, SetupError, read};

/// Helix's own servers by language.
const DEFAULTS: &str = include_str!("helix_languages.toml");

const NAME: &str = "interline";

/// Names of files that are plain text: Helix has no language for them, and starts no server where there is none.
const TEXTS: [&str; 9] = ["AUTHORS", "CHANGELOG", "CHANGES", "COPYING", "INSTALL", "LICENSE", "NOTES", "README", "TODO"];

/// The changes to `file`, and to `config.toml` beside it.
pub(super) fn planners(file: PathBuf, command: String, auto_save: bool) -> Vec<Planner> {
    let beside = file.with_file_name("config.toml");
    let keys = beside.clone();
    let mut planners: Vec<Planner> = vec![Box::new(move || plan(&file, &command)), Box::new(move || config::plan(&keys))];
    if auto_save {
        planners.push(Box::new(move || config::plan_auto_save(&beside)));
    }
    planners
}

fn plan(file: &Path, command: &str) -> Result<Plan, SetupError> {
    let old = read(file)?;
    let new = edit(old.as_deref().unwrap_or_default(), command)
        .map_err(|message| SetupError::Malformed(format!("{}:{message}", file.display())))?;
    let next = "Restart Helix, then check with `hx --health rust`. Ask Interline with `space a` on a selection.\n\
        A language of your own that is not in the file gets Interline by an entry like the others there.";
    Ok(Plan { file: file.to_owned(), old, new, next })
}

/// What is wrong with the file, as `line:column: what`; or the program that it starts Interline by, if it does.
pub fn starts(text: &str) -> Result<Option<String>, String> {
    let document: DocumentMut = text.parse().map_err(|error| malformed(text, &error))?;
    let command = document.get("language-server").and_then(|servers| servers.get(NAME)?.get("command")?.as_str());
    Ok(command.map(str::to_owned))
}

fn malformed(text: &str, error: &toml_edit::TomlError) -> String {
    let (line, column) = place(text, error.span().map_or(0, |span| span.start));
    format!("{line}:{column}: {}", error.message().trim())
}

/// `text` with Interline as a server of the usual languages and of all that the user has an entry for. The error is `line:column: what`.
fn edit(text: &str, command: &str) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error| malformed(text, &error))?;
    let (common, known) = defaults();
    let servers = document.entry("language-server").or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    let servers = servers.as_table_like_mut().ok_or("1:1: `language-server` must be a table")?;
    if !servers.contains_key(NAME) {
        let mut server = Table::new();
        server.insert("command", value(command));
        servers.insert(NAME, Item::Table(server));
    }
    let languages = document.entry("language").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    let languages = languages.as_array_of_tables_mut().ok_or("1:1: `language` must be written as [[language]] entries")?;
    let (mut named, mut has_text) = (Vec::new(), false);
    for language in languages.iter_mut() {
        let endings = language.get("file-types").and_then(Item::as_array);
        has_text |= endings.is_some_and(|endings| endings.iter().any(|ending| ending.as_str() == Some("txt")));
        let name = language.get("name").and_then(Item::as_str).unwrap_or_default().to_owned();
        let listed = language.entry("language-servers").or_insert_with(|| value(servers_of(&known, &name)));
        let listed = listed.as_array_mut().ok_or_else(|| format!("1:1: `language-servers` of `{name}` must be a list"))?;
        add(listed);
        named.push(name);
    }
    for name in common.into_iter().filter(|name| !named.contains(name)) {
        let mut listed = servers_of(&known, &name);
        add(&mut listed);
        let mut language = Table::new();
        language.insert("name", value(name));
        language.insert("language-servers", value(listed));
        languages.push(language);
    }
    if !has_text && !named.iter().any(|name| name == "text") {
        languages.push(text_language());
    }
    Ok(document.to_string())
}

fn text_language() -> Table {
    let mut files = Array::from_iter(["txt", "text"]);
    for name in TEXTS {
        let mut glob = InlineTable::new();
        glob.insert("glob", name.into());
        files.push(glob);
    }
    let mut language = Table::new();
    language.insert("name", value("text"));
    language.insert("scope", value("text.plain"));
    language.insert("file-types", value(files));
    language.insert("language-servers", value(Array::from_iter([NAME])));
    language
}

/// The names of the usual languages, and the servers of all known ones.
fn defaults() -> (Vec<String>, Table) {
    let mut known = Table::new();
    let mut common = Vec::new();
    // The file is part of the program, and a test reads it.
    let document = DEFAULTS.parse::<DocumentMut>().unwrap_or_default();
    for (section, table) in document.iter() {
        for (name, servers) in table.as_table().into_iter().flat_map(Table::iter) {
            if section == "common" {
                common.push(name.to_owned());
            }
            known.insert(name, servers.clone());
        }
    }
    (common, known)
}

fn servers_of(known: &Table, language: &str) -> Array {
    known.get(language).and_then(Item::as_array).cloned().unwrap_or_default()
}

fn add(listed: &mut Array) {
    let is_ours = |entry: &Value| entry.as_str().or_else(|| entry.as_inline_table()?.get("name")?.as_str()) == Some(NAME);
    if !listed.iter().any(is_ours) {
        listed.push(NAME);
    }
}

fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    (before.matches('\n').count() + 1, before.rsplit('\n').next().unwrap_or_default().chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The part of the change that concerns what was there; and the second run.
    fn check(text: &str, expect: &str) {
        let edited = edit(text, "interline").unwrap();
        assert!(edited.starts_with(expect), "{text}\n---\n{edited}");
        assert_eq!(edit(&edited, "other").unwrap(), edited, "the second run of {text}");
        edited.parse::<DocumentMut>().unwrap();
    }

    #[test]
    fn what_is_there_stays() {
        check(
            "",
            "[language-server.interline]\ncommand = \"interline\"\n\n[[language]]\nname = \"rust\"\nlanguage-servers = [\"rust-analyzer\", \"interline\"]\n",
        );
        check(
            "# my own comment\n[[language]]\nname = \"rust\"\nauto-format = true\n",
            "# my own comment\n[[language]]\nname = \"rust\"\nauto-format = true\nlanguage-servers = [\"rust-analyzer\", \"interline\"]\n",
        );
        check(
            "use-grammars = { except = [\"x\"] }\n\n[[language]]\nname = \"python\" # mine\nlanguage-servers = [\"pyright\", { name = \"ruff\", only-features = [\"format\"] }]\n\n[language.formatter]\ncommand = \"black\"\n",
            "use-grammars = { except = [\"x\"] }\n\n[[language]]\nname = \"python\" # mine\nlanguage-servers = [\"pyright\", { name = \"ruff\", only-features = [\"format\"] }, \"interline\"]\n\n[language.formatter]\ncommand = \"black\"\n",
        );
        check(
            "[[language]]\nname = \"my-own\"\nscope = \"x\"\n\n[[language]]\nname = \"sway\"\n",
            "[[language]]\nname = \"my-own\"\nscope = \"x\"\nlanguage-servers = [\"interline\"]\n\n[[language]]\nname = \"sway\"\nlanguage-servers = [\"forc\", \"interline\"]\n",
        );
        check("[language-server.interline]\ncommand = \"/mine\"\n", "[language-server.interline]\ncommand = \"/mine\"\n");
        check("[language-server]\ninterline = { command = \"x\" }\n", "[language-server]\ninterline = { command = \"x\" }\n");
    }

    #[test]
    fn a_language_is_added_once() {
        let edited = edit("[[language]]\nname = \"rust\"\n", "interline").unwrap();
        assert_eq!(edited.matches("\"rust\"").count(), 1);
        assert!(
            edited.contains("name = \"markdown\"\nlanguage-servers = [\"marksman\", \"markdown-oxide\", \"rumdl\", \"interline\"]"),
            "the chat is Markdown"
        );
        assert!(edited.contains("{ name = \"erlang-ls\", except-features"));
    }

    #[test]
    fn plain_text_is_a_language_unless_the_user_has_one_for_it() {
        let added = |text: &str| edit(text, "interline").unwrap().contains("scope = \"text.plain\"");
        assert!(added("") && added("[[language]]\nname = \"x\"\nfile-types = [{ glob = \"txt\" }]\n"));
        assert!(!added("[[language]]\nname = \"plain\"\nfile-types = [\"md\", \"txt\"]\n"));
        assert!(!added("[[language]]\nname = \"text\"\n"));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_left_alone() {
        let check = |text: &str, expect: &str| {
            let error = edit(text, "interline").unwrap_err();
            assert!(error.starts_with(expect), "{error}");
        };
        check("a = 1\n[[language]\n", "2:12: ");
        check("language = 3\n", "1:1: `language` must");
        check("[[language]]\nname = \"x\"\nlanguage-servers = 1\n", "1:1: `language-servers` of `x`");
    }
}
