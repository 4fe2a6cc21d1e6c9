//! Summaries: what is summarised, what stays as it was said, and the request that asks for the words.
//!
//! **Invariant:** the newest message of the user is never summarised away, and a summary that is empty or failed changes nothing.

use proto::{Message, MessageId, MessageWithParts, SessionId, Tokens};
use providers::{ChatMessage, ChatPart, Client, ModelEvent, ModelRequest, ProviderError, ProviderErrorKind};

use crate::history::{relevant, transcript};
use crate::worker::Setup;

const PROMPT: &str = include_str!("../../../../prompts/agents/compaction.md");
/// OpenCode's estimate of a token's length.
const CHARS_PER_TOKEN: usize = 4;
/// Most of the newest turn that stays as it was said, in characters.
const TAIL: usize = 40_000;
/// The length of the transcript where the model's limit is unknown, in characters.
const UNKNOWN_LIMIT: usize = 400_000;

/// What is to be summarised.
pub struct Plan {
    transcript: String,
    tail: Option<MessageId>,
}

/// A summary, or why there is none.
pub type Outcome = Result<Summary, ProviderError>;

/// A summary.
pub struct Summary {
    /// The words.
    pub text: String,
    /// The first message that is still sent as it was said.
    pub tail: Option<MessageId>,
    /// Tokens of the request.
    pub tokens: Tokens,
}

/// What to summarise; none if there is nothing. Amid a turn (`in_turn`) the newest message of the user and what followed stay as they are, or, where that is
/// too long, the message alone.
#[must_use]
pub fn plan(history: &[MessageWithParts], setup: &Setup, in_turn: bool) -> Option<Plan> {
    let all: Vec<_> = relevant(history).cloned().collect();
    let newest = in_turn.then(|| all.iter().rposition(|m| matches!(m.info, Message::User(_)))).flatten();
    let (head, tail) = match newest {
        Some(at) if length(&all[at..]) <= TAIL => (&all[..at], Some(at)),
        Some(at) if at + 1 == all.len() => (&all[..at], Some(at)),
        _ => (&all[..], None),
    };
    if head.is_empty() {
        return None;
    }
    let mut text = transcript(head.iter());
    if tail.is_none()
        && let Some(at) = newest
    {
        text.push_str("\nThe user's newest message, which must be repeated word by word in the summary:\n");
        text.push_str(&crate::history::words(&all[at]));
    }
    let context = usize::try_from(setup.model.limit.context).unwrap_or(0);
    let room = if context == 0 { UNKNOWN_LIMIT } else { context.saturating_mul(CHARS_PER_TOKEN) / 2 };
    Some(Plan { transcript: newest_part(&text, room), tail: tail.map(|at| all[at].info.id().clone()) })
}

/// Asks for the summary. A conversation that does not fit even so is halved once.
pub async fn summarise(plan: Plan, setup: Setup, session: SessionId, client: Client) -> Outcome {
    match ask(&plan.transcript, &setup, &session, &client).await {
        Ok((text, tokens)) => Ok(Summary { text, tail: plan.tail, tokens }),
        Err(error) if error.kind == ProviderErrorKind::ContextOverflow => {
            let half = newest_part(&plan.transcript, plan.transcript.len() / 2);
            ask(&half, &setup, &session, &client).await.map(|(text, tokens)| Summary { text, tail: plan.tail, tokens })
        }
        Err(error) => Err(error),
    }
}

async fn ask(transcript: &str, setup: &Setup, session: &SessionId, client: &Client) -> Result<(String, Tokens), ProviderError> {
    let request = ModelRequest {
        system: vec![PROMPT.to_owned()],
        messages: vec![ChatMessage::User(vec![ChatPart::Text(format!(
            "<conversation>\n{transcript}\n</conversation>\n\nWrite the summary now."
        ))])],
        session: session.as_str().to_owned(),
        ..ModelRequest::default()
    };
    let mut stream = client.stream(&setup.model, &request);
    let (mut text, mut tokens) = (String::new(), Tokens::default());
    while let Some(event) = stream.next().await {
        match event? {
            ModelEvent::Text(words) => text.push_str(&words),
            ModelEvent::Usage(usage) => tokens = usage,
            _ => {}
        }
    }
    if text.trim().is_empty() {
        return Err(ProviderError {
            kind: ProviderErrorKind::Protocol,
            message: "The conversation could not be summarised: the model answered nothing.".into(),
            status: None,
            retry_after: None,
        });
    }
    Ok((text, tokens))
}

fn length(messages: &[MessageWithParts]) -> usize {
    transcript(messages.iter()).len()
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
