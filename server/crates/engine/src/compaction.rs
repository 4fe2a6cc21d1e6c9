//! Summaries: what is summarised, what stays as it was said, and the request that asks for the words.
//!
//! **Invariant:** the newest message of the user is never summarised away, and a summary that is empty or failed changes nothing.

use proto::{Message, MessageId, MessageWithParts, SessionId, Tokens};
use providers::{ChatMessage, ChatPart, Client, ModelEvent, ModelRequest, ProviderError, ProviderErrorKind};

use crate::calls::jitter;
use crate::history::{is_summary, relevant, size, transcript, words};
use crate::setup::Setup;

const PROMPT: &str = include_str!("../../../../prompts/agents/compaction.md");
/// OpenCode's estimate of a token's length.
const CHARS_PER_TOKEN: usize = 4;
/// Most of the newest turn that stays as it was said, in bytes; a quarter of the model's context where that is less.
const TAIL: usize = 40_000;
/// The length of the transcript where the model's limit is unknown, in characters.
const UNKNOWN_LIMIT: usize = 400_000;
/// A transcript that does not fit is halved while it is longer than this, in bytes.
const SHORTEST: usize = 4000;

/// What is to be summarised.
pub struct Plan {
    /// The summary before, which is never cut.
    earlier: String,
    transcript: String,
    tail: Option<MessageId>,
    /// The user's newest message, if it is not in the tail.
    question: Option<String>,
    /// How many messages there were.
    planned: usize,
}

impl Plan {
    /// What is to be read, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        PROMPT.len() + self.earlier.len() + self.transcript.len()
    }
}

/// A summary, or why there is none.
pub type Outcome = Result<Summary, ProviderError>;

/// A summary.
pub struct Summary {
    /// The words.
    pub text: String,
    /// The first message that is still sent as it was said.
    pub tail: Option<MessageId>,
    /// How many messages there were when it was planned: what was said since is not in it.
    pub planned: usize,
    /// Tokens of the request.
    pub tokens: Tokens,
    /// Who wrote it.
    pub by: Setup,
    /// Who could not, for the user.
    pub passed: Vec<String>,
}

/// What to summarise; none if there is nothing. Amid a turn (`in_turn`) the newest message of the user and what followed stay as they are, or, where that is
/// too long, the message alone. `by` writes it.
#[must_use]
pub fn plan(history: &[MessageWithParts], setup: &Setup, by: &Setup, in_turn: bool) -> Option<Plan> {
    let all: Vec<_> = relevant(history).collect();
    let context_of = |setup: &Setup| usize::try_from(setup.model.limit.context).unwrap_or(0).saturating_mul(CHARS_PER_TOKEN);
    let (context, readable) = (context_of(setup), context_of(by));
    let longest_tail = if context == 0 { TAIL } else { TAIL.min(context / 4) };
    let newest = in_turn.then(|| all.iter().rposition(|m| matches!(m.info, Message::User(_)))).flatten();
    let (head, tail) = match newest {
        Some(at) if all[at..].iter().map(|m| size(m)).sum::<usize>() <= longest_tail => (&all[..at], Some(at)),
        Some(at) if at + 1 == all.len() => (&all[..at], Some(at)),
        _ => (&all[..], None),
    };
    if head.is_empty() {
        return None;
    }
    let before = head.iter().take_while(|m| is_summary(m)).count();
    let room = if readable == 0 { UNKNOWN_LIMIT } else { readable / 2 };
    Some(Plan {
        earlier: transcript(head[..before].iter().copied()),
        transcript: newest_part(&transcript(head[before..].iter().copied()), room),
        tail: tail.map(|at| all[at].info.id().clone()),
        question: newest.filter(|_| tail.is_none()).map(|at| words(all[at])),
        planned: history.len(),
    })
}

/// Asks for the summary, of `max_output` tokens at most: the first of `writers`, again where that may help, then the next. What does not fit even so is halved.
///
/// # Errors
/// If there is none: the last provider's last words.
pub async fn summarise(plan: Plan, writers: Vec<Setup>, session: SessionId, client: Client, max_output: Option<u64>) -> Outcome {
    let mut passed = Vec::new();
    let mut writers = writers.into_iter().peekable();
    while let Some(by) = writers.next() {
        let error = match write(&plan, &by, &session, &client, max_output).await {
            Ok((mut text, tokens)) => {
                if let Some(question) = plan.question {
                    text.push_str("\n\nThe user's newest message, word by word:\n");
                    text.push_str(&question);
                }
                return Ok(Summary { text, tail: plan.tail, planned: plan.planned, tokens, by, passed });
            }
            Err(error) => error,
        };
        if writers.peek().is_none() {
            return Err(error);
        }
        passed.push(format!("{} could not summarise ({})", by.author.model, error.message.trim_end_matches('.')));
    }
    Err(broken("nobody was asked"))
}

/// Asks one model.
async fn write(
    plan: &Plan,
    by: &Setup,
    session: &SessionId,
    client: &Client,
    max_output: Option<u64>,
) -> Result<(String, Tokens), ProviderError> {
    let mut words = plan.transcript.clone();
    let mut failed = 0;
    loop {
        let error = match ask(&format!("{}{words}", plan.earlier), by, session, client, max_output).await {
            Err(error) => error,
            done => return done,
        };
        if error.kind == ProviderErrorKind::ContextOverflow && words.len() > SHORTEST {
            words = newest_part(&words, words.len() / 2);
            continue;
        }
        failed += 1;
        match providers::retry::delay(failed, &error, jitter()) {
            Some(delay) => tokio::time::sleep(delay).await,
            None => return Err(error),
        }
    }
}

async fn ask(
    transcript: &str,
    by: &Setup,
    session: &SessionId,
    client: &Client,
    max_output: Option<u64>,
) -> Result<(String, Tokens), ProviderError> {
    let request = ModelRequest {
        system: vec![PROMPT.to_owned()],
        messages: vec![ChatMessage::User(vec![ChatPart::Text(format!(
            "<conversation>\n{transcript}\n</conversation>\n\nWrite the summary now."
        ))])],
        max_output,
        session: session.as_str().to_owned(),
        ..ModelRequest::default()
    };
    let mut stream = client.stream(&by.model.for_side_job(), &request);
    let (mut text, mut tokens) = (String::new(), Tokens::default());
    while let Some(event) = stream.next().await {
        match event? {
            ModelEvent::Text(words) => text.push_str(&words),
            ModelEvent::Usage(usage) => tokens = usage,
            _ => {}
        }
    }
    if text.trim().is_empty() {
        return Err(broken("the model answered nothing"));
    }
    Ok((text, tokens))
}

fn broken(why: &str) -> ProviderError {
    ProviderError {
        kind: ProviderErrorKind::Protocol,
        message: format!("The conversation could not be summarised: {why}."),
        status: None,
        retry_after: None,
    }
}

/// The newest `room` bytes of a text, from a line's beginning where there is one.
fn newest_part(text: &str, room: usize) -> String {
    if text.len() <= room {
        return text.to_owned();
    }
    let mut at = text.len() - room;
    while !text.is_char_boundary(at) {
        at += 1;
    }
    let from = text[at..].find('\n').map_or(at, |line| at + line + 1);
    format!("(older parts are left out)\n{}", &text[from.min(text.len())..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_part_begins_at_a_line_and_inside_no_character() {
        assert_eq!(newest_part("short", 100), "short");
        assert_eq!(newest_part("one\ntwo\nthree", 7), "(older parts are left out)\nthree");
        assert_eq!(newest_part("ääää", 3), "(older parts are left out)\nä");
    }
}
