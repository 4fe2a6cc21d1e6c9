//! What the user's and the project's folders bring to be run: tools that are executables, and hooks.
//!
//! Owns the question whether a project's programs may be run, and the copies of what tools say of themselves. Must not know how a tool or a hook is run.
//!
//! **Invariant:** nothing that a project brings is run, not even to be asked what it is, before the user's own configuration or the user allowed exactly that
//! file, as it is now; what a project says about it counts for nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::UNIX_EPOCH;

use config::{Hook, ToolFile};
use permission::Action;
use serde_json::{Value, json};
use tools::{Ask, Asker as _, Custom, Denied, Description};

use crate::agents::Agent;
use crate::hooks::{Active, Hooks};
use crate::prompts::{CallAsker, Prompts};
use crate::toolbox::Toolbox;

/// The permission by which a project's programs are asked for.
pub const PERMISSION: &str = "project_code";

/// What folders bring, and what became of it.
pub struct Extras {
    files: Vec<ToolFile>,
    hooks: Vec<Hook>,
    /// What the user's own configuration says of projects' programs.
    trust: Vec<(String, Action)>,
    directory: PathBuf,
    /// Copies of what tools say of themselves.
    copies: PathBuf,
    settled: AtomicBool,
    /// Held while it is settled.
    one: tokio::sync::Mutex<()>,
}

/// A program, as it is asked for: what it is, where, and a digest of what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    pattern: String,
    shown: String,
}

impl Extras {
    /// Nothing is read or run yet.
    #[must_use]
    pub fn new(files: Vec<ToolFile>, hooks: Vec<Hook>, trust: Vec<(String, Action)>, directory: PathBuf, data: &Path) -> Self {
        let settled = AtomicBool::new(files.is_empty() && !hooks.iter().any(|hook| hook.project));
        Self { files, hooks, trust, directory, copies: data.join("custom-tools.json"), settled, one: tokio::sync::Mutex::default() }
    }

    /// The hooks that need no question.
    pub fn own_hooks(&self) -> Vec<Active> {
        self.hooks.iter().filter(|hook| !hook.project).map(|hook| Active::new(hook.clone(), None)).collect()
    }

