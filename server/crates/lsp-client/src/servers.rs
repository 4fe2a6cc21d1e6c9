//! Which servers there are for a file: the built-in table, and the user's `lsp` section over it.
//!
//! Owns the merging and the choice of a server and its root. Must not know how a server is started.
//!
//! Where OpenCode starts no server unless `lsp` is set, Interline uses what it finds on the PATH: `lsp: false` switches all of them off, and
//! `"ID": {"disabled": true}` one. Programs that a project brings with it are run only where `lsp` is set: to open a project is not yet to trust it.
//!
//! **Invariant:** a wrong entry of the configuration is reported and left out; it never takes the others with it.

mod builtin;
pub(crate) mod find;
mod root;
mod syntax;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};

use builtin::{BUILTIN, Builtin};

/// The servers that may be used.
#[derive(Clone, Debug, Default)]
pub struct Servers {
    all: Vec<Arc<Server>>,
}

/// An entry of the configuration that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("lsp{}{id}: {why}", if .id.is_empty() { "" } else { "." })]
pub struct Unusable {
    /// The server's id; empty where it is the whole section.
    pub id: String,
    /// Why.
    pub why: String,
}

/// One server, as it is configured.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its id, such as `rust`.
    pub id: Arc<str>,
    /// Ends of files' names, without the dot, and whole names, such as `Dockerfile`.
    extensions: Vec<String>,
    /// Command lines, the first of which that is installed is used.
    pub(crate) commands: Vec<Vec<String>>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) options: Value,
    builtin: Option<&'static Builtin>,
    /// Programs in the project's own folders count too.
    pub(crate) local: bool,
}

impl Servers {
    /// The built-in ones with the user's `lsp` section, and what is wrong with that.
    #[must_use]
    pub fn configured(lsp: Option<&Value>) -> (Self, Vec<Unusable>) {
        let local = matches!(lsp, Some(Value::Bool(true) | Value::Object(_)));
        let built_in = || BUILTIN.iter().map(|server| Arc::new(Server::built_in(server, local)));
        match lsp {
            Some(Value::Bool(false)) => (Self::default(), Vec::new()),
            None | Some(Value::Null | Value::Bool(true)) => (Self { all: built_in().collect() }, Vec::new()),
            Some(Value::Object(entries)) => {
                let (mut all, mut problems): (Vec<Arc<Server>>, _) = (built_in().collect(), Vec::new());
                for (id, entry) in entries {
                    let at = all.iter().position(|server| *server.id == **id);
                    match Server::configured(id, entry, at.map(|at| &*all[at])) {
                        Ok(Some(server)) => match at {
                            Some(at) => all[at] = Arc::new(server),
                            // The user's own come first: they win in a group of alternatives.
                            None => all.insert(0, Arc::new(server)),
                        },
                        Ok(None) => drop(at.map(|at| all.remove(at))),
                        Err(why) => problems.push(Unusable { id: id.clone(), why }),
                    }
                }
                (Self { all }, problems)
            }
            Some(other) => {
                let why = format!("expected true, false or an object, found {other}");
                (Self { all: built_in().collect() }, vec![Unusable { id: String::new(), why }])
            }
        }
    }

    /// Whether there may be a server for such a file. Reads nothing.
    #[must_use]
    pub fn may_serve(&self, path: &Path) -> bool {
        self.all.iter().any(|server| server.takes(path))
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Server>> {
        self.all.iter()
    }

    /// Where each one's program is for this project, or why there is none.
    pub fn programs<'a>(&'a self, project: &'a Path) -> impl Iterator<Item = (&'a Server, Result<PathBuf, String>)> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        self.all.iter().map(move |server| (&**server, find::program(server, project, project, &path).map(|program| program.path)))
    }

    /// Those that take a file, with the root of each. `is_there` says whether a server is installed for that root: of alternatives the first one counts.
    pub(crate) fn of(&self, path: &Path, project: &Path, is_there: impl Fn(&Server, &Path) -> bool) -> Vec<(Arc<Server>, PathBuf)> {
        let mut found: Vec<(Arc<Server>, PathBuf)> = Vec::new();
        for server in self.all.iter().filter(|server| server.takes(path)) {
            let taken = server.group().is_some_and(|group| found.iter().any(|(other, _)| other.group() == Some(group)));
            if !taken
                && let Some(root) = server.root(path, project)
                && is_there(server, &root)
            {
                found.push((Arc::clone(server), root));
            }
        }
        found
    }

    /// The protocol's name of a file's language.
    #[must_use]
    pub fn language(path: &Path) -> &str {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let known = BUILTIN.iter().flat_map(|server| server.files).map(|file| builtin::split(file));
        let mut known = known.filter(|(end, _)| *end == extension || *end == name);
        known.next().map_or(extension, |(_, language)| language)
    }
}

impl Server {
    fn built_in(builtin: &'static Builtin, local: bool) -> Self {
        Self {
            id: builtin.id.into(),
            extensions: builtin.files.iter().map(|file| builtin::split(file).0.to_owned()).collect(),
            commands: builtin.commands.iter().map(|command| command.split(' ').map(str::to_owned).collect()).collect(),
            env: Vec::new(),
            options: serde_json::from_str(builtin.options).unwrap_or_default(),
            builtin: Some(builtin),
            local,
        }
    }

