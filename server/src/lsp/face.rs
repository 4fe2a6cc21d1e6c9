//! What the editor's requests are answered with: one project, one editor, one engine that is started by the first need.
//!
//! Owns nothing but the handles. Must not decide anything about a turn.
//!
//! **Invariant:** nothing is read, opened or started before a request needs it, but the recovery of what a crash left behind.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use config::{Dirs, Env, Severity};
use engine::{Deps, Engine, Places};
use lsp_client::EditorSays;
use lsp_types::{MessageType, Position, Range, Url};
use providers::Catalogue;
use tokio::sync::OnceCell;
use tools::Jobs;
use workspace::{DocKey, Place};

use crate::configuration;
use crate::lsp::board::Board;
use crate::lsp::chat::Chat;
use crate::lsp::client::Client;
use crate::lsp::documents::{Documents, OpenDocument};
use crate::lsp::editor_workspace::EditorWorkspace;
use crate::lsp::folders::Folders;
use crate::lsp::hunks::{self, Hunks};
use crate::lsp::marks::Marks;
use crate::lsp::positions;
use crate::lsp::progress::Tokens;

/// How many warnings are shown when the configuration is read: editors show each line.
const MOST_WARNINGS: usize = 12;

/// The face. Cheap to clone.
#[derive(Clone)]
pub struct Face(Arc<Inner>);

struct Inner {
    client: Client,
    documents: Documents,
    env: Env,
    dirs: Dirs,
    jobs: Arc<Jobs>,
    editor: Arc<EditorSays>,
    board: Board,
    hunks: OnceLock<Hunks>,
    focus: Mutex<Option<(DocKey, Range)>>,
    folders: OnceLock<Folders>,
    workspace: OnceCell<Arc<EditorWorkspace>>,
    started: OnceCell<Arc<Started>>,
}

/// What the first message starts.
pub struct Started {
    /// The engine.
    pub engine: Engine,
    /// The chat buffer.
    pub chat: Chat,
    /// Prompts, as diagnostics.
    pub marks: Marks,
    /// The turns that run, as the editor shows them.
    pub progress: Tokens,
}

impl Face {
    /// A face that has started nothing.
    #[must_use]
    pub fn new(client: Client, documents: Documents, env: Env) -> Self {
        let dirs = Dirs::from_env(&env);
        let board = Board::new(client.clone(), documents.clone());
        let (jobs, editor) = (Arc::default(), Arc::default());
        let (hunks, folders, workspace, started) = (OnceLock::new(), OnceLock::new(), OnceCell::new(), OnceCell::new());
        let focus = Mutex::default();
        Self(Arc::new(Inner { client, documents, env, dirs, jobs, editor, board, hunks, focus, folders, workspace, started }))
    }

