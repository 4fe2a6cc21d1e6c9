//! The turn: a pure step machine. Inputs in, effects out; no IO, no time, no threads.
//!
//! Owns order, limits, retries, doom loops, steering and stopping. Must not know how an effect is performed.
//!
//! **Invariant:** every call of an answer gets exactly one result before the model is asked again, calls that may write run alone and in the model's
//! order, no call runs before its answer is whole, and every turn ends with one `Stop`.

mod circle;
mod failure;
mod terms;

use std::time::Duration;

use proto::{ErrorData, MessageError, Tokens};
use providers::{FinishReason, ModelEvent, ProviderError, ProviderErrorKind};
use serde_json::Value;
use tools::Effect as ToolEffect;

use self::circle::Circle;
use self::failure::{Standing, Verdict, judge, noted};
use self::terms::CallState;
pub use self::terms::{Call, Effect, Input, Limits, Outcome, TextCall};
use crate::StopReason;

/// How often an answer without any word or call is asked for again.
const EMPTY_TRIES: u32 = 2;
/// How often a model without tools is asked to mend edits that could not be made, in a row.
const REPAIRS: u32 = 2;
/// How often a conversation that does not fit is made shorter before one step: old outputs left out, then summarised.
const COMPACTIONS: u32 = 3;

/// The key in a call's metadata that marks an edit out of an answer's text.
pub const TEXT_EDIT: &str = "textEdit";

/// Why a turn ends whose last answer is not whole.
const CUT: &str = "The answer was cut: it reached the model's output limit. Say \"go on\" for the rest.";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Streaming,
    Waiting,
    Tools,
    Compacting,
    Changing,
    Looking,
    Stopped,
}

/// Tells whether a call (by tool and arguments' text) may run beside others.
pub type Classify = Box<dyn Fn(&str, &str) -> ToolEffect + Send>;

/// One turn.
pub struct Turn {
    phase: Phase,
    calls: Vec<Call>,
    said: bool,
    attempt: u32,
    empty: u32,
    steps: u32,
    compactions: u32,
    tokens: Tokens,
    pending: bool,
    rejected: bool,
    /// The step's model was given no tools: its edits are calls all the same, and end the turn when all were made.
    without_tools: bool,
    /// Edits of the step that were not made.
    unmade: u32,
    repairs: u32,
    /// Tools and arguments' texts of the edits before, of which some were not made.
    before: Vec<(String, String)>,
    /// The step's answer reached the limit of tokens.
    cut: bool,
    /// Somebody looks at what was changed, and has not been asked at the turn's end yet.
    watched: bool,
    looked: bool,
    stopping: Option<StopReason>,
    circle: Circle,
    /// The words and the note of what failed, until it is known which model goes on.
    failure: Option<(String, Option<MessageError>)>,
    /// What is said where the budget cuts the answer.
    shortened: Option<String>,
    limits: Limits,
    classify: Classify,
}

impl Turn {
    /// A turn that has not begun. `tokens` is what the conversation took at its last step.
    #[must_use]
    pub fn new(limits: Limits, tokens: Tokens, classify: Classify) -> Self {
        Self {
            phase: Phase::Idle,
            calls: Vec::new(),
            said: false,
            attempt: 0,
            empty: 0,
            steps: 0,
            compactions: 0,
            tokens,
            pending: false,
            rejected: false,
            without_tools: false,
            unmade: 0,
            repairs: 0,
            before: Vec::new(),
            cut: false,
            watched: false,
            looked: false,
            stopping: None,
            circle: Circle::default(),
            failure: None,
            shortened: None,
            limits,
            classify,
        }
    }

    /// The calls of the current step.
    #[must_use]
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// How many tries of this step have failed.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Somebody else answers from the next request on.
    pub fn bound(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Stopped
    }

