//! Where a path that the model names leads to, and whether that is the project.
//!
//! **Invariant:** a path is inside only if both its spelling and the file that it leads to are inside a root; links never lead out unasked.

use std::path::{Path, PathBuf};

use permission::{Action, directory_pattern};
use serde_json::json;
use workspace::DocKey;

use crate::{Ask, ToolContext, ToolError};

/// How many links are followed one after the other.
const LINKS: usize = 40;

/// What a path leads to.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The document, as it was named.
    pub key: DocKey,
    /// The path without links; as much of it as exists was looked at. None for a document without a file.
    pub real: Option<PathBuf>,
    /// Both ways inside.
    pub inside: bool,
    /// For rules and people: relative to its root, the absolute path outside, `.` for a root itself.
    pub relative: String,
    /// The same of `real`, where it differs.
    pub real_relative: Option<String>,
}

/// The roots, as they are spelled and without links.
pub(crate) struct Roots {
    spelled: Vec<PathBuf>,
    real: Vec<PathBuf>,
}

impl Roots {
    /// Of a workspace.
    pub fn of(context: &ToolContext) -> Self {
        let spelled = context.workspace.roots();
        let real = spelled.iter().map(|root| real_path(root)).collect();
        Self { spelled, real }
    }

    /// The first one: relative paths count from there.
    pub fn base(&self) -> &Path {
        self.spelled.first().map_or(Path::new("/"), PathBuf::as_path)
    }

    /// The path relative to the root that holds it.
    pub fn relative(&self, path: &Path) -> Option<String> {
        self.spelled.iter().chain(&self.real).find_map(|root| path.strip_prefix(root).ok()).map(shown)
    }

    /// What a path leads to.
    pub fn resolve(&self, text: &str) -> Target {
        let text = text.trim();
        let key = match text.strip_prefix("~/").zip(home()) {
            Some((rest, home)) => DocKey::file(home.join(rest)),
            None => DocKey::from_tool_path(text, self.base()),
        };
        self.target(key)
    }

    /// What a document's name leads to.
    pub fn target(&self, key: DocKey) -> Target {
        let Some(path) = key.path() else {
            let relative = key.to_string();
            return Target { key, real: None, inside: true, relative, real_relative: None };
        };
        let real = real_path(path);
        let spelled = self.relative(path);
        let led = self.real.iter().find_map(|root| real.strip_prefix(root).ok()).map(shown);
        let inside = spelled.is_some() && led.is_some();
        let relative = spelled.filter(|_| inside).unwrap_or_else(|| path.display().to_string());
        let real_relative = Some(led.filter(|_| inside).unwrap_or_else(|| real.display().to_string())).filter(|other| *other != relative);
        Target { key, real: Some(real), inside, relative, real_relative }
    }
}

impl Target {
    /// The same file under the name that the editor has it open by, if it is open under another one.
    pub async fn under_open_name(self, context: &ToolContext) -> Self {
        let Some(real) = &self.real else { return self };
        let open = context.workspace.open_documents().await;
        if open.iter().any(|document| document.key == self.key) {
            return self;
        }
        let same = |path: &Path| path.file_name().is_some() && real_path(path) == *real;
        match open.into_iter().map(|document| document.key).find(|key| key.path().is_some_and(same)) {
            Some(key) => Self { key, ..self },
            None => self,
        }
    }

    /// The patterns that rules are asked for: how it is spelled and where it leads.
    pub fn patterns(&self) -> Vec<String> {
        std::iter::once(self.relative.clone()).chain(self.real_relative.clone()).collect()
    }

    /// Asks before a path outside the project is used. `folder` says that the path is a folder itself.
    pub async fn ask_outside(&self, context: &ToolContext, folder: bool) -> Result<(), ToolError> {
        let Some(directory) = self.outside_directory(folder) else { return Ok(()) };
        ask_outside(context, vec![directory], &self.relative, self.key.path()).await
    }

    /// The same, for reading: what tools kept in the output folder, and skills, may be read.
    pub async fn ask_outside_to_read(&self, context: &ToolContext, folder: bool) -> Result<(), ToolError> {
        match &self.real {
            Some(real) if is_ours(context, real) => Ok(()),
            _ => self.ask_outside(context, folder).await,
        }
    }

    /// The folder that must be asked for, if it is outside.
    pub fn outside_directory(&self, folder: bool) -> Option<PathBuf> {
        if self.inside {
            return None;
        }
        let path = self.real.as_deref().or(self.key.path())?;
        Some(if folder { path.to_owned() } else { path.parent().unwrap_or(path).to_owned() })
    }

