//! What a shell command line would run, read and write, and whether it may.
//!
//! Must not know how commands are run, nor where the project lies.
//!
//! **Invariant:** what is not surely understood is a [`Reason`] to ask; a narrow `allow` never covers a redirect, a wrapper, a substitution or a second command.

/// One word of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Its text: quotes removed where it is literal, else the source.
    pub text: String,
    /// False if the shell makes something else of it: variables, substitutions, braces. A glob (`*.rs`) is not literal either.
    pub literal: bool,
}

/// A simple command, such as `git status --short`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimpleCommand {
    /// What rules are matched against: its words with one space between, quotes removed where literal, then its redirects.
    pub text: String,
    /// Its words, the command's name first.
    pub argv: Vec<Word>,
    /// What "always" would allow: as many words as name the command, and ` *`.
    pub always: String,
    /// The names of the wrappers around it (`sudo`, `xargs`), the outermost first.
    pub wrappers: Vec<String>,
}

/// How a path is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathKind {
    /// It is read, or nobody knows that it is written.
    Read,
    /// It is made, changed or removed.
    Write,
    /// The command changes into it.
    Cd,
}

/// A path that a command names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathRef {
    /// As written, without quotes, cut before the first glob character; may be relative, or begin with `~`.
    pub text: String,
    /// False if the shell makes something else of it: where it leads is unknown.
    pub literal: bool,
    /// What is done with it.
    pub kind: PathKind,
}

/// Why a command line must be asked for although each of its commands is allowed by a narrow rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The grammar cannot read it.
    Syntax,
    /// It is too long or too deep to be looked at.
    TooLarge,
    /// There is no command in it.
    Empty,
    /// What runs is known only when it runs: `$X`, `eval`, a shell that reads its input.
    Dynamic(String),
    /// It changes the environment: `PATH=…`.
    Assignment(String),
    /// It changes what words mean: functions, aliases, traps.
    Definition(String),
    /// It runs another command: `sudo`, `xargs`, `find -exec`.
    Wrapper(String),
    /// It runs code given in its words: `python -c`.
    Code(String),
    /// It has a command or process substitution.
    Substitution(String),
    /// It reads from or writes to a file: `> x`.
    Redirect(String),
    /// It has an option that runs or writes something: `git -c`, `sort -o`.
    Option(String),
}

/// What a command line would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BashAnalysis {
    /// The whole line, without white space around it.
    pub text: String,
    /// All simple commands in it, also those in substitutions, and those that wrappers run.
    pub commands: Vec<SimpleCommand>,
    /// All paths that it names.
    pub paths: Vec<PathRef>,
    /// Why it must be asked for.
    pub must_ask: Vec<Reason>,
}

/// What is to be done with a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BashDecision {
    /// Run it, ask, or refuse.
    pub action: crate::Action,
    /// What is asked for. Empty unless `action` is `Ask`.
    pub ask_patterns: Vec<String>,
    /// What "always" would allow. Empty unless `action` is `Ask`.
    pub always: Vec<String>,
    /// True where the allow of a wildcard must not answer for the user; only this very text, approved before, does.
    pub always_ask: bool,
    /// The command that is denied, if one is.
    pub denied: Option<String>,
}

/// Reads a command line. Never fails: what it cannot read is a reason to ask.
#[must_use]
pub fn analyze(command: &str) -> BashAnalysis {
    BashAnalysis { text: command.trim().to_owned(), must_ask: vec![Reason::Syntax], ..BashAnalysis::default() }
}

/// What the rules for `bash` say about a command line.
#[must_use]
pub fn decide(analysis: &BashAnalysis, layers: &crate::Layers<'_>) -> BashDecision {
    let (action, _) = layers.evaluate("bash", &analysis.text);
    BashDecision {
        action: action.max(crate::Action::Ask),
        ask_patterns: vec![analysis.text.clone()],
        always: vec![analysis.text.clone()],
        always_ask: true,
        denied: None,
    }
}

/// Whether a command line surely changes nothing. Conservative.
#[must_use]
pub fn is_read_only(analysis: &BashAnalysis) -> bool {
    let _ = analysis;
    false
}
