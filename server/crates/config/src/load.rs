//! Which files count, in which order.
//!
//! Lowest first: the user's file (Interline's, or where there is none OpenCode's); the file that `INTERLINE_CONFIG` names; `interline.json[c]` (else
//! `opencode.json[c]`) of each folder from the worktree's root to the current one; the folders `~/.opencode`, `.opencode` and `.interline` in the same
//! order, with their agents and commands; the folder that `INTERLINE_CONFIG_DIR` names; `INTERLINE_CONFIG_CONTENT`; the administrator's. Every variable may
//! also begin with `OPENCODE`. Where OpenCode 1 lets an outer `.opencode` count over an inner one, the nearer counts here, as in OpenCode 2.
//!
//! **Invariant:** `load` always gives a configuration. Only files are read; nothing is written, run or fetched.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use proto::{Action, first_hidden, visible};
use serde_json::{Map, Value};

use crate::check::{Finding, UNSEEN, check};
use crate::executables::{self, ToolFile};
use crate::foreign::{self, ForeignProgram, ForeignProvider, ForeignServer};
use crate::hooks::{self, Hook};
use crate::instructions::is_url;
use crate::lower::{finish, lower_agent, lower_file};
use crate::markdown::{front_node, parse_markdown};
use crate::merge::{merge, merge_file};
use crate::node::Node;
use crate::origins::{Origins, Spot};
use crate::problem::{joined, place};
use crate::shape::{AGENT, COMMAND, CONFIG, PERMISSION, Shape};
use crate::substitute::{reason, substitute};
use crate::{Config, Dirs, Env, FormatterConfig, OneOrMany, Problem, Severity, Skill, permission_rules, skills};

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// All files, merged.
    pub config: Config,
    /// What is wrong with them.
    pub problems: Vec<Problem>,
    /// The variables that a file names and that are not set, each with its place. That is no mistake: a key may be there on one machine only.
    pub unset: Vec<Problem>,
    /// The files that were read (and variables), lowest first.
    pub sources: Vec<PathBuf>,
    /// The files and folders that were looked at, whether they are there or not: where one has changed, this may be read in another way now.
    pub looked_at: BTreeSet<PathBuf>,
    /// The root of the git worktree; the current folder where there is no git.
    pub root: PathBuf,
    /// The configuration folders that exist, lowest first: they may hold skills.
    pub folders: Vec<PathBuf>,
    /// What the model may read when a task calls for it, by name.
    pub skills: Vec<Skill>,
    /// The tools that configuration folders bring as executables, by name.
    pub tools: IndexMap<String, ToolFile>,
    /// The programs that are run on events, in order.
    pub hooks: Vec<Hook>,
    /// What the user's own configuration says of programs that projects bring: patterns of `permission.project_code`, the last that matches counts.
    pub project_code: Vec<(String, Action)>,
    /// The MCP servers that the project brings: they are started with consent only.
    pub foreign_servers: Vec<ForeignServer>,
    /// The other programs that the project brings: they are run with consent only.
    pub foreign_programs: Vec<ForeignProgram>,
    /// The providers whose requests the project has a say in: the user's keys go there with consent only.
    pub foreign_providers: Vec<ForeignProvider>,
    /// The addresses among `instructions` that a project's file names.
    pub project_urls: HashSet<String>,
    /// The Markdown file of an agent that has one.
    pub agent_files: IndexMap<String, PathBuf>,
    /// The Markdown file of a command that has one.
    pub command_files: IndexMap<String, PathBuf>,
    /// Where each entry of `lsp`, `formatter`, `mcp` and `command` stands, such as `lsp.rust`, and `shell` and `default_agent`: file, line and column. Where
    /// several files have one, in the last.
    pub places: IndexMap<String, (PathBuf, usize, usize)>,
}

