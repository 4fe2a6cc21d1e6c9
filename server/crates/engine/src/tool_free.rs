//! Turns with a model that is given no tools: the files go into its message, and the edits in its answer become calls.
//!
//! Owns which files those are, as far as they fit, and the request. Must not know how edits are found in a text, nor how they are made.
//!
//! **Invariant:** each file is shown as the workspace has it now, once, within what the model can take; what was left out is named. Nothing is shown that
//! the rules do not let the agent read, unless the user named it.

mod words;

use std::path::PathBuf;

use permission::Action;
use providers::{ChatMessage, ChatPart, FinishReason, ModelRequest};
use serde_json::json;
use workspace::{DocKey, Place, Snapshot};

use self::words::{Files, Part, names_in};
use crate::session::SessionState;
use crate::setup::Setup;
use crate::shared::Shared;
use crate::text_edits::{self, Action as Edit, Reading, Shown};
use crate::turn::TextCall;
use crate::{AskRequest, history, prompt};

const SYSTEM: &str = include_str!("../../../../prompts/system/tool_free.md");
/// Said where nothing may be changed.
const LOOK_ONLY: &str = "Change nothing now: answer in words, and write no `File:` line.";
/// Said with edits that were not made.
const MEND: &str = "Answer again with the edits that were not made, and only those, in the same form.";

/// The context of a model that does not tell it, in tokens.
const UNKNOWN_CONTEXT: u64 = 8192;
/// Bytes of a token: code takes more tokens than prose.
const TOKEN: usize = 3;
/// Most bytes of files: small models lose their way in more.
const MOST: usize = 60_000;
/// Most files of a project that goes in as a whole, and most names of one that does not.
const SMALL_PROJECT: usize = 12;
const NAMES: usize = 60;
/// Most files that a name is looked for in.
const LOOKED_AT: usize = 5000;
/// The shortest limit of an answer, in tokens.
const SHORTEST_ANSWER: u64 = 1500;

/// What the messages of a turn ask for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    place: Option<Place>,
    focus: Option<Place>,
    mentions: Vec<String>,
    words: String,
    context: Vec<String>,
}

impl Wanted {
    /// A further message of the turn.
    pub fn add(&mut self, ask: &AskRequest, mentions: &[String]) {
        self.place = ask.place.clone().or(self.place.take());
        self.focus = ask.focus.clone().or(self.focus.take());
        self.mentions.extend_from_slice(mentions);
        if !self.words.is_empty() {
            self.words.push_str("\n\n");
        }
        self.words.push_str(&ask.text);
        self.context.extend_from_slice(&ask.context);
    }
}

/// What the model is shown, for its answer to be read against.
#[derive(Clone, Debug, Default)]
pub struct Given {
    shown: Vec<Shown>,
    asked: String,
    may_edit: bool,
    files: String,
}

/// Chooses the files and reads them.
pub async fn give(shared: &Shared, state: &SessionState, wanted: &Wanted, setup: &Setup) -> Given {
    let room = room(setup, state);
    let roots = shared.workspace.roots();
    let mut files = Files::new(room);
    let candidates = candidates(shared, state, wanted).await;
    for candidate in &candidates {
        let name = prompt::name(&candidate.key, &roots);
        if !candidate.named && !may_read(shared, setup, &candidate.key, &name, &roots) {
            continue;
        }
        let Ok(snapshot) = shared.workspace.read(&candidate.key).await else { continue };
        let text = snapshot.text.to_string().replace("\r\n", "\n");
        let place = wanted.place.as_ref().or(wanted.focus.as_ref()).filter(|place| place.key == candidate.key);
        let selected = place.map(|place| (place.lines, selection(&snapshot, place)));
        if files.add(name, text, selected) != Part::None {
            state.seen.set(candidate.key.clone(), snapshot.text);
        }
    }
    if !candidates.iter().any(|candidate| candidate.named) {
        project(shared, state, setup, &roots, &mut files).await;
    }
    let may_edit = !setup.agent.rules.hides("edit");
    Given { asked: wanted.words.clone(), may_edit, files: files.told(&wanted.context), shown: files.shown }
}

