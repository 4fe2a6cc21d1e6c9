//! The folder that a server should see as the project.
//!
//! Reads names of files, and the manifests of Cargo. **Invariant:** the nearest folder with a marker, from the file up to the project's folder; each set of markers is looked for
//! all the way up before the next one, so that a nested module has its own root.

use std::path::{Path, PathBuf};

use super::builtin::Builtin;

/// Of a file; none where the server is not for it.
pub(super) fn of(server: &Builtin, file: &Path, project: &Path) -> Option<PathBuf> {
    let folder = file.parent()?;
    if !folder.starts_with(project) {
        return None;
    }
    let up = || folder.ancestors().take_while(|folder| folder.starts_with(project));
    let nearest = |markers: &[&str]| up().find(|folder| has_any(folder, markers));
    if !server.unless.is_empty() && nearest(server.unless).is_some() {
        return None;
    }
    let found = server.roots.iter().find_map(|markers| nearest(markers));
    let found = if server.id == "rust" { found.map(|nearest| cargo_workspace(nearest, project)) } else { found };
    found.map(Path::to_owned).or_else(|| server.everywhere.then(|| project.to_owned()))
}

fn has_any(folder: &Path, markers: &[&str]) -> bool {
    let (patterns, names): (Vec<&str>, Vec<&str>) = markers.iter().partition(|marker| marker.starts_with('*'));
    if names.iter().any(|name| folder.join(name).exists()) {
        return true;
    }
    let ends: Vec<&str> = patterns.iter().map(|pattern| &pattern[1..]).collect();
    !ends.is_empty()
        && std::fs::read_dir(folder).into_iter().flatten().flatten().any(|entry| {
            let name = entry.file_name();
            ends.iter().any(|end| name.as_encoded_bytes().ends_with(end.as_bytes()))
        })
}

/// The folder of the workspace that a package belongs to; its own where there is none.
fn cargo_workspace<'a>(package: &'a Path, project: &Path) -> &'a Path {
    let up = package.ancestors().take_while(|folder| folder.starts_with(project));
    let is_workspace = |folder: &&Path| {
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
        manifest.lines().any(|line| line.trim_start().starts_with("[workspace]"))
    };
    up.into_iter().find(is_workspace).unwrap_or(package)
}