impl Loaded {
    /// Puts what the user's own files say in the place of a program that the project brings.
    pub fn leave_out(&mut self, program: &ForeignProgram) {
        match program.key.split_once('.') {
            Some(("formatter", name)) => {
                if let Some(FormatterConfig::Map(entries)) = &mut self.config.formatter {
                    match program.own.clone().and_then(|own| serde_json::from_value(own).ok()) {
                        Some(own) => _ = entries.insert(name.to_owned(), own),
                        None => _ = entries.shift_remove(name),
                    }
                }
            }
            Some(("lsp", name)) => {
                if let Some(Value::Object(entries)) = self.config.other.get_mut("lsp") {
                    match program.own.clone() {
                        Some(own) => _ = entries.insert(name.to_owned(), own),
                        None => _ = entries.shift_remove(name),
                    }
                }
            }
            _ => self.config.shell = program.own.as_ref().and_then(Value::as_str).map(str::to_owned),
        }
    }

    /// The addresses among `instructions`, each with whether the user's own configuration names it: a project's may come from anybody.
    #[must_use]
    pub fn instruction_urls(&self) -> Vec<(String, bool)> {
        let urls = self.config.instructions.iter().filter(|entry| is_url(entry));
        urls.map(|url| (url.clone(), !self.project_urls.contains(url))).collect()
    }
}

/// Reads everything that counts for a session in `cwd`, which is absolute.
#[must_use]
pub fn load(env: &Env, dirs: &Dirs, cwd: &Path) -> Loaded {
    let loader = read(env, dirs, cwd, None);
    let mut loaded = loader.loaded;
    loaded.config = decode(loader.merged, &mut loaded.problems);
    seen_names(&mut loaded.config.agent);
    seen_names(&mut loaded.config.command);
    let skills::Found { skills, problems, looked_at } = skills::find(&loaded, env, dirs, cwd);
    loaded.skills = skills;
    loaded.looked_at.extend(looked_at);
    loaded.problems.extend(problems);
    loaded.problems = joined(loaded.problems);
    loaded
}

/// The same as JSON with a comment behind each value that says which line of which file it comes from. What may be a secret is left out.
#[must_use]
pub fn explain(env: &Env, dirs: &Dirs, cwd: &Path) -> String {
    let loader = read(env, dirs, cwd, Some(Origins::default()));
    loader.origins.map(|origins| origins.show(&loader.merged, cwd, &dirs.home)).unwrap_or_default()
}

fn read<'a>(env: &'a Env, dirs: &'a Dirs, cwd: &'a Path, origins: Option<Origins>) -> Loader<'a> {
    let root = worktree_root(cwd);
    let loaded = Loaded { root: root.clone(), ..Loaded::default() };
    let mut loader = Loader { env, dirs, cwd, merged: Map::new(), own: Map::new(), put_in: Vec::new(), loaded, origins, project: false };
    if !loader.folder_files(&dirs.config, INTERLINE) {
        loader.folder_files(&dirs.opencode_config, &["config.json", "opencode.json", "opencode.jsonc"]);
    }
    if let Some((variable, path)) = env.ours("CONFIG") {
        loader.named_file(&variable, &cwd.join(dirs.expand(path)));
    }
    let mut projects = upwards(cwd, &root);
    projects.reverse();
    if env.flag("DISABLE_PROJECT_CONFIG") {
        projects.clear();
    }
    loader.project = true;
    for folder in &projects {
        loader.either_files(folder);
    }
    loader.project = false;
    loader.markdown(&dirs.opencode_config);
    loader.markdown(&dirs.config);
    // Each with whether the project brings it.
    let mut folders: Vec<(PathBuf, bool)> = Vec::new();
    for (base, project) in std::iter::once((&dirs.home, false)).chain(projects.iter().map(|folder| (folder, true))) {
        for name in [".opencode", ".interline"] {
            let folder = base.join(name);
            if !folders.iter().any(|(known, _)| *known == folder) {
                folders.push((folder, project));
            }
        }
    }
    if let Some((_, folder)) = env.ours("CONFIG_DIR") {
        folders.push((cwd.join(dirs.expand(folder)), false));
    }
    for (folder, project) in folders {
        loader.project = project;
        loader.either_files(&folder);
        loader.markdown(&folder);
    }
    loader.project = false;
    if let Some((variable, content)) = env.ours("CONFIG_CONTENT") {
        loader.text(Path::new(&variable), content, cwd);
    }
    for folder in &dirs.managed {
        loader.either_files(folder);
    }
    let permission = loader.permission_variable();
    finish(&mut loader.merged, env, permission);
    loader.loaded.foreign_programs = foreign::programs(&loader.merged, &loader.own, &loader.put_in);
    loader.loaded.foreign_providers = foreign::providers(&loader.merged, &loader.own, &loader.put_in);
    loader.loaded.foreign_servers = foreign::servers(&loader.merged, &loader.own, &loader.put_in);
    loader
}

