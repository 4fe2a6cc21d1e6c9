//! The runner: one task a session, which performs what the step machine decides.
//!
//! Owns the request that streams, the calls that run, and the timer; all as futures of one loop. Must decide nothing itself: what comes next is `turn.rs`'s to say.
//!
//! **Invariant:** a turn's inputs are taken one at a time, and its effects are performed in order before the next input.

mod holding;
mod naming;
mod news;
mod prelude;
mod spending;
mod summaries;
mod tool_calls;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use proto::{ErrorData, Event, MessageError, ModelRef, SessionStatus, ToolState, TurnId};
use providers::{ModelEvent, ModelStream, ProviderErrorKind};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tools::{ToolError, ToolOutput};
use workspace::Place;

use self::naming::{Naming, named};
use self::prelude::Filling;
use crate::calls::{self, CallNews};
use crate::commands::Prelude;
use crate::estimate::Measured;
use crate::eyes::Eyes;
use crate::files::Media;
use crate::ledger::Hold;
use crate::running::Claim;
use crate::session::{SessionState, now};
use crate::setup::Setup;
use crate::shared::Shared;
use crate::subagents::Origin;
use crate::tool_free::{self, Given, Wanted};
use crate::turn::{Effect, Input, Limits, Turn};
use crate::{AskRequest, Asked, EngineError, StopReason, compaction, reload, request};

/// What a session's worker is told.
pub enum Command {
    /// The user said something.
    Ask {
        /// What.
        request: Box<AskRequest>,
        /// What it is besides its words.
        prelude: Prelude,
        /// The images that go with it.
        media: Vec<Media>,
        /// Who is to answer.
        setup: Setup,
        /// Where the reply goes, when the message is stored.
        reply: oneshot::Sender<Result<Asked, EngineError>>,
    },
    /// Stop the turn.
    Cancel,
    /// Stop the turn, and end.
    End,
    /// Summarise the conversation.
    Compact {
        /// Who is to do it.
        setup: Setup,
        /// Where the reply goes, when it is under way or waits for the turn's end.
        reply: oneshot::Sender<Result<(), EngineError>>,
    },
    /// Drop this when no title is being written any more.
    Title(oneshot::Sender<()>),
}

/// How long cancelled calls may take to end by themselves.
const GRACE: Duration = Duration::from_secs(3);

/// A summary that is being written.
type Summarising = std::pin::Pin<Box<dyn Future<Output = compaction::Outcome> + Send>>;

/// News of a call, by its number in the step.
type News = (usize, CallNews);

/// A look at what was changed: what is still broken.
type Looking = std::pin::Pin<Box<dyn Future<Output = Option<String>> + Send>>;

/// A message that the model has not been shown yet.
struct Fresh {
    turn: TurnId,
    request: Box<AskRequest>,
    prelude: Prelude,
    /// The names of images that come with it.
    media: Vec<String>,
}

/// A session's worker.
pub struct Worker {
    shared: Arc<Shared>,
    state: SessionState,
    commands: mpsc::UnboundedReceiver<Command>,
    /// Messages that the model has not been shown yet.
    fresh: VecDeque<Fresh>,
    /// Who is to answer them; none if the user cancelled since they were said.
    waiting: Option<Setup>,
    /// A summary was asked for amid a turn.
    summarise: Option<Setup>,
    /// The engine is gone: no command will come.
    closed: bool,
    /// Who started it, if it is a subagent's.
    origin: Option<Arc<Origin>>,
    /// Why the last turn ended.
    reason: StopReason,
    /// The model of which the user was told that it works without tools.
    named: Option<ModelRef>,
    /// What the last request took.
    measured: Option<Measured>,
    /// The session has no title but its first line.
    untitled: bool,
    /// A title is being written.
    title: Option<Naming>,
    /// Looks at what is changed.
    eyes: Arc<Eyes>,
    /// The session is this process', while something is to be done in it.
    claim: Option<Claim>,
}