    /// Whether there is nothing left to find out.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.settled.load(Ordering::Acquire)
    }

    /// Such tools ask, unless the user's rules say otherwise.
    pub fn ask_first(&self, agent: &mut Agent) {
        for file in &self.files {
            permission::push(&mut agent.rules.defaults, &*file.name, "*", Action::Ask);
        }
    }

    /// Finds out what there is, with the user's consent where it is needed. What is to be told to the user is returned.
    pub async fn settle(&self, asker: &CallAsker, toolbox: &Toolbox, hooks: &Hooks) -> Vec<String> {
        let _one = self.one.lock().await;
        if self.is_settled() {
            return Vec::new();
        }
        // What a project's file held when it was asked about is what is allowed.
        let digest = |file: &ToolFile| file.project.then(|| Custom::digest(&file.path)).flatten();
        let files: Vec<(&ToolFile, Option<String>)> = self.files.iter().map(|file| (file, digest(file))).collect();
        let theirs: Vec<(&Hook, Named)> = self.hooks.iter().filter(|hook| hook.project).map(|hook| (hook, self.name_hook(hook))).collect();
        let tools = files.iter().filter_map(|(file, digest)| Some(self.name_tool(&file.path, digest.as_ref()?)));
        let all: Vec<Named> = tools.chain(theirs.iter().map(|(_, named)| named.clone())).collect();
        let mut told = Vec::new();
        let allowed = match self.allowed(asker, all).await {
            Ok((allowed, refused)) => {
                told.extend(refused);
                allowed
            }
            // The turn was cancelled: the next one asks again.
            Err(()) => return told,
        };
        let may = |named: &Named| allowed.contains(&named.pattern);
        let theirs = theirs.into_iter().filter(|(_, named)| may(named));
        let mut active = self.own_hooks();
        active.extend(theirs.map(|(hook, named)| Active::new(hook.clone(), Some(named.pattern))));
        hooks.set(active);

        let mut copies: BTreeMap<String, Value> =
            std::fs::read_to_string(&self.copies).ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let mut found = Vec::new();
        for (file, digest) in files {
            if file.project {
                match &digest {
                    Some(digest) if may(&self.name_tool(&file.path, digest)) => {}
                    _ => continue,
                }
                if digest != Custom::digest(&file.path) {
                    told.push(format!("the tool {} is not offered: it was changed while it was asked about", file.path.display()));
                    continue;
                }
            }
            match self.describe(file, &mut copies).await {
                Ok(about) => {
                    found
                        .push(std::sync::Arc::new(Custom::new(file.name.clone(), file.path.clone(), self.directory.clone(), about, digest))
                            as _)
                }
                Err(why) => told.push(format!("the tool {} is not offered: {why}", file.path.display())),
            }
        }
        if let Err(error) = std::fs::write(&self.copies, json!(copies).to_string()) {
            tracing::debug!(%error, "what tools say of themselves is not kept");
        }
        let taken = toolbox.bring(found);
        told.extend(taken.into_iter().map(|name| format!("the tool {name} is not offered: there is another one of that name")));
        self.settled.store(true, Ordering::Release);
        told
    }

    /// The patterns that are allowed, and what is to be told of the others.
    async fn allowed(&self, asker: &CallAsker, all: Vec<Named>) -> Result<(Vec<String>, Option<String>), ()> {
        let (mut allowed, mut asked) = (Vec::new(), Vec::new());
        for named in all {
            match standing(&self.trust, &asker.prompts, &named.pattern) {
                Action::Allow => allowed.push(named.pattern),
                Action::Deny => {}
                Action::Ask => asked.push(named),
            }
        }
        if asked.is_empty() {
            return Ok((allowed, None));
        }
        let shown = asked.iter().map(|named| named.shown.as_str()).collect::<Vec<_>>().join(", ");
        let patterns: Vec<String> = asked.into_iter().map(|named| named.pattern).collect();
        let ask = Ask {
            permission: PERMISSION.to_owned(),
            patterns: patterns.clone(),
            always: patterns.clone(),
            metadata: json!({ "title": format!("Run programs that this project brings: {shown}"), "command": shown }),
            place: None,
            // What the project's own rules say counts for nothing.
            always_ask: true,
        };
        match asker.ask(ask).await {
            Ok(()) => {
                allowed.extend(patterns);
                Ok((allowed, None))
            }
            Err(Denied::Withdrawn) => Err(()),
            Err(Denied::NobodyToAsk { .. }) => {
                let how = format!("`\"permission\": {{\"{PERMISSION}\": \"allow\"}}` in your own configuration allows it");
                Ok((allowed, Some(format!("not run, because the project brings it and there is nobody to ask: {shown}; {how}"))))
            }
            Err(_) => Ok((allowed, Some(format!("not run, because you did not allow it: {shown}")))),
        }
    }

    fn name_tool(&self, path: &Path, digest: &str) -> Named {
        let shown = path.strip_prefix(&self.directory).unwrap_or(path).display().to_string();
        Named { pattern: of_tool(path, digest), shown }
    }

    fn name_hook(&self, hook: &Hook) -> Named {
        let shown = format!("{} ({})", hook.command.join(" "), hook.event.name());
        Named { pattern: hook_identity(hook), shown }
    }

    /// What a tool says of itself; asked for only if the file is another than the last time.
    async fn describe(&self, file: &ToolFile, copies: &mut BTreeMap<String, Value>) -> Result<Description, String> {
        let state = state(&file.path).ok_or("it cannot be read")?;
        let key = file.path.display().to_string();
        let kept = copies.get(&key).filter(|copy| copy["state"] == state).and_then(|copy| copy["printed"].as_str()).map(str::to_owned);
        if let Some(printed) = kept {
            return Description::read(&printed);
        }
        let printed = Description::ask(&file.path, &self.directory).await?;
        let about = Description::read(&printed)?;
        copies.insert(key, json!({ "state": state, "printed": printed }));
        Ok(about)
    }
}

/// What is known of something that a project brings, before anybody is asked: `trust` is what the user's own configuration says, the last pattern that
/// matches counts.
pub fn standing(trust: &[(String, Action)], prompts: &Prompts, pattern: &str) -> Action {
    let rule = trust.iter().rev().find(|(rule, _)| permission::matches(pattern, rule)).map_or(Action::Ask, |(_, action)| *action);
    if rule == Action::Ask && prompts.is_approved(PERMISSION, pattern) { Action::Allow } else { rule }
}

/// What tells a file from what it was: its time and length.
fn state(path: &Path) -> Option<String> {
    let meta = path.metadata().ok()?;
    let time = meta.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(format!("{}.{:09} {}", time.as_secs(), time.subsec_nanos(), meta.len()))
}

fn of_tool(path: &Path, digest: &str) -> String {
    format!("tool {} #{digest}", path.display())
}

/// A tool with a digest of its file; none if that cannot be read.
#[must_use]
pub fn tool_identity(path: &Path) -> Option<String> {
    Custom::digest(path).map(|digest| of_tool(path, &digest))
}

/// A hook with digests of its command and of all files that the command names.
#[must_use]
pub fn hook_identity(hook: &Hook) -> String {
    let mut hasher = blake3::Hasher::new();
    for word in &hook.command {
        hasher.update(word.as_bytes());
        hasher.update(&[0]);
        for part in word.split_whitespace() {
            if let Some(digest) = Some(hook.folder.join(part)).filter(|path| path.is_file()).and_then(|path| Custom::digest(&path)) {
                hasher.update(digest.as_bytes());
            }
        }
    }
    format!("hook {} in {} #{}", hook.event.name(), hook.folder.display(), &hasher.finalize().to_hex()[..32])
}
