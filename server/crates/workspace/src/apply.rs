//! How one document's edit gets into an editor, as a state machine: what to send, when to wait, when it is done, and when it is not.
//!
//! Owns the rule of what proves that an edit was made. Must not know time, messages or how many editors there are: its driver feeds it.
//!
//! **Invariant:** an edit is done only when the text that the editor reported shows it, and is sent again only while that text does not; where that cannot be
//! told, neither.

use ropey::Rope;

use crate::diff::changed;
use crate::edits::rebase_split;
use crate::{ApplyError, DocKey, Edits, EditsError, Fate, TextEdit, diff, unified};

mod blended;

/// How often a stale edit is made anew for a text that the user changed.
const REBASES_MAX: u32 = 3;
/// How often it is asked at all, with a text that did not change in between.
const TRIES_MAX: u32 = 7;
/// Lines around a change in a diff that tells of a conflict.
const CONTEXT: usize = 3;

/// What is particular about the editor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// Send version 1 for a document at version 0, which the editor would not check (Neovim; others would refuse).
    pub zero_as_one: bool,
    /// It says that it has made an edit which it has skipped (Neovim).
    pub skips: bool,
    /// It knows no versions of what it is asked to edit, so that it makes an edit in whatever text it has then.
    pub unversioned: bool,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// The editor's answer to what was sent last.
    Reply {
        /// What it claims.
        applied: bool,
        /// Its words, if it said why not.
        reason: Option<String>,
    },
    /// A `didChange` of the document: the user's, ours, or both in one.
    Changed {
        /// The document's new version.
        version: i32,
        /// What changed, in the text before.
        edits: Vec<TextEdit>,
        /// The texts in between, if it was several changes in one message.
        steps: Vec<Rope>,
        /// Its whole new text.
        text: Rope,
        /// The editor told only that text: several changes may be in it.
        whole: bool,
    },
    /// The document was closed.
    Closed,
    /// The editor has not answered in its time, and may still act on what was sent.
    Unanswered,
    /// The time to wait for a `didChange` after a reply has passed.
    TimedOut,
    /// The turn was cancelled.
    Cancelled,
}

/// What to do next.
#[derive(Clone, Debug)]
pub enum Output {
    /// Ask the editor to make these edits of the document at this version.
    Send {
        /// To name in the request.
        version: i32,
        /// In the text that was last reported (see [`ApplyMachine::text`]).
        edits: Vec<TextEdit>,
    },
    /// Wait for the next input.
    Wait {
        /// Let the short time for a `didChange` run, if it does not run yet; `TimedOut` is due at its end.
        timer: bool,
    },
    /// The edit is in the editor's text.
    Done {
        /// The text without the edit.
        before: Rope,
        /// The same with it. What the user typed at that very moment is in neither: it came after.
        after: Rope,
    },
    /// The edit is not in the editor's text.
    Failed(ApplyError),
}

/// Drives one document's edit. After `Done` or `Failed` it is not to be used again.
#[derive(Debug)]
pub struct ApplyMachine {
    key: DocKey,
    quirks: Quirks,
    /// The text that the agent's edits were made against, these edits as they were thought of, and what the user did to the text since.
    base: Rope,
    edits: Edits,
    user: Edits,
    /// What the editor reported last.
    version: i32,
    text: Rope,
    /// The edits for `text`; none where the user changed the same place.
    ours: Option<Edits>,
    state: State,
    tries: u32,
    rebases: u32,
    /// A text that shows the edit but for blanks, for a moment: an editor may tell of one edit in two steps.
    nearly: Option<Nearly>,
    /// The first change since it was sent, if that is not plainly the edit: it may hold it, and what was typed beside it.
    blend: Option<Blend>,
    /// Whether the editor has said that it was made, and has told of no change of the text since.
    claimed: bool,
    /// Whether the text was changed since it was sent last.
    moved: bool,
    reason: String,
    cancelled: bool,
}

/// A change that may be the edit together with the user's.
#[derive(Debug)]
struct Blend {
    before: Rope,
    /// What the text would be with the edit alone.
    whole: Rope,
    fate: Fate,
}

/// An edit that was made, perhaps not to its end yet.
#[derive(Debug)]
struct Nearly {
    before: Rope,
    after: Rope,
    /// What the text is at the edit's end.
    whole: Rope,
}

impl Nearly {
    fn done(self) -> Output {
        Output::Done { before: self.before, after: self.after }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing is under way.
    Idle,
    /// Asked, no answer yet.
    Asked,
    /// The editor says that it was done, which the text does not show yet.
    Claimed,
    /// The editor said no for a text that is still the newest one that we know: its newer one is to come.
    Refused,
}

impl ApplyMachine {
    /// For edits of `base`, to be made in a document that has `text` now.
    ///
    /// # Errors
    /// The edits do not fit `base`.
    pub fn new(key: DocKey, base: Rope, edits: &Edits, version: i32, text: Rope, quirks: Quirks) -> Result<Self, EditsError> {
        // Fails if they do not fit.
        edits.apply(&base)?;
        Ok(Self {
            key,
            quirks,
            user: diff(&base, &text),
            base,
            edits: edits.clone(),
            version,
            text,
            ours: None,
            state: State::Idle,
            tries: 0,
            rebases: 0,
            nearly: None,
            blend: None,
            claimed: false,
            moved: false,
            reason: String::from("it gave no reason"),
            cancelled: false,
        })
    }

