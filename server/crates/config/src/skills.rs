//! Skills: `SKILL.md` files that the model reads when a task calls for them.
//!
//! Must not know how they are put to the model. Only what is advertised is read here, and nothing is fetched: `skills.urls` are left alone.
//!
//! **Invariant:** a name is given once; of several files of one name the nearest to the project counts.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use proto::{first_hidden, visible};
use serde_json::Value;

use crate::check::{UNSEEN, check};
use crate::load::{MOST_FOLDERS, read_text, too_many_folders, upwards};
use crate::markdown::front_node;
use crate::problem::place;
use crate::shape::SKILL;
use crate::substitute::reason;
use crate::{Dirs, Env, Loaded, Problem, Severity, commands, parse_markdown};

/// What is known of a skill before it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skill {
    /// Its name: the front matter's, else its folder's.
    pub name: String,
    /// When it is of use. Without one it is not advertised.
    pub description: Option<String>,
    /// Whether a model may start it; else the user alone does.
    pub offered: bool,
    /// What is to be written behind its name, for people.
    pub hint: Option<String>,
    /// Its `SKILL.md`, absolute.
    pub path: PathBuf,
}

impl Skill {
    /// What is told of it where commands are listed: what it takes, and what it is for.
    #[must_use]
    pub fn shown(&self) -> Option<String> {
        commands::shown(self.hint.as_ref(), self.description.as_ref())
    }
}

/// What was found.
pub(crate) struct Found {
    /// By name.
    pub(crate) skills: Vec<Skill>,
    /// What is wrong with their files.
    pub(crate) problems: Vec<Problem>,
    /// Their files, and the folders where they may be.
    pub(crate) looked_at: Vec<PathBuf>,
}

/// How many folders deep they are looked for.
const MAX_DEPTH: usize = 8;
/// Most characters of a description: all of them open every request.
const LONGEST: usize = 1024;

/// The skills of a session in `cwd`, by name, and what is wrong with their files. Lowest first: `~/.claude/skills`, `~/.agents/skills`, the same from the
/// worktree's root to `cwd`, `skill` and `skills` of the configuration folders, and the folders that `skills.paths` names.
pub(crate) fn find(loaded: &Loaded, env: &Env, dirs: &Dirs, cwd: &Path) -> Found {
    let mut folders = Vec::new();
    if !env.flag("DISABLE_EXTERNAL_SKILLS") {
        let claude = !env.flag("DISABLE_CLAUDE_CODE") && !env.flag("DISABLE_CLAUDE_CODE_SKILLS");
        let mut bases = vec![dirs.home.clone()];
        if !env.flag("DISABLE_PROJECT_CONFIG") {
            bases.extend(upwards(cwd, &loaded.root).into_iter().rev());
        }
        for base in bases {
            folders.extend(claude.then(|| base.join(".claude/skills")));
            folders.push(base.join(".agents/skills"));
        }
    }
    for folder in &loaded.folders {
        folders.extend([folder.join("skill"), folder.join("skills")]);
    }
    let named = loaded.config.other.get("skills").and_then(|skills| skills.get("paths")).and_then(Value::as_array);
    folders.extend(named.into_iter().flatten().filter_map(Value::as_str).map(|path| cwd.join(dirs.expand(path))));

    let (mut skills, mut problems, mut looked_at) = (BTreeMap::new(), Vec::new(), folders.clone());
    for folder in folders {
        let mut known = HashSet::new();
        let found = files(&folder, MAX_DEPTH, &mut known);
        if known.len() >= MOST_FOLDERS {
            problems.push(Problem { file: folder, line: 1, column: 1, message: too_many_folders(), severity: Severity::Warning });
        }
        for path in found {
            looked_at.push(path.clone());
            match read(&path) {
                Ok((skill, findings)) => {
                    skills.insert(skill.name.clone(), skill);
                    problems.extend(findings);
                }
                Err((line, column, why)) => {
                    let message = format!("{why}; the skill is left out");
                    problems.push(Problem { file: path, line, column, message, severity: Severity::Warning });
                }
            }
        }
    }
    Found { skills: skills.into_values().collect(), problems, looked_at }
}

/// The `SKILL.md` files below a folder, sorted. Links are followed, but no folder is looked into twice; a skill's own folder is not looked into.
fn files(folder: &Path, depth: usize, known: &mut HashSet<PathBuf>) -> Vec<PathBuf> {
    if known.len() >= MOST_FOLDERS || !folder.canonicalize().is_ok_and(|real| known.insert(real)) {
        return Vec::new();
    }
    let own = folder.join("SKILL.md");
    if own.is_file() {
        return vec![own];
    }
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| depth > 1 && path.is_dir()).collect();
    folders.sort();
    folders.iter().flat_map(|folder| files(folder, depth - 1, known)).collect()
}

