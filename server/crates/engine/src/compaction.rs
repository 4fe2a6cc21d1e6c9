//! Summaries: what is summarised, what stays as it was said, and the request that asks for the words.
//!
//! **Invariant:** the newest message of the user is never summarised away, and a summary that is empty or failed changes nothing.

mod said;

use proto::{Message, MessageId, MessageWithParts, SessionId, Todo, Tokens};
use providers::{ChatMessage, ChatPart, Client, ModelEvent, ModelRequest, ProviderError, ProviderErrorKind};

use crate::calls::jitter;
use crate::history::{is_summary, relevant, size, transcript, words};
use crate::setup::Setup;
use said::Said;

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
    /// What the user said in what is summarised.
    said: Said,
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

/// Begins what is added to a summary by rule.
const RECORD: &str = "## From the record";
/// Most files that are named there.
const FILES: usize = 60;
/// Most that is kept of what the user said, in bytes; a sixteenth of the model's context where that is less.
const SAID: usize = 8000;
/// A summary may be this much longer than a short conversation, in bytes.
const SLACK: usize = 2000;

/// The summary with what is on record, whatever the model wrote of it: files that were changed (the newest first), what is still to be done, and what the user
/// `said`, as a list.
#[must_use]
pub fn with_record(text: &str, files: &[String], todos: &[Todo], said: &str) -> String {
    // One that the model copied from the summary before.
    let text = text.split(RECORD).next().unwrap_or_default().trim_end();
    let open: Vec<_> = todos.iter().filter(|todo| matches!(todo.status.as_str(), "pending" | "in_progress")).collect();
    if files.is_empty() && open.is_empty() && said.is_empty() {
        return text.to_owned();
    }
    let mut out = format!("{text}\n\n{RECORD}\n");
    if !files.is_empty() {
        let more = if files.len() > FILES { format!(" … and {} more", files.len() - FILES) } else { String::new() };
        out.push_str(&format!(
            "Files changed so far: {}{more}\n",
            files.iter().take(FILES).map(String::as_str).collect::<Vec<_>>().join(", ")
        ));
    }
    for todo in open {
        out.push_str(&format!("- [{}] {} ({})\n", if todo.status == "pending" { " " } else { "…" }, todo.content, todo.priority));
    }
    out.push_str(said);
    out
}

/// How much room there is beside a summary, in bytes, so that what is told a model gets shorter by it all the same, or is short; none if it does not.
#[must_use]
pub fn room_beside(history: &[MessageWithParts], summary: &Summary) -> Option<usize> {
    let planned = summary.planned.min(history.len());
    let kept = summary.tail.as_ref().and_then(|tail| history[..planned].iter().position(|m| m.info.id() == tail)).unwrap_or(planned);
    let gone: usize = relevant(&history[..planned]).map(size).sum::<usize>().saturating_sub(history[kept..planned].iter().map(size).sum());
    let context = usize::try_from(summary.by.model.limit.context).unwrap_or(0).saturating_mul(CHARS_PER_TOKEN);
    let most = if context == 0 { SAID } else { SAID.min(context / 16) };
    gone.max(SLACK).checked_sub(summary.text.len() + 1).map(|room| room.min(most))
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
    /// What the user said in what is summarised.
    pub said: Said,
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
        said: Said::of(&all[..newest.unwrap_or(all.len()).min(head.len())]),
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
                return Ok(Summary { text, tail: plan.tail, planned: plan.planned, said: plan.said, tokens, by, passed });
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
    fn what_is_on_record_is_added_once() {
        let todo = |content: &str, status: &str| Todo { content: content.into(), status: status.into(), priority: "high".into() };
        let todos = [todo("write tests", "pending"), todo("read", "completed"), todo("mend", "in_progress")];
        let files = ["b.rs".to_owned(), "a.rs".to_owned()];
        let first = with_record("The summary.\n", &files, &todos, "Said.\n");
        assert_eq!(
            first,
            "The summary.\n\n## From the record\nFiles changed so far: b.rs, a.rs\n- [ ] write tests (high)\n- […] mend (high)\nSaid.\n"
        );
        assert_eq!(with_record(&first, &files, &todos, "Said.\n"), first);
        assert_eq!(with_record(&first, &[], &[], ""), "The summary.");
        let many: Vec<_> = (0..70).map(|n| n.to_string()).collect();
        assert!(with_record("", &many, &[], "").contains("59 … and 10 more"));
    }

    #[test]
    fn the_newest_part_begins_at_a_line_and_inside_no_character() {
        assert_eq!(newest_part("short", 100), "short");
        assert_eq!(newest_part("one\ntwo\nthree", 7), "(older parts are left out)\nthree");
        assert_eq!(newest_part("ääää", 3), "(older parts are left out)\nä");
    }
}
