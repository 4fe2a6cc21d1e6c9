//! Whether a command line may run.
//!
//! **Invariant:** a narrow allow answers for a simple command alone; what else a line does is asked for.

use super::effects::{base_name, has};
use super::{BashAnalysis, BashDecision, PathKind, Reason, SimpleCommand, Word};
use crate::{Action, Layers, matches};

const PERMISSION: &str = "bash";

/// What the rules for `bash` say about a command line.
///
/// Any command that is denied denies the line, also one within a wrapper or a substitution. Where everything is allowed (the last rule for `*`), nothing is
/// asked but what cannot be read, and what cannot be known while narrower rules ask or deny. Else each command needs a rule that allows it, and a line that
/// does more than run simple commands ([`BashAnalysis::must_ask`]) is asked for, unless a rule allows exactly its whole text.
/// Paths outside the project are not looked at.
#[must_use]
pub fn decide(analysis: &BashAnalysis, layers: &Layers<'_>) -> BashDecision {
    let actions: Vec<(&SimpleCommand, Action)> = analysis.commands.iter().map(|command| (command, of_command(command, layers))).collect();
    let whole = layers.evaluate(PERMISSION, &analysis.text).0;
    let denied = actions.iter().find(|(_, action)| *action == Action::Deny).map(|(command, _)| command.text.clone());
    let denied = denied.or_else(|| (whole == Action::Deny && analysis.commands.is_empty()).then(|| analysis.text.clone()));
    if denied.is_some() {
        return BashDecision { action: Action::Deny, ask_patterns: Vec::new(), always: Vec::new(), always_ask: false, denied };
    }
    if layers.allows_exactly(PERMISSION, &analysis.text) {
        return BashDecision { action: Action::Allow, ask_patterns: Vec::new(), always: Vec::new(), always_ask: false, denied: None };
    }

    let everything = layers.allows_everything(PERMISSION);
    let restricted = layers.restricts(PERMISSION);
    let always_ask = analysis.must_ask.iter().any(|reason| match reason {
        Reason::Syntax | Reason::TooLarge => true,
        Reason::Dynamic(_) | Reason::Definition(_) => !everything || restricted,
        Reason::Empty => false,
        _ => !everything,
    });
    let asked: Vec<&SimpleCommand> = actions.iter().filter(|(_, action)| *action == Action::Ask).map(|(command, _)| *command).collect();
    if always_ask || (!asked.is_empty() && !analysis.must_ask.is_empty()) || counted(analysis).next().is_none() && whole != Action::Allow {
        let text = vec![analysis.text.clone()];
        return BashDecision { action: Action::Ask, ask_patterns: text.clone(), always: text, always_ask: true, denied: None };
    }
    let action = if asked.is_empty() { Action::Allow } else { Action::Ask };
    let unique = |texts: Vec<&String>| {
        texts.into_iter().fold(Vec::new(), |mut all: Vec<String>, text| {
            if !all.contains(text) {
                all.push(text.clone());
            }
            all
        })
    };
    BashDecision {
        action,
        ask_patterns: unique(asked.iter().map(|command| &command.text).collect()),
        always: unique(asked.iter().map(|command| &command.always).collect()),
        always_ask: false,
        denied: None,
    }
}

/// Changing the directory is no command that rules ask for; where it leads is asked as a path.
fn is_cd(command: &SimpleCommand) -> bool {
    command.argv.first().is_some_and(|name| matches!(name.text.as_str(), "cd" | "chdir" | "pushd" | "popd"))
}

fn counted(analysis: &BashAnalysis) -> impl Iterator<Item = &SimpleCommand> {
    analysis.commands.iter().filter(|command| !is_cd(command))
}

fn of_command(command: &SimpleCommand, layers: &Layers<'_>) -> Action {
    let (action, rule) = layers.evaluate(PERMISSION, &command.text);
    if is_cd(command) {
        let meant = action == Action::Deny && rule.is_some_and(|rule| rule.pattern != "*");
        return if meant { Action::Deny } else { Action::Allow };
    }
    // A rule that meets the command as it is written has had its say above.
    let denied = plainer(command).into_iter().any(|text| match layers.evaluate(PERMISSION, &text) {
        (Action::Deny, Some(rule)) => !matches(&command.text, &rule.pattern),
        (action, _) => action == Action::Deny,
    });
    if denied { Action::Deny } else { action }
}

/// The command spelled as rules spell it: `/bin/rm` is denied by a rule for `rm`, and `git -C x push` by one for `git push`. No rule for such a spelling allows
/// the command, since the options may change what it does.
fn plainer(command: &SimpleCommand) -> Vec<String> {
    let name = command.argv.first().map_or("", |name| name.text.as_str());
    let base = base_name(name);
    let bare = (base != name).then(|| format!("{base}{}", command.text.get(name.len()..).unwrap_or_default()));
    let from = |at: usize| format!("{base} {}", super::words::joined(command.argv.get(at..).unwrap_or_default()));
    bare.into_iter().chain(subcommands(&command.argv).into_iter().map(from)).collect()
}

/// Where the subcommand may be behind options (`git -C x push`): whether an option takes the next word as its value is not known.
fn subcommands(argv: &[Word]) -> Vec<usize> {
    let option = |at: usize| argv.get(at).is_some_and(|word| word.text.starts_with(['-', '+']));
    let mut found = Vec::new();
    let mut at = 1;
    while option(at) {
        while option(at) {
            at += 1;
        }
        found.push(at);
        if argv.get(at - 1).is_some_and(|word| word.text.contains('=')) {
            break;
        }
        at += 1;
        if !option(at) {
            found.push(at);
        }
    }
    found.retain(|at| *at < argv.len());
    found
}

const READERS: &str = " ls cat pwd echo grep egrep fgrep rg head tail wc find sort uniq cut tr stat file du df date whoami id uname which basename dirname \
    realpath readlink tree diff cmp cd true false printf nl column comm sed test [ type command git ";
const GIT_READERS: &str =
    " status log diff show blame ls-files ls-tree rev-parse describe shortlog cat-file grep rev-list merge-base name-rev for-each-ref ";

/// Whether a command line surely changes nothing: known readers alone, no file written, nothing that would have to be asked for.
#[must_use]
pub fn is_read_only(analysis: &BashAnalysis) -> bool {
    analysis.must_ask.is_empty()
        && analysis.paths.iter().all(|path| path.kind != PathKind::Write)
        && analysis.commands.iter().all(reads_only)
}

fn reads_only(command: &SimpleCommand) -> bool {
    let word = |at: usize| command.argv.get(at).map_or("", |word| word.text.as_str());
    match word(0) {
        "git" => has(GIT_READERS, word(if word(1) == "--no-pager" { 2 } else { 1 })),
        name => has(READERS, name),
    }
}
