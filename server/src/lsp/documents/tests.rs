//! Documents as an editor would drive them, against plain strings.

use lsp_types::{
    Position, Range, TextDocumentContentChangeEvent, TextDocumentIdentifier, TextDocumentItem, Url, VersionedTextDocumentIdentifier,
};
use proptest::prelude::*;

use super::*;
use crate::lsp::positions;

fn url(uri: &str) -> Url {
    uri.parse().unwrap()
}

fn open(documents: &Documents, uri: &str, text: &str) {
    documents.did_open(DidOpenTextDocumentParams {
        text_document: TextDocumentItem { uri: url(uri), language_id: "text".into(), version: 0, text: text.into() },
    });
}

fn change(documents: &Documents, uri: &str, version: i32, changes: Vec<(Option<Range>, &str)>) {
    documents.did_change(DidChangeTextDocumentParams {
        text_document: VersionedTextDocumentIdentifier { uri: url(uri), version },
        content_changes: changes
            .into_iter()
            .map(|(range, text)| TextDocumentContentChangeEvent { range, range_length: None, text: text.into() })
            .collect(),
    });
}

fn range(a: (u32, u32), b: (u32, u32)) -> Option<Range> {
    Some(Range::new(Position::new(a.0, a.1), Position::new(b.0, b.1)))
}

#[tokio::test]
async fn a_document_lives() {
    let documents = Documents::start();
    let mut events = documents.subscribe();
    let uri = "untitled:Untitled-1";
    let key = DocKey::from_uri(uri);
    open(&documents, uri, "one\ntwo\n");
    change(&documents, uri, 1, vec![(range((0, 0), (0, 3)), "ONE"), (range((1, 3), (1, 3)), "!")]);
    let seen = documents.get(&key).await.unwrap();
    assert_eq!((seen.text.to_string().as_str(), seen.version, seen.dirty, &*seen.uri), ("ONE\ntwo!\n", 1, true, uri));
    documents.did_close(DidCloseTextDocumentParams { text_document: TextDocumentIdentifier { uri: url(uri) } });
    assert!(documents.get(&key).await.is_none());
    assert!(matches!(events.recv().await, Some(DocEvent::Opened { .. })));
    let Some(DocEvent::Changed { edits, version: 1, .. }) = events.recv().await else { panic!("no change") };
    assert_eq!(edits, [TextEdit { range: 0..3, text: "ONE".into() }, TextEdit { range: 7..7, text: "!".into() }]);
    assert!(matches!(events.recv().await, Some(DocEvent::Closed { .. })));
}

#[tokio::test]
async fn dirty_is_what_differs_from_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().canonicalize().unwrap().join("a b.txt");
    std::fs::write(&path, "on disk\n").unwrap();
    let key = DocKey::file(&path);
    let uri = key.to_uri();
    let documents = Documents::start();
    let dirty = async || documents.get(&key).await.unwrap().dirty;

    open(&documents, &uri, "on disk\n");
    assert!(!dirty().await);
    change(&documents, &uri, 1, vec![(range((0, 0), (0, 0)), "x")]);
    assert!(dirty().await);
    change(&documents, &uri, 2, vec![(range((0, 0), (0, 1)), "")]);
    assert!(!dirty().await, "taken back by hand");
    change(&documents, &uri, 3, vec![(None, "whole new text")]);
    assert!(dirty().await);
    documents.did_save(DidSaveTextDocumentParams { text_document: TextDocumentIdentifier { uri: url(&uri) }, text: None });
    assert!(!dirty().await);

    open(&documents, &uri, "restored by the editor after a crash");
    let seen = documents.all().await;
    assert!(seen[0].dirty);
}

#[tokio::test]
async fn one_file_under_several_names() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    std::fs::write(root.join("[1].txt"), "text").unwrap();
    std::os::unix::fs::symlink("[1].txt", root.join("link.txt")).unwrap();
    let documents = Documents::start();
    open(&documents, &format!("file://{}/%5B1%5D.txt", root.display()), "text");
    assert!(documents.get(&DocKey::file(root.join("[1].txt"))).await.is_some());
    assert!(documents.get(&DocKey::file(root.join("link.txt"))).await.is_none());
    let found = documents.find(&DocKey::file(root.join("link.txt"))).await.unwrap();
    assert_eq!(found.key, DocKey::file(root.join("[1].txt")));
    assert!(documents.find(&DocKey::file(root.join("none.txt"))).await.is_none());
}