/// The request for the next answer.
#[must_use]
pub fn build(shared: &Shared, state: &SessionState, setup: &Setup, given: &Given) -> ModelRequest {
    let mut system = SYSTEM.trim_end().to_owned();
    if !given.may_edit {
        system.push_str("\n\n");
        system.push_str(LOOK_ONLY);
    }
    if let Some(own) = &setup.agent.prompt {
        system.push_str("\n\n");
        system.push_str(own.trim_end());
    }
    let limits = tools::Limits { lines: 200, bytes: room(setup, state) / 4 };
    for (path, text) in shared.instructions().iter() {
        system.push_str(&format!("\n\nInstructions from {}:\n{}", path.display(), prompt::cut(text, limits)));
    }
    let mut messages = history::in_words(&state.history, &setup.author.model);
    let mend = history::has_failed(&state.history);
    match messages.last_mut() {
        Some(ChatMessage::User(parts)) => {
            if mend {
                parts.push(ChatPart::Text(MEND.to_owned()));
            }
            if !given.files.is_empty() {
                parts.insert(0, ChatPart::Text(given.files.clone()));
            }
        }
        _ => messages.push(ChatMessage::User(vec![ChatPart::Text(format!("{}\n\n{}", given.files, given.asked))])),
    }
    ModelRequest {
        system: vec![system],
        messages,
        tools: Vec::new(),
        max_output: Some(longest_answer(setup, given)),
        temperature: setup.agent.temperature,
        top_p: setup.agent.top_p,
        options: setup.agent.options.clone(),
        unknown: setup.agent.unknown.clone(),
        session: state.id().as_str().to_owned(),
    }
}

/// The calls that an answer's edits are.
#[must_use]
pub fn edits(answer: &str, given: &Given, reason: FinishReason) -> Vec<TextCall> {
    if !given.may_edit {
        return Vec::new();
    }
    let whole = matches!(reason, FinishReason::Stop | FinishReason::ToolCalls);
    let reading = Reading { shown: &given.shown, asked: &given.asked, whole };
    let call = |edit: text_edits::TextEdit| {
        let file = edit.file;
        match edit.action {
            Edit::Write(content) => {
                TextCall { tool: "write", raw: json!({"filePath": file, "content": content}).to_string(), refused: None }
            }
            Edit::Replace { old, new } => {
                TextCall { tool: "edit", raw: json!({"filePath": file, "oldString": old, "newString": new}).to_string(), refused: None }
            }
            Edit::Refuse(why) => TextCall { tool: "edit", raw: json!({"filePath": file}).to_string(), refused: Some(why) },
        }
    };
    text_edits::parse(answer, reading).into_iter().map(call).collect()
}

/// Bytes of files that go in: half of the context, less what was said before.
fn room(setup: &Setup, state: &SessionState) -> usize {
    let context = Some(setup.model.limit.context).filter(|context| *context > 0).unwrap_or(UNKNOWN_CONTEXT);
    let said: usize = history::relevant(&state.history).map(history::size).sum();
    let context = usize::try_from(context).unwrap_or(usize::MAX).saturating_mul(TOKEN);
    (context / 2).saturating_sub(said).clamp(context / 8, MOST)
}

/// A model that repeats itself is ended: no answer needs more than all files twice.
fn longest_answer(setup: &Setup, given: &Given) -> u64 {
    let files: usize = given.shown.iter().map(|shown| shown.text.len()).sum();
    let wanted = u64::try_from(files / TOKEN * 2).unwrap_or(u64::MAX).saturating_add(SHORTEST_ANSWER);
    match setup.model.limit.context {
        0 => wanted,
        context => wanted.min((context / 2).max(SHORTEST_ANSWER)),
    }
}

/// A file that may go in.
struct Candidate {
    key: DocKey,
    /// The user means this one: it stands in the message, or the user asks from there.
    named: bool,
}

