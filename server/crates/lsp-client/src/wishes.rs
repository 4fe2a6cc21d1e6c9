//! What a server can do and wants to be told: its capabilities, and what it registered later.
//!
//! Pure. **Invariant:** a server is sent nothing that it did not ask for.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Map, Value};

use crate::freshness::PullKind;
use crate::positions::Encoding;
use crate::watched::Watcher;

/// The command by which typescript-language-server hands a request on to tsserver.
pub(crate) const TSSERVER: &str = "typescript.tsserverRequest";
/// Requests that a server may answer, and where its capabilities say so.
const PROVIDERS: [(&str, &str); 13] = [
    ("textDocument/definition", "/definitionProvider"),
    ("textDocument/implementation", "/implementationProvider"),
    ("textDocument/references", "/referencesProvider"),
    ("textDocument/hover", "/hoverProvider"),
    ("textDocument/documentSymbol", "/documentSymbolProvider"),
    ("textDocument/prepareCallHierarchy", "/callHierarchyProvider"),
    ("textDocument/prepareRename", "/renameProvider/prepareProvider"),
    ("textDocument/rename", "/renameProvider"),
    ("textDocument/codeAction", "/codeActionProvider"),
    ("codeAction/resolve", "/codeActionProvider/resolveProvider"),
    ("workspace/symbol", "/workspaceSymbolProvider"),
    ("workspace/executeCommand", "/executeCommandProvider"),
    ("textDocument/diagnostic", "/diagnosticProvider"),
];
/// Registrations that are kept.
const KEPT: usize = 1000;

/// How a change of a document is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sync {
    /// Not at all.
    #[default]
    None,
    /// The whole text.
    Full,
    /// The changed parts.
    Incremental,
}

/// How diagnostics can be asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Pull {
    /// By `textDocument/diagnostic`.
    Standard { identifier: Option<String>, inter_file: bool },
    /// By tsserver's own requests: what typescript-language-server publishes comes late, without a version, and not at all where nothing changed.
    Tsserver,
}

/// What a server wants.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    /// What positions count.
    pub(crate) encoding: Encoding,
    open_close: bool,
    sync: Sync,
    /// Whether it wants to hear of saves, and with the text.
    save: Option<bool>,
    pull: Option<Pull>,
    /// Methods of requests that it answers.
    answers: Vec<&'static str>,
    /// Commands that it runs.
    commands: Vec<String>,
    registered: HashMap<String, Registered>,
}

#[derive(Debug)]
enum Registered {
    Open,
    Change(Sync),
    Save(bool),
    Pull(Pull),
    Watch(Vec<Watcher>),
    Answers(&'static str),
}

impl Wishes {
    /// Of the answer to `initialize`.
    pub(crate) fn of(capabilities: &Value) -> Self {
        let sync = &capabilities["textDocumentSync"];
        let commands = list(&capabilities["executeCommandProvider"]["commands"]);
        let commands: Vec<String> = commands.iter().filter_map(|command| Some(command.as_str()?.to_owned())).collect();
        let pull = if commands.iter().any(|command| command == TSSERVER) {
            Some(Pull::Tsserver)
        } else {
            capabilities.get("diagnosticProvider").filter(|provider| provider.is_object()).map(standard)
        };
        Self {
            encoding: match capabilities["positionEncoding"].as_str() {
                Some("utf-8") => Encoding::Utf8,
                Some("utf-32") => Encoding::Utf32,
                _ => Encoding::Utf16,
            },
            // The short form says only how changes are told; editors take it for a yes to all the rest.
            open_close: sync.is_u64() || sync["openClose"] == true,
            sync: kind(if sync.is_u64() { sync } else { &sync["change"] }),
            save: if sync.is_u64() { Some(false) } else { save(&sync["save"]) },
            pull,
            answers: PROVIDERS.iter().filter(|(_, at)| is_yes(capabilities.pointer(at))).map(|(method, _)| *method).collect(),
            commands,
            registered: HashMap::new(),
        }
    }

    /// `client/registerCapability`.
    pub(crate) fn register(&mut self, params: &Value, root: &Path) {
        for registration in list(&params["registrations"]) {
            let (Some(id), Some(method)) = (registration["id"].as_str(), registration["method"].as_str()) else { continue };
            let options = &registration["registerOptions"];
            let registered = match method {
                "textDocument/didOpen" => Registered::Open,
                "textDocument/didChange" => Registered::Change(kind(&options["syncKind"])),
                "textDocument/didSave" => Registered::Save(options["includeText"] == true),
                "textDocument/diagnostic" => Registered::Pull(standard(options)),
                "workspace/didChangeWatchedFiles" => Registered::Watch(Watcher::read_all(options, root)),
                method => match PROVIDERS.iter().find(|(known, _)| *known == method) {
                    Some((known, _)) => Registered::Answers(known),
                    None => continue,
                },
            };
            if self.registered.len() < KEPT {
                self.registered.insert(id.to_owned(), registered);
            }
        }
    }