    /// An entry of the configuration over what was there before; none where it is switched off.
    fn configured(id: &str, entry: &Value, before: Option<&Self>) -> Result<Option<Self>, String> {
        let entry = entry.as_object().ok_or("expected an object")?;
        if entry.get("disabled") == Some(&Value::Bool(true)) {
            return Ok(None);
        }
        let mut server = before.cloned().unwrap_or_else(|| Self {
            id: id.into(),
            extensions: Vec::new(),
            commands: Vec::new(),
            env: Vec::new(),
            options: Value::Null,
            builtin: None,
            local: true,
        });
        if let Some(command) = strings(entry, "command")? {
            server.commands = if command.is_empty() { return Err("`command` is empty".to_owned()) } else { vec![command] };
        }
        if let Some(extensions) = strings(entry, "extensions")? {
            server.extensions = extensions.iter().map(|end| end.trim_start_matches('.').to_owned()).collect();
        }
        if let Some(env) = entry.get("env") {
            let env = env.as_object().ok_or("`env` is no object")?;
            let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
            server.env = env.iter().map(text).collect::<Option<_>>().ok_or("`env` holds what is no text")?;
        }
        if let Some(options) = entry.get("initialization") {
            merge(&mut server.options, options);
        }
        match () {
            () if server.commands.is_empty() => Err("no built-in server has this name, so `command` is needed".to_owned()),
            () if server.extensions.is_empty() => Err("no built-in server has this name, so `extensions` are needed".to_owned()),
            () => Ok(Some(server)),
        }
    }

    /// Whether it is for such a file.
    #[must_use]
    pub fn takes(&self, path: &Path) -> bool {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let extension = path.extension().and_then(|extension| extension.to_str());
        self.extensions.iter().any(|end| Some(end.as_str()) == extension || end == name)
    }

    /// Whether a folder with these names in it is a project of its.
    pub(crate) fn is_marked(&self, names: &std::collections::HashSet<&str>) -> bool {
        let has = |markers: &[&str]| markers.iter().any(|marker| names.contains(marker));
        self.builtin.is_some_and(|builtin| builtin.roots.iter().any(|markers| has(markers)) && !has(builtin.unless))
    }

    /// The program's name, for people.
    #[must_use]
    pub fn program(&self) -> &str {
        self.commands.first().and_then(|command| command.first()).map_or("", String::as_str)
    }

    /// The folder that it should see as the project: none where it is not for this project.
    fn root(&self, path: &Path, project: &Path) -> Option<PathBuf> {
        match self.builtin {
            Some(builtin) => root::of(builtin, path, project),
            None => path.starts_with(project).then(|| project.to_owned()),
        }
    }

    fn group(&self) -> Option<&'static str> {
        self.builtin.map(|builtin| builtin.group).filter(|group| !group.is_empty())
    }

    /// Whether it is known how it marks errors of syntax.
    #[must_use]
    pub fn knows_syntax(&self) -> bool {
        self.builtin.is_some_and(|builtin| !builtin.syntax.is_empty())
    }

    /// Whether what it says is an error of syntax, by its own mark.
    pub(crate) fn is_syntax(&self, item: &crate::Diagnostic) -> bool {
        self.builtin.is_some_and(|builtin| syntax::is_marked(builtin.syntax, item))
    }

    /// The section of the configuration that is its own: where the user has added it, its name, for want of a better one.
    pub(crate) fn section(&self) -> &str {
        self.builtin.map_or(&self.id, |builtin| builtin.section)
    }

    pub(crate) fn check(&self) -> Option<&'static str> {
        self.builtin.map(|builtin| builtin.check).filter(|check| !check.is_empty())
    }

    /// Whether a program may be a stand-in that only says that the server is not installed. What the user named is taken at its name.
    #[must_use]
    pub fn may_be_stand_in(&self, program: &Path) -> bool {
        self.builtin.is_some_and(|builtin| builtin.probe && builtin.commands.iter().any(|command| program.ends_with(command)))
    }

    /// What it is answered when it asks for its configuration in this folder.
    pub(crate) fn settings(&self, root: &Path) -> Value {
        let mut settings = self.options.clone();
        if self.section() == "python"
            && let Some(python) = find::python(root)
        {
            merge(&mut settings, &serde_json::json!({ "python": { "pythonPath": python } }));
        }
        settings
    }
}

fn strings(entry: &Map<String, Value>, name: &str) -> Result<Option<Vec<String>>, String> {
    let Some(value) = entry.get(name) else { return Ok(None) };
    let list = value.as_array().and_then(|list| list.iter().map(|one| one.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>());
    list.map(Some).ok_or_else(|| format!("`{name}` is no list of texts"))
}

/// Puts `over` on top: objects are merged, anything else is replaced.
fn merge(under: &mut Value, over: &Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (name, value) in over {
                merge(under.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over.clone(),
    }
}

#[cfg(test)]
mod tests;