    /// The text that the editor reported last.
    #[must_use]
    pub fn text(&self) -> &Rope {
        &self.text
    }

    /// What to do first.
    pub fn start(&mut self) -> Output {
        self.ours = self.rebased();
        self.send()
    }

    /// What to do after something happened.
    pub fn input(&mut self, input: Input) -> Output {
        if let Some(nearly) = self.nearly.take() {
            return match input {
                Input::Reply { applied: true, .. } => {
                    self.nearly = Some(nearly);
                    Output::Wait { timer: true }
                }
                Input::Changed { text, steps, .. } if text == nearly.whole || steps.contains(&nearly.whole) => {
                    Output::Done { before: nearly.before, after: nearly.whole }
                }
                // It had its mind about the blanks; what else has come came after.
                _ => nearly.done(),
            };
        }
        match input {
            Input::Reply { applied: true, .. } => {
                self.state = State::Claimed;
                self.claimed = true;
                if self.moved { self.settled().unwrap_or(Output::Wait { timer: true }) } else { Output::Wait { timer: true } }
            }
            Input::Reply { applied: false, reason } => {
                if let Some(reason) = reason {
                    self.reason = reason;
                }
                if self.moved {
                    self.settled().unwrap_or_else(|| self.retry())
                } else {
                    self.state = State::Refused;
                    Output::Wait { timer: true }
                }
            }
            Input::Changed { version, edits, steps, text, whole } => self.changed(version, edits, &steps, text, whole),
            Input::TimedOut => match self.state {
                // It may be on its way, and would be made twice.
                State::Claimed if self.quirks.unversioned && !self.cancelled => {
                    self.unsure("the editor says so, but has told of no such change")
                }
                State::Claimed => {
                    self.reason = String::from("it said that it was applied, but the text did not change");
                    self.retry()
                }
                State::Refused => self.retry(),
                State::Asked if self.cancelled => self.retry(),
                State::Asked | State::Idle => Output::Wait { timer: false },
            },
            // To send it again could make it twice.
            Input::Unanswered => self.unsure("the editor did not answer, and may still make it"),
            Input::Closed if self.claimed || self.blend.is_some() => self.unsure("the document was closed"),
            Input::Closed => self.refused(String::from("the document was closed")),
            Input::Cancelled => {
                self.cancelled = true;
                // What is under way can't be called back: its end is awaited for a moment, so as to tell the truth.
                if self.state == State::Idle { self.retry() } else { Output::Wait { timer: true } }
            }
        }
    }

    fn changed(&mut self, version: i32, edits: Vec<TextEdit>, steps: &[Rope], text: Rope, told_whole: bool) -> Output {
        let before = std::mem::replace(&mut self.text, text);
        self.version = version;
        // Where one may hold the edit already, no later change is it.
        if self.blend.is_none() {
            // The usual end: just what was asked for was done, and no text has to be compared.
            if self.ours.as_ref().is_some_and(|ours| ours.edits() == edits) {
                return Output::Done { before, after: self.text.clone() };
            }
            if let Some(output) = self.compared(&before, steps, told_whole) {
                return output;
            }
        }
        let changed = changed(&before, &self.text, edits);
        self.user = self.user.compose(&changed).unwrap_or_else(|_| diff(&self.base, &self.text));
        self.ours = self.rebased();
        self.moved = true;
        match self.state {
            State::Asked => Output::Wait { timer: self.cancelled },
            State::Refused => self.settled().unwrap_or_else(|| self.retry()),
            State::Claimed => self.settled().unwrap_or(Output::Wait { timer: true }),
            State::Idle => Output::Wait { timer: false },
        }
    }

    /// What follows from a change that shows the edit, if it does; one that may hold it is kept.
    fn compared(&mut self, before: &Rope, steps: &[Rope], told_whole: bool) -> Option<Output> {
        let ours = self.ours.as_ref()?;
        let whole = ours.apply(before).ok()?;
        if let Some(after) = shown(before, &whole, steps.iter().chain([&self.text])) {
            let nearly = Nearly { before: before.clone(), after: after.clone(), whole };
            if nearly.after == nearly.whole {
                return Some(nearly.done());
            }
            self.nearly = Some(nearly);
            return Some(Output::Wait { timer: true });
        }
        // An editor makes it only in the text that it was sent for: so it is in the first change, or in none.
        let may_hold_it = !self.moved && (self.claimed || self.state == State::Asked);
        let fate = match (told_whole, self.quirks.skips) {
            _ if !may_hold_it => Fate::NotMade,
            // Each change is told by itself.
            (false, true) => Fate::NotMade,
            // It has its word.
            (true, false) => Fate::Made,
            _ => blended::fate(before, ours, &whole, &self.text),
        };
        if fate != Fate::NotMade {
            self.blend = Some(Blend { before: before.clone(), whole, fate });
        }
        None
    }

