//! Permission for a command line: the folders outside the project that it touches, then what it runs.
//!
//! Must not know how it is run.
//!
//! **Invariant:** a path that may lead outside is asked for, wherever in the line the shell may be when it gets there.

use std::path::{Path, PathBuf};

use permission::{Action, BashAnalysis, PathKind};
use serde_json::json;
use workspace::DocKey;

use crate::paths::{Roots, Target, ask_outside, is_ours};
use crate::{Ask, Denied, ToolContext, ToolError};

/// Returns when the command may run.
pub(super) async fn ask(command: &str, workdir: &Target, roots: &Roots, context: &ToolContext) -> Result<(), ToolError> {
    let analysis = permission::analyze(command);
    let decision = context.asker.decide_shell(&analysis);
    if decision.action == Action::Deny {
        let pattern = decision.denied.unwrap_or(analysis.text);
        return Err(Denied::Rule { permission: "bash".to_owned(), pattern }.into());
    }
    let outside = outside(&analysis, workdir, roots, context);
    ask_outside(context, outside, command.trim(), None).await?;
    let allowed = decision.action == Action::Allow;
    let texts = || analysis.commands.iter().map(|command| command.text.clone()).collect();
    let ask = Ask {
        permission: "bash".to_owned(),
        patterns: if allowed { texts() } else { decision.ask_patterns },
        always: decision.always,
        metadata: json!({ "title": command.trim(), "command": command }),
        place: None,
        always_ask: decision.always_ask,
    };
    let answer = if allowed { context.asker.allowed(ask).await } else { context.asker.ask(ask).await };
    Ok(answer?)
}

/// The folders outside the project that the command names.
fn outside(analysis: &BashAnalysis, workdir: &Target, roots: &Roots, context: &ToolContext) -> Vec<PathBuf> {
    let start = workdir.key.path().unwrap_or(roots.base()).to_owned();
    let mut found: Vec<PathBuf> = workdir.outside_directory(true).into_iter().collect();
    // Whether a `cd` was carried out, and for which of the later commands, is not known: each folder may be the current one.
    let mut current = vec![start];
    for reference in &analysis.paths {
        let Some(text) = known_part(&reference.text) else { continue };
        let mut entered = Vec::new();
        for base in &current {
            let target = roots.target(DocKey::file(base.join(&text)));
            let folder = reference.kind == PathKind::Cd || target.key.path().is_some_and(Path::is_dir);
            let kept = reference.kind == PathKind::Read && target.real.as_deref().is_some_and(|real| is_ours(context, real));
            if let Some(directory) = target.outside_directory(folder).filter(|_| !kept) {
                found.push(directory);
            } else if reference.kind == PathKind::Cd
                && let Some(path) = target.key.path()
            {
                entered.push(path.to_owned());
            }
        }
        current.extend(entered);
        current.sort();
        current.dedup();
    }
    found
}

/// Devices that reveal and keep nothing.
const DEVICES: &[&str] =
    &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/stdin", "/dev/stdout", "/dev/stderr"];

/// The part of a path before what only the shell knows; none if nothing is left, or it leads nowhere.
fn known_part(text: &str) -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(PathBuf::from);
    let rest = |prefix: &str| text.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let (base, text) = match ["~", "$HOME", "${HOME}"].iter().find_map(|prefix| rest(prefix)) {
        Some(rest) => (home(), rest.trim_start_matches('/')),
        None => (None, text),
    };
    let known = &text[..text.find(['$', '`', '{', '*', '?', '[']).unwrap_or(text.len())];
    match base {
        Some(home) => Some(home.join(known)),
        None if known.is_empty() || known == "-" || DEVICES.contains(&known) => None,
        // Another user's home.
        None if known.starts_with('~') => Some(PathBuf::from("/home").join(known.trim_start_matches('~'))),
        None => Some(PathBuf::from(known)),
    }
}
