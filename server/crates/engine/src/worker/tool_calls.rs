//! The calls of a step: how they begin, what they tell, and what they came to.
//!
//! Owns the record of a call. Must not know what a tool does, nor decide what follows from its result.
//!
//! **Invariant:** a call that may change something is on record before it begins, and what it changed as soon as it is told.

use std::sync::Arc;

use proto::ToolState;
use serde_json::Value;
use tools::ToolError;
use workspace::Applied;

use super::{CallEnd, Running, Worker};
use crate::calls::{self, CallJob, CallNews};
use crate::request;
use crate::session::now;
use crate::turn::{Input, Outcome};

impl Worker {
    pub(super) async fn run_tool(&mut self, run: &mut Running, call: usize, doom: bool) {
        let whole = &run.turn.calls()[call];
        let (id, name, raw, cut) = (whole.id.clone(), whole.tool.clone(), whole.raw.clone(), whole.cut);
        let start = now();
        if run.started.len() <= call {
            run.started.resize(call + 1, (start, Value::Null));
        }
        let tool = calls::tool(&self.shared.tools.all(), &name);
        let input = calls::input(tool.as_deref(), &raw, cut);
        let shown = input.clone().unwrap_or_default();
        run.started[call] = (start, shown.clone());
        let title = tool.as_ref().map(|t| t.title(&shown));
        let state = ToolState::Running { input: shown, title, metadata: Value::Null, time: proto::PartTime { start, end: None } };
        self.state.call_state(call, tool.as_ref().map(|t| t.id()), None, state);
        if calls::classify(&self.shared.tools.all(), &name, &raw) == tools::Effect::Writes {
            // What it does must not be forgotten: the call is on record before it begins.
            if let Err(why) = self.shared.saver.flush().await {
                tracing::error!("{why}");
            }
        }
        let Some(message) = self.state.step_message().cloned() else { return };
        let job = CallJob {
            shared: Arc::clone(&self.shared),
            setup: run.setup.clone(),
            session: self.state.id().clone(),
            turn: run.id.clone(),
            origin: self.origin.clone(),
            message,
            call,
            id,
            name,
            input,
            doom,
            asked_from: run.asked_from.clone(),
            seen: Arc::clone(&self.state.seen),
            cancel: run.cancel.clone(),
            eyes: Arc::clone(&self.eyes),
            news: run.news.0.clone(),
        };
        let task = run.calls.spawn(calls::run(job));
        run.tasks.insert(task.id(), call);
    }

    /// What is told of a call before it has ended.
    pub(super) fn news(&mut self, run: &Running, call: usize, news: CallNews) {
        match news {
            CallNews::Progress(progress) => {
                self.state.call_progress(call, progress.metadata);
                self.count_subagents();
            }
            CallNews::Changed(changes) => self.keep_changes(run, changes),
        }
    }

    /// What a call changed is on record from now on.
    pub(super) fn keep_changes(&self, run: &Running, changes: Vec<Applied>) {
        if changes.is_empty() {
            return;
        }
        request::take_as_own(&self.state.seen, &changes);
        match &self.origin {
            // What a subagent changed is undone with the turn of the user's.
            Some(origin) => {
                origin.changed(&changes);
                let (session, turn) = origin.root();
                self.shared.record_changes(session, turn, changes);
            }
            None => self.shared.record_changes(self.state.id(), &run.id, changes),
        }
    }

    pub(super) fn call_ended(&mut self, run: &mut Running, end: CallEnd) -> Input {
        while let Ok((call, news)) = run.news.1.try_recv() {
            self.news(run, call, news);
        }
        let (start, input) = run.started.get(end.call).cloned().unwrap_or_default();
        let mut changes = Vec::new();
        let outcome = match end.result {
            Ok(mut output) => {
                changes = std::mem::take(&mut output.changes);
                self.state.call_completed(end.call, start, input, &output);
                if end.watched { Outcome::Watched } else { Outcome::Result }
            }
            Err(ToolError::Model(why)) => {
                self.state.call_failed(end.call, start, input, why, false);
                Outcome::Failed
            }
            Err(ToolError::Rejected(why)) => {
                self.state.call_failed(end.call, start, input, why, false);
                Outcome::Rejected
            }
            Err(ToolError::Denied(denied)) => {
                let outcome = match &denied {
                    tools::Denied::User { message: None } => Outcome::Rejected,
                    tools::Denied::Withdrawn => Outcome::Cancelled,
                    tools::Denied::User { .. }
                    | tools::Denied::Rule { .. }
                    | tools::Denied::Hook { .. }
                    | tools::Denied::NobodyToAsk { .. } => Outcome::Failed,
                };
                self.state.call_failed(end.call, start, input, denied.to_string(), outcome == Outcome::Cancelled);
                outcome
            }
            Err(ToolError::Cancelled(mut output)) => {
                changes = std::mem::take(&mut output.changes);
                let text = format!("{}\n(interrupted: the user cancelled)", output.output);
                self.state.call_failed(end.call, start, input, text.trim_start().to_owned(), true);
                Outcome::Cancelled
            }
        };
        self.keep_changes(run, changes);
        self.count_subagents();
        Input::ToolDone { call: end.call, outcome }
    }
}
