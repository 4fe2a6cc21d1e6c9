//! The workspace over editors that differ as the real ones do.

use serde_json::json;
use workspace::{ChangeKind, Content, Route};

use super::*;
use editor::{ALL, Editor, Like};

mod editor;

fn now() -> CancellationToken {
    CancellationToken::new()
}

impl Editor {
    /// An edit as a tool makes it: of what was read.
    async fn change(&self, name: &str, old: &str, new: &str) -> Change {
        let read = self.workspace.read(&self.key(name)).await.unwrap();
        let at = read.text.to_string().find(old).unwrap();
        let edits = vec![TextEdit { range: at..at + old.len(), text: new.into() }];
        Change { key: self.key(name), kind: ChangeKind::Edit { stamp: read.stamp(), base: read.text, edits } }
    }

    async fn edit(&self, name: &str, old: &str, new: &str) -> Result<Applied, ApplyError> {
        let change = self.change(name, old, new).await;
        self.workspace.apply(vec![change], &now()).await.map(|mut applied| applied.remove(0))
    }

    async fn shell(&self, command: impl FnOnce()) -> Vec<Applied> {
        let run = self.workspace.prepare_shell(&now()).await.unwrap();
        command();
        self.workspace.finish_shell(run).await
    }

    /// Waits until the server has seen what the screen shows.
    async fn seen(&self, name: &str) -> String {
        self.documents.get(&self.key(name)).await.unwrap().text.to_string()
    }
}

fn text(content: Option<&Content>) -> &str {
    content.and_then(Content::as_text).unwrap_or("-")
}

#[tokio::test]
async fn an_open_document_is_changed_in_the_editor_only() {
    for like in ALL {
        let editor = Editor::start(like).await;
        editor.write("a.txt", "one\ntwo\n");
        editor.open("a.txt").await;
        let applied = editor.edit("a.txt", "two", "TWO").await.unwrap();
        assert_eq!(
            (applied.route, text(applied.before.as_ref()), text(applied.after.as_ref())),
            (Route::Editor, "one\ntwo\n", "one\nTWO\n")
        );
        editor.edit("a.txt", "one", "ONE").await.unwrap();
        assert_eq!(
            (editor.text("a.txt").as_str(), editor.steps("a.txt"), editor.disk("a.txt").as_str()),
            ("ONE\nTWO\n", 2, "one\ntwo\n"),
            "{like:?}"
        );
    }
}

#[tokio::test]
async fn typing_that_crosses_the_edit_stays() {
    for like in ALL {
        let editor = Editor::start(like).await;
        editor.write("a.txt", "head\nmiddle\ntail\n");
        editor.open("a.txt").await;
        let (uri, mut typed) = (editor.uri("a.txt"), false);
        editor.on_apply(move |screen| {
            if !std::mem::replace(&mut typed, true) {
                screen.replace(&uri, "head", "typed 😀 head");
            }
        });
        editor.edit("a.txt", "middle", "MIDDLE").await.unwrap();
        assert_eq!((editor.text("a.txt").as_str(), editor.steps("a.txt")), ("typed 😀 head\nMIDDLE\ntail\n", 1), "{like:?}");
    }
}

#[tokio::test]
async fn an_edit_that_comes_too_late_again_and_again_is_made_when_the_hands_rest() {
    let editor = Editor::start(Like::Code).await;
    editor.write("a.txt", "head\nmiddle\n");
    editor.open("a.txt").await;
    let (uri, mut left) = (editor.uri("a.txt"), 6);
    editor.on_apply(move |screen| {
        if left > 0 {
            left -= 1;
            screen.replace(&uri, "head", "xhead");
        }
    });
    editor.edit("a.txt", "middle", "MIDDLE").await.unwrap();
    assert_eq!((editor.text("a.txt").as_str(), editor.steps("a.txt")), ("xxxxxxhead\nMIDDLE\n", 1));
}

#[tokio::test]
async fn an_editor_that_never_agrees_is_given_up() {
    let editor = Editor::start(Like::Helix).await;
    editor.write("a.txt", "head\nmiddle\n");
    editor.open("a.txt").await;
    let uri = editor.uri("a.txt");
    editor.on_apply(move |screen| screen.replace(&uri, "head", "xhead"));
    assert!(matches!(editor.edit("a.txt", "middle", "MIDDLE").await, Err(ApplyError::Refused { .. })));
    assert!(!editor.text("a.txt").contains("MIDDLE"));
}

