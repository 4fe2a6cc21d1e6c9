//! What the words of `interline run` ask for: a message to the model, or something that Interline does itself.
//!
//! Must not do it. Pure.
//!
//! **Invariant:** a word that is a command somewhere else is never sent to a model as if it were a message.

use crate::builtin::BUILTIN;
use crate::lsp::slash;

/// It.
#[derive(Debug, PartialEq, Eq)]
pub enum Order {
    /// The model is told this.
    Message(String),
    /// The session is summarised.
    Compact,
}

/// What `words` are, the arguments of `command` if one is named. `knows`: whether there is a command or skill of that name.
///
/// # Errors
/// If there is no such command, or it is one of an editor's chat; in words for the user.
pub fn of(command: Option<&str>, words: &str, knows: impl Fn(&str) -> bool) -> Result<Order, String> {
    let text = command.map_or_else(|| words.to_owned(), |name| format!("/{} {words}", name.trim_start_matches('/')).trim_end().to_owned());
    let Some((name, _)) = config::parse_slash(&text) else { return Ok(Order::Message(text)) };
    let is_message = knows(name) || BUILTIN.iter().any(|(builtin, ..)| *builtin == name);
    match slash::own(name) {
        _ if is_message => Ok(Order::Message(text)),
        Some("compact") => Ok(Order::Compact),
        Some(_) => {
            Err(format!("/{name} is for the chat in an editor; here there are /compact, /init, /review, and your own commands and skills"))
        }
        // A path begins as a command does.
        None if command.is_none() => Ok(Order::Message(text)),
        None => Err(format!("there is no command or skill `{name}`; `interline config` prints those of the configuration")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let check =
            |command: Option<&str>, words: &str, expect: Result<Order, &str>| match (of(command, words, |name| name == "ship"), expect) {
                (Err(told), Err(part)) => assert!(told.contains(part), "{told}"),
                (found, expect) => assert_eq!(found, expect.map_err(str::to_owned), "{command:?} {words}"),
            };
        let message = |text: &str| Ok(Order::Message(text.to_owned()));
        check(None, "what is this?", message("what is this?"));
        check(None, "/usr/bin/env is what?", message("/usr/bin/env is what?"));
        check(None, "/ship it", message("/ship it"));
        check(Some("ship"), "it", message("/ship it"));
        check(Some("/ship"), "", message("/ship"));
        check(Some("review"), "HEAD~1", message("/review HEAD~1"));
        check(None, "/compact", Ok(Order::Compact));
        check(Some("summarize"), "", Ok(Order::Compact));
        check(None, "/undo", Err("/undo is for the chat in an editor"));
        check(Some("sink"), "it", Err("no command or skill `sink`"));
    }
}