/// What runs while a turn runs.
struct Running {
    turn: Turn,
    id: TurnId,
    setup: Setup,
    asked_from: Option<Place>,
    /// What its messages ask for.
    wanted: Wanted,
    /// What the model was shown, if it is one that is given no tools.
    given: Option<Given>,
    answer: Option<ModelStream>,
    wait: Option<std::pin::Pin<Box<tokio::time::Sleep>>>,
    summary: Option<Summarising>,
    /// The command lines of a message that run.
    filling: Option<Filling>,
    /// What follows from their end.
    early: VecDeque<Input>,
    /// A subagent was given the message: what it brought is to be taken up.
    handed: bool,
    /// The last look at what was changed.
    look: Option<Looking>,
    /// The size of the request that runs, in bytes, where that has to be known.
    size: usize,
    calls: JoinSet<CallEnd>,
    /// Which call a task is.
    tasks: HashMap<tokio::task::Id, usize>,
    /// When cancelled calls are given up.
    grace: Option<std::pin::Pin<Box<tokio::time::Sleep>>>,
    /// What the request that runs may cost.
    hold: Option<Hold>,
    started: Vec<(i64, Value)>,
    cancel: CancellationToken,
    news: (mpsc::UnboundedSender<News>, mpsc::UnboundedReceiver<News>),
}

/// How a call ended.
pub struct CallEnd {
    /// Which call of the step.
    pub call: usize,
    /// What it brought.
    pub result: Result<ToolOutput, ToolError>,
    /// Whether somebody looks at what it changed.
    pub watched: bool,
}

impl Worker {
    /// A worker for a session; `run` is its task.
    pub fn new(shared: Arc<Shared>, state: SessionState, commands: mpsc::UnboundedReceiver<Command>) -> Self {
        let untitled = state.history.is_empty() && state.info.parent_id.is_none();
        Self {
            eyes: Eyes::new(Arc::clone(&shared.siblings), Arc::clone(&shared.workspace)),
            shared,
            state,
            commands,
            fresh: VecDeque::new(),
            waiting: None,
            summarise: None,
            closed: false,
            origin: None,
            reason: StopReason::Done,
            named: None,
            measured: None,
            untitled,
            title: None,
            claim: None,
        }
    }

    /// A worker for the session of a subagent; `once` is its task.
    pub fn of_subagent(shared: Arc<Shared>, state: SessionState, commands: mpsc::UnboundedReceiver<Command>, origin: Arc<Origin>) -> Self {
        Self { origin: Some(origin), ..Self::new(shared, state, commands) }
    }

    /// Takes commands until the engine is gone. A fault of ours ends the turn with a reason, and the worker: the next message gets a new one.
    pub async fn run(mut self) {
        let worked = std::panic::AssertUnwindSafe(self.work()).catch_unwind().await;
        if let Err(panic) = worked {
            self.faulty(&*panic);
        }
    }

    /// Answers one message, and gives the session back with the turn's end. The turn is cancelled when nobody can send commands any more.
    pub async fn once(mut self, request: AskRequest, setup: Setup) -> (SessionState, StopReason) {
        let answer = async {
            let (reply, _) = oneshot::channel();
            self.take(Box::new(request), (Prelude::default(), Vec::new()), setup, reply);
            while let Some(setup) = self.waiting.take() {
                self.turn(setup).await;
            }
        };
        if let Err(panic) = std::panic::AssertUnwindSafe(answer).catch_unwind().await {
            self.faulty(&*panic);
        }
        (self.state, self.reason)
    }

    fn faulty(&mut self, panic: &(dyn std::any::Any + Send)) {
        let why = calls::panic_words(panic);
        tracing::error!("a session's worker panicked: {why}");
        let turn = self.fresh.back().map(|fresh| fresh.turn.clone()).unwrap_or_default();
        self.commands.close();
        self.waiting = None;
        let reason =
            StopReason::Provider(format!("Interline stopped this turn by a fault of its own ({why}). The session is saved: ask again."));
        self.is_over(&turn, &reason);
    }

