//! Slash commands that come with Interline and are a message to the model.
//!
//! **Invariant:** a command of the user's own of the same name goes first.

use config::Config;

/// All of them: name, what it does, and the message; arguments stand at its end.
pub const BUILTIN: &[(&str, &str, &str)] = &[
    ("init", "write AGENTS.md, or improve it: what an agent has to know of this project", include_str!("../../prompts/commands/init.md")),
    (
        "review",
        "review what is not committed: /review, or /review commit, branch or pull request",
        include_str!("../../prompts/commands/review.md"),
    ),
];

/// The message that a text stands for; itself, if it is no such command.
#[must_use]
pub fn expand(config: &Config, text: String) -> String {
    let Some((name, arguments)) = config::parse_slash(&text) else { return text };
    let found = BUILTIN.iter().find(|(known, ..)| *known == name && !config.command.contains_key(name));
    match found {
        Some((.., message)) if arguments.is_empty() => message.trim_end().to_owned(),
        Some((.., message)) => format!("{}\n\n{arguments}", message.trim_end()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_own_command_goes_first() {
        let own: Config = serde_json::from_str(r#"{"command": {"init": {"template": "mine"}}}"#).unwrap();
        let none = Config::default();
        assert!(expand(&none, "/init".into()).starts_with("Write `AGENTS.md`"));
        assert!(expand(&none, "/init be short".into()).ends_with("\n\nbe short"));
        assert!(expand(&none, "/review HEAD~1".into()).ends_with("\n\nHEAD~1"));
        for (config, text) in [(&own, "/init"), (&none, "/initial"), (&none, "init"), (&none, "what is /init?")] {
            assert_eq!(expand(config, text.to_owned()), text);
        }
    }
}
