//! What the step machine is told and what it says: its inputs, its effects, and what both speak of.
//!
//! Must decide nothing.

use std::time::Duration;

use proto::{MessageError, Tokens};
use providers::{FinishReason, ModelEvent, ProviderError, ProviderErrorKind};
use serde_json::Value;

use crate::StopReason;

/// What a call brought, for the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A result that the model is told.
    Result,
    /// It failed; the model is told why.
    Failed,
    /// A result of a call that changed something, at which somebody looks.
    Watched,
    /// The user said no and gave no reason: the turn ends.
    Rejected,
    /// It was interrupted.
    Cancelled,
}

/// An edit that stands in the text of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct TextCall {
    /// The tool that makes it.
    pub tool: &'static str,
    /// The arguments' text.
    pub raw: String,
    /// Why it cannot be made, for the model.
    pub refused: Option<String>,
}

/// What happens to a turn.
#[derive(Clone, Debug)]
pub enum Input {
    /// The turn begins.
    Start,
    /// From the model.
    Model(ModelEvent),
    /// The model was given no tools, and these edits are in its answer. Comes once, right before the answer's end.
    Edits(Vec<TextCall>),
    /// The request failed, before or amid the answer. `delay` is the provider's or the schedule's, none if there is no use in another try.
    Failed {
        /// Why.
        error: ProviderError,
        /// How long to wait before another try.
        delay: Option<Duration>,
        /// The next model is known to take a longer conversation than this one.
        roomier: bool,
    },
    /// Another model answers from here on, within these limits; or why there is none.
    NextModel(Result<Limits, String>),
    /// The wait is over.
    Waited,
    /// A call ended.
    ToolDone {
        /// Which call of the step.
        call: usize,
        /// How.
        outcome: Outcome,
    },
    /// The user said something more.
    Message,
    /// The request does not fit the budget, and is not made: why, for the user.
    Unaffordable(String),
    /// The answer may only be as long as the budget allows: what is said where that cuts it.
    Shortened(String),
    /// The conversation was summarised; false if that failed or made it no shorter.
    Compacted(bool),
    /// The last look is done: whether something is still broken, which the conversation says now.
    Looked(bool),
    /// The user cancels.
    Cancel,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Ask the model, with all that was said so far. A new step's message begins.
    CallModel {
        /// 0 for the first try of a step.
        attempt: u32,
        /// The agent's limit allows no further step: the model is told to close.
        last: bool,
    },
    /// Drop the request; its connection closes.
    DropModel,
    /// Throw away what the model said in this step: it will be said again.
    Discard,
    /// What an answer that is thrown away cost all the same.
    Wasted(Tokens),
    /// Say `NextModel`; if there is one, throw away what this one said in this step, and tell the user.
    NextModel {
        /// What the model that failed did wrong.
        reason: String,
        /// Of what kind; none where it did not fail by an error.
        kind: Option<ProviderErrorKind>,
    },
    /// Words of the answer.
    Text(String),
    /// Thoughts of the answer.
    Reasoning(String),
    /// The thoughts are whole.
    ReasoningEnd(Value),
    /// A call is being written.
    CallBegun {
        /// Which call of the step.
        call: usize,
    },
    /// A call is whole.
    CallWhole {
        /// Which call of the step.
        call: usize,
    },
    /// The answer is whole.
    StepFinished {
        /// Why the model stopped.
        reason: FinishReason,
        /// What it cost.
        tokens: Tokens,
    },
    /// Run a call.
    RunTool {
        /// Which call of the step.
        call: usize,
        /// Ask for `doom_loop` first.
        doom: bool,
    },
    /// Give a call this result without running it.
    SkipTool {
        /// Which call of the step.
        call: usize,
        /// For the model.
        why: &'static str,
    },
    /// Give a call this result without running it: it was an edit that cannot be made.
    RefuseTool {
        /// Which call of the step.
        call: usize,
        /// For the model.
        why: String,
    },
    /// Interrupt the calls that run.
    CancelTools,
    /// Wait, visibly, and say `Waited`.
    Wait {
        /// How long.
        delay: Duration,
        /// 1 for the first retry.
        attempt: u32,
        /// Why.
        reason: String,
    },
    /// Summarise the conversation, and say `Compacted`.
    Compact,
    /// Look once more at what was changed, and say `Looked`.
    Look,
    /// Note an error at the step's message.
    Error(MessageError),
    /// The turn is over.
    Stop(StopReason),
}

/// A call of the current step.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The model's name for it.
    pub id: String,
    /// The tool.
    pub tool: String,
    /// The arguments' text.
    pub raw: String,
    /// The adapter's own.
    pub metadata: Value,
    /// The answer reached its limit: the arguments may break off.
    pub cut: bool,
    pub(super) refused: Option<String>,
    pub(super) state: CallState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallState {
    Writing,
    Whole,
    Running,
    Done,
}

/// What bounds a turn.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// Most steps.
    pub steps: Option<u32>,
    /// Tokens that a request and its answer may be before the conversation is summarised; none if unknown or switched off.
    pub usable: Option<u64>,
    /// Whether a context overflow that the provider reports leads to a summary.
    pub compact: bool,
    /// A rejected call does not end the turn (OpenCode's `experimental.continue_loop_on_deny`).
    pub continue_on_deny: bool,
    /// Another model waits, should this one fail.
    pub next: bool,
}