    async fn work(&mut self) {
        while !self.closed {
            let command = tokio::select! {
                biased;
                command = self.commands.recv() => command,
                title = named(&mut self.title), if self.title.is_some() => {
                    let held = self.take_hold().await;
                    self.keep_title(title, held.is_ok());
                    self.let_go().await;
                    continue;
                }
            };
            match command {
                Some(Command::Ask { request, prelude, media, setup, reply }) => match self.take_hold().await {
                    Ok(()) => self.take(request, (prelude, media), setup, reply),
                    Err(why) => {
                        let is_gone = matches!(why, EngineError::UnknownSession(_));
                        // The face may be gone.
                        let _ = reply.send(Err(why));
                        if is_gone {
                            return;
                        }
                    }
                },
                Some(Command::Compact { setup, reply }) => {
                    let held = self.take_hold().await;
                    self.summarise = held.is_ok().then_some(setup);
                    // The face may be gone.
                    let _ = reply.send(held);
                }
                Some(Command::Cancel) => {}
                Some(Command::Title(waits)) => self.wait_for_title(waits),
                Some(Command::End) | None => return,
            }
            // What came amid a turn, and was no part of it, is done after it.
            loop {
                if let Some(setup) = self.waiting.take() {
                    self.turn(setup).await;
                } else if let Some(setup) = self.summarise.take() {
                    self.compact_now(setup).await;
                } else {
                    break;
                }
            }
            self.let_go().await;
        }
    }

    /// Nothing more is to be done than what runs, and that is to stop.
    fn cancelled(&mut self) {
        self.waiting = None;
        self.summarise = None;
    }

    /// Takes what the user said, and says so once it is stored. The turn does not wait for that: what it asks the model is built meanwhile.
    fn take(
        &mut self,
        request: Box<AskRequest>,
        (prelude, media): (Prelude, Vec<Media>),
        setup: Setup,
        reply: oneshot::Sender<Result<Asked, EngineError>>,
    ) {
        let together = self.shared.saver.together();
        let turn = self.state.add_user(&request.text, &setup.author);
        self.untitled &= !request.has_title;
        let names = media.iter().map(|media| media.name.clone()).collect();
        media.into_iter().for_each(|media| self.state.add_file(&turn, media));
        self.state.touch();
        drop(together);
        self.fresh.push_back(Fresh { turn: turn.clone(), request, prelude, media: names });
        self.waiting = Some(setup);
        if self.origin.is_none() {
            reload::ask(&self.shared, self.state.id(), &turn);
        }
        // What is acknowledged can be cancelled.
        self.shared.turn_began(self.state.id());
        let (shared, asked) = (Arc::clone(&self.shared), Asked { session: self.state.id().clone(), turn });
        tokio::spawn(async move {
            if let Err(why) = shared.saver.flush().await {
                // The turn runs all the same: the user's words are in memory, and the failure is told.
                tracing::error!("{why}");
            }
            // The face may be gone.
            let _ = reply.send(Ok(asked));
        });
    }

