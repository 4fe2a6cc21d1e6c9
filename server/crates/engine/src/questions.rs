//! Questions of the model's that wait for the user, and the one way to answer them.
//!
//! Owns the table of waiting questions. Must not know how a question is shown.
//!
//! **Invariant:** a request is settled once, and only by answers to all its questions; one that is refused, dropped or withdrawn has no answer.

use std::sync::{Arc, Mutex, PoisonError};

use proto::{Event, Question, QuestionId, QuestionRequest, SessionId, ToolRef};
use store::PromptReply;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tools::Denied;
use workspace::Place;

use crate::EngineError;
use crate::events::Bus;
use crate::shown::{PAUSE, Window};

/// A question that waits for the user.
#[derive(Clone, Debug)]
pub struct WaitingQuestion {
    /// What is asked.
    pub request: QuestionRequest,
    /// What was answered so far; the next answer is for the question behind these.
    pub answers: Vec<Vec<String>>,
    /// Where the user asked from.
    pub place: Option<Place>,
}

type Answer = Result<Vec<Vec<String>>, Denied>;

struct Pending {
    waiting: WaitingQuestion,
    answer: oneshot::Sender<Answer>,
}

/// The waiting questions of all sessions.
pub struct Questions {
    table: Mutex<Vec<Pending>>,
    bus: Arc<Bus>,
}

impl Questions {
    /// No question waits.
    #[must_use]
    pub fn new(bus: Arc<Bus>) -> Self {
        Self { table: Mutex::default(), bus }
    }

    /// All that wait, the oldest first.
    #[must_use]
    pub fn waiting(&self) -> Vec<WaitingQuestion> {
        self.lock().iter().map(|p| p.waiting.clone()).collect()
    }

    /// Answers all questions of a request, or the next ones; of the oldest if none is named. No answers at all refuse it. True if it is settled by them.
    ///
    /// # Errors
    /// If it does not wait: it was settled, withdrawn, or never was.
    pub fn settle(&self, id: Option<&QuestionId>, answers: Vec<Vec<String>>) -> Result<bool, EngineError> {
        let pending = {
            let mut table = self.lock();
            let at = match id {
                Some(id) => table.iter().position(|p| p.waiting.request.id == *id),
                None => (!table.is_empty()).then_some(0),
            };
            let at = at.ok_or(EngineError::NoQuestion)?;
            let refused = answers.is_empty();
            let waiting = &mut table[at].waiting;
            if answers.len() >= waiting.request.questions.len() {
                waiting.answers.clear();
            }
            waiting.answers.extend(answers);
            waiting.answers.truncate(waiting.request.questions.len());
            if !refused && waiting.answers.len() < waiting.request.questions.len() {
                return Ok(false);
            }
            let mut pending = table.remove(at);
            if refused {
                pending.waiting.answers.clear();
            }
            pending
        };
        let answers = pending.waiting.answers.clone();
        let answer = if answers.is_empty() { Err(Denied::User { message: None }) } else { Ok(answers) };
        self.finish(pending, answer);
        Ok(true)
    }

