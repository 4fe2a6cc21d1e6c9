//! What language servers do to the code: a rename, an action, a command of theirs.
//!
//! Must not know what the user allows: all that changes anything goes through [`Carry`].
//!
//! **Invariant:** an edit that was made for another text than the user sees is asked for again, or not made; a server is told that its edit was applied only
//! when it was, and after it was given the new text.

use std::time::Duration;

use lsp_client::semantic::actions::{self, Action};
use lsp_client::semantic::edit;
use lsp_client::{Sibling, Wanted};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tools::{Carry, Choose, CodeAction, Span, ToolError};
use workspace::DocKey;

use super::outcomes::Flaw;
use super::{Eyes, START, ask, part, place, refused};

/// How often an edit is asked for again because the text was another one.
const ROUNDS: usize = 3;
/// How long a command may run without a word.
const COMMAND: Duration = Duration::from_secs(60);

impl Eyes {
    pub(super) async fn rename_at(&self, at: &Span, name: &str, carry: &dyn Carry, cancel: &CancellationToken) -> Result<(), ToolError> {
        let method = "textDocument/rename";
        let sibling = self.able(&at.document, method, cancel).await?.swap_remove(0);
        // What is not indexed would keep its name.
        let done = tokio::select! {
            done = sibling.done(START) => done,
            () = cancel.cancelled() => return Err(ToolError::Cancelled(Box::default())),
        };
        done.map_err(|what| {
            ToolError::model(format!(
                "{} is still at work ({what}), and would miss places now: call again later, or use grep and edit",
                sibling.id()
            ))
        })?;
        let mut params = place(&sibling, at);
        if sibling.can("textDocument/prepareRename") && ask(&sibling, "textDocument/prepareRename", &params, cancel).await?.is_null() {
            return Err(ToolError::model(format!("{}: what stands there cannot be renamed", sibling.id())));
        }
        params["newName"] = name.into();
        for round in 0..ROUNDS {
            let answer = ask(&sibling, method, &params, cancel).await?;
            match self.make(&sibling, &answer, Some((at, round == 0)), carry).await {
                Ok(_) => return Ok(()),
                Err(Flaw::Stale) => {}
                Err(Flaw::Fault(fault)) => return Err(fault),
            }
        }
        Err(changing())
    }

    /// What all servers offer for a part of a document.
    pub(super) async fn offered(&self, at: &Span, cancel: &CancellationToken) -> Result<Vec<(Sibling, Action)>, ToolError> {
        let method = "textDocument/codeAction";
        let siblings = self.able(&at.document, method, cancel).await?;
        // Fixes are for what was found: that must be known.
        self.siblings.pool().wait(std::slice::from_ref(&at.document.key), super::LAST_LOOK, cancel).await;
        let (mut all, mut fault) = (Vec::new(), None);
        for sibling in siblings {
            let mut params = part(&sibling, at);
            let line = |end: &str| params["range"][end]["line"].as_u64().and_then(|line| u32::try_from(line).ok()).unwrap_or_default();
            let diagnostics = sibling.diagnostics_of(&at.document.key, (line("start"), line("end"))).await;
            params["context"] = json!({ "diagnostics": diagnostics, "triggerKind": 1 });
            match ask(&sibling, method, &params, cancel).await {
                Ok(answer) => all.extend(actions::all(&answer).into_iter().map(|action| (sibling.clone(), action))),
                Err(error) => fault = Some(error),
            }
        }
        match fault {
            Some(fault) if all.is_empty() => Err(fault),
            _ => Ok(all),
        }
    }

    pub(super) async fn act_on(
        &self,
        at: &Span,
        choose: &Choose<'_>,
        carry: &dyn Carry,
        cancel: &CancellationToken,
    ) -> Result<CodeAction, ToolError> {
        for round in 0..ROUNDS {
            let offered = self.offered(at, cancel).await?;
            let all: Vec<CodeAction> = offered.iter().map(|(_, action)| shown(action)).collect();
            let chosen = choose(&all)?;
            let (Some((sibling, action)), Some(shown)) = (offered.into_iter().nth(chosen), all.into_iter().nth(chosen)) else {
                return Err(ToolError::model("there is no such action"));
            };
            let action = if action.edit().is_none() && action.raw.get("data").is_some() && sibling.can("codeAction/resolve") {
                let resolved = ask(&sibling, "codeAction/resolve", &action.raw, cancel).await?;
                Action { raw: resolved, ..action }
            } else {
                action
            };
            if let Some(edit) = action.edit() {
                match self.make(&sibling, edit, Some((at, round == 0)), carry).await {
                    Ok(keys) => self.tell_new(&keys).await,
                    Err(Flaw::Stale) => continue,
                    Err(Flaw::Fault(fault)) => return Err(fault),
                }
            }
            match (action.command(), action.edit()) {
                (Some((command, arguments)), edit) => match sibling.may_run(command) {
                    Ok(()) => {
                        let edits = self.run_command(&sibling, command, arguments, carry, cancel).await?;
                        // After an edit it may only tell the server what was chosen.
                        if edits == 0 && edit.is_none() && Sibling::only_edits(command) {
                            return Err(no_edit(&sibling));
                        }
                    }
                    // What an editor does after an edit, such as moving the cursor.
                    Err(_) if edit.is_some() => {}
                    Err(why) => return Err(ToolError::model(format!("this action cannot be done: {why}"))),
                },
                (None, None) => return Err(no_edit(&sibling)),
                (None, Some(_)) => {}
            }
            return Ok(shown);
        }
        Err(changing())
    }

