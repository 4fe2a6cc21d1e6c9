//! Whether there may be a server for a project at all, before any file of it is looked at.
//!
//! **Invariant:** few folders are listed, and no file is read; nothing is started.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::Pool;

/// Names of one folder that are looked at.
const NAMES: usize = 1000;
/// Folders in the project's folder that are looked into.
const FOLDERS: usize = 50;
/// Folders that hold what the project is not made of.
const OTHERS: &[&str] = &["build", "dist", "node_modules", "out", "target", "vendor", "venv"];

impl Pool {
    /// Whether a server is installed that knows the project by a file in its folder, or takes one that is there or in a folder there.
    #[must_use]
    pub fn has_outlook(&self) -> bool {
        let (servers, project) = (&self.inner.servers, &self.inner.project);
        if servers.all().next().is_none() {
            return false;
        }
        let (files, folders) = names(project);
        let here: HashSet<&str> = files.iter().filter_map(|file| file.file_name()?.to_str()).collect();
        if servers.all().any(|server| server.is_marked(&here) && self.inner.is_there(server, project)) {
            return true;
        }
        let inner = folders.iter().take(FOLDERS).flat_map(|folder| names(folder).0);
        // One file of a kind speaks for all.
        let mut kinds = HashSet::new();
        let mut kinds = files.iter().cloned().chain(inner).filter(|file| servers.may_serve(file) && kinds.insert(kind(file)));
        kinds.any(|file| !servers.of(&file, project, |server, root| self.inner.is_there(server, root)).is_empty())
    }
}

fn kind(file: &Path) -> Option<std::ffi::OsString> {
    file.extension().or(file.file_name()).map(ToOwned::to_owned)
}

/// What is in a folder: files, and folders that the project may be made of.
fn names(folder: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().take(NAMES);
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        match entry.file_type() {
            Ok(kind) if !kind.is_dir() => files.push(entry.path()),
            Ok(_) if !name.starts_with('.') && !OTHERS.contains(&name.as_ref()) => folders.push(entry.path()),
            _ => {}
        }
    }
    files.sort();
    folders.sort();
    (files, folders)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::pool::{Installed, Limits};
    use crate::servers::Servers;

    #[test]
    fn what_a_project_shows() {
        let check = |files: &[&str], lsp: serde_json::Value, expect: bool| {
            let project = tempfile::tempdir().expect("temp");
            for file in files {
                let path = project.path().join(file);
                std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
                std::fs::write(path, "").expect("written");
            }
            let servers = Servers::configured(Some(&lsp)).0;
            let pool = Pool::with(servers, project.path().to_owned(), Limits::default(), Arc::new(Installed { shared: None }));
            assert_eq!(pool.has_outlook(), expect, "{files:?} {lsp}");
            assert!(pool.is_empty(), "nothing is started");
        };
        let with = |command: &str| json!({ "own": { "command": [command], "extensions": [".own"] } });
        check(&["a.own"], with("/bin/sh"), true);
        check(&["src/a.own"], with("/bin/sh"), true);
        check(&["src/deep/a.own"], with("/bin/sh"), false);
        check(&["target/a.own", ".hidden/a.own"], with("/bin/sh"), false);
        check(&["a.own"], with("/bin/no-such-program"), false);
        check(&["a.other"], with("/bin/sh"), false);
        check(&[], with("/bin/sh"), false);
        check(&["a.own"], json!(false), false);
        let marked = |command: &str| json!({ "jdtls": { "command": [command] } });
        check(&["pom.xml", "src/main/java/org/A.java"], marked("/bin/sh"), true);
        check(&["pom.xml"], marked("/bin/no-such-program"), false);
    }
}