    /// What follows from the first change and the editor's answers, where that change holds the edit, or may; none, if it does not.
    fn settled(&mut self) -> Option<Output> {
        let claimed = std::mem::take(&mut self.claimed);
        // By the word of an editor that has refused it, the change is the user's alone.
        let Blend { before, whole, fate } = self.blend.take().filter(|_| claimed)?;
        if fate == Fate::Unknown && self.quirks.skips {
            return Some(self.unsure("the user changed the same place at that very moment"));
        }
        Some(Output::Done { before, after: whole })
    }

    /// The agent's edits, over all that the user did since they were thought of. A conflict is one with all that the agent meant to replace; what
    /// is sent then is only what differs.
    fn rebased(&self) -> Option<Edits> {
        let rebased = rebase_split(&self.edits, &self.user, &self.text);
        // A word of which the user changed a part is his.
        let words = rebase_split(&self.edits, &self.user.by_words(&self.base, &self.text), &self.text);
        let conflict = rebased.conflicts.iter().chain(&words.conflicts).any(|index| !rebased.done.contains(index));
        if conflict { None } else { rebased.edits.minimized(&self.text).ok() }
    }

    fn retry(&mut self) -> Output {
        self.state = State::Idle;
        self.rebases += u32::from(self.moved);
        (self.moved, self.blend) = (false, None);
        if self.cancelled {
            return Output::Failed(ApplyError::Cancelled { key: self.key.clone() });
        }
        self.send()
    }

    fn send(&mut self) -> Output {
        let Some(ours) = self.ours.as_ref() else {
            return Output::Failed(ApplyError::Conflict { key: self.key.clone(), diff: self.told() });
        };
        if ours.is_empty() {
            return Output::Done { before: self.text.clone(), after: self.text.clone() };
        }
        let edits = before_last_newline(ours, &self.text);
        if self.tries == TRIES_MAX || self.rebases > REBASES_MAX {
            return if self.claimed { self.unsure(&self.reason) } else { self.refused(self.reason.clone()) };
        }
        self.tries += 1;
        self.state = State::Asked;
        let version = if self.version == 0 && self.quirks.zero_as_one { 1 } else { self.version };
        Output::Send { version, edits }
    }

    fn unsure(&self, reason: &str) -> Output {
        Output::Failed(ApplyError::Unsure { key: self.key.clone(), reason: reason.to_owned(), diff: self.told() })
    }

    /// What became of the text since the agent has read it.
    fn told(&self) -> String {
        let name = self.key.to_string();
        unified(&self.base, &self.text, &name, &name, CONTEXT)
    }

    fn refused(&self, reason: String) -> Output {
        Output::Failed(ApplyError::Refused { key: self.key.clone(), tries: self.tries, reason })
    }
}

/// The text that shows the edit: it is the one `with` it, but for blanks and line ends at most, about which an editor may have its own mind. Where
/// these are all there is to the edit, they count.
fn shown<'a>(without: &Rope, with: &Rope, texts: impl DoubleEndedIterator<Item = &'a Rope> + Clone) -> Option<&'a Rope> {
    fn signs(text: &Rope) -> impl Iterator<Item = char> {
        text.chars().filter(|c| !c.is_whitespace())
    }
    let like = |now: &&Rope| signs(now).eq(signs(with)) && !signs(now).eq(signs(without));
    texts.clone().find(|now| *now == with).or_else(|| texts.rev().find(like))
}

/// An insertion behind the last newline becomes one before it: the same text, without the empty line that Neovim 0.11 would leave at the end.
fn before_last_newline(edits: &Edits, text: &Rope) -> Vec<TextEdit> {
    let mut edits = edits.edits().to_vec();
    let len = text.len_bytes();
    let newline = match (len.checked_sub(1).map(|at| text.byte(at)), len.checked_sub(2).map(|at| text.byte(at))) {
        (Some(b'\n'), Some(b'\r')) => "\r\n",
        (Some(b'\n'), _) => "\n",
        _ => return edits,
    };
    let at = len - newline.len();
    if edits.len() > 1 && edits[edits.len() - 2].range.end >= at {
        return edits;
    }
    if let Some(last) = edits.last_mut().filter(|last| last.range == (len..len)) {
        *last = match last.text.strip_suffix(newline) {
            Some(body) if newline == "\r\n" || !body.ends_with('\r') => TextEdit { range: at..at, text: format!("{newline}{body}") },
            _ => TextEdit { range: at..len, text: format!("{newline}{}", last.text) },
        };
    }
    edits
}

#[cfg(test)]
mod tests;