    /// Takes one input; returns what is to be done, in order.
    pub fn step(&mut self, input: Input) -> Vec<Effect> {
        if self.phase == Phase::Stopped {
            return Vec::new();
        }
        match input {
            Input::Start => self.ask_model(),
            Input::Model(event) if self.phase == Phase::Streaming => self.model(event),
            Input::Edits(edits) if self.phase == Phase::Streaming => self.edits(edits),
            Input::Failed { error, delay, roomier } if self.phase == Phase::Streaming => self.failed(error, delay, roomier),
            Input::NextModel(next) if self.phase == Phase::Changing => self.changed(next),
            Input::Waited if self.phase == Phase::Waiting => self.begin(),
            Input::ToolDone { call, outcome } => self.tool_done(call, &outcome),
            Input::Message => {
                self.pending = true;
                Vec::new()
            }
            Input::Unaffordable(why) if matches!(self.phase, Phase::Streaming | Phase::Compacting) => self.stop(StopReason::Budget(why)),
            Input::Shortened(why) if self.phase == Phase::Streaming => {
                self.shortened = Some(why);
                Vec::new()
            }
            Input::Compacted(shorter) if self.phase == Phase::Compacting => self.compacted(shorter),
            Input::Looked(broken) if self.phase == Phase::Looking => {
                if broken || self.pending {
                    self.ask_model()
                } else {
                    self.stop(StopReason::Done)
                }
            }
            Input::Cancel => self.cancel(),
            // What comes from a request, a wait or a summary that was given up.
            Input::Model(_)
            | Input::Edits(_)
            | Input::Failed { .. }
            | Input::Waited
            | Input::Compacted(_)
            | Input::Looked(_)
            | Input::NextModel(_)
            | Input::Unaffordable(_)
            | Input::Shortened(_) => Vec::new(),
        }
    }

    fn ask_model(&mut self) -> Vec<Effect> {
        if let Some(limit) = self.limits.steps
            && self.steps >= limit
        {
            return self.stop(StopReason::Limit(format!("The agent's limit of {limit} steps is reached.")));
        }
        if self.compactions == 0 && self.limits.usable.is_some_and(|usable| self.tokens.total() >= usable) {
            return self.compact();
        }
        self.steps += 1;
        self.attempt = 0;
        self.begin()
    }

    fn begin(&mut self) -> Vec<Effect> {
        self.calls.clear();
        self.said = false;
        self.shortened = None;
        self.without_tools = false;
        self.unmade = 0;
        if self.pending {
            self.repairs = 0;
            self.before.clear();
            self.circle.begin_anew();
        }
        // The request that is made now tells all that the user has said, and what it takes is counted anew.
        self.pending = false;
        self.tokens = Tokens::default();
        self.phase = Phase::Streaming;
        vec![self.call_model()]
    }

    fn call_model(&self) -> Effect {
        Effect::CallModel { attempt: self.attempt, last: self.limits.steps.is_some_and(|limit| self.steps >= limit) }
    }

    fn compact(&mut self) -> Vec<Effect> {
        self.compactions += 1;
        self.phase = Phase::Compacting;
        vec![Effect::Compact]
    }

    fn compacted(&mut self, shorter: bool) -> Vec<Effect> {
        if shorter {
            self.steps += 1;
            self.attempt = 0;
            return self.begin();
        }
        self.stop(StopReason::Provider(
            "The conversation is too long for the model's context, and could not be summarised. Start a new session, or choose a model with a larger context.".into(),
        ))
    }

    fn model(&mut self, event: ModelEvent) -> Vec<Effect> {
        match event {
            ModelEvent::Text(text) => {
                self.said |= !text.trim().is_empty();
                vec![Effect::Text(text)]
            }
            ModelEvent::Reasoning(text) => vec![Effect::Reasoning(text)],
            ModelEvent::ReasoningEnd { metadata } => vec![Effect::ReasoningEnd(metadata)],
            ModelEvent::ToolCallStart { index, id, name } => {
                // A provider that skips an index would leave a hole: the call is appended all the same.
                let call = index.min(self.calls.len());
                if call < self.calls.len() {
                    return Vec::new();
                }
                self.calls.push(Call {
                    id,
                    tool: name,
                    raw: String::new(),
                    metadata: Value::Null,
                    cut: false,
                    refused: None,
                    state: CallState::Writing,
                });
                vec![Effect::CallBegun { call }]
            }
            ModelEvent::ToolCallDelta { index, json } => {
                if let Some(call) = self.calls.get_mut(index) {
                    call.raw.push_str(&json);
                }
                Vec::new()
            }
            ModelEvent::ToolCallEnd { index, arguments, metadata } => {
                let Some(call) = self.calls.get_mut(index) else { return Vec::new() };
                call.raw = arguments;
                call.metadata = metadata;
                call.state = CallState::Whole;
                vec![Effect::CallWhole { call: index }]
            }
            ModelEvent::Usage(tokens) => {
                self.tokens = tokens;
                Vec::new()
            }
            ModelEvent::Finish(reason) => self.finished(reason),
        }
    }