    /// How many edits it asked for, all of which were made.
    async fn run_command(
        &self,
        sibling: &Sibling,
        command: &str,
        arguments: &Value,
        carry: &dyn Carry,
        cancel: &CancellationToken,
    ) -> Result<usize, ToolError> {
        if !Sibling::only_edits(command) {
            carry.may_run(command).await?;
        }
        let (sender, mut wanted) = mpsc::unbounded_channel();
        let running = sibling.run(command, arguments, sender);
        tokio::pin!(running);
        let mut done = Ok(0);
        let ended = loop {
            tokio::select! {
                biased;
                Some(wanted) = wanted.recv() => done = self.do_wanted(sibling, wanted, done, carry).await,
                ended = &mut running => break ended,
                () = tokio::time::sleep(COMMAND) => {
                    return Err(ToolError::model(format!("{}: {command} has not ended within {} s", sibling.id(), COMMAND.as_secs())));
                }
                () = cancel.cancelled() => return Err(ToolError::Cancelled(Box::default())),
            }
        };
        // What it asked for right before it ended.
        while let Ok(wanted) = wanted.try_recv() {
            done = self.do_wanted(sibling, wanted, done, carry).await;
        }
        // What was refused is the reason, whatever the server makes of it.
        let edits = done?;
        ended.map_err(|error| refused(sibling, &error))?;
        Ok(edits)
    }

    /// Makes an edit that a command asks for. After one that was not made no other is.
    async fn do_wanted(
        &self,
        sibling: &Sibling,
        wanted: Wanted,
        done: Result<usize, ToolError>,
        carry: &dyn Carry,
    ) -> Result<usize, ToolError> {
        let made = match &done {
            Err(_) => {
                wanted.answer(Err("an edit before it was not made"));
                return done;
            }
            Ok(_) => self.make(sibling, wanted.edit(), None, carry).await,
        };
        match made {
            Ok(keys) => {
                self.tell_new(&keys).await;
                wanted.answer(Ok(()));
                done.map(|count| count + 1)
            }
            Err(flaw) => {
                let fault = match flaw {
                    Flaw::Stale => changing(),
                    Flaw::Fault(fault) => fault,
                };
                wanted.answer(Err("it was not allowed, or does not fit the text any more"));
                Err(fault)
            }
        }
    }

    /// Makes a `WorkspaceEdit`; the documents that it changed. `asked` is what was asked about, and whether all texts must be known to the server.
    async fn make(&self, sibling: &Sibling, answer: &Value, asked: Option<(&Span, bool)>, carry: &dyn Carry) -> Result<Vec<DocKey>, Flaw> {
        let steps = edit::read(answer).map_err(|why| ToolError::model(format!("{}'s edit was refused: {why}", sibling.id())))?;
        let outcomes = self.outcomes(sibling, steps, asked, carry).await?;
        if outcomes.is_empty() {
            return Err(ToolError::model(format!("{} would change nothing", sibling.id())).into());
        }
        let keys = outcomes.iter().map(|outcome| outcome.key.clone()).collect();
        carry.carry_out(outcomes).await?;
        Ok(keys)
    }

    /// Servers must have the new text before they hear that it is there.
    async fn tell_new(&self, keys: &[DocKey]) {
        let mut work = self.work.lock().await;
        // Or an older text that was looked at would come after it.
        self.get_ready(&mut work).await;
        for key in keys {
            if let Ok(snapshot) = self.workspace.read(key).await {
                self.hand_over(&mut work, &snapshot);
            }
        }
    }
}

/// As tools know it.
pub(super) fn shown(action: &Action) -> CodeAction {
    CodeAction { title: action.title.clone(), kind: action.kind.clone(), disabled: action.disabled.clone(), preferred: action.preferred }
}

fn no_edit(sibling: &Sibling) -> ToolError {
    ToolError::model(format!("{} hands back no edit for this action", sibling.id()))
}

fn changing() -> ToolError {
    ToolError::model("the text was changed meanwhile, and the server's edit is for another one; nothing was changed: call again")
}
