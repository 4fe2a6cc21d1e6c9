//! **Invariant:** see `apply.rs`; each story is one document, one edit, and what the editor says. The random ones are in `tests/interleavings.rs`.

use super::*;

/// The agent replaces `old` by `new`; meanwhile the user replaces `from` by `to`. What comes out.
struct Story {
    machine: ApplyMachine,
    text: String,
    version: i32,
    output: Output,
}

impl Story {
    fn new(text: &str, old: &str, new: &str) -> Self {
        Self::with(Quirks::default(), text, old, new)
    }

    fn with(quirks: Quirks, text: &str, old: &str, new: &str) -> Self {
        let at = text.find(old).unwrap();
        let edits = Edits::new(text.len(), vec![TextEdit { range: at..at + old.len(), text: new.to_owned() }]).unwrap();
        let rope = Rope::from_str(text);
        let mut machine = ApplyMachine::new(DocKey::file("/p/a"), rope.clone(), &edits, 5, rope, quirks).unwrap();
        let output = machine.start();
        Self { machine, text: text.to_owned(), version: 5, output }
    }

    fn users(self, from: &str, to: &str) -> Self {
        self.tells(from, to, false)
    }

    /// The editor tells only what the text is now.
    fn whole(self, from: &str, to: &str) -> Self {
        self.tells(from, to, true)
    }

    fn tells(mut self, from: &str, to: &str, whole: bool) -> Self {
        let at = self.text.find(from).unwrap();
        let edits = vec![TextEdit { range: at..at + from.len(), text: to.to_owned() }];
        self.text = self.text.replacen(from, to, 1);
        self.version += 1;
        let (version, text) = (self.version, Rope::from_str(&self.text));
        self.output = self.machine.input(Input::Changed { version, edits, steps: Vec::new(), text, whole });
        self
    }

    fn reply(mut self, applied: bool) -> Self {
        self.output = self.machine.input(Input::Reply { applied, reason: None });
        self
    }

    fn time(mut self) -> Self {
        self.output = self.machine.input(Input::TimedOut);
        self
    }

    /// The text that would come of what is sent.
    #[track_caller]
    fn sends(self, expect: &str) -> Self {
        let Output::Send { version, edits } = &self.output else { panic!("not sent: {:?}", self.output) };
        assert_eq!(*version, self.version);
        let text = Edits::new(self.text.len(), edits.clone()).unwrap().apply_str(&self.text).unwrap();
        assert_eq!(text, expect);
        self
    }

    #[track_caller]
    fn done(self, before: &str, after: &str) {
        let Output::Done { before: was, after: is } = &self.output else { panic!("not done: {:?}", self.output) };
        assert_eq!((was.to_string().as_str(), is.to_string().as_str()), (before, after));
    }

    #[track_caller]
    fn unsure(self, told: &str) {
        let Output::Failed(ApplyError::Unsure { diff, .. }) = &self.output else { panic!("not unsure: {:?}", self.output) };
        assert!(diff.contains(told), "{diff}");
    }

    #[track_caller]
    fn conflict(self, told: &[&str]) {
        let Output::Failed(ApplyError::Conflict { diff, .. }) = &self.output else { panic!("no conflict: {:?}", self.output) };
        assert!(told.iter().all(|line| diff.lines().any(|got| got == *line)), "{diff}");
    }
}

#[test]
fn an_edit_may_be_told_in_two_steps() {
    // Neovim empties the last line, and then takes it away.
    let story = || Story::new("a\nb\n", "b\n", "").sends("a\n").users("b", "");
    story().users("a\n\n", "a\n").done("a\nb\n", "a\n");
    story().reply(true).users("a\n\n", "a\n").done("a\nb\n", "a\n");
    // An editor that leaves the empty line there, and a user who types on.
    story().reply(true).time().done("a\nb\n", "a\n\n");
    story().reply(true).users("a", "ax").done("a\nb\n", "a\n\n");
}

#[test]
fn what_is_never_answered_is_not_sent_again() {
    let mut story = Story::new("a b\n", "b", "c").sends("a c\n");
    let output = story.machine.input(Input::Unanswered);
    assert!(matches!(&output, Output::Failed(ApplyError::Unsure { reason, .. }) if reason.contains("did not answer")), "{output:?}");
}

#[test]
fn the_user_rewrites_what_the_agent_replaces() {
    let story = || Story::new("head\ntarget line\ntail\n", "target line", "agent's line").sends("head\nagent's line\ntail\n");
    let words = ("target line\n", "the user's own words\n");
    let told = ["-target line", "+the user's own words"];
    story().users(words.0, words.1).reply(false).conflict(&told);
    story().reply(false).users(words.0, words.1).conflict(&told);
    // Neovim claims that it was done.
    story().users(words.0, words.1).reply(true).time().conflict(&told);
    story().reply(true).users(words.0, words.1).time().conflict(&told);
    // Any part of it, even one that the agent would have left as it is.
    story().users("line", "row").reply(false).conflict(&["+target row"]);
    story().users("target line", "target the line").reply(false).conflict(&["+target the line"]);
    story().users("line\n", "lines\n").reply(false).conflict(&["+target lines"]);
    story().users("head\ntarget line\n", "").reply(false).conflict(&["-head", "-target line"]);
}