    fn edits(&mut self, edits: Vec<TextCall>) -> Vec<Effect> {
        self.without_tools = true;
        for call in &mut self.calls {
            call.refused = Some("there are no tools here; write the edit into the answer".into());
        }
        let mut effects = Vec::new();
        for edit in edits {
            let call = self.calls.len();
            let id = format!("text_{}_{call}", self.steps);
            let metadata = serde_json::json!({ TEXT_EDIT: true });
            let TextCall { tool, raw, refused } = edit;
            self.calls.push(Call { id, tool: tool.to_owned(), raw, metadata, cut: false, refused, state: CallState::Whole });
            effects.extend([Effect::CallBegun { call }, Effect::CallWhole { call }]);
        }
        effects
    }

    fn finished(&mut self, reason: FinishReason) -> Vec<Effect> {
        let mut effects = Vec::new();
        for call in 0..self.calls.len() {
            // What was read out of a text is whole.
            self.calls[call].cut = reason == FinishReason::Length && !self.without_tools;
            if self.calls[call].state == CallState::Writing {
                self.calls[call].state = CallState::Whole;
                effects.push(Effect::CallWhole { call });
            }
        }
        if !self.said && self.calls.is_empty() && !matches!(reason, FinishReason::ContentFilter | FinishReason::Refusal) {
            self.empty += 1;
            effects.push(Effect::Discard);
            effects.extend(self.wasted());
            if self.empty > EMPTY_TRIES {
                let words = format!("The model answered nothing, {} times.", self.empty);
                let mut end = if self.limits.next { self.next_model(words, None, None) } else { self.stop(StopReason::Provider(words)) };
                effects.append(&mut end);
                return effects;
            }
            self.attempt += 1;
            effects.append(&mut self.begin());
            return effects;
        }
        self.empty = 0;
        effects.push(Effect::StepFinished { reason, tokens: self.tokens });
        if self.limits.usable.is_none_or(|usable| self.tokens.total() < usable) {
            // It fits: what a long turn adds from here on may be summarised again.
            self.compactions = 0;
        }
        let refused = match reason {
            FinishReason::ContentFilter => Some("The provider's content filter withheld the answer."),
            FinishReason::Refusal => Some("The model refused to answer. Say it in other words, or use another model."),
            FinishReason::Stop | FinishReason::ToolCalls | FinishReason::Length | FinishReason::Unknown => None,
        };
        if let Some(text) = refused.map(str::to_owned) {
            effects.push(Effect::Error(MessageError::ContentFilterError(ErrorData { message: text.clone(), ..ErrorData::default() })));
            self.stopping = Some(StopReason::Refused(text));
        }
        if self.calls.is_empty() {
            effects.append(&mut self.after_step(reason));
            return effects;
        }
        self.cut = reason == FinishReason::Length;
        self.phase = Phase::Tools;
        effects.append(&mut self.schedule());
        effects
    }