    /// To be called when the user has answered: a link may have been put in its way meanwhile.
    ///
    /// # Errors
    /// If it leads elsewhere now than what was asked for.
    pub fn still_leads_there(&self) -> Result<(), ToolError> {
        match (self.key.path(), &self.real) {
            (Some(path), Some(real)) if real_path(path) != *real => Err(ToolError::model(format!(
                "{} leads to another file now than when permission was asked for: not allowed; call the tool again",
                self.relative
            ))),
            _ => Ok(()),
        }
    }

    /// What rules say of reading it, without asking.
    pub fn may_read(&self, context: &ToolContext) -> bool {
        self.patterns().iter().all(|pattern| context.asker.evaluate("read", pattern) == Action::Allow)
    }
}

/// Asks for folders outside the project, once for all of them. `file` is what is used there, where it is one.
pub(crate) async fn ask_outside(
    context: &ToolContext,
    mut directories: Vec<PathBuf>,
    what: &str,
    file: Option<&Path>,
) -> Result<(), ToolError> {
    directories.sort();
    directories.dedup();
    if directories.is_empty() {
        return Ok(());
    }
    let patterns: Vec<String> = directories.iter().map(|d| directory_pattern(&d.display().to_string())).collect();
    let mut metadata = json!({ "title": format!("{what} (outside the project)"), "parentDir": directories[0].display().to_string() });
    if let Some(file) = file.filter(|file| file.is_absolute()) {
        metadata["filepath"] = file.display().to_string().into();
    }
    let ask =
        Ask { permission: "external_directory".to_owned(), always: patterns.clone(), patterns, metadata, place: None, always_ask: false };
    Ok(context.asker.ask(ask).await?)
}

/// Whether a path without links lies where whole outputs are kept, or beside a skill.
pub(crate) fn is_ours(context: &ToolContext, real: &Path) -> bool {
    let skills = context.guides.skills.iter().filter_map(|skill| skill.path.parent());
    std::iter::once(context.output_dir.as_path()).chain(skills).any(|folder| real.starts_with(real_path(folder)))
}

/// The path without links. What does not exist yet is kept as it is spelled; a link to nothing leads to where it points.
pub(crate) fn real_path(path: &Path) -> PathBuf {
    follow(path, LINKS)
}

fn follow(path: &Path, links: usize) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    let Some(parent) = path.parent() else { return path.to_owned() };
    if let (Ok(to), Some(left)) = (path.read_link(), links.checked_sub(1)) {
        return follow(&parent.join(to), left);
    }
    let parent = follow(parent, links);
    match path.file_name() {
        Some(name) => parent.join(name),
        None => parent.parent().map_or(parent.clone(), Path::to_owned),
    }
}

fn shown(path: &Path) -> String {
    if path.as_os_str().is_empty() { ".".to_owned() } else { path.display().to_string() }
}

fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn inside_and_outside() {
        let temp = tempfile::tempdir().expect("temp");
        let top = temp.path().canonicalize().expect("real");
        let (root, outside) = (top.join("p"), top.join("outside"));
        for dir in [root.join("src"), outside.clone()] {
            std::fs::create_dir_all(dir).expect("mkdir");
        }
        symlink(&outside, root.join("out")).expect("link");
        symlink(outside.join("nothing.txt"), root.join("dangling")).expect("link");
        symlink("src", root.join("alias")).expect("link");
        let roots = Roots { spelled: vec![root.clone()], real: vec![root.clone()] };
        let check = |text: &str, inside: bool, patterns: &[&str]| {
            let target = roots.resolve(text);
            assert_eq!((target.inside, target.patterns()), (inside, patterns.iter().map(|s| (*s).to_owned()).collect()), "{text}");
        };
        let spelled = |name: &str| root.join(name).display().to_string();
        let outer = |name: &str| outside.join(name).display().to_string();
        check("src/a.rs", true, &["src/a.rs"]);
        check(".", true, &["."]);
        check(&spelled("docs/../src/new/b.rs"), true, &["src/new/b.rs"]);
        check("alias/a.rs", true, &["alias/a.rs", "src/a.rs"]);
        check("out/x/new.txt", false, &[&spelled("out/x/new.txt"), &outer("x/new.txt")]);
        check("dangling", false, &[&spelled("dangling"), &outer("nothing.txt")]);
        check("../outside/s.txt", false, &[&outer("s.txt")]);
        check("untitled:Untitled-1", true, &["untitled:Untitled-1"]);
        assert_eq!(roots.resolve("out/x/new.txt").outside_directory(false), Some(outside.join("x")));
        assert_eq!(roots.resolve("src").outside_directory(true), None);
        // Links that are put there while the prompt waits.
        let (file, new) = (roots.resolve("src/a.rs"), roots.resolve("src/new/b.rs"));
        assert!(file.still_leads_there().is_ok() && new.still_leads_there().is_ok());
        symlink(&outside, root.join("src/new")).expect("link");
        assert!(file.still_leads_there().is_ok());
        assert!(new.still_leads_there().unwrap_err().to_string().contains("another file now"));
    }
}