    /// `client/unregisterCapability`.
    pub(crate) fn unregister(&mut self, params: &Value) {
        // The protocol's own spelling, and the right one.
        for name in ["unregisterations", "unregistrations"] {
            for id in list(&params[name]).iter().filter_map(|one| one["id"].as_str()) {
                self.registered.remove(id);
            }
        }
    }

    /// Whether it wants documents.
    pub(crate) fn open_close(&self) -> bool {
        self.open_close || self.find(|one| matches!(one, Registered::Open).then_some(())).is_some()
    }

    /// How it wants to hear of changes.
    pub(crate) fn sync(&self) -> Sync {
        self.find(|one| if let Registered::Change(sync) = one { Some(*sync) } else { None }).unwrap_or(self.sync)
    }

    /// Whether it wants to hear of saves, and whether with the text.
    pub(crate) fn save(&self) -> Option<bool> {
        self.save.or_else(|| self.find(|one| if let Registered::Save(text) = one { Some(*text) } else { None }))
    }

    /// How diagnostics can be asked for: each way once, and all of them together are what the server knows.
    pub(crate) fn pulls(&self) -> Vec<&Pull> {
        let registered = self.registered.values().filter_map(|one| if let Registered::Pull(pull) = one { Some(pull) } else { None });
        let mut all: Vec<&Pull> = self.pull.iter().chain(registered).collect();
        all.sort();
        all.dedup_by_key(|pull| match pull {
            Pull::Standard { identifier, .. } => Some(identifier.as_deref()),
            Pull::Tsserver => None,
        });
        all
    }

    /// The same for the ledger.
    pub(crate) fn pull_kind(&self) -> Option<PullKind> {
        let kinds = self.pulls().into_iter().map(|pull| match pull {
            Pull::Standard { inter_file, .. } => PullKind { inter_file: *inter_file, only: false },
            Pull::Tsserver => PullKind { inter_file: true, only: true },
        });
        kinds.reduce(|a, b| PullKind { inter_file: a.inter_file || b.inter_file, only: a.only || b.only })
    }

    /// Whether it answers requests of this method.
    pub(crate) fn can(&self, method: &str) -> bool {
        self.answers.contains(&method)
            || self.find(|one| matches!(one, Registered::Answers(known) if *known == method).then_some(())).is_some()
    }

    /// Whether it runs this command.
    pub(crate) fn runs(&self, command: &str) -> bool {
        self.commands.iter().any(|known| known == command)
    }

    /// The files that it watches.
    pub(crate) fn watchers(&self) -> impl Iterator<Item = &Watcher> + Clone {
        self.registered.values().filter_map(|one| if let Registered::Watch(watchers) = one { Some(watchers) } else { None }).flatten()
    }

    fn find<'a, T>(&'a self, pick: impl Fn(&'a Registered) -> Option<T>) -> Option<T> {
        self.registered.values().find_map(pick)
    }
}

fn kind(value: &Value) -> Sync {
    match value.as_u64() {
        Some(1) => Sync::Full,
        Some(2) => Sync::Incremental,
        _ => Sync::None,
    }
}

/// A capability is `true`, or options.
fn is_yes(capability: Option<&Value>) -> bool {
    capability.is_some_and(|value| value.is_object() || value == true)
}

fn save(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(true) => Some(false),
        Value::Object(options) => Some(options.get("includeText") == Some(&Value::Bool(true))),
        _ => None,
    }
}

