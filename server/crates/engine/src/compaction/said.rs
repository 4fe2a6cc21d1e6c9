//! What the user said, word by word, carried from summary to summary: a demand must not depend on whether a model thought it worth a line.
//!
//! Must not know who summarises. Pure.
//!
//! **Invariant:** the newest stay; where older ones are left out, or a long one is cut, that is said.

use std::collections::VecDeque;

use proto::{Message, MessageWithParts, PartKind};

use crate::history::is_summary;

/// Begins the list.
const HEADING: &str = "What the user said, word by word, the oldest first:";
/// Stands in the place of what is left out.
const OLDER: &str = "- (older messages are left out)";
/// Most of one message, in characters: half from its beginning, half from its end.
const MESSAGE: usize = 600;

/// The user's messages, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    messages: VecDeque<String>,
    /// There were older ones.
    older: bool,
}

impl Said {
    /// Those in the summary that stands before, and those since.
    #[must_use]
    pub fn of(history: &[&MessageWithParts]) -> Self {
        let mut said = Self::default();
        for message in history {
            let texts = message.parts.iter().filter_map(|part| match &part.kind {
                PartKind::Text { text, synthetic, .. } if *synthetic != Some(true) => Some(text.as_str()),
                _ => None,
            });
            let text = texts.collect::<Vec<_>>().join("\n");
            if is_summary(message) {
                said.read(&text);
            } else if matches!(message.info, Message::User(_)) && !text.trim().is_empty() {
                said.messages.push_back(cut(text.trim()));
            }
        }
        said
    }

    fn read(&mut self, summary: &str) {
        // A line of its own: a message that quotes it stands in a JSON string.
        let Some((_, list)) = summary.rsplit_once(&format!("\n{HEADING}\n")) else { return };
        for line in list.lines() {
            match line.strip_prefix("- ").map(serde_json::from_str) {
                _ if line == OLDER => self.older = true,
                Some(Ok(message)) => self.messages.push_back(message),
                _ => return,
            }
        }
    }

    /// The list, with the newest that have room, in bytes; empty if nothing was said.
    #[must_use]
    pub fn list(mut self, room: usize) -> String {
        let mut lines: VecDeque<_> = self.messages.drain(..).map(|message| format!("- {}\n", serde_json::Value::from(message))).collect();
        let mut size = lines.iter().map(String::len).sum::<usize>();
        while size > room
            && let Some(oldest) = lines.pop_front()
        {
            size -= oldest.len();
            self.older = true;
        }
        if lines.is_empty() && !self.older {
            return String::new();
        }
        let older = if self.older { format!("{OLDER}\n") } else { String::new() };
        format!("{HEADING}\n{older}{}", lines.into_iter().collect::<String>())
    }
}

fn cut(text: &str) -> String {
    let count = text.chars().count();
    if count <= MESSAGE {
        return text.to_owned();
    }
    let (head, tail): (String, String) = (text.chars().take(MESSAGE / 2).collect(), text.chars().skip(count - MESSAGE / 2).collect());
    format!("{head} […] {tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(messages: &[&str], older: bool) -> Said {
        Said { messages: messages.iter().map(|&message| message.to_owned()).collect(), older }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let quotes = format!("you wrote:\n{HEADING}\n- \"x\"");
        for all in [
            said(&["one", "two\nlines \"quoted\"", "drei: ä"], false),
            said(&["one", &quotes, "three"], false),
            said(&["one"], true),
            said(&[], true),
        ] {
            let mut again = Said::default();
            again.read(&format!("The summary.\n\n{}\nand more\n- \"no message\"", all.clone().list(1000)));
            assert_eq!(again, all);
        }
        assert_eq!(said(&[], false).list(1000), "");
    }

    #[test]
    fn the_newest_stay_and_what_is_left_out_is_said() {
        let list = said(&["first", "second", "third"], false).list(22);
        assert_eq!(list, format!("{HEADING}\n{OLDER}\n- \"second\"\n- \"third\"\n"));
        let long = cut(&format!("begin{}end", "ä".repeat(2000)));
        assert!(
            long.starts_with("begin") && long.contains(" […] ") && long.ends_with("end") && long.chars().count() == MESSAGE + 5,
            "{long}"
        );
    }
}