/// The files, the most wanted first: where the user asks from, what the message names, where the user is, what is open, what was shown before.
async fn candidates(shared: &Shared, state: &SessionState, wanted: &Wanted) -> Vec<Candidate> {
    let base = shared.main_root();
    let mut out: Vec<Candidate> = Vec::new();
    let mut add = |key: DocKey, named: bool| {
        if !prompt::is_ours(&key) && !out.iter().any(|other| other.key == key) {
            out.push(Candidate { key, named });
        }
    };
    if let Some(place) = &wanted.place {
        add(place.key.clone(), true);
    }
    for mention in &wanted.mentions {
        add(DocKey::from_tool_path(names_in(mention).next().unwrap_or(mention), base), true);
    }
    let mut elsewhere = Vec::new();
    for name in names_in(&wanted.words) {
        let key = DocKey::from_tool_path(name, base);
        let inside = key.path().is_none_or(|path| path.starts_with(base) && within(path, base));
        if inside && shared.workspace.read(&key).await.is_ok() {
            add(key, true);
        } else {
            elsewhere.push(name.to_owned());
        }
    }
    if !elsewhere.is_empty()
        && let Some(all) = walk(base.to_owned(), LOOKED_AT).await
    {
        for name in elsewhere {
            let mut ending = all.iter().filter(|path| path.ends_with(&name));
            if let (Some(path), None) = (ending.next(), ending.next()) {
                add(DocKey::file(path), true);
            }
        }
    }
    if let Some(focus) = &wanted.focus {
        add(focus.key.clone(), false);
    }
    let open = shared.workspace.open_documents().await;
    open.into_iter().for_each(|document| add(document.key, false));
    let mut before: Vec<_> = state.seen.all().into_iter().map(|(key, _)| key).collect();
    before.sort();
    before.into_iter().for_each(|key| add(key, false));
    out
}

/// Whether a path leads to where it says.
fn within(path: &std::path::Path, root: &std::path::Path) -> bool {
    match (path.canonicalize(), root.canonicalize()) {
        (Ok(path), Ok(root)) => path.starts_with(root),
        // What only the editor has leads nowhere else.
        _ => true,
    }
}

/// Whether a file that nobody has named may be shown to the model.
pub fn may_read(shared: &Shared, setup: &Setup, key: &DocKey, name: &str, roots: &[PathBuf]) -> bool {
    let inside = key.path().is_none_or(|path| roots.iter().any(|root| path.starts_with(root) && within(path, root)));
    inside && shared.prompts.decide(&setup.agent.rules, "read", name) == Action::Allow
}

async fn walk(root: PathBuf, most: usize) -> Option<Vec<PathBuf>> {
    match tokio::task::spawn_blocking(move || tools::files_below(&root, most, false)).await {
        Ok(files) => files,
        Err(error) => {
            tracing::error!("the project's files could not be listed: {error}");
            None
        }
    }
}

/// Nothing is named: a small project goes in as a whole, if it fits; else its names.
async fn project(shared: &Shared, state: &SessionState, setup: &Setup, roots: &[PathBuf], files: &mut Files) {
    let Some(all) = walk(shared.main_root().to_owned(), NAMES).await else { return };
    let mut texts: Vec<(String, Snapshot)> = Vec::new();
    let mut names = Vec::new();
    for path in all {
        let key = DocKey::file(&path);
        let name = prompt::name(&key, roots);
        if files.has(&name) || !may_read(shared, setup, &key, &name, roots) {
            continue;
        }
        names.push(name.clone());
        if let Ok(snapshot) = shared.workspace.read(&key).await {
            texts.push((name, snapshot));
        }
    }
    let size: usize = texts.iter().map(|(_, snapshot)| snapshot.text.len_bytes()).sum();
    if texts.len() > SMALL_PROJECT || size > files.left() {
        files.others = names;
        return;
    }
    for (name, snapshot) in texts {
        files.add(name, snapshot.text.to_string().replace("\r\n", "\n"), None);
        state.seen.set(snapshot.key, snapshot.text);
    }
}

/// The selected text; empty where the user merely stands there.
fn selection(snapshot: &Snapshot, place: &Place) -> String {
    let end = place.range.end.min(snapshot.text.len_bytes());
    snapshot.text.get_byte_slice(place.range.start.min(end)..end).map(|slice| slice.to_string()).unwrap_or_default()
}