    async fn turn(&mut self, setup: Setup) {
        let Some((id, first)) = self.fresh.back().map(|fresh| (fresh.turn.clone(), fresh.request.place.clone())) else { return };
        let tools = Arc::clone(&self.shared);
        let limits = request::limits(&setup);
        let tokens = request::last_tokens(&self.state.history);
        let classify = Box::new(move |tool: &str, raw: &str| calls::classify(&tools.tools.all(), tool, raw));
        let mut run = Running {
            turn: Turn::new(limits, tokens, classify),
            id,
            setup,
            asked_from: first.or_else(|| self.origin.as_ref()?.asked_from.clone()),
            wanted: Wanted::default(),
            given: None,
            answer: None,
            wait: None,
            summary: None,
            filling: None,
            early: VecDeque::new(),
            handed: false,
            look: None,
            size: 0,
            calls: JoinSet::new(),
            tasks: HashMap::new(),
            grace: None,
            hold: None,
            started: Vec::new(),
            cancel: CancellationToken::new(),
            news: mpsc::unbounded_channel(),
        };
        self.shared.turn_began(self.state.id());
        self.status(SessionStatus::Busy);
        if self.state.history.len() == 1 {
            self.tell_hooks("begin", "");
        }
        self.open_books().await;
        if let Some(passed) = run.setup.passed.take().filter(|words| self.shared.models.is_news(words)) {
            self.notice(passed);
        }
        let mut inputs = VecDeque::from([Input::Start]);
        loop {
            while let Some(input) = inputs.pop_front() {
                for effect in run.turn.step(input) {
                    self.perform(&mut run, effect, &mut inputs).await;
                }
            }
            if run.turn.is_over() {
                break;
            }
            let input = self.next(&mut run).await;
            if let (Input::Model(ModelEvent::Finish(reason)), Some(given)) = (&input, &run.given) {
                inputs.push_back(Input::Edits(tool_free::edits(&self.state.step_words(), given, *reason)));
            }
            inputs.push_back(input);
        }
        self.eyes.close();
    }

    /// What a command is to what runs; none where it waits for the end of that.
    async fn amid(&mut self, command: Option<Command>) -> Option<Input> {
        match command {
            None | Some(Command::End) => {
                self.closed = true;
                self.cancelled();
                Some(Input::Cancel)
            }
            Some(Command::Cancel) => {
                self.cancelled();
                Some(Input::Cancel)
            }
            Some(Command::Ask { request, prelude, media, setup, reply }) => {
                self.take(request, (prelude, media), setup, reply);
                Some(Input::Message)
            }
            Some(Command::Compact { setup, reply }) => {
                self.summarise = Some(setup);
                // The face may be gone.
                let _ = reply.send(Ok(()));
                None
            }
            Some(Command::Title(waits)) => {
                self.wait_for_title(waits);
                None
            }
        }
    }