    /// Asks, and waits for the answers.
    pub(crate) async fn ask(
        &self,
        (session, tool, questions): (SessionId, ToolRef, Vec<Question>),
        place: Option<Place>,
        window: &Window,
        cancel: &CancellationToken,
    ) -> Answer {
        if cancel.is_cancelled() {
            return Err(Denied::Withdrawn);
        }
        let request = QuestionRequest { id: QuestionId::new(), session_id: session, questions, tool: Some(tool) };
        let (tx, rx) = oneshot::channel();
        let waiting = WaitingQuestion { request: request.clone(), answers: Vec::new(), place };
        let _withdraw = Withdraw(self, request.id.clone());
        {
            // Nobody can answer before all have heard of it.
            let mut table = self.lock();
            table.push(Pending { waiting, answer: tx });
            self.bus.publish(Event::QuestionAsked(request.clone()));
        }
        let shown = window.question(&request);
        let elsewhere = async {
            if let PromptReply::Question(answers) = shown.reply(PAUSE).await
                && let Err(error) = self.settle(Some(&request.id), answers)
            {
                tracing::info!("a late answer to {}: {error}", request.id);
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            answer = rx => answer.unwrap_or(Err(Denied::Withdrawn)),
            () = cancel.cancelled() => Err(Denied::Withdrawn),
            () = elsewhere => Err(Denied::Withdrawn),
        }
    }

    fn withdraw(&self, id: &QuestionId) {
        let pending = {
            let mut table = self.lock();
            table.iter().position(|p| p.waiting.request.id == *id).map(|at| table.remove(at))
        };
        if let Some(pending) = pending {
            self.finish(pending, Err(Denied::Withdrawn));
        }
    }

    fn finish(&self, pending: Pending, answer: Answer) {
        let QuestionRequest { id: request_id, session_id, .. } = pending.waiting.request;
        let event = match &answer {
            Ok(answers) => Event::QuestionReplied { session_id, request_id, answers: answers.clone() },
            Err(_) => Event::QuestionRejected { session_id, request_id },
        };
        // Before the one who asked goes on, so that faces see things in their order.
        self.bus.publish(event);
        // The one who asked may be gone: then there is nothing to tell.
        let _ = pending.answer.send(answer);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Pending>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Withdraws a question when the one who asked is dropped.
struct Withdraw<'a>(&'a Questions, QuestionId);

impl Drop for Withdraw<'_> {
    fn drop(&mut self) {
        self.0.withdraw(&self.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(count: usize) -> (Arc<Questions>, CancellationToken, tokio::task::JoinHandle<Answer>) {
        let questions = Arc::new(Questions::new(Arc::default()));
        let (table, cancel) = (Arc::clone(&questions), CancellationToken::new());
        let token = cancel.clone();
        let one = Question { question: "Which?".into(), header: String::new(), options: Vec::new(), multiple: None };
        let tool = ToolRef { message_id: "msg_1".into(), call_id: "c".into() };
        let all = vec![one; count];
        let call = tokio::spawn(async move { table.ask(("ses_1".into(), tool, all), None, &Window::nowhere(), &token).await });
        (questions, cancel, call)
    }

    async fn until_asked(questions: &Questions) {
        let mut events = questions.bus.subscribe();
        while questions.waiting().is_empty() {
            events.recv().await.unwrap();
        }
    }

    fn labels(words: &[&str]) -> Vec<Vec<String>> {
        words.iter().map(|word| vec![(*word).to_owned()]).collect()
    }

    #[tokio::test]
    async fn answers_may_come_one_by_one_and_the_first_counts() {
        let (questions, _cancel, call) = asked(2);
        until_asked(&questions).await;
        assert!(!questions.settle(None, labels(&["Red"])).unwrap());
        assert!(!call.is_finished());
        assert!(questions.settle(None, labels(&["Big"])).unwrap());
        assert_eq!(call.await.unwrap(), Ok(labels(&["Red", "Big"])));
        assert!(matches!(questions.settle(None, labels(&["Blue"])), Err(EngineError::NoQuestion)));
    }

    #[tokio::test]
    async fn refused_or_withdrawn_there_is_no_answer() {
        let (questions, _cancel, call) = asked(1);
        until_asked(&questions).await;
        assert!(questions.settle(None, Vec::new()).unwrap());
        assert_eq!(call.await.unwrap(), Err(Denied::User { message: None }));

        let (questions, cancel, call) = asked(1);
        until_asked(&questions).await;
        cancel.cancel();
        assert_eq!(call.await.unwrap(), Err(Denied::Withdrawn));
        assert!(questions.waiting().is_empty());

        let (questions, _cancel, call) = asked(1);
        until_asked(&questions).await;
        call.abort();
        assert!(call.await.is_err());
        assert!(questions.waiting().is_empty());
    }
}