#[tokio::test]
async fn what_the_user_took_away_is_a_conflict() {
    let editor = Editor::start(Like::Code).await;
    editor.write("a.txt", "head\ntarget\ntail\n");
    editor.open("a.txt").await;
    let change = editor.change("a.txt", "target", "agent's").await;
    editor.replace("a.txt", "target", "my own").await;
    let Err(ApplyError::Conflict { diff, .. }) = editor.workspace.apply(vec![change], &now()).await else { panic!("no conflict") };
    assert!(diff.contains("+my own"), "{diff}");
    assert_eq!((editor.text("a.txt").as_str(), editor.steps("a.txt")), ("head\nmy own\ntail\n", 0));
}

#[tokio::test]
async fn unopened_files_go_to_the_disk() {
    let editor = Editor::start(Like::Helix).await;
    editor.write("a.txt", "one\n");
    let applied = editor.edit("a.txt", "one", "two").await.unwrap();
    assert_eq!((applied.route, editor.disk("a.txt").as_str()), (Route::Disk, "two\n"));
    let new = Change { key: editor.key("deep/er/new.txt"), kind: ChangeKind::Create { content: Content::text("new\n") } };
    editor.workspace.apply(vec![new], &now()).await.unwrap();
    assert_eq!(editor.disk("deep/er/new.txt"), "new\n");
}

#[tokio::test]
async fn a_link_to_an_open_file_is_the_open_file() {
    let editor = Editor::start(Like::Helix).await;
    editor.write("real.txt", "one\n");
    std::os::unix::fs::symlink("real.txt", editor.path("link.txt")).unwrap();
    editor.open("real.txt").await;
    editor.replace("real.txt", "one", "unsaved one").await;
    assert_eq!(editor.workspace.read(&editor.key("link.txt")).await.unwrap().text, "unsaved one\n");
    editor.edit("link.txt", "one", "two").await.unwrap();
    assert_eq!((editor.text("real.txt").as_str(), editor.disk("real.txt").as_str()), ("unsaved two\n", "one\n"));
}

#[tokio::test]
async fn all_or_none() {
    let editor = Editor::start(Like::Helix).await;
    for name in ["a.txt", "b.txt", "c.txt"] {
        editor.write(name, "old\n");
    }
    editor.open("a.txt").await;
    editor.open("b.txt").await;
    let changes = [
        editor.change("a.txt", "old", "new").await,
        editor.change("b.txt", "old", "new").await,
        editor.change("c.txt", "old", "new").await,
    ];
    editor.screen.lock().unwrap().refuses = Some(editor.uri("b.txt"));
    assert!(editor.workspace.apply(changes.to_vec(), &now()).await.is_err());
    assert_eq!([editor.text("a.txt"), editor.text("b.txt"), editor.disk("c.txt")], ["old\n"; 3]);

    editor.screen.lock().unwrap().refuses = None;
    let changes = [
        editor.change("a.txt", "old", "new").await,
        editor.change("b.txt", "old", "new").await,
        editor.change("c.txt", "old", "new").await,
    ];
    let applied = editor.workspace.apply(changes.to_vec(), &now()).await.unwrap();
    assert_eq!(applied.iter().map(|a| a.key.clone()).collect::<Vec<_>>(), ["a.txt", "b.txt", "c.txt"].map(|name| editor.key(name)));
    assert_eq!([editor.text("a.txt"), editor.text("b.txt"), editor.disk("c.txt")], ["new\n"; 3]);
}

#[tokio::test]
async fn two_changes_of_one_document_are_one_step() {
    let editor = Editor::start(Like::Code).await;
    editor.write("a.txt", "one\ntwo\n");
    editor.open("a.txt").await;
    let changes = vec![editor.change("a.txt", "one", "ONE").await, editor.change("a.txt", "two", "TWO").await];
    assert_eq!(editor.workspace.apply(changes, &now()).await.unwrap().len(), 2);
    assert_eq!((editor.text("a.txt").as_str(), editor.steps("a.txt")), ("ONE\nTWO\n", 1));
}

#[tokio::test]
async fn deleting_an_open_file_leaves_its_buffer() {
    let editor = Editor::start(Like::Helix).await;
    editor.write("a.txt", "text\n");
    editor.open("a.txt").await;
    let stamp = editor.workspace.read(&editor.key("a.txt")).await.unwrap().stamp();
    let delete = Change { key: editor.key("a.txt"), kind: ChangeKind::Delete { stamp } };
    let done = editor.workspace.apply(vec![delete], &now()).await.unwrap();
    assert!(!editor.path("a.txt").exists());
    assert_eq!(editor.text("a.txt"), "text\n");
    // An undo makes the file again, whatever stands in the buffer.
    editor.replace("a.txt", "text", "unsaved").await;
    let state = workspace::current_state(&*editor.workspace, &editor.key("a.txt")).await;
    let plan = workspace::plan_undo(&done, |_| state.clone());
    editor.workspace.apply(plan.changes, &now()).await.unwrap();
    assert_eq!((editor.disk("a.txt").as_str(), editor.text("a.txt").as_str()), ("text\n", "unsaved\n"));
}

