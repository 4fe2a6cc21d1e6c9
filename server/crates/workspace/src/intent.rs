//! What is about to be changed, told before it is; and what became of it, where nobody was left to see that.
//!
//! Must not know where it is kept.
//!
//! **Invariant:** a change is said to be made only if the document shows it, and not made only if the document shows that; anything else is not known.

use crate::{Applied, Content, CurrentState, plan_redo, plan_undo};

/// Somebody who is told of each document's change right before it is made; again if it is made in another way after all.
pub trait Foretold: Send + Sync {
    /// The change as it will be, if it is made.
    fn about_to(&self, coming: Applied);
}

/// What became of a change that was about to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was made.
    Made,
    /// It was not.
    NotMade,
    /// The document shows neither.
    Unknown,
}

/// What became of a change, as the document is now; it may have been changed by others since.
#[must_use]
pub fn fate(coming: &Applied, now: Option<&CurrentState>) -> Fate {
    let content = match now {
        Some(CurrentState { content: None, .. }) => return Fate::Unknown,
        Some(CurrentState { content, .. }) => content.as_ref(),
        None => None,
    };
    match (same(content, coming.after.as_ref()), same(content, coming.before.as_ref())) {
        (true, false) => return Fate::Made,
        (_, true) => return Fate::NotMade,
        (false, false) => {}
    }
    // Others went on from one of the two: then it is still there to be taken back, and nothing is left to be made; or the other way round.
    let records = std::slice::from_ref(coming);
    let (back, again) = (plan_undo(records, |_| now.cloned()), plan_redo(records, |_| now.cloned()));
    match (back.kept.is_empty() && again.kept.is_empty(), back.changes.is_empty(), again.changes.is_empty()) {
        (true, false, true) => Fate::Made,
        (true, true, false) => Fate::NotMade,
        _ => Fate::Unknown,
    }
}

fn same(a: Option<&Content>, b: Option<&Content>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.data == b.data,
        (None, None) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DocKey, Route};

    #[test]
    fn what_became_of_it() {
        let content = |text: &str| (text != "-").then(|| Content::text(text));
        let check = |before: &str, after: &str, now: &str, expect: Fate| {
            let key = DocKey::file(std::path::Path::new("/p/a"));
            let coming = Applied { key, before: content(before), after: content(after), route: Route::Editor };
            let state = (now != "-").then(|| CurrentState { content: content(now), version: Some(1), gone: false });
            assert_eq!(fate(&coming, state.as_ref()), expect, "{before:?} {after:?} {now:?}");
        };
        check("a\nb\nc\n", "a\nB\nc\n", "a\nB\nc\n", Fate::Made);
        check("a\nb\nc\n", "a\nB\nc\n", "a\nb\nc\n", Fate::NotMade);
        // The user went on elsewhere in the text.
        check("a\nb\nc\nd\n", "a\nB\nc\nd\n", "a\nB\nc\nmore\n", Fate::Made);
        check("a\nb\nc\nd\n", "a\nB\nc\nd\n", "a\nb\nc\nmore\n", Fate::NotMade);
        // And in the very place.
        check("a\nb\nc\n", "a\nB\nc\n", "a\nother\nc\n", Fate::Unknown);
        check("-", "new\n", "new\n", Fate::Made);
        check("-", "new\n", "-", Fate::NotMade);
        check("old\n", "-", "-", Fate::Made);
        check("old\n", "-", "old\n", Fate::NotMade);
    }
}
