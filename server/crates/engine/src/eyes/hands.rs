//! What language servers know of the code, for the tools that ask them.
//!
//! Owns which server is asked, with which texts, and what its answer means here. Must not know how a server is run, nor what the user allows.
//!
//! **Invariant:** a server is asked about the text that the user sees, given to it before; what it names in texts that are not looked at stays a bare place.

mod act;
mod outcomes;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use async_trait::async_trait;
use lsp_client::positions::{Encoding, lsp_range, offset, position};
use lsp_client::semantic::{hover, places, symbols};
use lsp_client::{Report, RequestError, Severity, Sibling, Siblings, render};
use ropey::Rope;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tools::{Carry, Choose, CodeAction, Found, LanguageServers, Location, Lookup, Span, Symbol, ToolError, files_below};
use workspace::{DocKey, Snapshot};

use super::editor::Editor;
use super::{Eyes, LAST_LOOK, Work, compare, give};

/// How long is waited for a server that starts, or loads the project.
const START: Duration = Duration::from_secs(20);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(30);
/// How long diagnostics are waited for.
const CHECK: Duration = Duration::from_secs(10);
/// Texts that are read to show places in them.
const TEXTS: usize = 200;
/// Names from a call hierarchy that are followed.
const CALLS: usize = 5;
/// Files of the project that are looked through for one that a server takes.
const FILES: usize = 20_000;

#[async_trait]
impl LanguageServers for Eyes {
    async fn places(&self, lookup: Lookup, at: &Span, cancel: &CancellationToken) -> Result<Found<Location>, ToolError> {
        let method = match lookup {
            Lookup::Definition => "textDocument/definition",
            Lookup::Implementation => "textDocument/implementation",
            Lookup::References => "textDocument/references",
            Lookup::Callers | Lookup::Callees => "textDocument/prepareCallHierarchy",
        };
        let mut last = Ok(Found::default());
        for sibling in self.able(&at.document, method, cancel).await? {
            let mut params = place(&sibling, at);
            if lookup == Lookup::References {
                params["context"] = json!({ "includeDeclaration": true });
            }
            let spots = match ask(&sibling, method, &params, cancel).await {
                Ok(answer) => match lookup {
                    Lookup::Callers => calls(&sibling, "callHierarchy/incomingCalls", &answer, cancel).await,
                    Lookup::Callees => calls(&sibling, "callHierarchy/outgoingCalls", &answer, cancel).await,
                    _ => Ok(places::locations(&answer)),
                },
                Err(error) => Err(error),
            };
            last = match spots {
                Ok(spots) => Ok(Found { items: self.locations(&spots, at, sibling.encoding()).await, note: unfinished(&sibling) }),
                Err(error) => Err(error),
            };
            if last.as_ref().is_ok_and(|found| !found.items.is_empty()) {
                break;
            }
        }
        last
    }

    async fn hover(&self, at: &Span, cancel: &CancellationToken) -> Result<Option<String>, ToolError> {
        let method = "textDocument/hover";
        let mut last = Ok(None);
        for sibling in self.able(&at.document, method, cancel).await? {
            last = ask(&sibling, method, &place(&sibling, at), cancel).await.map(|answer| hover::text(&answer));
            if last.as_ref().is_ok_and(Option::is_some) {
                break;
            }
        }
        last
    }

    async fn outline(&self, document: &Snapshot, cancel: &CancellationToken) -> Result<Found<Symbol>, ToolError> {
        let method = "textDocument/documentSymbol";
        let mut last = Ok(Found::default());
        for sibling in self.able(document, method, cancel).await? {
            let params = json!({ "textDocument": { "uri": document.key.to_uri() } });
            let answer = ask(&sibling, method, &params, cancel).await;
            last = answer.map(|answer| Found { items: named(&answer, Some(&document.key)), note: unfinished(&sibling) });
            if last.as_ref().is_ok_and(|found| !found.items.is_empty()) {
                break;
            }
        }
        last
    }

