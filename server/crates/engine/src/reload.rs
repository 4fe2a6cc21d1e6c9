//! The configuration, read again when its files have changed.
//!
//! Owns when that is looked at, and whether what was read counts. Must not know what a key means, nor how the user is shown what is told.
//!
//! An agent that may edit files may edit these, and must not thereby be allowed more. So what has changed while an agent was at work, here or in another
//! process, counts once the user allows it; what it narrows, counts at once.
//!
//! **Invariant:** a configuration with a new mistake in it changes nothing; neither does one that an agent may have written, but by narrowing, before the user
//! allowed exactly that. What cannot be known of an agent's work counts as its work.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use config::{Config, Env, Problem, Severity, Stamps};
use permission::Action;
use proto::{SessionId, ToolRef, TurnId};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tools::{Ask, Asker as _, Denied};
use workspace::Applied;

use crate::extras::{self, PERMISSION};
use crate::prompts::CallAsker;
use crate::rules::Rules;
use crate::session::now;
use crate::settings::{Again, Said, Settings};
use crate::shared::Shared;
use crate::shown::Window;
use crate::{Brought, running};

/// How long a look is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is read again while it is still being written.
const READINGS: usize = 3;

/// What the user is to be told of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigurationNews {
    /// What it is.
    pub kind: NewsKind,
    /// In words.
    pub words: String,
}

/// What there is to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewsKind {
    /// A change counts.
    Counts,
    /// Something is wrong, or does not count.
    Warning,
    /// A change counts after a restart; how that is done the face may add.
    Restart,
}

/// When the configuration is read again.
pub struct Reload {
    again: Option<Again>,
    env: Env,
    look: Arc<tokio::sync::Mutex<Look>>,
    /// What is looked at, as of the last look.
    concerned: RwLock<Arc<BTreeSet<PathBuf>>>,
    offered: Mutex<Option<Offered>>,
    /// How many turns have begun.
    began: AtomicU64,
    /// What agents have written and nobody has seen on the disk yet: an editor may save it long after.
    written: Mutex<HashSet<PathBuf>>,
    news: mpsc::UnboundedSender<ConfigurationNews>,
}

/// What is known of the files; one looks at a time.
struct Look {
    stamps: Stamps,
    /// The mistakes that were in what counts now.
    known: Vec<Problem>,
    /// What is only read at the start, as it was then.
    fixed: Vec<(&'static str, Value)>,
    /// So many turns had ended before the last look, and none ran.
    settled: u64,
    /// When that was.
    since: i64,
    /// An agent may have written something that is there now, and that the user has not allowed.
    tainted: bool,
}

/// What waits for the user's word.
struct Offered {
    settings: Arc<Settings>,
    problems: Vec<Problem>,
    fixed: Vec<(&'static str, Value)>,
    files: String,
    /// The first of them.
    first: Option<PathBuf>,
    /// Takes the prompt back, if there is one.
    prompt: Option<CancellationToken>,
}

impl Reload {
    /// Of what was read first. Where nothing reads it `again`, nothing is looked at.
    pub fn new(said: &Said, again: Option<Again>, env: Env, news: mpsc::UnboundedSender<ConfigurationNews>) -> Self {
        let look = Look {
            stamps: Stamps::default(),
            known: said.problems.clone(),
            fixed: fixed(&said.config, &said.brought),
            settled: 0,
            since: now(),
            tainted: false,
        };
        let look = Arc::new(tokio::sync::Mutex::new(look));
        let concerned = Arc::new(said.looked_at.clone());
        if again.is_some() {
            // Who looks waits for this.
            if let (Ok(mut first), paths) = (Arc::clone(&look).try_lock_owned(), Arc::clone(&concerned)) {
                tokio::task::spawn_blocking(move || first.stamps.changed(&paths));
            }
        }
        let (offered, began, written) = (Mutex::default(), AtomicU64::new(0), Mutex::default());
        Self { again, env, look, concerned: RwLock::new(concerned), offered, began, written, news }
    }

