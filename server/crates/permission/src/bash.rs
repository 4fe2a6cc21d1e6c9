//! What a shell command line would run, read and write, and whether it may.
//!
//! Must not know how commands are run, nor where the project lies.
//!
//! **Invariant:** what is not surely understood is a [`Reason`] to ask; a narrow `allow` never covers a redirect, a wrapper, a substitution or a second command.

mod arity;
mod decide;
mod effects;
mod paths;
mod words;

use tree_sitter::{Node, Parser};

pub use decide::{decide, is_read_only};

/// Longer lines are asked for unread, in bytes: the parser's time grows faster than the length.
const MAX_BYTES: usize = 32 * 1024;
/// So many pipes and here-documents are asked for unread: the parser's time grows with their square.
const MAX_PIPES: usize = 1000;
/// Nodes within nodes.
const MAX_DEPTH: usize = 200;
/// Commands in the words of commands: `sh -c "sh -c …"`.
const MAX_LEVELS: usize = 6;

/// One word of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Its text: quotes removed where it is literal, else the source.
    pub text: String,
    /// False if the shell makes something else of it: variables, substitutions, braces. A glob (`*.rs`) is not literal either.
    pub literal: bool,
    /// Where in the text the first glob character is, if the shell looks for files by it.
    pub(crate) glob: Option<usize>,
    /// True if variables, substitutions or braces are in it.
    pub(crate) dynamic: bool,
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
    let mut reader = Reader { out: BashAnalysis { text: command.trim().to_owned(), ..BashAnalysis::default() }, level: 0 };
    reader.read(command);
    if reader.out.commands.is_empty() {
        reader.because(Reason::Empty);
    }
    reader.out
}

struct Reader {
    out: BashAnalysis,
    level: usize,
}

impl Reader {
    fn because(&mut self, reason: Reason) {
        if !self.out.must_ask.contains(&reason) {
            self.out.must_ask.push(reason);
        }
    }

    /// Reads a line, or one that is a word of another.
    fn read(&mut self, source: &str) {
        let pipes = source.matches('|').count() + source.matches("<<").count();
        if source.len() > MAX_BYTES || pipes > MAX_PIPES || self.level >= MAX_LEVELS {
            return self.because(Reason::TooLarge);
        }
        // Shells and the grammar do not agree on which of these part words.
        if source.chars().any(|c| (c.is_control() && !matches!(c, '\n' | '\t')) || (c.is_whitespace() && !c.is_ascii())) {
            return self.because(Reason::Syntax);
        }
        // The grammar's scanner looks characters up in tables that end at 255. To the shell all beyond ASCII are ordinary characters of words.
        let masked: Vec<u8> = source.bytes().map(|byte| if byte.is_ascii() { byte } else { b'x' }).collect();
        let mut parser = Parser::new();
        let tree = match parser.set_language(&tree_sitter_bash::LANGUAGE.into()) {
            Ok(()) => parser.parse(&masked, None),
            Err(_) => None,
        };
        let Some(tree) = tree else { return self.because(Reason::Syntax) };
        if tree.root_node().has_error() {
            self.because(Reason::Syntax);
        }
        self.level += 1;
        self.walk(tree.root_node(), source);
        self.level -= 1;
    }