    /// Starts every call that may start now: reading calls beside each other, a writing one alone and after all before it.
    fn schedule(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        let skip = if self.rejected {
            Some("Not run: the user rejected another call of this answer.")
        } else if self.stopping.is_some() {
            Some("Not run: the turn was stopped.")
        } else if !self.without_tools && self.limits.steps.is_some_and(|limit| self.steps >= limit) {
            // The model could not be told what came of it; an edit in the text needs no word more.
            Some("Not run: the agent's limit of steps is reached.")
        } else {
            None
        };
        let mut writer_before = false;
        let mut all_before_done = true;
        for call in 0..self.calls.len() {
            let effect = (self.classify)(&self.calls[call].tool, &self.calls[call].raw);
            let ready = match effect {
                ToolEffect::Reads => !writer_before,
                ToolEffect::Writes => all_before_done,
            };
            if self.calls[call].state == CallState::Whole && (ready || skip.is_some()) {
                if let Some(why) = skip {
                    self.calls[call].state = CallState::Done;
                    effects.push(Effect::SkipTool { call, why });
                } else if let Some(why) = self.calls[call].refused.take() {
                    self.calls[call].state = CallState::Done;
                    self.unmade += 1;
                    effects.push(Effect::RefuseTool { call, why });
                } else {
                    self.calls[call].state = CallState::Running;
                    let doom = self.circle.made(&self.calls[call].tool, &self.calls[call].raw);
                    effects.push(Effect::RunTool { call, doom });
                }
            }
            let done = self.calls[call].state == CallState::Done;
            all_before_done &= done;
            writer_before |= effect == ToolEffect::Writes && !done;
        }
        if self.calls.iter().all(|c| c.state == CallState::Done) {
            effects.append(&mut self.after_step(FinishReason::ToolCalls));
        }
        effects
    }

    fn tool_done(&mut self, call: usize, outcome: &Outcome) -> Vec<Effect> {
        let Some(entry) = self.calls.get_mut(call) else { return Vec::new() };
        if entry.state != CallState::Running {
            return Vec::new();
        }
        entry.state = CallState::Done;
        self.circle.ended(*outcome == Outcome::Failed);
        self.unmade += u32::from(*outcome == Outcome::Failed);
        self.watched |= *outcome == Outcome::Watched;
        if *outcome == Outcome::Rejected && !self.limits.continue_on_deny {
            self.rejected = true;
        }
        self.schedule()
    }

    /// All calls of the step have their results.
    fn after_step(&mut self, reason: FinishReason) -> Vec<Effect> {
        if let Some(stop) = self.stopping.take() {
            return self.stop(stop);
        }
        if self.rejected && !self.pending {
            return self.stop(StopReason::Refused("Stopped: you rejected a tool call. Say what to do instead.".into()));
        }
        self.rejected = false;
        if self.without_tools && !self.pending && !self.calls.is_empty() {
            return self.after_edits();
        }
        if let Some(why) = self.circle.stepped().filter(|_| !self.calls.is_empty() && !self.pending) {
            return self.stop(StopReason::Limit(why));
        }
        if !self.calls.is_empty() || self.pending {
            return self.ask_model();
        }
        match reason {
            FinishReason::Length => {
                let why = self.why_cut();
                self.stop(why)
            }
            FinishReason::Stop | FinishReason::ToolCalls | FinishReason::ContentFilter | FinishReason::Refusal | FinishReason::Unknown => {
                self.done()
            }
        }
    }

    /// The model has said all; who looks at what was changed is asked once before.
    fn done(&mut self) -> Vec<Effect> {
        if self.watched && !self.looked && self.limits.steps.is_none_or(|limit| self.steps < limit) {
            self.looked = true;
            self.phase = Phase::Looking;
            return vec![Effect::Look];
        }
        self.stop(StopReason::Done)
    }

    /// A model without tools has said all when its edits are made. What could not be made it may mend.
    fn after_edits(&mut self) -> Vec<Effect> {
        if self.unmade == 0 {
            if !self.cut {
                return self.done();
            }
            let why = self.why_cut();
            return self.stop(why);
        }
        let edits: Vec<_> = self.calls.iter().map(|call| (call.tool.clone(), call.raw.clone())).collect();
        let again = edits == self.before;
        self.before = edits;
        if self.repairs < REPAIRS && !again {
            self.repairs += 1;
            return self.ask_model();
        }
        let text = "Stopped: the model's edits could not be made as it wrote them, and asking again did not help; why stands at each. Ask for less at a time, or choose another model.";
        self.stop(StopReason::Limit(text.into()))
    }

    /// Why an answer ended at the limit of tokens.
    fn why_cut(&mut self) -> StopReason {
        self.shortened.take().map_or_else(|| StopReason::Limit(CUT.into()), StopReason::Budget)
    }