#[tokio::test]
async fn a_command_is_shown_unsaved_text_and_the_user_can_still_save() {
    for like in [Like::Helix, Like::Neovim, Like::Code] {
        let editor = Editor::start(like).await;
        editor.write("a.txt", "on disk\n");
        let mtime = || editor.path("a.txt").metadata().unwrap().modified().unwrap();
        let before = mtime();
        editor.open("a.txt").await;
        editor.replace("a.txt", "on disk", "unsaved").await;
        let changes = editor
            .shell(|| {
                assert_eq!(editor.disk("a.txt"), "unsaved\n");
                assert!(mtime() > before, "build tools must see that it is newer");
            })
            .await;
        assert_eq!((changes, editor.steps("a.txt")), (vec![], 0));
        assert_eq!(mtime(), before, "Helix would refuse to save");
        editor.save("a.txt").await;
        editor.close("a.txt").await;
        editor.shell(|| {}).await;
        assert_eq!(editor.disk("a.txt"), "unsaved\n");
    }
}

#[tokio::test]
async fn what_the_user_threw_away_is_not_on_the_disk() {
    let editor = Editor::start(Like::Helix).await;
    editor.write("a.txt", "on disk\n");
    editor.open("a.txt").await;
    editor.replace("a.txt", "on disk", "unsaved").await;
    editor.shell(|| {}).await;
    editor.workspace.close().await;
    assert_eq!(editor.disk("a.txt"), "on disk\n");
}

#[tokio::test]
async fn the_plugin_saves_first() {
    let editor = Editor::start(Like::Plugin).await;
    editor.write("a.txt", "on disk\n");
    editor.open("a.txt").await;
    editor.replace("a.txt", "on disk", "unsaved").await;
    editor.shell(|| assert_eq!(editor.disk("a.txt"), "unsaved\n")).await;
    assert_eq!(editor.screen.lock().unwrap().asked, ["interline/save"]);
    assert!(!editor.documents.get(&editor.key("a.txt")).await.unwrap().dirty);
    // It would ask before it saves over what somebody else wrote.
    editor.shell(|| editor.write("a.txt", "unsaved\nby the command\n")).await;
    editor.replace("a.txt", "unsaved", "unsaved again").await;
    editor.shell(|| assert_eq!(editor.disk("a.txt"), "unsaved again\nby the command\n")).await;
    assert_eq!(editor.screen.lock().unwrap().asked, ["interline/save", "workspace/applyEdit"]);
}

#[tokio::test]
async fn buffers_follow_what_a_command_did() {
    for like in ALL {
        let editor = Editor::start(like).await;
        editor.write("clean.txt", "colour one\ncolour two\n");
        editor.write("dirty.txt", "colour\nmiddle\nlast\n");
        editor.write("gone.txt", "precious\n");
        for name in ["clean.txt", "dirty.txt", "gone.txt"] {
            editor.open(name).await;
        }
        editor.replace("dirty.txt", "last", "unsaved words").await;
        let run = editor.workspace.prepare_shell(&now()).await.unwrap();
        for name in ["clean.txt", "dirty.txt"] {
            editor.write(name, &editor.disk(name).replace("colour", "color"));
        }
        std::fs::remove_file(editor.path("gone.txt")).unwrap();
        editor.replace("dirty.txt", "middle", "typed meanwhile").await;
        let changes = editor.workspace.finish_shell(run).await;
        assert_eq!(editor.text("clean.txt"), "color one\ncolor two\n", "{like:?}");
        assert_eq!(editor.text("dirty.txt"), "color\ntyped meanwhile\nunsaved words\n", "{like:?}");
        assert_eq!(editor.text("gone.txt"), "precious\n");
        assert_eq!((editor.steps("clean.txt"), editor.steps("dirty.txt")), (1, 1));
        assert_eq!(editor.seen("clean.txt").await, editor.text("clean.txt"));
        let routes: Vec<_> = changes.iter().map(|c| (c.key.clone(), c.route)).collect();
        for (name, route) in [("clean.txt", Route::Editor), ("dirty.txt", Route::Editor), ("gone.txt", Route::Disk)] {
            assert!(routes.contains(&(editor.key(name), route)), "{like:?} {name}: {routes:?}");
        }
        assert_eq!(routes.len(), 3);
    }
}