    async fn search(&self, name: &str, near: Option<&Snapshot>, cancel: &CancellationToken) -> Result<Found<Symbol>, ToolError> {
        let method = "workspace/symbol";
        let running = || self.siblings.pool().running().into_iter().filter(|sibling| sibling.can(method)).collect::<Vec<_>>();
        let siblings = match near {
            Some(near) => self.able(near, method, cancel).await?,
            None if running().is_empty() => {
                let some = self
                    .some_document()
                    .await
                    .ok_or_else(|| ToolError::model("no language server runs for this project: name a `filePath`, or use grep"))?;
                self.able(&some, method, cancel).await?
            }
            None => running(),
        };
        let mut found = Found::default();
        let mut fault = None;
        for sibling in siblings {
            match ask(&sibling, method, &json!({ "query": name }), cancel).await {
                Ok(answer) => found.items.extend(named(&answer, None)),
                Err(error) => fault = Some(error),
            }
            found.note = found.note.or_else(|| unfinished(&sibling));
        }
        let mut known = HashSet::new();
        found.items.retain(|symbol| known.insert((symbol.key.clone(), symbol.line, symbol.name.clone())));
        match fault {
            Some(fault) if found.items.is_empty() => Err(fault),
            _ => Ok(found),
        }
    }

    async fn rename(&self, at: &Span, name: &str, carry: &dyn Carry, cancel: &CancellationToken) -> Result<(), ToolError> {
        self.rename_at(at, name, carry, cancel).await
    }

    async fn actions(&self, at: &Span, cancel: &CancellationToken) -> Result<Vec<CodeAction>, ToolError> {
        Ok(self.offered(at, cancel).await?.iter().map(|(_, action)| act::shown(action)).collect())
    }

    async fn act(&self, at: &Span, choose: &Choose<'_>, carry: &dyn Carry, cancel: &CancellationToken) -> Result<CodeAction, ToolError> {
        self.act_on(at, choose, carry, cancel).await
    }

    async fn diagnostics(&self, documents: &[Snapshot], cancel: &CancellationToken) -> Result<String, ToolError> {
        if documents.is_empty() {
            return Ok(self.of_this_turn(cancel).await);
        }
        for document in documents {
            self.take_up(document).await;
        }
        self.look_around().await;
        let keys: Vec<DocKey> = documents.iter().map(|document| document.key.clone()).collect();
        let (mut reports, mut editor) = self.see(&keys, Instant::now(), CHECK, cancel).await;
        reports.append(&mut editor.reports);
        Ok(keys.iter().map(|key| self.said_of(key, &reports, &editor)).collect::<Vec<_>>().join("\n"))
    }
}

impl Eyes {
    /// Gives servers this text, and all others that they must know to answer about it.
    async fn take_up(&self, document: &Snapshot) {
        let mut work = self.work.lock().await;
        self.get_ready(&mut work).await;
        self.refresh(&mut work, std::slice::from_ref(&document.key)).await;
        self.hand_over(&mut work, document);
        self.give_open(&mut work, &document.key).await;
    }

    /// Tells servers what commands, an undo and other programs have written in files that they do not have open.
    async fn look_around(&self) {
        self.siblings.disk_changed(&self.siblings.look_at_disk(&[]).await);
    }

    fn hand_over(&self, work: &mut Work, document: &Snapshot) -> bool {
        let taken = give(self.siblings.pool(), document);
        if taken {
            work.given.insert(document.key.clone());
        }
        taken
    }