#[tokio::test]
async fn what_makes_no_sense_breaks_nothing() {
    let documents = Documents::start();
    let uri = "untitled:a";
    change(&documents, uri, 4, vec![(None, "not open")]);
    documents.did_close(DidCloseTextDocumentParams { text_document: TextDocumentIdentifier { uri: url(uri) } });
    documents.did_save(DidSaveTextDocumentParams { text_document: TextDocumentIdentifier { uri: url(uri) }, text: None });
    open(&documents, uri, "a😀b\r\nc");
    change(&documents, uri, 1, vec![(range((9, 9), (9, 9)), "!"), (range((1, 1), (0, 2)), ""), (range((0, 0), (99, 0)), "x")]);
    assert_eq!(documents.get(&DocKey::from_uri(uri)).await.unwrap().text, "x");
}

#[derive(Clone, Debug)]
struct Typed {
    whole: bool,
    at: (usize, usize),
    text: String,
}

fn typed() -> impl Strategy<Value = Typed> {
    let text = prop::collection::vec(prop::sample::select(vec!["a", "é", "😀", "\n", "\r\n", "世", "\r"]), 0..5).prop_map(|v| v.concat());
    (prop::bool::weighted(0.1), 0usize..60, 0usize..8, text).prop_map(|(whole, at, len, text)| Typed { whole, at: (at, at + len), text })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_typing_arrives(first in "[a-cé\n]{0,20}", steps in prop::collection::vec(prop::collection::vec(typed(), 1..4), 1..8), which in 0usize..3) {
        let encoding = [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32][which];
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let documents = Documents::start();
            documents.set_editor(encoding, false);
            let mut events = documents.subscribe();
            let uri = "untitled:p";
            open(&documents, uri, &first);
            let mut text = first.clone();
            for (version, step) in steps.iter().enumerate() {
                let old = text.clone();
                let mut changes = Vec::new();
                for t in step {
                    if t.whole {
                        text = t.text.clone();
                        changes.push((None, t.text.as_str()));
                        continue;
                    }
                    let rope = Rope::from_str(&text);
                    let lsp = positions::lsp_range(&rope, &(t.at.0..t.at.1), encoding);
                    text.replace_range(positions::byte_range(&rope, lsp, encoding), &t.text);
                    changes.push((Some(lsp), t.text.as_str()));
                }
                change(&documents, uri, i32::try_from(version).unwrap() + 1, changes);
                let Some(DocEvent::Changed { edits, text: now, .. }) = (if version == 0 { events.recv().await; events.recv().await } else { events.recv().await })
                else { panic!("no change") };
                let mut got = old;
                for edit in edits.iter().rev() {
                    got.replace_range(edit.range.clone(), &edit.text);
                }
                assert_eq!(got, text);
                assert_eq!(now.to_string(), text);
            }
        });
    }
}

#[tokio::test]
async fn changes_that_overtook_others_are_put_in_order() {
    let documents = Documents::start();
    documents.set_editor(Encoding::Utf8, true);
    let uri = "untitled:Untitled-1";
    let key = DocKey::from_uri(uri);
    // Even the opening is overtaken.
    change(&documents, uri, 2, vec![(range((0, 1), (0, 1)), "b")]);
    open(&documents, uri, "");
    change(&documents, uri, 4, vec![(range((0, 3), (0, 3)), "d")]);
    change(&documents, uri, 3, vec![(range((0, 2), (0, 2)), "c")]);
    change(&documents, uri, 1, vec![(range((0, 0), (0, 0)), "a")]);
    let seen = documents.get(&key).await.unwrap();
    assert_eq!((seen.text.to_string().as_str(), seen.version), ("abcd", 4));
    // One whose predecessor never comes is taken all the same, after a while.
    let mut events = documents.subscribe();
    change(&documents, uri, 9, vec![(range((0, 4), (0, 4)), "z")]);
    assert!(matches!(events.recv().await, Some(DocEvent::Changed { version: 9, .. })));
    assert_eq!(documents.get(&key).await.unwrap().text.to_string(), "abcdz");
}