#[tokio::test]
async fn a_plugin_is_told_of_the_text_that_a_file_had_which_is_not_open() {
    for like in ALL {
        let editor = Editor::start(like).await;
        for name in ["open.txt", "closed.txt", "kept.txt"] {
            editor.write(name, "one\ntwo\n");
        }
        editor.open("open.txt").await;
        editor.edit("closed.txt", "two", "TWO").await.unwrap();
        let new = Change { key: editor.key("new.txt"), kind: ChangeKind::Create { content: Content::text("new\n") } };
        editor.workspace.apply(vec![new], &now()).await.unwrap();
        // What is taken back was never told of.
        let uri = editor.uri("open.txt");
        editor.on_apply(move |screen| screen.replace(&uri, "one", "mine"));
        let both = vec![editor.change("kept.txt", "one", "ONE").await, editor.change("open.txt", "one", "ONE").await];
        editor.workspace.apply(both, &now()).await.unwrap_err();
        assert_eq!(editor.disk("kept.txt"), "one\ntwo\n");
        // Before the editor made this one it had read all that was told.
        editor.screen.lock().unwrap().on_apply = None;
        editor.edit("open.txt", "two", "TWO").await.unwrap();
        let told = json!({ "uri": editor.uri("closed.txt"), "before": "one\ntwo\n", "after": "one\nTWO\n" });
        assert_eq!(editor.screen.lock().unwrap().written, if like == Like::Plugin { vec![told] } else { vec![] }, "{like:?}");
    }
}

#[tokio::test]
async fn an_edit_that_is_told_together_with_what_was_typed_beside_it_is_made_once() {
    for like in ALL {
        let editor = Editor::start(like).await;
        editor.write("a.txt", "one\ntwo\n");
        editor.open("a.txt").await;
        editor.screen.lock().unwrap().types_along = Some(("two".into(), "twosome".into()));
        let applied = editor.edit("a.txt", "one\n", "one\nnew line\n").await.unwrap();
        assert_eq!((text(applied.before.as_ref()), text(applied.after.as_ref())), ("one\ntwo\n", "one\nnew line\ntwo\n"), "{like:?}");
        assert_eq!((editor.text("a.txt").as_str(), editor.steps("a.txt")), ("one\nnew line\ntwosome\n", 1), "{like:?}");
        assert_eq!(editor.seen("a.txt").await, editor.text("a.txt"));
    }
}

#[tokio::test]
async fn the_users_lines_win_over_a_commands() {
    let editor = Editor::start(Like::Helix).await;
    editor.write("a.txt", "one\ntwo\nthree\n");
    editor.open("a.txt").await;
    let run = editor.workspace.prepare_shell(&now()).await.unwrap();
    editor.write("a.txt", "ONE\nby the command\nthree\n");
    editor.replace("a.txt", "two", "mine").await;
    editor.workspace.finish_shell(run).await;
    assert_eq!(editor.text("a.txt"), "ONE\nmine\nthree\n");
}

#[tokio::test]
async fn what_a_command_changes_in_another_folder_is_found() {
    let editor = Editor::start(Like::Helix).await;
    editor.write("a.txt", "one\n");
    editor.write("../second/b.txt", "two\n");
    let changes = editor.shell(|| ["a.txt", "../second/b.txt"].iter().for_each(|name| editor.write(name, "NEW\n"))).await;
    let found: Vec<_> = changes.iter().filter_map(|change| change.key.path()).map(|path| path.file_name().unwrap()).collect();
    assert_eq!(found, ["a.txt", "b.txt"]);
}

#[tokio::test]
async fn a_command_runs_beside_a_buffer_that_cannot_be_saved() {
    let editor = Editor::start(Like::Helix).await;
    editor.write("a.txt", "one\n");
    std::fs::set_permissions(editor.path("a.txt"), std::os::unix::fs::PermissionsExt::from_mode(0o444)).unwrap();
    editor.open("a.txt").await;
    editor.replace("a.txt", "one", "mine").await;
    let run = editor.workspace.prepare_shell(&now()).await.unwrap();
    assert_eq!(run.not_shown(), [format!("{}: the file is read-only", editor.key("a.txt"))]);
    assert!(editor.workspace.finish_shell(run).await.is_empty());
    assert_eq!((editor.text("a.txt").as_str(), editor.disk("a.txt").as_str()), ("mine\n", "one\n"));
}