    /// The servers that have this text and answer requests of this method; at least one.
    async fn able(&self, document: &Snapshot, method: &str, cancel: &CancellationToken) -> Result<Vec<Sibling>, ToolError> {
        let path = document.key.path().ok_or_else(|| ToolError::model("language servers know files only: this document has none yet"))?;
        self.take_up(document).await;
        self.look_around().await;
        let Siblings { ready, unready } = self.siblings.pool().siblings(&document.key, START, cancel).await;
        if cancel.is_cancelled() {
            return Err(ToolError::Cancelled(Box::default()));
        }
        let names: Vec<&str> = ready.iter().map(Sibling::id).collect();
        let why = match (names.is_empty(), unready.is_empty()) {
            (_, false) => unready.join("; "),
            (true, true) => self.siblings.pool().why_nobody(path),
            (false, true) => format!("{} cannot do that (`{method}`)", names.join(" and ")),
        };
        let able: Vec<Sibling> = ready.iter().filter(|sibling| sibling.can(method)).cloned().collect();
        if able.is_empty() { Err(ToolError::model(format!("{why}. Without it use grep, read and edit."))) } else { Ok(able) }
    }

    /// A document that some server may take: one that is open, else one of the kind that the project has most of.
    async fn some_document(&self) -> Option<Snapshot> {
        let pool = self.siblings.pool();
        if let Some(open) = self.workspace.open_documents().await.into_iter().find(|document| pool.may_serve(&document.key)) {
            return Some(open);
        }
        let folder = self.siblings.directory.clone();
        let files = tokio::task::spawn_blocking(move || files_below(&folder, FILES, false)).await.ok()??;
        let mut kinds: HashMap<_, Vec<DocKey>> = HashMap::new();
        for file in files {
            let key = DocKey::file(&file);
            if pool.may_serve(&key) {
                kinds.entry(file.extension().map(ToOwned::to_owned)).or_default().push(key);
            }
        }
        let most = kinds.into_values().max_by_key(|keys| (keys.len(), std::cmp::Reverse(keys.first().cloned())))?;
        self.workspace.read(most.first()?).await.ok()
    }

    /// Places as the user counts them, with their lines where the text is the project's.
    async fn locations(&self, spots: &[places::Spot], at: &Span, encoding: Encoding) -> Vec<Location> {
        let roots = self.workspace.roots();
        let mut texts: HashMap<&DocKey, Option<Rope>> = HashMap::from([(&at.document.key, Some(at.document.text.clone()))]);
        let mut all = Vec::new();
        for spot in spots {
            let ours = spot.key.path().is_some_and(|path| roots.iter().any(|root| path.starts_with(root)));
            if !texts.contains_key(&spot.key) && ours && texts.len() < TEXTS {
                texts.insert(&spot.key, self.workspace.read(&spot.key).await.ok().map(|snapshot| snapshot.text));
            }
            let text = texts.get(&spot.key).and_then(Option::as_ref);
            let line = spot.range.start.line as usize;
            let start = text.and_then(|text| Some((text, text.try_line_to_byte(line).ok()?)));
            all.push(Location {
                key: spot.key.clone(),
                line,
                column: start.map_or(spot.range.start.character as usize, |(text, start)| {
                    let at = offset(text, spot.range.start, encoding).max(start);
                    text.byte_to_char(at) - text.byte_to_char(start)
                }),
                text: text.and_then(|text| Some(text.get_line(line)?.to_string())),
                name: spot.name.clone(),
            });
        }
        all
    }

    /// What servers say of what the turn changed; where it changed nothing, what they know of the project.
    async fn of_this_turn(&self, cancel: &CancellationToken) -> String {
        let (pool, base) = (self.siblings.pool(), &self.siblings.directory);
        let mut work = self.work.lock().await;
        let touched = work.touched.clone();
        if !touched.is_empty() {
            self.refresh(&mut work, &[]).await;
            let (told, reports) = self.look(&mut work, &touched, Instant::now(), LAST_LOOK, cancel).await;
            let words = told.words(&reports, base);
            return if words.is_empty() { "No language server looks at what you changed.".to_owned() } else { words };
        }
        let mut said = String::new();
        for file in pool.known().iter().flat_map(|known| &known.files) {
            let grave: Vec<_> = file.items.iter().filter(|item| item.severity <= Severity::Warning).cloned().collect();
            if !grave.is_empty() {
                said += &format!("{}:\n{}", render::name(&file.key, base), render::entries(&grave, base));
            }
        }
        format!("You changed nothing in this turn that a language server looks at. Name files in `paths` to have them looked at.\n{said}")
    }