    fn failed(&mut self, error: ProviderError, delay: Option<Duration>, roomier: bool) -> Vec<Effect> {
        let mut effects: Vec<_> = self.wasted().into_iter().collect();
        let compact = self.limits.compact && self.compactions < COMPACTIONS;
        match judge(error.kind, Standing { tries: self.attempt, delay, next: self.limits.next, roomier, compact }) {
            Verdict::Compact => {
                effects.push(Effect::Discard);
                self.steps = self.steps.saturating_sub(1);
                effects.append(&mut self.compact());
            }
            Verdict::Wait(delay) => {
                self.attempt += 1;
                self.calls.clear();
                self.phase = Phase::Waiting;
                effects.extend([Effect::Discard, Effect::Wait { delay, attempt: self.attempt, reason: error.message }]);
            }
            Verdict::NextModel => {
                let noted = noted(&error);
                effects.append(&mut self.next_model(error.message, Some(error.kind), Some(noted)));
            }
            Verdict::Stop => {
                let noted = noted(&error);
                effects.append(&mut self.fail(error.message, Some(noted)));
            }
        }
        effects
    }

    /// What the provider counted of an answer that is thrown away.
    fn wasted(&mut self) -> Option<Effect> {
        let tokens = std::mem::take(&mut self.tokens);
        (tokens.total() > 0).then_some(Effect::Wasted(tokens))
    }

    fn next_model(&mut self, reason: String, kind: Option<ProviderErrorKind>, noted: Option<MessageError>) -> Vec<Effect> {
        self.failure = Some((reason.clone(), noted));
        self.phase = Phase::Changing;
        vec![Effect::NextModel { reason, kind }]
    }

    fn changed(&mut self, next: Result<Limits, String>) -> Vec<Effect> {
        let (words, noted) = self.failure.take().unwrap_or_default();
        match next {
            Ok(limits) => {
                self.limits = limits;
                (self.attempt, self.empty, self.compactions) = (0, 0, 0);
                self.begin()
            }
            Err(why) => self.fail(format!("{words} No other model goes on: {why}"), noted),
        }
    }

    /// The provider's failure ends the turn.
    fn fail(&mut self, words: String, noted: Option<MessageError>) -> Vec<Effect> {
        let mut effects = self.give_up("Not run: the answer broke off.");
        effects.extend(noted.map(Effect::Error));
        effects.append(&mut self.stop(StopReason::Provider(words)));
        effects
    }

    fn cancel(&mut self) -> Vec<Effect> {
        match self.phase {
            Phase::Tools => {
                if self.stopping.is_some() {
                    return Vec::new();
                }
                self.stopping = Some(StopReason::Cancelled);
                let mut effects = vec![Effect::CancelTools];
                effects.append(&mut self.schedule());
                effects
            }
            Phase::Idle | Phase::Streaming | Phase::Waiting | Phase::Compacting | Phase::Changing | Phase::Looking => {
                let mut effects = vec![Effect::DropModel];
                if self.phase == Phase::Streaming {
                    effects.extend(self.wasted());
                }
                effects.append(&mut self.give_up("Not run: the user cancelled."));
                effects.push(Effect::Error(MessageError::MessageAbortedError(ErrorData {
                    message: "Cancelled by the user.".into(),
                    ..ErrorData::default()
                })));
                effects.append(&mut self.stop(StopReason::Cancelled));
                effects
            }
            Phase::Stopped => Vec::new(),
        }
    }

    /// The calls of an answer that will not be whole.
    fn give_up(&mut self, why: &'static str) -> Vec<Effect> {
        let mut effects = Vec::new();
        for (call, entry) in self.calls.iter_mut().enumerate() {
            if entry.state != CallState::Done {
                entry.state = CallState::Done;
                effects.push(Effect::SkipTool { call, why });
            }
        }
        effects
    }

    fn stop(&mut self, reason: StopReason) -> Vec<Effect> {
        self.phase = Phase::Stopped;
        vec![Effect::Stop(reason)]
    }
}

#[cfg(test)]
mod tests;