    async fn perform(&mut self, run: &mut Running, effect: Effect, inputs: &mut VecDeque<Input>) {
        match effect {
            Effect::CallModel { last, .. } => self.call_model(run, last, inputs).await,
            Effect::DropModel => {
                run.answer = None;
                run.hold = None;
                run.wait = None;
                run.summary = None;
                run.filling = None;
                run.look = None;
            }
            Effect::Discard => {
                run.answer = None;
                run.hold = None;
                self.state.discard_step();
            }
            Effect::Wasted(tokens) => {
                let _together = self.shared.saver.together();
                let cost = providers::cost(&run.setup.model.cost, &tokens);
                self.state.spend(cost, tokens);
                self.count(cost, tokens);
                run.hold = None;
            }
            Effect::NextModel { reason, kind } => inputs.push_back(Input::NextModel(self.next_model(run, &reason, kind))),
            Effect::Text(text) => self.state.text(text),
            Effect::Reasoning(text) => self.state.reasoning(text),
            Effect::ReasoningEnd(metadata) => self.state.reasoning_end(metadata),
            Effect::CallBegun { call } => {
                let begun = &run.turn.calls()[call];
                self.state.call_begun(&begun.id, &begun.tool);
            }
            Effect::CallWhole { call } => {
                let whole = &run.turn.calls()[call];
                let tool = calls::tool(&self.shared.tools.all(), &whole.tool);
                let input = calls::input(tool.as_deref(), &whole.raw, whole.cut).unwrap_or_default();
                let state = ToolState::Pending { input, raw: String::new() };
                self.state.call_state(call, None, Some(whole.metadata.clone()), state);
            }
            Effect::StepFinished { reason, tokens } => {
                // What a step cost stands at its message, in its session and in the day's sum, or nowhere.
                let _together = self.shared.saver.together();
                let cost = providers::cost(&run.setup.model.cost, &tokens);
                self.measured = Some(Measured::of(&run.setup, run.size, tokens));
                self.state.finish_step(request::finish_word(reason), tokens, cost);
                self.count(cost, tokens);
                run.hold = None;
            }
            Effect::RunTool { call, doom } => self.run_tool(run, call, doom).await,
            Effect::SkipTool { call, why } => {
                let input = run.turn.calls().get(call).and_then(|c| calls::input(None, &c.raw, c.cut).ok()).unwrap_or_default();
                self.state.call_failed(call, now(), input, why.to_owned(), true);
            }
            Effect::RefuseTool { call, why } => {
                let input = run.turn.calls().get(call).and_then(|c| calls::input(None, &c.raw, c.cut).ok()).unwrap_or_default();
                self.state.call_failed(call, now(), input, why, false);
            }
            Effect::CancelTools => {
                run.cancel.cancel();
                run.grace = Some(Box::pin(tokio::time::sleep(GRACE)));
            }
            Effect::Wait { delay, attempt, reason } => {
                let next = now() + i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
                self.status(SessionStatus::Retry { attempt, message: reason, next });
                run.wait = Some(Box::pin(tokio::time::sleep(delay)));
            }
            Effect::Compact if self.state.prune() > 0 => {
                self.notice("Old outputs are left out of what the model is told.".into());
                inputs.push_back(Input::Compacted(true));
            }
            Effect::Compact => match self.summary(&run.setup, true) {
                Ok(Some((summary, hold))) => {
                    run.summary = Some(summary);
                    run.hold = hold;
                }
                Ok(None) => inputs.push_back(Input::Compacted(false)),
                Err(why) => inputs.push_back(Input::Unaffordable(why)),
            },
            Effect::Look => {
                let (eyes, cancel) = (Arc::clone(&self.eyes), run.cancel.clone());
                run.look = Some(Box::pin(async move { eyes.last_look(&cancel).await }));
            }
            Effect::Error(error) => {
                self.state.error(error.clone());
                if !matches!(error, MessageError::MessageAbortedError(_)) {
                    self.state.publish(Event::SessionError { session_id: self.state.id().clone(), error });
                }
            }
            Effect::Stop(reason) => {
                run.answer = None;
                self.ended(&run.id, &reason).await;
            }
        }
    }

    /// Goes on with the next model of the chain, and says so; what this one said in the step is thrown away.
    fn next_model(&mut self, run: &mut Running, reason: &str, kind: Option<ProviderErrorKind>) -> Result<Limits, String> {
        let failed = run.setup.author.model.to_string();
        if matches!(kind, Some(ProviderErrorKind::Auth | ProviderErrorKind::Unpaid)) {
            self.shared.models.refused(run.setup.name());
        }
        run.setup = run.setup.next()?;
        run.answer = None;
        run.hold = None;
        self.state.discard_step();
        self.notice(format!("{failed} failed ({}); going on with {}", reason.trim_end_matches('.'), run.setup.author.model));
        Ok(request::limits(&run.setup))
    }

