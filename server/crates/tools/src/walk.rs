//! Walking a folder as ripgrep does, for the tools that search. Must not know what is searched for.
//!
//! **Invariant:** links are not followed below the folder that was named, and neither git's nor our own folder is ever entered.

use std::path::{Path, PathBuf};

use ignore::overrides::{Override, OverrideBuilder};
use ignore::{WalkBuilder, WalkParallel};
use workspace::Snapshot;

use crate::ToolError;
use crate::paths::{Roots, Target};

/// Folders that are no part of the project's text.
const OURS: [&str; 2] = [".git", ".interline"];

/// A folder that is to be searched.
pub(crate) struct Folder {
    /// Where the walk starts: without links, unless only a root's own spelling has some.
    pub path: PathBuf,
    /// Which names are wanted.
    pub wanted: Override,
    /// Whether hidden ones are searched too.
    pub hidden: bool,
}

impl Folder {
    /// The folder that a call names, or the project's; `globs` choose files in it as ripgrep's `--glob` does.
    pub fn new(roots: &Roots, target: &Target, globs: &[String], hidden: bool) -> Result<Self, ToolError> {
        let path = match &target.real_relative {
            Some(inner) if target.inside => roots.base().join(inner),
            _ => target.key.path().unwrap_or(roots.base()).to_owned(),
        };
        let mut builder = OverrideBuilder::new(&path);
        for glob in globs {
            let inner = Path::new(glob).strip_prefix(&path).ok().and_then(Path::to_str).map(|rest| format!("/{rest}"));
            let glob = inner.as_deref().unwrap_or(glob);
            builder
                .add(glob.strip_prefix("./").unwrap_or(glob))
                .map_err(|error| ToolError::model(format!("bad glob pattern {glob:?}: {error}")))?;
        }
        let wanted = builder.build().map_err(|error| ToolError::model(format!("bad glob pattern: {error}")))?;
        Ok(Self { path, wanted, hidden })
    }

    /// As ripgrep would walk it.
    pub fn builder(&self) -> WalkBuilder {
        let mut builder = WalkBuilder::new(&self.path);
        builder
            .hidden(!self.hidden)
            .overrides(self.wanted.clone())
            .filter_entry(|entry| !(entry.depth() > 0 && is_ours(entry.file_name())));
        builder
    }

    /// The same by several threads.
    pub fn parallel(&self) -> WalkParallel {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(12);
        self.builder().threads(threads).build_parallel()
    }

    /// Open documents below the folder that no walk of the disk finds, because only the editor has them.
    pub fn only_open<'a>(&self, open: &'a [Snapshot]) -> Vec<(&'a Path, &'a Snapshot)> {
        open.iter()
            .filter_map(|document| Some((document.key.path()?, document)))
            .filter(|(path, _)| self.holds(path) && !path.exists())
            .collect()
    }

    fn holds(&self, path: &Path) -> bool {
        let Ok(inner) = path.strip_prefix(&self.path) else { return false };
        let hidden = |name: &std::ffi::OsStr| name.as_encoded_bytes().starts_with(b".");
        inner.iter().all(|name| !is_ours(name) && (self.hidden || !hidden(name))) && !self.wanted.matched(path, false).is_ignore()
    }
}

/// The files below a folder that git does not ignore, sorted; those with a name that begins with a dot, or in such a folder, only if they are wanted. None if there are more than
/// `most`, or they cannot be listed. Blocks.
#[must_use]
pub fn files_below(folder: &Path, most: usize, hidden: bool) -> Option<Vec<PathBuf>> {
    let wanted = OverrideBuilder::new(folder).build().ok()?;
    let mut files = Vec::new();
    for entry in (Folder { path: folder.to_owned(), wanted, hidden }).builder().build() {
        let entry = entry.ok()?;
        if entry.file_type().is_some_and(|kind| kind.is_file()) {
            files.push(entry.into_path());
            if files.len() > most {
                return None;
            }
        }
    }
    files.sort();
    Some(files)
}

/// The folder or file that `path` names, or the first root.
pub(crate) fn named(roots: &Roots, path: Option<&str>) -> Target {
    roots.resolve(path.unwrap_or("."))
}

/// An error if the folder is none.
pub(crate) fn must_be_folder(target: &Target) -> Result<(), ToolError> {
    match target.key.path().map(std::fs::metadata) {
        Some(Ok(meta)) if meta.is_dir() => Ok(()),
        Some(Ok(_)) => Err(ToolError::model(format!("{} is a file, not a folder", target.key))),
        _ => Err(ToolError::model(format!("there is no folder {}", target.key))),
    }
}

fn is_ours(name: &std::ffi::OsStr) -> bool {
    OURS.iter().any(|ours| name == *ours)
}