#[test]
fn the_user_types_on_the_same_line() {
    let story = Story::new("value = compute(1)  # note\n", "compute(1)", "compute(22)");
    let story = story.users("# note", "# note by the user").reply(false).sends("value = compute(22)  # note by the user\n");
    let (before, after) = ("value = compute(1)  # note by the user\n", "value = compute(22)  # note by the user\n");
    story.users("1", "22").done(before, after);
}

#[test]
fn the_user_copies_the_line_and_goes_on_in_the_copy() {
    let story = Story::new("a\nline\nb\n", "line", "edited");
    // The copy is above: a comparison of the texts alone would take it for the line that was there.
    story.users("a\n", "a\nline\n").reply(false).sends("a\nline\nedited\nb\n");
}

#[test]
fn the_user_does_the_same() {
    let story = Story::new("a\nold words\nb\n", "old words", "new words");
    story.users("old", "new").done("a\nold words\nb\n", "a\nnew words\nb\n");
    let story = Story::new("a\nold words\nb\n", "old words", "new words");
    // Together with more, in one change.
    story.users("a\nold words", "user\na\nnew words").reply(false).done("user\na\nnew words\nb\n", "user\na\nnew words\nb\n");
    // An insertion is not made twice.
    let story = Story::new("a\nb\n", "a\n", "a\nnew\n");
    story.users("a\nb\n", "a\nnew\nb\nend\n").reply(false).done("a\nnew\nb\nend\n", "a\nnew\nb\nend\n");
}

#[test]
fn more_in_the_same_message_is_not_ours() {
    let mut story = Story::new("a\nb\n", "a", "new");
    let steps = vec![Rope::from_str("new\nb\n")];
    let edits = vec![TextEdit { range: 0..1, text: "not new".into() }];
    story.output = story.machine.input(Input::Changed { version: 9, edits, steps, text: Rope::from_str("not new\nb\n"), whole: false });
    story.done("a\nb\n", "new\nb\n");
}

#[test]
fn what_was_typed_with_it_in_one_change_is_not_a_reason_to_make_it_again() {
    let skips = Quirks { skips: true, ..Quirks::default() };
    let (before, after) = ("a\nb\n", "a\nnew line\nb\n");
    for quirks in [Quirks::default(), skips] {
        let story = || Story::with(quirks, before, "b", "new line\nb").sends(after);
        // Before the answer, and after it; beside the edit, and in it.
        story().whole("b", "new line\nxb").reply(true).done(before, after);
        story().reply(true).whole("b", "new line\nxb").done(before, after);
        story().reply(true).whole("b", "new x line\nb").done(before, after);
        // An answer that was early for the first request, and a no to the second.
        story().reply(true).time().whole("b", "new line\nxb").reply(false).done(before, after);
        // Only what the user typed.
        story().whole("a", "xa").reply(false).sends("xa\nnew line\nb\n");
        story().reply(true).whole("a", "xa").time().sends("xa\nnew line\nb\n");
    }
    // What cannot be told is told as that; by the word of an editor that skips nothing it can.
    let story = |quirks| Story::with(quirks, before, "b", "new line\nb").reply(true).whole("b", "new lixne\nb");
    story(Quirks::default()).done(before, after);
    story(skips).unsure("+new lixne");
}

#[test]
fn an_editor_without_versions_is_not_asked_twice_for_what_it_claims() {
    let story = || Story::with(Quirks { unversioned: true, ..Quirks::default() }, "a b\n", "b", "c").sends("a c\n");
    story().reply(true).users("b", "c").done("a b\n", "a c\n");
    story().reply(true).time().unsure("");
}

#[test]
fn blanks_are_the_editors() {
    Story::new("a\n", "a\n", "a\nnew\n").users("a\n", "a\nnew\n\n").time().done("a\n", "a\nnew\n\n");
    // But not where they are the edit.
    Story::new("a b\n", "a b", "ab").users("a b\n", "a b\n\n").reply(false).sends("ab\n\n");
}

#[test]
fn an_editor_that_does_nothing_is_not_asked_for_ever() {
    let mut story = Story::new("a\n", "a", "b");
    for n in 0.. {
        story = story.reply(true).time();
        if let Output::Failed(error) = &story.output {
            assert!(matches!(error, ApplyError::Unsure { .. }), "{error}");
            assert_eq!(n + 1, TRIES_MAX);
            return;
        }
    }
}