    /// The editor.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.0.client
    }

    /// The open documents.
    #[must_use]
    pub fn documents(&self) -> &Documents {
        &self.0.documents
    }

    /// What the editor says of documents.
    #[must_use]
    pub fn editor(&self) -> &EditorSays {
        &self.0.editor
    }

    /// The project's folders, absolute.
    #[must_use]
    pub fn folders(&self) -> &Folders {
        self.0.folders.get_or_init(|| {
            let mut roots = self.client().caps().roots.clone().into_iter();
            let first = roots.next().unwrap_or_else(|| std::env::current_dir().unwrap_or_else(|_| "/".into()));
            Folders::new(first, roots.collect())
        })
    }

    /// The project's first folder.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.folders().first()
    }

    /// The user has added folders to the project, and removed others.
    pub fn change_folders(&self, added: Vec<PathBuf>, removed: &[PathBuf]) {
        let (refused, client) = (self.folders().change(added, removed, &self.0.dirs.home), self.client().clone());
        if let Some(started) = self.if_started() {
            started.engine.folders_changed();
        }
        tokio::spawn(async move {
            for refused in refused {
                client.show_message(MessageType::WARNING, format!("Interline: {refused}.")).await;
            }
        });
    }

    /// The catalogue of models.
    #[must_use]
    pub fn catalogue(&self) -> Catalogue {
        Catalogue::of(&self.0.env, &self.0.dirs)
    }

    /// The project's text.
    pub async fn workspace(&self) -> Arc<EditorWorkspace> {
        let make = || async {
            EditorWorkspace::start(self.client().clone(), self.documents().clone(), self.folders().clone(), self.0.dirs.data.clone())
        };
        Arc::clone(self.0.workspace.get_or_init(make).await)
    }

    /// The engine and what goes with it; made at the first call.
    pub async fn started(&self) -> Arc<Started> {
        Arc::clone(self.0.started.get_or_init(|| self.start()).await)
    }

    /// The same, if it was made.
    #[must_use]
    pub fn if_started(&self) -> Option<Arc<Started>> {
        self.0.started.get().cloned()
    }

    /// The changes to review; made at the first call.
    fn hunks(&self) -> &Hunks {
        self.0.hunks.get_or_init(|| {
            let places = hunks::Places {
                board: self.0.board.clone(),
                encoding: self.client().caps().encoding,
                plugin: self.client().caps().plugin,
                store: self.0.dirs.data.join("interline.db"),
                folders: self.folders().clone(),
                chat: self.chat_key(),
            };
            Hunks::start(self.documents().clone(), places)
        })
    }

    /// The same, if there is anything that may have been changed.
    #[must_use]
    pub fn if_hunks(&self) -> Option<Hunks> {
        self.0.hunks.get().cloned()
    }

    /// Shows what is still to be reviewed from before, if there ever was a session.
    pub fn resume_review(&self) {
        if self.0.dirs.data.join("interline.db").exists() {
            self.hunks();
        }
    }

    async fn start(&self) -> Arc<Started> {
        let root = self.root();
        let loaded = configuration::load(&self.0.env, &self.0.dirs, &root);
        let workspace = self.workspace().await;
        if loaded.config.snapshot == Some(false) {
            workspace.leave_commands_alone();
        }
        let problems = loaded.problems.clone();
        let again = {
            let (env, dirs, root) = (self.0.env.clone(), self.0.dirs.clone(), root.clone());
            move || configuration::said(configuration::load(&env, &dirs, &root), &env, &dirs, &root)
        };
        let engine = Engine::new(Deps {
            workspace: Arc::clone(&workspace) as Arc<dyn workspace::Workspace>,
            said: configuration::said(loaded, &self.0.env, &self.0.dirs, &root),
            again: Some(Arc::new(again)),
            env: self.0.env.clone(),
            places: Places { data: self.0.dirs.data.clone(), directory: root.clone() },
            home: self.0.dirs.home.clone(),
            interactive: true,
            jobs: Arc::clone(&self.0.jobs),
            editor: Arc::clone(&self.0.editor),
        });
        if let Some(model) = self.client().caps().options["model"].as_str()
            && let Err(error) = engine.set_model(model)
        {
            self.client().show_message(MessageType::WARNING, format!("Interline: initializationOptions.model: {error}")).await;
        }
        if let Some(agent) = self.client().caps().options["agent"].as_str()
            && let Err(error) = engine.set_agent(agent)
        {
            self.client().show_message(MessageType::WARNING, format!("Interline: initializationOptions.agent: {error}")).await;
        }
        // What is left out is shown one by one; what merely has no effect, at once.
        let (errors, warnings): (Vec<_>, Vec<_>) = problems.iter().partition(|problem| problem.severity == Severity::Error);
        for problem in errors {
            self.client().show_message(MessageType::ERROR, format!("Interline: {problem}")).await;
        }
        if !warnings.is_empty() {
            let mut lines: Vec<String> = warnings.iter().take(MOST_WARNINGS).map(ToString::to_string).collect();
            if warnings.len() > MOST_WARNINGS {
                lines.push(format!("and {} more: `interline config` shows them", warnings.len() - MOST_WARNINGS));
            }
            self.client().show_message(MessageType::WARNING, format!("Interline: {}", lines.join("\n"))).await;
        }
        let chat = Chat::start(self.chat_path(), self.documents().clone(), workspace);
        let board = self.0.board.clone();
        let marks = Marks::start(self.client().clone(), self.documents().clone(), board, engine.clone(), self.chat_key());
        self.hunks().connect(engine.changes());
        let started = Arc::new(Started { engine, chat, marks, progress: Tokens::default() });
        crate::lsp::pump::start(self.clone(), Arc::clone(&started));
        started
    }

    /// The chat's file.
    #[must_use]
    pub fn chat_path(&self) -> PathBuf {
        let named = self.client().caps().options["chat"].as_str().map(|name| self.root().join(name));
        named.unwrap_or_else(|| self.root().join(".interline").join("chat.md"))
    }

    /// The chat's document.
    #[must_use]
    pub fn chat_key(&self) -> DocKey {
        DocKey::file(self.chat_path())
    }

    /// Shows the chat in the editor; makes its file where there is none. The text, if given, is put under `## You`.
    pub async fn show_chat(&self) {
        if let Err(error) = crate::lsp::chat::ensure_file(&self.root(), &self.chat_path()) {
            self.client().show_message(MessageType::ERROR, format!("Interline: the chat's file cannot be made: {error}")).await;
            return;
        }
        let Ok(uri) = Url::parse(&self.chat_key().to_uri()) else { return };
        let client = self.client().clone();
        let open = self.documents().find(&self.chat_key()).await.is_some();
        tokio::spawn(async move {
            if !client.show_document(uri, None, true).await && !open {
                client.show_message(MessageType::INFO, "Interline: open .interline/chat.md to see the chat").await;
            }
        });
    }

    /// A place that the editor names: a document and a range in it.
    pub async fn place(&self, uri: &str, range: Option<Range>) -> Option<Place> {
        let key = DocKey::from_uri(uri);
        let zero = Range::new(Position::new(0, 0), Position::new(0, 0));
        let wanted = range.unwrap_or(zero);
        let encoding = self.client().caps().encoding;
        if let Some(document) = self.documents().find(&key).await {
            let bytes = positions::byte_range(&document.text, wanted, encoding);
            return Some(place_in(&document, bytes));
        }
        // A list of search results or problems names places in files that are not open.
        let place = match workspace::Workspace::read(&*self.workspace().await, &key).await {
            Ok(snapshot) => lines_of(key, &snapshot.text, positions::byte_range(&snapshot.text, wanted, encoding)),
            Err(_) => Place { key, range: 0..0, lines: (wanted.start.line as usize, wanted.end.line as usize) },
        };
        Some(place)
    }

    /// Our plugin says where the user is; none: nowhere that concerns the agent. In the chat one writes about what one was at before.
    pub fn set_focus(&self, place: Option<(DocKey, Range)>) {
        if place.as_ref().is_none_or(|(key, _)| *key != self.chat_key()) {
            *self.0.focus.lock().unwrap_or_else(PoisonError::into_inner) = place;
        }
    }

    /// Where the user is, if our plugin has said so and the document is still open.
    pub async fn focus(&self) -> Option<Place> {
        let focus = self.0.focus.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (key, range) = focus?;
        let document = self.documents().find(&key).await?;
        let bytes = positions::byte_range(&document.text, range, self.client().caps().encoding);
        Some(place_in(&document, bytes))
    }

    /// Puts right what a crash left behind, and says so.
    pub async fn recover(&self) {
        for recovered in self.workspace().await.recover().await {
            let (path, unsaved) = (recovered.path.display(), recovered.unsaved.display());
            let rest =
                if recovered.restored { "the file is again as you had saved it" } else { "the file was changed since, and was left alone" };
            let text = format!(
                "Interline: it ended while unsaved text of {path} was on the disk for a command; {rest}. The unsaved text is kept in {unsaved}."
            );
            self.client().show_message(MessageType::WARNING, text).await;
        }
    }

    /// Whole lines of a document, zero-based, the end included; none if it is not open.
    pub async fn lines(&self, key: &DocKey, lines: (usize, usize)) -> Option<Place> {
        let document = self.documents().find(key).await?;
        let start = document.text.try_line_to_byte(lines.0).ok()?;
        let end = document.text.try_line_to_byte(lines.1 + 1).unwrap_or(document.text.len_bytes());
        Some(place_in(&document, start..end))
    }

    /// Ends what runs. Called when the editor is gone.
    pub async fn stop(self) {
        if let Some(started) = self.if_started() {
            started.engine.shutdown().await;
        }
        // The workspace was made, perhaps: what it shows to commands is put back.
        if let Some(workspace) = self.0.workspace.get() {
            workspace.close().await;
        }
    }
}

/// A byte range of an open document, with its lines. A range that ends at the beginning of a line does not count that line.
#[must_use]
pub fn place_in(document: &OpenDocument, range: std::ops::Range<usize>) -> Place {
    lines_of(document.key.clone(), &document.text, range)
}

fn lines_of(key: DocKey, text: &ropey::Rope, range: std::ops::Range<usize>) -> Place {
    let line = |byte: usize| text.try_byte_to_line(byte).unwrap_or_else(|_| text.len_lines().saturating_sub(1));
    let first = line(range.start);
    let mut last = line(range.end);
    if last > first && text.try_line_to_byte(last).is_ok_and(|start| start == range.end) {
        last -= 1;
    }
    Place { key, range, lines: (first, last) }
}