    fn said_of(&self, key: &DocKey, reports: &[Report], editor: &Editor) -> String {
        let base = &self.siblings.directory;
        let own: Vec<Report> = reports.iter().filter(|report| report.key == *key).cloned().collect();
        let name = render::name(key, base);
        let parts = editor.parts.iter().filter(|(of, _)| of == key).map(|(_, seen)| &seen.items);
        let mut grave = Vec::new();
        for items in own.iter().map(|report| &report.items).chain(parts) {
            compare::join(&mut grave, items.iter().filter(|item| item.severity <= Severity::Warning).cloned().collect());
        }
        if own.is_empty() && grave.is_empty() {
            return format!("{name}: {}", key.path().map_or_else(String::new, |path| self.siblings.pool().why_nobody(path)));
        }
        let said = if !grave.is_empty() {
            format!("\n{}", render::entries(&grave, base))
        } else if own.iter().all(|report| report.state.is_fresh()) {
            " no errors or warnings\n".to_owned()
        } else {
            " nothing is known yet\n".to_owned()
        };
        format!("{name}:{said}{}", render::states(&own))
    }
}

/// Asks one server.
async fn ask(sibling: &Sibling, method: &str, params: &Value, cancel: &CancellationToken) -> Result<Value, ToolError> {
    tokio::select! {
        answer = sibling.ask(method, params, ANSWER) => answer.map_err(|error| refused(sibling, &error)),
        () = cancel.cancelled() => Err(ToolError::Cancelled(Box::default())),
    }
}

fn refused(sibling: &Sibling, error: &RequestError) -> ToolError {
    let why = match error {
        RequestError::Server(error) => error.message.clone(),
        error => error.to_string(),
    };
    ToolError::model(format!("{}: {why}", sibling.id()))
}

async fn calls(sibling: &Sibling, method: &str, items: &Value, cancel: &CancellationToken) -> Result<Vec<places::Spot>, ToolError> {
    let mut spots = Vec::new();
    for item in items.as_array().into_iter().flatten().take(CALLS) {
        let answer = ask(sibling, method, &json!({ "item": item }), cancel).await?;
        spots.extend(if method.ends_with("incomingCalls") { places::incoming_calls(&answer) } else { places::outgoing_calls(&answer) });
    }
    Ok(spots)
}

fn place(sibling: &Sibling, at: &Span) -> Value {
    let position = position(&at.document.text, at.range.start, sibling.encoding());
    json!({ "textDocument": { "uri": at.document.key.to_uri() }, "position": position })
}

fn part(sibling: &Sibling, at: &Span) -> Value {
    let range = lsp_range(&at.document.text, &at.range, sibling.encoding());
    json!({ "textDocument": { "uri": at.document.key.to_uri() }, "range": range })
}

fn unfinished(sibling: &Sibling) -> Option<String> {
    sibling.is_at().map(|what| format!("{} is still at work: {what}; there may be more", sibling.id()))
}

/// Symbols of an answer; `key` is the document that it is about, where they name none.
fn named(answer: &Value, key: Option<&DocKey>) -> Vec<Symbol> {
    let of = |symbol: symbols::Symbol| {
        Some(Symbol {
            key: symbol.key.as_ref().or(key)?.clone(),
            line: symbol.range.map(|range| range.start.line as usize),
            name: symbol.name,
            kind: symbol.kind,
            container: symbol.container,
            depth: symbol.depth,
        })
    };
    symbols::all(answer).into_iter().filter_map(of).collect()
}
