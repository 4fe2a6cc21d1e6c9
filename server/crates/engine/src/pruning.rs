//! Old outputs of tools that are left out of requests, before anything is summarised: OpenCode's rule. Pure.
//!
//! **Invariant:** the newest outputs stay, and those of the user's two newest messages; so do instructions that the model asked for.

use proto::{Message, MessageWithParts, PartKind, ToolState};

use crate::history::is_summary;

/// What a model is told in the place of an output.
pub const PRUNED: &str = "(The output of this call is old and was left out. Call the tool again if you need it.)";
/// OpenCode's estimate of a token's length.
const BYTES_A_TOKEN: usize = 4;
/// The newest outputs that stay, in tokens.
const STAY: usize = 40_000;
/// Less than this is not worth it: the provider's cache of what follows is lost.
const WORTH: usize = 20_000;
/// The user's newest messages whose calls stay.
const TURNS: usize = 2;

/// Outputs that can be left out.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Prune {
    /// Message and part.
    pub parts: Vec<(usize, usize)>,
    /// How many tokens the requests get shorter, about.
    pub tokens: usize,
}

/// What can be left out; nothing where it is not worth it.
#[must_use]
pub fn plan(history: &[MessageWithParts]) -> Prune {
    let (mut turns, mut newer) = (0, 0);
    let mut found = Prune::default();
    'messages: for (at, message) in history.iter().enumerate().rev() {
        if is_summary(message) {
            break;
        }
        for (index, part) in message.parts.iter().enumerate().rev() {
            let PartKind::Tool { tool, state: ToolState::Completed { output, time, .. }, .. } = &part.kind else { continue };
            if time.compacted.is_some() {
                // What is older was left out before.
                break 'messages;
            }
            if turns < TURNS || tool == "skill" {
                continue;
            }
            let tokens = output.len() / BYTES_A_TOKEN;
            newer += tokens;
            if newer > STAY {
                found.parts.push((at, index));
                found.tokens += tokens;
            }
        }
        turns += usize::from(matches!(message.info, Message::User(_)));
    }
    if found.tokens < WORTH { Prune::default() } else { found }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Messages by a letter each: `u` of the user, `s` a summary, `b` a call with an output of 10,000 tokens, `k` a skill of that length, `o` one that was left out.
    fn history(letters: &str) -> Vec<MessageWithParts> {
        let one = |(n, letter): (usize, char)| {
            let ids = json!({"id": format!("msg_{n}"), "sessionID": "ses_1", "time": {"created": 1, "completed": 2}});
            let more = if letter == 'u' {
                json!({"role": "user", "agent": "build", "model": {"providerID": "p", "modelID": "m"}})
            } else {
                json!({"role": "assistant", "parentID": "msg_0", "providerID": "p", "modelID": "m", "mode": "build", "summary": letter == 's'})
            };
            let mut info = ids;
            info.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let tool = |tool: &str, time: serde_json::Value| {
                json!([{"id": "prt", "sessionID": "ses_1", "messageID": "msg", "type": "tool", "callID": "c", "tool": tool, "state": {
                    "status": "completed", "input": {}, "output": "x".repeat(40_000), "title": "", "time": time}}])
            };
            let parts = match letter {
                'b' => tool("bash", json!({"start": 1, "end": 2})),
                'k' => tool("skill", json!({"start": 1, "end": 2})),
                'o' => tool("bash", json!({"start": 1, "end": 2, "compacted": 3})),
                _ => json!([]),
            };
            serde_json::from_value(json!({"info": info, "parts": parts})).unwrap()
        };
        letters.chars().enumerate().map(one).collect()
    }

    fn check(letters: &str, want: &[usize]) {
        let found = plan(&history(letters));
        let mut parts: Vec<_> = found.parts.iter().map(|(message, _)| *message).collect();
        parts.sort_unstable();
        assert_eq!((parts.as_slice(), found.tokens), (want, want.len() * 10_000), "{letters}");
    }

    #[test]
    fn old_outputs_go_where_it_is_worth_it() {
        check("", &[]);
        check("ubbbbbbbb", &[]);
        check("ubbbbbbuu", &[1, 2]);
        check("ubbbbbuu", &[]);
        check("ubbbbbbubbub", &[1, 2]);
        check("ubkkbbbbbuu", &[1, 4]);
        check("ubbbbsbbbbbbuu", &[6, 7]);
        check("ubobbbbbbuu", &[3, 4]);
    }
}
