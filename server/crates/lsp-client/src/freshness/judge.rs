//! The judgement itself.
//!
//! Pure. **Invariant:** what is not proved to be fresh is pending.

use tokio::time::Instant;
use workspace::DocKey;

use super::{CALM, Ledger, Open, PATIENCE, Pending, Proof, Push, State, Tick};

/// A server whose usual time is not known may need so long to come from an older text to this one: what it publishes without a version before that may be of the older one.
const UNKNOWN: std::time::Duration = std::time::Duration::from_secs(1);

/// The sources of what is found by checks after saving.
const CHECKERS: [&str; 2] = ["rustc", "clippy"];

/// A judgement, and when it may change without an event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Judged {
    pub(crate) state: State,
    /// Look again then: quiet alone may make it fresh.
    pub(crate) again: Option<Instant>,
    /// When it is likely to be fresh, as far as can be known. Something in the past says nothing.
    pub(crate) likely: Option<Instant>,
    /// It has been silent for so much longer than usual that it will not say anything.
    pub(crate) hopeless: bool,
}

impl Judged {
    /// Whether what is known is about the newest text, though a slower check may follow.
    pub(crate) fn is_current(&self) -> bool {
        self.state.is_fresh() || matches!(self.state, State::Pending(Pending::Check(_)))
    }
}

impl From<State> for Judged {
    fn from(state: State) -> Self {
        Self { state, again: None, likely: None, hopeless: false }
    }
}

impl Ledger {
    /// Of one document.
    pub(crate) fn judge(&self, key: &DocKey, now: Instant) -> Judged {
        if let Some(why) = &self.stopped {
            return State::Pending(Pending::Stopped(why.clone())).into();
        }
        let Some(open) = self.open.get(key) else { return State::Pending(Pending::Checking).into() };
        if !open.there {
            return State::Pending(Pending::Checking).into();
        }
        if self.quiescent == Some(false) {
            let what = self.busy.values().max_by_key(|busy| busy.began).map(|busy| busy.title.clone());
            return State::Pending(Pending::Loading(what)).into();
        }
        let judged = if self.pull.is_some() { self.by_answer(key, open) } else { self.by_publication(key, open, now) };
        match self.check_is_due(now).or_else(|| self.check_is_settling(key, now)) {
            Some(later) if judged.state.is_fresh() => later,
            _ => judged,
        }
    }

    /// When nothing more is to be expected about other files; none where that is now.
    pub(crate) fn calm_at(&self, now: Instant) -> Option<Instant> {
        let (changed, last) = (self.changed_at?, self.published_at?);
        if self.pull.is_some_and(|kind| kind.only) || last < changed {
            return None;
        }
        let quiet = self.gaps.usual().unwrap_or_else(|| last.duration_since(changed)).min(CALM);
        Some(last + quiet).filter(|at| *at > now)
    }

    /// Whether questions about other documents are still to be answered.
    pub(crate) fn has_questions(&self) -> bool {
        self.pull.is_some() && self.open.iter().any(|(key, open)| !self.answered_since(key, self.due(open)))
    }

    fn fresh(&self, open: &Open, by: Proof) -> Judged {
        State::Fresh { version: open.version, by, whole: open.saved || self.check.is_none() }.into()
    }

    fn by_answer(&self, key: &DocKey, open: &Open) -> Judged {
        match self.found.get(key).and_then(|found| found.pull.as_ref()) {
            Some(pull) if pull.asked >= self.due(open) => match &pull.result {
                Ok(_) => self.fresh(open, Proof::Answer),
                Err(why) => Judged { hopeless: true, ..State::Pending(Pending::Failed(why.clone())).into() },
            },
            _ => Judged { likely: self.answers.median().map(|took| open.changed_at + took), ..State::Pending(Pending::Checking).into() },
        }
    }

    fn by_publication(&self, key: &DocKey, open: &Open, now: Instant) -> Judged {
        let fresh = |by| self.fresh(open, by);
        let after = |push: &&Push| push.tick > open.changed;
        match self.found.get(key).and_then(|found| found.push.as_ref()) {
            Some(push) if push.version.is_some_and(|version| version >= open.version) => fresh(Proof::Version),
            push if self.was_disquiet_since(open.changed)
                || push.filter(after).is_some_and(|push| self.was_busy_over(open.changed, push.tick)) =>
            {
                fresh(Proof::Idle)
            }
            Some(push) if after(&push) && push.unsure => State::Pending(Pending::Unnamed).into(),
            Some(push) if after(&push) && push.version.is_none() => {
                let took = push.at.duration_since(open.changed_at);
                // Without experience: as long again as it took.
                let quiet = push.at + self.gaps.usual().unwrap_or(took);
                let at = quiet.max(open.changed_at + self.latency.usual().unwrap_or(UNKNOWN));
                if now >= at {
                    return fresh(Proof::Settled);
                }
                Judged { again: Some(at), likely: Some(at), ..State::Pending(Pending::Unnamed).into() }
            }
            _ => {
                let usual = self.latency.usual();
                let patience = usual.map(|usual| open.changed_at + usual * PATIENCE);
                Judged {
                    again: patience.filter(|at| *at > now),
                    likely: self.latency.median().map(|took| open.changed_at + took),
                    hopeless: patience.is_some_and(|at| at <= now),
                    ..State::Pending(Pending::Checking).into()
                }
            }
        }
    }

    /// It said after the change that it was not ready, and then that it was.
    fn was_disquiet_since(&self, changed: Tick) -> bool {
        self.quiescent == Some(true) && self.disquiet > changed
    }

    /// It began something after the change, published, and then had ended all that it was at.
    fn was_busy_over(&self, changed: Tick, published: Tick) -> bool {
        self.busy.is_empty() && self.last_busy.is_some_and(|(began, ended)| began > changed && ended > published)
    }

    /// The judgement where a check has just ended, and what an earlier one found still stands: it is taken back only after the end of the new one.
    fn check_is_settling(&self, key: &DocKey, now: Instant) -> Option<Judged> {
        let check = self.check.as_ref()?;
        let push = self.found.get(key)?.push.as_ref().filter(|push| push.tick < check.done)?;
        let from_check = |item: &crate::Diagnostic| item.source.as_deref().is_some_and(|source| CHECKERS.contains(&source));
        let at = Some(check.done_at + CALM).filter(|at| *at > now && push.items.iter().any(from_check))?;
        let state = State::Pending(Pending::Check("the check after saving".to_owned()));
        Some(Judged { again: Some(at), likely: Some(at), ..state.into() })
    }

    /// The judgement where a check is called for and not done.
    fn check_is_due(&self, now: Instant) -> Option<Judged> {
        let check = self.check.as_ref().filter(|check| check.done < check.due)?;
        let title =
            self.busy.iter().find(|(token, _)| token.contains(check.token)).map_or("the check after saving", |(_, busy)| &busy.title);
        let patience = check.took.usual().map(|usual| check.due_at + usual * PATIENCE);
        Some(Judged {
            again: patience.filter(|at| *at > now),
            likely: check.took.median().map(|took| check.due_at + took),
            hopeless: check.began < check.due && patience.is_some_and(|at| at <= now),
            state: State::Pending(Pending::Check(title.to_owned())),
        })
    }
}