    /// What an agent may have written, and what the user has not allowed.
    pub fn offered(&self) -> Option<Arc<Settings>> {
        self.offer().as_ref().map(|offered| Arc::clone(&offered.settings))
    }

    /// A turn begins.
    pub fn turn_began(&self) {
        self.began.fetch_add(1, Ordering::SeqCst);
    }

    /// An agent has changed these.
    pub fn wrote(&self, changes: &[Applied]) {
        if self.again.is_some() {
            let paths = changes.iter().filter_map(|change| change.key.path()).map(real);
            self.written.lock().unwrap_or_else(PoisonError::into_inner).extend(paths);
        }
    }

    /// Whether an agent has written one of these. It is forgotten with that.
    fn is_written(&self, changed: &[PathBuf]) -> bool {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        // All of them are to be forgotten.
        changed.iter().filter(|path| written.remove(&real(path))).count() > 0
    }

    /// Whether what a file holds may count.
    pub fn concerns(&self, path: &Path) -> bool {
        self.again.is_some() && self.concerned().contains(path)
    }

    fn concerned(&self) -> Arc<BTreeSet<PathBuf>> {
        Arc::clone(&self.concerned.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn offer(&self) -> std::sync::MutexGuard<'_, Option<Offered>> {
        self.offered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, kind: NewsKind, words: String) {
        // Nobody may listen.
        let _ = self.news.send(ConfigurationNews { kind, words });
    }
}

/// The path without links, as far as there is something.
fn real(path: &Path) -> PathBuf {
    let named = path.parent().zip(path.file_name()).and_then(|(folder, name)| Some(folder.canonicalize().ok()?.join(name)));
    path.canonicalize().ok().or(named).unwrap_or_else(|| path.to_owned())
}

/// Reads the configuration again if its files have changed. What is to be known of it is told. A disk that does not answer is not waited for. `ending` is the
/// session of a turn that does nothing any more.
pub async fn look(shared: &Arc<Shared>, ending: Option<&SessionId>) {
    let Some(again) = shared.reload.again.clone() else { return };
    let looking = async {
        let look = Arc::clone(&shared.reload.look).lock_owned().await;
        let (shared, ending) = (Arc::clone(shared), ending.cloned());
        tokio::task::spawn_blocking(move || look_now(&shared, &again, look, ending.as_ref())).await
    };
    match tokio::time::timeout(PATIENCE, looking).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "whether the configuration has changed is not known"),
        Err(_) => tracing::warn!("whether the configuration has changed is not known in time"),
    }
}

fn look_now(shared: &Shared, again: &Again, mut look: tokio::sync::OwnedMutexGuard<Look>, ending: Option<&SessionId>) {
    let reload = &shared.reload;
    // In this order: a turn that begins meanwhile is seen by one of the two.
    let (began, time) = (reload.began.load(Ordering::SeqCst), now());
    let quiet = shared.is_quiet(ending);
    let mut changed = look.stamps.changed(&reload.concerned());
    let at_work = !quiet || reload.began.load(Ordering::SeqCst) != look.settled;
    if quiet {
        look.settled = began;
    }
    let since = std::mem::replace(&mut look.since, time);
    if changed.is_empty() {
        return;
    }
    look.tainted |= reload.is_written(&changed) || at_work || others_work(shared, since);
    let mut said = again();
    // What is written meanwhile is read once more; what is written for ever, at the next look.
    for _ in 0..READINGS {
        let paths: BTreeSet<PathBuf> = reload.concerned().union(&said.looked_at).cloned().collect();
        let more = look.stamps.changed(&paths);
        *reload.concerned.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(paths);
        if more.is_empty() {
            break;
        }
        look.tainted |= reload.is_written(&more) || !shared.is_quiet(ending);
        changed.extend(more);
        said = again();
    }
    changed.sort();
    changed.dedup();
    consider(shared, &mut look, said, &changed);
}

/// Whether an agent of another process may have done something since.
fn others_work(shared: &Shared, since: i64) -> bool {
    running::any_elsewhere(&shared.places.data)
        || shared.saver.others_since(since).unwrap_or_else(|why| {
            tracing::error!("what other processes do is not known: {why}");
            true
        })
}

fn names(shared: &Shared, changed: &[PathBuf]) -> String {
    let name = |path: &PathBuf| path.strip_prefix(shared.main_root()).unwrap_or(path).display().to_string();
    changed.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// What becomes of what was read.
fn consider(shared: &Shared, look: &mut Look, said: Said, changed: &[PathBuf]) {
    let (reload, files) = (&shared.reload, names(shared, changed));
    let is_new = |problem: &&Problem| !look.known.iter().any(|known| known.file == problem.file && known.message == problem.message);
    let errors: Vec<String> =
        said.problems.iter().filter(|p| p.severity == Severity::Error).filter(is_new).map(ToString::to_string).collect();
    if !errors.is_empty() {
        let words = format!("{}\nNothing of what has changed counts before this is mended: {files}", errors.join("\n"));
        return reload.tell(NewsKind::Warning, words);
    }
    *reload.concerned.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(said.looked_at.clone());
    let current = shared.settings();
    let (settings, _) = Settings::of(&said, &reload.env, &shared.places, Some(&current));
    let fixed = fixed(&said.config, &said.brought);
    let first = changed.iter().find(|path| path.is_file()).cloned();
    let mut offered = Offered { settings, problems: said.problems, fixed, files, first, prompt: None };
    let before = reload.offer().take();
    if let Some(before) = before {
        before.prompt.inspect(CancellationToken::cancel);
        if !offered.settings.is_same(&current) && before.files != offered.files {
            offered.files = format!("{}, {}", before.files, offered.files);
        }
    }
    if offered.settings.is_same(&current) {
        look.tainted = false;
        return adopt(shared, look, offered);
    }
    let is_allowed = shared.prompts.is_approved(PERMISSION, &pattern(&offered.settings));
    if look.tainted && !is_allowed {
        let sections = sections(&current.config, &offered.settings.config);
        let words = format!(
            "changed while an agent was at work: {}{sections}. It counts once you allow it; what it forbids is forbidden already",
            offered.files
        );
        *reload.offer() = Some(offered);
        return reload.tell(NewsKind::Warning, words);
    }
    adopt(shared, look, offered);
}

/// From the next message on this counts.
fn adopt(shared: &Shared, look: &mut Look, new: Offered) {
    let is_news = |problem: &&Problem| !look.known.iter().any(|known| known.file == problem.file && known.message == problem.message);
    let warnings: Vec<String> = new.problems.iter().filter(is_news).map(ToString::to_string).collect();
    let is_same = new.settings.is_same(&shared.settings());
    if !is_same {
        shared.ledger.cap(new.settings.config.budget);
        *shared.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&new.settings);
    }
    look.tainted = false;
    look.known = new.problems;
    if !warnings.is_empty() {
        shared.reload.tell(NewsKind::Warning, warnings.join("\n"));
    }
    let differs = |(name, value): &&(&'static str, Value)| look.fixed.iter().any(|(known, was)| known == name && was != value);
    let restart: Vec<&str> = new.fixed.iter().filter(differs).map(|(name, _)| *name).collect();
    for (name, value) in new.fixed {
        if let Some(known) = look.fixed.iter_mut().find(|(known, _)| *known == name) {
            known.1 = value;
        }
    }
    if !restart.is_empty() {
        shared.reload.tell(NewsKind::Restart, format!("changed in {}: {}. This counts after a restart", new.files, restart.join(", ")));
    } else if !is_same {
        shared.reload.tell(NewsKind::Counts, format!("{} has changed, and counts from the next message on", new.files));
    }
}

/// What is only read at the start.
fn fixed(config: &Config, brought: &Brought) -> Vec<(&'static str, Value)> {
    let other = |key: &str| config.other.get(key).cloned().unwrap_or_default();
    vec![
        ("MCP servers (`mcp`)", json!([other("mcp"), other("experimental")["mcp_timeout"]])),
        ("language servers (`lsp`)", json!([other("lsp"), config.preflight])),
        ("`websearch`", other("websearch")),
        ("`snapshot`", json!(config.snapshot)),
        ("`permission.project_code`", format!("{:?}", brought.trust).into()),
        ("hooks", format!("{:?}", brought.hooks).into()),
        ("tools of your own", format!("{:?}", brought.tools).into()),
    ]
}

/// The keys of the configuration that say something else, in words.
fn sections(old: &Config, new: &Config) -> String {
    let (old, new) = (json!(old), json!(new));
    let keys: BTreeSet<&String> = [&old, &new].into_iter().filter_map(Value::as_object).flat_map(|map| map.keys()).collect();
    let differ: Vec<String> = keys.into_iter().filter(|key| old[*key] != new[*key]).map(|key| format!("`{key}`")).collect();
    if differ.is_empty() { String::new() } else { format!(" ({})", differ.join(", ")) }
}

fn pattern(settings: &Settings) -> String {
    format!("configuration #{}", settings.digest())
}

/// Asks the user for what waits, if nobody was asked yet. Nothing waits for the answer.
pub fn ask(shared: &Arc<Shared>, session: &SessionId, turn: &TurnId) {
    let (settings, files, first, prompt) = {
        let mut offer = shared.reload.offer();
        let Some(offered) = offer.as_mut().filter(|offered| offered.prompt.is_none()) else { return };
        let prompt = CancellationToken::new();
        offered.prompt = Some(prompt.clone());
        (Arc::clone(&offered.settings), offered.files.clone(), offered.first.clone(), prompt)
    };
    let sections = sections(&shared.settings().config, &settings.config);
    let mut rules = Rules::default();
    permission::push(&mut rules.defaults, PERMISSION, "*", Action::Ask);
    let asker = CallAsker {
        prompts: Arc::clone(&shared.prompts),
        questions: Arc::clone(&shared.questions),
        rules: Arc::new(rules),
        from: None,
        session: session.clone(),
        tool: ToolRef { message_id: turn.clone(), call_id: extras::PERMISSION.to_owned() },
        asked_from: None,
        interactive: shared.interactive,
        cancel: prompt,
        hooks: Arc::clone(&shared.hooks),
        about: Value::Null,
        window: Window::new(Arc::clone(&shared.saver), shared.places.directory.to_string_lossy().into_owned()),
    };
    let pattern = pattern(&settings);
    let ask = Ask {
        permission: PERMISSION.to_owned(),
        patterns: vec![pattern.clone()],
        always: vec![pattern],
        metadata: json!({
            "title": format!("Use the configuration that was changed while an agent was at work: {files}{sections}"),
            "filepath": first,
        }),
        place: None,
        always_ask: true,
    };
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let answer = asker.ask(ask).await;
        let mut look = shared.reload.look.lock().await;
        let mut offer = shared.reload.offer();
        // Another one may be offered by now.
        if !offer.as_ref().is_some_and(|offered| Arc::ptr_eq(&offered.settings, &settings)) {
            return;
        }
        match answer {
            Ok(()) => {
                if let Some(offered) = offer.take() {
                    drop(offer);
                    adopt(&shared, &mut look, offered);
                }
            }
            // Its session is gone: in the next one it is asked again.
            Err(Denied::Withdrawn) => {
                if let Some(offered) = offer.as_mut() {
                    offered.prompt = None;
                }
            }
            Err(_) => shared.reload.tell(
                NewsKind::Warning,
                format!("the configuration stays as it was before. Take back what was changed in {files}: a restart reads it as it is"),
            ),
        }
    });
}