fn standard(options: &Value) -> Pull {
    let empty = Map::new();
    let options = options.as_object().unwrap_or(&empty);
    Pull::Standard {
        identifier: options.get("identifier").and_then(Value::as_str).map(str::to_owned),
        inter_file: options.get("interFileDependencies").is_none_or(|yes| yes != false),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_server_says_at_first() {
        fn check(capabilities: Value, open_close: bool, sync: Sync, save: Option<bool>, pull: Option<Pull>) {
            let wishes = Wishes::of(&capabilities);
            assert_eq!(
                (wishes.open_close(), wishes.sync(), wishes.save(), wishes.pulls()),
                (open_close, sync, save, pull.iter().collect()),
                "{capabilities}"
            );
        }
        check(json!({}), false, Sync::None, None, None);
        check(json!({ "textDocumentSync": 2 }), true, Sync::Incremental, Some(false), None);
        let sync = json!({ "openClose": true, "change": 1, "save": { "includeText": true } });
        check(json!({ "textDocumentSync": sync }), true, Sync::Full, Some(true), None);
        check(json!({ "textDocumentSync": { "openClose": true, "change": 2, "save": true } }), true, Sync::Incremental, Some(false), None);
        check(json!({ "textDocumentSync": { "openClose": true, "change": 2, "save": false } }), true, Sync::Incremental, None, None);
        let pull = Pull::Standard { identifier: Some("Ruff".to_owned()), inter_file: false };
        check(
            json!({ "diagnosticProvider": { "identifier": "Ruff", "interFileDependencies": false } }),
            false,
            Sync::None,
            None,
            Some(pull),
        );
        check(json!({ "executeCommandProvider": { "commands": ["x", TSSERVER] } }), false, Sync::None, None, Some(Pull::Tsserver));
        assert_eq!(Wishes::of(&json!({ "positionEncoding": "utf-8" })).encoding, Encoding::Utf8);
        assert_eq!(Wishes::of(&json!({})).encoding, Encoding::Utf16);
    }

    #[test]
    fn what_it_answers() {
        let capabilities = json!({ "hoverProvider": true, "referencesProvider": false, "renameProvider": { "prepareProvider": true },
            "codeActionProvider": {}, "executeCommandProvider": { "commands": ["a.b", 5] } });
        let mut wishes = Wishes::of(&capabilities);
        let check = |wishes: &Wishes, method: &str, expect: bool| assert_eq!(wishes.can(method), expect, "{method}");
        for (method, expect) in [("hover", true), ("references", false), ("rename", true), ("prepareRename", true), ("codeAction", true)] {
            check(&wishes, &format!("textDocument/{method}"), expect);
        }
        check(&wishes, "codeAction/resolve", false);
        assert!(wishes.runs("a.b") && !wishes.runs("a.c"));
        let registered = json!({ "registrations": [{ "id": "r", "method": "textDocument/references" }] });
        wishes.register(&registered, Path::new("/p"));
        check(&wishes, "textDocument/references", true);
        wishes.unregister(&json!({ "unregisterations": [{ "id": "r" }] }));
        check(&wishes, "textDocument/references", false);
    }

    #[test]
    fn what_it_registers_later() {
        let mut wishes = Wishes::of(&json!({ "textDocumentSync": { "openClose": true, "change": 2 } }));
        let root = Path::new("/p");
        let one = |id: &str, method: &str, options: Value| json!({ "registrations": [{ "id": id, "method": method, "registerOptions": options }] });
        let pull = json!({ "interFileDependencies": true, "identifier": "Pyright" });
        // As pyright does it: the new one first, then the old one is taken back.
        wishes.register(&one("a", "textDocument/diagnostic", pull.clone()), root);
        wishes.register(&one("b", "textDocument/diagnostic", pull), root);
        wishes.unregister(&json!({ "unregisterations": [{ "id": "a", "method": "textDocument/diagnostic" }] }));
        assert_eq!(wishes.pull_kind(), Some(PullKind { inter_file: true, only: false }));
        // As others do it: each kind of diagnostics has its own name, and is asked for by it.
        let more = json!({ "interFileDependencies": false, "identifier": "syntax" });
        wishes.register(&one("f", "textDocument/diagnostic", more.clone()), root);
        wishes.register(&one("g", "textDocument/diagnostic", more), root);
        let named = |name: &str, inter_file| Pull::Standard { identifier: Some(name.to_owned()), inter_file };
        assert_eq!(wishes.pulls(), [&named("Pyright", true), &named("syntax", false)]);
        assert_eq!(wishes.pull_kind(), Some(PullKind { inter_file: true, only: false }));
        wishes.unregister(&json!({ "unregisterations": [{ "id": "f" }, { "id": "g" }] }));
        wishes.register(&one("c", "textDocument/didSave", json!({ "includeText": false })), root);
        wishes.register(&one("d", "workspace/didChangeWatchedFiles", json!({ "watchers": [{ "globPattern": "**" }] })), root);
        wishes.register(&one("e", "something/else", Value::Null), root);
        wishes.register(&json!({ "registrations": [5, { "id": 7 }] }), root);
        assert_eq!((wishes.save(), wishes.watchers().count()), (Some(false), 1));
        wishes.unregister(&json!({ "unregistrations": [{ "id": "b" }, { "id": "c" }, { "id": "d" }] }));
        assert_eq!((wishes.pull_kind(), wishes.save(), wishes.watchers().count()), (None, None, 0));
    }
}