/// The skill, and what is said in vain.
fn read(path: &Path) -> Result<(Skill, Vec<Problem>), (usize, usize, String)> {
    let text = read_text(path).map_err(|error| (1, 1, format!("cannot be read: {}", reason(&error))))?;
    let file = parse_markdown(&text).map_err(|error| (error.line, error.column, error.message))?;
    let word = |key: &str| file.data.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let folder = || path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let name = word("name").or_else(folder).ok_or((1, 1, "it has no `name:`".to_owned()))?;
    // Claude Code's word for a skill that the user alone starts.
    let offered = matches!(file.data.get("disable-model-invocation"), None | Some(Value::Null | Value::Bool(false)));
    let description = word("description");
    let hides = [Some(&name), description.as_ref()].into_iter().flatten().any(|text| first_hidden(text).is_some());
    let name = visible(&name).into_owned();
    let description = description.map(|text| visible(&text).into_owned()).map(|text| match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    });
    let hint = file.data.get("argument-hint").and_then(commands::hint).map(|hint| visible(&hint).into_owned());
    let mut findings = Vec::new();
    // What fits is looked at above.
    let _ = check(front_node(&text, file.data), &SKILL, &mut findings);
    let problem = |(at, message, severity)| {
        let (line, column) = place(&text, at);
        Problem { file: path.to_path_buf(), line, column, message, severity }
    };
    let silent = (offered && description.is_none()).then(|| {
        (0, format!("it has no `description:` in words, so no model is told of it; you can start it as /{name}"), Severity::Warning)
    });
    let hidden = hides.then(|| (0, format!("its name or description {UNSEEN}"), Severity::Warning));
    let problems = hidden.into_iter().chain(silent).chain(findings).map(problem).collect();
    Ok((Skill { name, description, offered, hint, path: path.to_path_buf() }, problems))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[(&str, &str)], vars: &[(&str, &str)], expect: &[(&str, &str)]) -> Vec<Problem> {
        let place = tempfile::tempdir().unwrap();
        let top = place.path();
        for (name, text) in files {
            let path = top.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        fs::create_dir_all(top.join("p/.git")).unwrap();
        fs::create_dir_all(top.join("p/sub")).unwrap();
        let home = top.join("home").display().to_string();
        let env = Env::from_pairs(vars.iter().copied().chain([("HOME", home.as_str())]));
        let loaded = crate::load(&env, &Dirs::from_env(&env), &top.join("p/sub"));
        let found: Vec<(String, String)> =
            loaded.skills.iter().map(|s| (s.name.clone(), s.path.strip_prefix(top).unwrap().to_string_lossy().into_owned())).collect();
        let expect: Vec<(String, String)> = expect.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        assert_eq!(found, expect, "{files:?} {vars:?}");
        loaded.problems
    }

    const A: &str = "---\nname: a\ndescription: of a\n---\nbody";

    #[test]
    fn where_they_are_found() {
        for folder in [
            "home/.claude/skills",
            "home/.agents/skills",
            "p/.claude/skills",
            "p/sub/.agents/skills",
            "home/.config/opencode/skill",
            "home/.config/interline/skills",
            "p/.opencode/skill",
            "p/sub/.interline/skills/deep/er",
        ] {
            let path = format!("{folder}/x/SKILL.md");
            check(&[(&path, A)], &[], &[("a", &path)]);
        }
        check(
            &[("p/own/x/SKILL.md", A), ("p/opencode.json", r#"{"skills": {"paths": ["../own"]}}"#)],
            &[],
            &[("a", "p/sub/../own/x/SKILL.md")],
        );
        check(&[("p/.claude/skills/x/SKILL.md", A)], &[("OPENCODE_DISABLE_CLAUDE_CODE", "1")], &[]);
        check(&[("p/.agents/skills/x/SKILL.md", A)], &[("OPENCODE_DISABLE_EXTERNAL_SKILLS", "1")], &[]);
    }

    #[test]
    fn the_nearest_counts_and_a_bad_one_is_told() {
        let (outer, inner) = ("home/.claude/skills/x/SKILL.md", "p/.opencode/skills/x/SKILL.md");
        check(&[(outer, A), (inner, A)], &[], &[("a", inner)]);
        let long = format!("---\nname: a\ndescription: {}\n---\n", "ä".repeat(5000));
        check(&[(outer, &long)], &[], &[("a", outer)]);
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("SKILL.md"), long).unwrap();
        let described = read(&place.path().join("SKILL.md")).unwrap().0.description.unwrap();
        assert!(described.ends_with("ä…") && described.chars().count() == LONGEST + 1, "{described}");
        check(&[("p/.opencode/skill/plain/SKILL.md", "no front matter")], &[], &[("plain", "p/.opencode/skill/plain/SKILL.md")]);
        let problems = check(&[(inner, "---\nname: [1\n---\n")], &[], &[]);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].message.contains("skill is left out"), "{problems:?}");
    }
}