const INTERLINE: &[&str] = &["interline.json", "interline.jsonc"];
const OPENCODE: &[&str] = &["opencode.json", "opencode.jsonc"];

/// How many folders deep agents and commands are looked for.
const MAX_DEPTH: usize = 8;
/// How many folders are looked into for agents, for commands, or for skills of one place: it may be a link to the whole disk.
pub(crate) const MOST_FOLDERS: usize = 1000;

pub(crate) fn too_many_folders() -> String {
    format!("there are more than {MOST_FOLDERS} folders in it: the rest is not looked into")
}

struct Loader<'a> {
    env: &'a Env,
    dirs: &'a Dirs,
    cwd: &'a Path,
    merged: Map<String, Value>,
    /// The same without what the project's files say.
    own: Map<String, Value>,
    /// What was put in for placeholders, each with its placeholder.
    put_in: Vec<(String, String)>,
    loaded: Loaded,
    /// Where the values come from, if somebody wants to know.
    origins: Option<Origins>,
    /// What is read now was brought by the project: it may come from anybody.
    project: bool,
}

impl Loader<'_> {
    /// `interline.json[c]`, or where there is none `opencode.json[c]`.
    fn either_files(&mut self, folder: &Path) {
        if !self.folder_files(folder, INTERLINE) {
            self.folder_files(folder, OPENCODE);
        }
    }

    /// Whether one of them is there.
    fn folder_files(&mut self, folder: &Path, names: &[&str]) -> bool {
        let mut found = false;
        for name in names {
            found |= self.file(&folder.join(name));
        }
        found
    }

    /// A file that the user has named must be there.
    fn named_file(&mut self, variable: &str, path: &Path) {
        if !self.file(path) {
            self.problem(path, (1, 1), format!("{variable} names this file, but there is no such file"), Severity::Error);
        }
    }

    fn file(&mut self, path: &Path) -> bool {
        self.loaded.looked_at.insert(path.to_path_buf());
        match read_text(path) {
            Ok(text) => self.text(path, text.strip_prefix('\u{feff}').unwrap_or(&text), path.parent().unwrap_or(self.cwd)),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return false,
            Err(error) => self.problem(path, (1, 1), format!("cannot be read: {}; the file is left out", reason(&error)), Severity::Error),
        }
        true
    }

    fn text(&mut self, label: &Path, text: &str, folder: &Path) {
        self.loaded.sources.push(label.to_path_buf());
        if let Some((Value::Object(mut file), spot)) = self.json(label, text, folder, &CONFIG) {
            self.fetched_skills(label, &file, &spot);
            lower_file(&mut file);
            self.loaded.hooks.extend(hooks::read(&file, folder, self.project));
            if self.project {
                self.tame(label, text, &mut file, &spot);
            } else if let Some(rules) = file.get("permission").and_then(|rules| serde_json::from_value(rules.clone()).ok()) {
                let rules = permission_rules(&rules, &self.dirs.home).into_iter().filter(|(name, ..)| name == "project_code");
                self.loaded.project_code.extend(rules.map(|(_, pattern, action)| (pattern, action)));
            }
            if !self.project {
                merge_file(&mut self.own, file.clone());
            }
            self.record(&file, label, &spot);
            merge_file(&mut self.merged, file);
        }
    }

    /// OpenCode 2 names folders and addresses of skills in one list.
    fn fetched_skills(&mut self, label: &Path, file: &Map<String, Value>, spot: &Spot) {
        let entries = file.get("skills").and_then(Value::as_array).into_iter().flatten();
        if entries.filter_map(Value::as_str).any(is_url) {
            let message =
                "\"skills\": addresses have no effect: skills are not fetched: copy them into `skills/` of a configuration folder";
            self.problem(label, (spot.line(&["skills"]), 1), message.to_owned(), Severity::Warning);
        }
    }

    /// What a project may not do: say whom searches go to, and with which key; and name an address that something was put into, which would carry it
    /// there, unasked, when the instructions are fetched.
    fn tame(&mut self, label: &Path, text: &str, file: &mut Map<String, Value>, spot: &Spot) {
        if file.get("websearch").is_some_and(Value::is_object) {
            file.shift_remove("websearch");
            let message = "\"websearch\" counts in your own configuration only; it is left out";
            self.problem(label, (spot.line(&["websearch"]), 1), message.to_owned(), Severity::Warning);
        }
        let Some(Value::Array(entries)) = file.get_mut("instructions") else { return };
        let before = entries.len();
        entries.retain(|entry| !entry.as_str().is_some_and(|entry| is_url(entry) && !text.contains(entry)));
        let known = self.merged.get("instructions").and_then(Value::as_array);
        let new = |entry: &&str| is_url(entry) && !known.is_some_and(|known| known.iter().any(|known| known == *entry));
        self.loaded.project_urls.extend(entries.iter().filter_map(Value::as_str).filter(new).map(str::to_owned));
        if entries.len() < before {
            let message =
                "\"instructions\": an address of a project must stand there as it is, without {env:…} or {file:…}; it is left out";
            self.problem(label, (spot.line(&["instructions"]), 1), message.to_owned(), Severity::Error);
        }
    }

    /// What of `text` fits `shape`, and where it stands.
    fn json(&mut self, label: &Path, text: &str, folder: &Path, shape: &Shape) -> Option<(Value, Spot)> {
        let mut substituted = substitute(text, folder, self.env, self.dirs);
        for (offset, message) in std::mem::take(&mut substituted.problems) {
            self.problem(label, place(text, offset), message, Severity::Error);
        }
        for (offset, name) in std::mem::take(&mut substituted.unset) {
            let (line, column) = place(text, offset);
            let message = format!("the variable {name} is not set: nothing is put in its place");
            self.loaded.unset.push(Problem { file: label.to_path_buf(), line, column, message, severity: Severity::Warning });
        }
        let node = match Node::parse(&substituted.text) {
            Ok(node) => node,
            Err((offset, message)) => {
                let at = place(text, substituted.original(offset));
                self.problem(label, at, format!("{message}; the file is left out"), Severity::Error);
                return None;
            }
        };
        let sections: [&[&str]; 5] = [&["lsp"], &["formatter"], &["mcp", "servers"], &["mcp"], &["command"]];
        let programs = sections.into_iter().flat_map(|path| {
            let named = |(name, at)| (format!("{}.{name}", path[0]), at);
            node.names_in(path).into_iter().map(named).collect::<Vec<_>>()
        });
        let single = ["shell", "default_agent"].into_iter().filter_map(|key| Some((key.to_owned(), node.key_at(key)?)));
        for (key, at) in programs.chain(single) {
            let (line, column) = place(text, substituted.original(at));
            self.loaded.places.insert(key, (label.to_path_buf(), line, column));
        }
        self.loaded.looked_at.append(&mut std::mem::take(&mut substituted.files).into_iter().collect());
        let mut findings = Vec::new();
        let spot = Spot::of(&node, &|offset| place(text, substituted.original(offset)).0);
        let value = check(node, shape, &mut findings);
        for (_, message, _) in &mut findings {
            *message = substituted.redact(std::mem::take(message));
        }
        self.findings(label, text, findings, |offset| substituted.original(offset));
        let values = substituted.into_values();
        if let Some(origins) = &mut self.origins {
            origins.hide(values.clone());
        }
        self.put_in.extend(values);
        value.map(|value| (value, spot))
    }

    /// `INTERLINE_PERMISSION`.
    fn permission_variable(&mut self) -> Option<Map<String, Value>> {
        let (variable, text) = self.env.ours("PERMISSION")?;
        match self.json(Path::new(&variable), text, self.cwd, &PERMISSION)?.0 {
            Value::Object(permission) => Some(permission),
            action => Some(Map::from_iter([("*".to_owned(), action)])),
        }
    }

    /// The agents, modes and commands of a folder.
    fn markdown(&mut self, folder: &Path) {
        const NAMES: [&str; 8] = ["command", "commands", "agent", "agents", "mode", "modes", "tool", "tools"];
        self.loaded.looked_at.extend(NAMES.map(|name| folder.join(name)));
        if !folder.is_dir() {
            return;
        }
        self.loaded.folders.push(folder.to_path_buf());
        let (tools, problems) = executables::find(folder, self.project);
        self.loaded.tools.extend(tools.into_iter().map(|tool| (tool.name.clone(), tool)));
        self.loaded.problems.extend(problems);
        for (kind, names, depth) in [
            (Markdown::Command, ["command", "commands"], MAX_DEPTH),
            (Markdown::Agent, ["agent", "agents"], MAX_DEPTH),
            (Markdown::Mode, ["mode", "modes"], 1),
        ] {
            for name in names {
                let (base, mut known) = (folder.join(name), HashSet::new());
                let files = markdown_files(&base, depth, &mut known);
                if known.len() >= MOST_FOLDERS {
                    self.problem(&base, (1, 1), too_many_folders(), Severity::Warning);
                }
                for path in files {
                    self.loaded.looked_at.extend([path.clone(), path.parent().unwrap_or(&base).to_path_buf()]);
                    self.markdown_file(kind, &base, &path);
                }
            }
        }
    }

    fn markdown_file(&mut self, kind: Markdown, base: &Path, path: &Path) {
        let text = match read_text(path) {
            Ok(text) => text,
            Err(error) => {
                return self.problem(path, (1, 1), format!("cannot be read: {}; the file is left out", reason(&error)), Severity::Error);
            }
        };
        let file = match parse_markdown(&text) {
            Ok(file) => file,
            Err(error) => {
                return self.problem(path, (error.line, error.column), format!("{}; the file is left out", error.message), Severity::Error);
            }
        };
        let mut findings = Vec::new();
        let shape = if kind == Markdown::Command { &COMMAND } else { &AGENT };
        let node = front_node(&text, file.data);
        let spot = Spot::of(&node, &|offset| place(&text, offset).0);
        let checked = check(node, shape, &mut findings);
        self.findings(path, &text, findings, |offset| offset);
        let Some(Value::Object(mut data)) = checked else { return };
        let relative = path.strip_prefix(base).unwrap_or(path).with_extension("");
        let named = data.shift_remove("name").and_then(|name| name.as_str().map(str::to_owned));
        let name = named.filter(|name| !name.is_empty()).unwrap_or_else(|| relative.to_string_lossy().replace('\\', "/"));
        let name = visible(&name).into_owned();
        let (section, body) = if kind == Markdown::Command { ("command", "template") } else { ("agent", "prompt") };
        if !file.body.is_empty() || kind == Markdown::Command {
            data.insert(body.into(), visible(&file.body).into());
            if let Some(hidden) = first_hidden(&file.body) {
                let start = text.find(&file.body).unwrap_or_default();
                let at = place(&text, start + hidden);
                self.problem(path, at, format!("the text {UNSEEN}"), Severity::Warning);
            }
        }
        let mut wrapped = Map::new();
        match kind {
            Markdown::Command => {
                wrapped.insert(name.clone(), data.into());
                let mut file = Map::from_iter([(section.to_owned(), wrapped.into())]);
                lower_file(&mut file);
                self.record(&file, path, &spot.below(&[section, &name]));
                merge(&mut self.merged, file);
                self.loaded.command_files.insert(name, path.to_path_buf());
            }
            Markdown::Agent | Markdown::Mode => {
                if kind == Markdown::Mode {
                    data.insert("mode".into(), "primary".into());
                }
                lower_agent(&mut data);
                wrapped.insert(name.clone(), data.into());
                let file = Map::from_iter([(section.to_owned(), wrapped.into())]);
                self.record(&file, path, &spot.below(&[section, &name]));
                merge(&mut self.merged, file);
                self.loaded.agent_files.insert(name, path.to_path_buf());
            }
        }
    }

    fn record(&mut self, file: &Map<String, Value>, label: &Path, spot: &Spot) {
        if let Some(origins) = &mut self.origins {
            origins.record(file, label, spot);
        }
    }

    fn findings(&mut self, label: &Path, text: &str, findings: Vec<Finding>, original: impl Fn(usize) -> usize) {
        for (offset, message, severity) in findings {
            self.problem(label, place(text, original(offset)), message, severity);
        }
    }

    fn problem(&mut self, file: &Path, (line, column): (usize, usize), message: String, severity: Severity) {
        self.loaded.problems.push(Problem { file: file.to_path_buf(), line, column, message, severity });
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Markdown {
    Agent,
    Mode,
    Command,
}

/// The typed configuration. What has been checked can be decoded; should a key not, it alone is left out.
fn decode(merged: Map<String, Value>, problems: &mut Vec<Problem>) -> Config {
    let mut config: Config = serde_json::from_value(Value::Object(merged.clone())).unwrap_or_else(|_| {
        let mut kept = Map::new();
        for (key, value) in merged {
            if serde_json::from_value::<Config>(Map::from_iter([(key.clone(), value.clone())]).into()).is_ok() {
                kept.insert(key, value);
            } else {
                let message = format!("\"{key}\" of the merged configuration is not understood; it is left out");
                problems.push(Problem { file: "configuration".into(), line: 1, column: 1, message, severity: Severity::Error });
            }
        }
        serde_json::from_value(kept.into()).unwrap_or_default()
    });
    // An empty text is what `{env:NAME}` gives for a variable that is not set.
    let empty = |text: &mut Option<String>| *text = text.take().filter(|text| !text.trim().is_empty());
    let empty_model = |model: &mut Option<OneOrMany>| *model = model.take().filter(|model| !model.first().trim().is_empty());
    [&mut config.small_model, &mut config.default_agent, &mut config.shell].into_iter().for_each(empty);
    empty_model(&mut config.model);
    config
        .provider
        .values_mut()
        .for_each(|provider| [&mut provider.options.api_key, &mut provider.options.base_url].into_iter().for_each(empty));
    for agent in config.agent.values_mut() {
        empty(&mut agent.prompt);
        empty_model(&mut agent.model);
    }
    config.command.values_mut().for_each(|command| [&mut command.model, &mut command.agent].into_iter().for_each(empty));
    config
}

/// Names as a person sees them: the model is told of them, and calls by them. Of two that look the same the first counts.
fn seen_names<T>(named: &mut IndexMap<String, T>) {
    if named.keys().any(|name| first_hidden(name).is_some()) {
        for (name, value) in std::mem::take(named) {
            named.entry(visible(&name).into_owned()).or_insert(value);
        }
    }
}

/// A file's text. What is no file, and may never end or keep its reader waiting, is not read; the empty device is.
pub(crate) fn read_text(path: &Path) -> io::Result<String> {
    let kind = fs::metadata(path)?.file_type();
    if kind.is_file() || kind.is_dir() || fs::canonicalize(path)? == Path::new("/dev/null") {
        fs::read_to_string(path)
    } else {
        Err(io::Error::other("it is no file but a device or a pipe"))
    }
}

/// The nearest folder from `folder` upwards that holds `.git`; `folder` itself if none does.
#[must_use]
pub fn worktree_root(folder: &Path) -> PathBuf {
    folder.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(folder).to_path_buf()
}

/// `from` and its parents up to `to`, the nearest first; only `from` if `to` is not above it.
pub(crate) fn upwards(from: &Path, to: &Path) -> Vec<PathBuf> {
    if !from.starts_with(to) {
        return vec![from.to_path_buf()];
    }
    from.ancestors().take_while(|folder| folder.starts_with(to)).map(Path::to_path_buf).collect()
}

/// Markdown files below `base`, sorted. Links are followed, but no folder is looked into twice: links may go in circles.
fn markdown_files(base: &Path, depth: usize, known: &mut HashSet<PathBuf>) -> Vec<PathBuf> {
    if known.len() >= MOST_FOLDERS || !base.canonicalize().is_ok_and(|real| known.insert(real)) {
        return Vec::new();
    }
    let Ok(entries) = fs::read_dir(base) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            if depth > 1 {
                files.extend(markdown_files(&path, depth - 1, known));
            }
        } else if path.extension().is_some_and(|extension| extension == "md") {
            files.push(path);
        }
    }
    files
}

#[cfg(test)]
mod tests;