    async fn call_model(&mut self, run: &mut Running, last: bool, inputs: &mut VecDeque<Input>) {
        self.state.end_step();
        if let Some(setup) = self.waiting.take() {
            run.setup = setup.amid(&run.setup);
            run.turn.bound(request::limits(&run.setup));
        }
        run.filling = self.fill(run, last);
        if run.filling.is_some() {
            return;
        }
        if !self.fresh.is_empty() {
            self.shared.read_instructions(&run.setup.settings).await;
        }
        let mut subtasks = Vec::new();
        let without_tools = self.shared.verdicts.without_tools(&run.setup.model);
        if let Some(why) = &without_tools
            && self.named.as_ref() != Some(&run.setup.author.model)
        {
            self.named = Some(run.setup.author.model.clone());
            self.notice(format!("{} works without tools: {why}", run.setup.author.model));
        }
        while let Some(Fresh { turn, request: ask, prelude, media }) = self.fresh.pop_front() {
            run.wanted.add(&ask, &prelude.mentions);
            subtasks.extend(prelude.subtask.map(|(agent, command)| prelude::call(&agent, &command, &ask.text)));
            if !media.is_empty() && !run.setup.model.capabilities.images {
                self.notice(format!("{} cannot see images: it is only told that there is {}", run.setup.author.model, media.join(", ")));
            }
            if without_tools.is_none() {
                let context = request::user_context(&self.shared, &self.state, &ask, &prelude.mentions, &run.setup).await;
                for text in context {
                    self.state.add_context(&turn, text);
                }
            }
            run.asked_from = ask.place.or(run.asked_from.take());
            run.id = turn;
        }
        if without_tools.is_none() {
            self.shared.tools.ready().await;
        }
        let troubles = self.shared.tools.troubles().into_iter().chain(run.setup.settings.remote.troubles());
        troubles.filter(|words| self.shared.models.is_news(words)).for_each(|words| self.notice(words));
        if !subtasks.is_empty() {
            return self.hand_over(run, subtasks, inputs);
        }
        if std::mem::take(&mut run.handed) {
            self.state.add_note(prelude::TAKE_UP, &run.setup.author);
        }
        run.given = match without_tools {
            Some(_) => Some(tool_free::give(&self.shared, &self.state, &run.wanted, &run.setup).await),
            None => None,
        };
        let mut model_request = match &run.given {
            Some(given) => tool_free::build(&self.shared, &self.state, &run.setup, given),
            None => request::build(&self.shared, &self.state, &run.setup, last),
        };
        if let Err(over) = self.afford(run, &mut model_request, inputs) {
            return inputs.push_back(Input::Unaffordable(over));
        }
        self.state.begin_step(&run.id, &run.setup.author);
        run.started.clear();
        run.tasks.clear();
        run.answer = Some(self.shared.client.stream(&run.setup.model, &model_request));
    }

    /// A turn is over, or a summary. What is changed from now on is not its work.
    async fn ended(&mut self, turn: &TurnId, reason: &StopReason) {
        if self.origin.is_none() && self.waiting.is_none() {
            reload::look(&self.shared, Some(self.state.id())).await;
            reload::ask(&self.shared, self.state.id(), turn);
        }
        self.is_over(turn, reason);
    }

    fn is_over(&mut self, turn: &TurnId, reason: &StopReason) {
        self.state.end_step();
        self.count_subagents();
        self.reason = reason.clone();
        if let StopReason::Provider(message) = reason
            && !self.state.history.last().is_some_and(|m| matches!(&m.info, proto::Message::Assistant(a) if a.error.is_some()))
        {
            let error = MessageError::UnknownError(ErrorData { message: message.clone(), ..ErrorData::default() });
            self.state.publish(Event::SessionError { session_id: self.state.id().clone(), error });
        }
        if self.shared.settings().config.compaction.prune && self.origin.is_none() {
            self.state.prune();
        }
        self.shared.saver.upkeep();
        self.tell_hooks("idle", reason.word());
        // With a message that waits, the next turn begins at once.
        if self.waiting.is_none() {
            self.shared.turn_ended(self.state.id(), turn, reason);
        }
        self.status(SessionStatus::Idle);
        let words = match reason.message() {
            "" => reason.word().to_owned(),
            message => format!("{}: {message}", reason.word()),
        };
        self.state.idle(words, self.origin.is_none().then(|| self.shared.ledger.usage(self.state.id())));
    }

    /// Something that the user should know, and that is no error.
    fn notice(&self, message: String) {
        tracing::info!("{message}");
        self.state.publish(Event::SessionNotice { session_id: self.state.id().clone(), message });
    }

    fn status(&self, status: SessionStatus) {
        self.state.publish(Event::SessionStatus { session_id: self.state.id().clone(), status });
    }
}