    /// Visits all nodes, without recursion.
    fn walk(&mut self, root: Node<'_>, source: &str) {
        let mut cursor = root.walk();
        let mut end = 0;
        // A node's own way to its parent begins at the root.
        let mut parents: Vec<Node<'_>> = Vec::new();
        loop {
            let node = cursor.node();
            if parents.len() > MAX_DEPTH {
                return self.because(Reason::TooLarge);
            }
            self.visit(node, parents.last().copied(), source);
            if node.child_count() == 0 && !self.check_leaf(node, &mut end, source) {
                self.because(Reason::Syntax);
            }
            if cursor.goto_first_child() {
                parents.push(node);
                continue;
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    if !words::is_blank(source.get(end..).unwrap_or_default()) {
                        self.because(Reason::Syntax);
                    }
                    return;
                }
                parents.pop();
            }
        }
    }

    /// Whether the shell too takes this for one piece, and nothing was left out before it.
    fn check_leaf(&mut self, node: Node<'_>, end: &mut usize, source: &str) -> bool {
        let text = words::source_of(node, source);
        let gap = source.get(*end..node.start_byte()).is_none_or(words::is_blank);
        let before = source.get(..node.start_byte()).unwrap_or_default();
        *end = node.end_byte().max(*end);
        if node.is_named() && words::hides_substitution(node.kind(), text) {
            self.because(Reason::Substitution(text.to_owned()));
        }
        gap && !node.is_missing() && words::is_one_piece(node.kind(), text, before)
    }

    fn visit(&mut self, node: Node<'_>, parent: Option<Node<'_>>, source: &str) {
        let text = || words::source_of(node, source).to_owned();
        match node.kind() {
            "command" => self.command(node, parent, source),
            "declaration_command" | "unset_command" => {
                self.because(Reason::Assignment(text()));
                self.statement(text());
            }
            "test_command" => {
                if words::source_of(node, source).contains(['$', '`', '\'']) {
                    self.because(Reason::Dynamic(text()));
                }
                self.statement(text());
            }
            "variable_assignment" => {
                self.because(Reason::Assignment(text()));
                self.assignment(node, source);
            }
            "function_definition" => self.because(Reason::Definition(text())),
            "command_substitution" | "process_substitution" => self.because(Reason::Substitution(text())),
            "heredoc_redirect" | "herestring_redirect" => self.because(Reason::Redirect(text())),
            "file_redirect" => self.redirect(node, source),
            "for_statement" | "c_style_for_statement" => self.for_loop(node, source),
            "expansion" if !words::is_plain_expansion(words::source_of(node, source)) => self.because(Reason::Dynamic(text())),
            "arithmetic_expansion" if words::source_of(node, source).contains(|c: char| c.is_alphabetic() || "_$`[".contains(c)) => {
                self.because(Reason::Dynamic(text()));
            }
            "compound_statement" if words::source_of(node, source).starts_with("((") => {
                self.because(Reason::Dynamic(text()));
                self.statement(text());
            }
            "subshell" if parent.is_some_and(|parent| parent.kind() == "command") => self.because(Reason::Syntax),
            "ansi_c_string" | "translated_string" | "brace_expression" => self.because(Reason::Dynamic(text())),
            _ => {}
        }
    }

    /// A command that is no `command` to the grammar.
    fn statement(&mut self, text: String) {
        let argv: Vec<Word> = text.split_whitespace().map(Word::literal).collect();
        let always = arity::always(&argv);
        let text = words::joined(&argv);
        self.out.commands.push(SimpleCommand { text, argv, always, wrappers: Vec::new() });
    }

    fn command(&mut self, node: Node<'_>, parent: Option<Node<'_>>, source: &str) {
        let mut argv = Vec::new();
        let mut redirects = Vec::new();
        let mut cursor = node.walk();
        for child in node.children(&mut cursor) {
            match child.kind() {
                "variable_assignment" => {}
                "file_redirect" | "heredoc_redirect" | "herestring_redirect" => redirects.push(child),
                _ => argv.push(words::word(child, source)),
            }
        }
        if let Some(parent) = parent.filter(|parent| parent.kind() == "redirected_statement") {
            let mut cursor = parent.walk();
            redirects.extend(parent.children(&mut cursor).filter(|child| child.kind().ends_with("_redirect")));
        }
        let redirects: Vec<String> = redirects
            .iter()
            .filter(|redirect| redirect.kind() != "file_redirect" || !words::is_harmless_redirect(**redirect, source))
            .map(|redirect| words::source_of(*redirect, source).split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        self.simple(argv, &redirects, &[]);
    }

    /// One simple command, wherever it came from.
    fn simple(&mut self, argv: Vec<Word>, redirects: &[String], wrappers: &[String]) {
        let Some(name) = argv.first() else { return };
        if wrappers.len() > MAX_LEVELS {
            return self.because(Reason::TooLarge);
        }
        let mut text = words::joined(&argv);
        for redirect in redirects {
            text.push(' ');
            text.push_str(redirect);
        }
        if !name.literal || name.text.is_empty() || name.text.contains(|c: char| c.is_whitespace() || "*?".contains(c)) {
            self.because(Reason::Dynamic(name.text.clone()));
        }
        let always = arity::always(&argv);
        self.out.commands.push(SimpleCommand { text, argv: argv.clone(), always, wrappers: wrappers.to_vec() });
        paths::of_command(&argv, &mut self.out.paths);
        self.effects(&argv, wrappers);
    }

    fn redirect(&mut self, node: Node<'_>, source: &str) {
        if words::is_harmless_redirect(node, source) {
            return;
        }
        let text = words::source_of(node, source);
        self.because(Reason::Redirect(text.to_owned()));
        let kind = if text.contains('>') { PathKind::Write } else { PathKind::Read };
        let mut cursor = node.walk();
        for target in node.children_by_field_name("destination", &mut cursor) {
            if target.kind() != "process_substitution" {
                paths::add(&words::word(target, source), kind, &mut self.out.paths);
            }
        }
    }

    /// A variable that the line itself uses may be a path. One that only programs see is their matter.
    fn assignment(&mut self, node: Node<'_>, source: &str) {
        let field = |name| node.child_by_field_name(name);
        let (Some(name), Some(value)) = (field("name"), field("value")) else { return };
        let name = words::source_of(name, source);
        let elsewhere = [source.get(..node.start_byte()), source.get(node.end_byte()..)];
        if elsewhere.into_iter().flatten().any(|text| text.contains(&format!("${name}")) || text.contains(&format!("${{{name}"))) {
            paths::add_if_elsewhere(&words::word(value, source), &mut self.out.paths);
        }
    }

    /// A loop sets its variable: only such as no program looks at are harmless.
    fn for_loop(&mut self, node: Node<'_>, source: &str) {
        let name = node.child_by_field_name("variable").map(|name| words::source_of(name, source)).unwrap_or_default();
        let harmless = matches!(name.as_bytes(), [b'a'..=b'z']) || ["file", "dir", "item", "name", "num", "pkg", "test"].contains(&name);
        if !harmless {
            self.because(Reason::Assignment(name.to_owned()));
        }
        let mut cursor = node.walk();
        for value in node.children_by_field_name("value", &mut cursor) {
            paths::add_if_elsewhere(&words::word(value, source), &mut self.out.paths);
        }
    }
}
