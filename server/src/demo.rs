//! `interline demo`: the main job, on a real small project, with this very binary as the language server.
//!
//! Owns the story. The editor's part is played here (`demo/editor.rs`), the model's by a script behind the real HTTP adapter (`demo/model.rs`).
//!
//! **Invariant:** it needs no key, no editor and no network, leaves nothing behind, and never claims that a scripted model is a real one.

mod editor;
mod model;
mod project;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use similar::TextDiff;

use crate::output;
use editor::{DemoError, Editor};
use project::Project;

/// What `demo` takes.
#[derive(Args)]
pub struct DemoArgs {
    /// Open this editor on the demo's project instead, to try it by hand
    #[arg(long, value_enum)]
    editor: Option<Choice>,
    /// Use a real model, as provider/model, by your own configuration
    #[arg(long)]
    model: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Choice {
    /// Neovim 0.11 or newer
    #[value(alias = "neovim")]
    Nvim,
    /// Helix
    #[value(alias = "helix")]
    Hx,
}

/// Runs it.
pub fn demo(args: &DemoArgs) -> ExitCode {
    match play(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::note(&format!("interline demo: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn play(args: &DemoArgs) -> Result<(), DemoError> {
    let project = Project::make()?;
    let server = if args.model.is_some() { None } else { Some(model::Model::start(project.root())?) };
    let config = project.config(server.as_ref().map(model::Model::url), args.model.as_deref());
    if let Some(choice) = args.editor {
        return open(choice, &project, &config);
    }
    match &args.model {
        None => say(
            "The model in this demo is SCRIPTED: its answers are written down in advance. All else is real: this binary runs as the\nlanguage server, the answers come over HTTP, and the edits go into a buffer of a (played) editor.",
        ),
        Some(model) => say(&format!("The model is {model}, a real one: what it does may differ from run to run.")),
    }
    tell(&project, &config, args.model.is_none())
}

fn tell(project: &Project, config: &Value, scripted: bool) -> Result<(), DemoError> {
    let file = project.root().join("price.sh");
    let mut editor = Editor::start(project, config)?;

    title("1. You have a file open, and have typed something that is not saved");
    editor.open(&file)?;
    let on_disk = editor.text();
    editor.type_text("# Prices are in cents.\n", 2)?;
    let typed = editor.text();
    diff("price.sh", &on_disk, &typed);

    title("2. You select the line that your linter complains about, and pick a code action");
    let line = "total=$(( price * count - tax ))";
    let problem = "the tax is subtracted, but should be added";
    output::line(&format!("   price.sh: {line}"));
    output::line(&format!("   linter:   {problem}"));
    let action = editor.action(line, problem, "fix this problem")?;
    output::line(&format!("   you pick: {}", action["title"].as_str().unwrap_or_default()));
    editor.run_action(&action)?;

    title("3. The agent works; what needs permission asks at the line concerned");
    let mut prompts = 0;
    loop {
        match editor.next_event()? {
            editor::Seen::Prompt { title, actions } => {
                prompts += 1;
                output::line(&format!("   permission: {title}"));
                for action in &actions {
                    output::line(&format!("       [{}]", action["title"].as_str().unwrap_or_default()));
                }
                let once = actions.iter().find(|a| a["command"]["arguments"][0]["reply"] == "once");
                let once = once.ok_or_else(|| DemoError::Story("the prompt cannot be answered by \"once\"".into()))?;
                output::line("   you pick: Allow once");
                editor.run_action(once)?;
            }
            editor::Seen::Edit { before, after } => {
                output::line("   the edit arrives in your buffer (not on the disk), as one undo step:");
                diff("price.sh", &before, &after);
                if project.read("price.sh")? != on_disk {
                    return Err(DemoError::Story("the disk was touched by an edit".into()));
                }
                output::line("   on the disk the file is still as you saved it.");
            }
            editor::Seen::Progress(what) => output::line(&format!("   … {what}")),
            editor::Seen::Chat(words) => words.lines().for_each(|line| output::line(&format!("   │ {line}"))),
            editor::Seen::TurnEnded => break,
        }
    }
    let changed = editor.text();
    if scripted && (prompts == 0 || changed == typed) {
        return Err(DemoError::Story("the agent changed nothing".into()));
    }
    output::line("   (the test saw your unsaved text: commands find it on the disk; if you close without saving, it is taken back.)");

    title("4. You take the whole turn back: undo keeps what you typed yourself");
    editor.undo()?;
    diff("price.sh", &changed, &editor.text());
    if editor.text() != typed {
        return Err(DemoError::Story("undo did not bring your text back".into()));
    }
    output::line("   your unsaved line is still there.");
    editor.quit()?;
    if project.read("price.sh")? != on_disk {
        return Err(DemoError::Story("the disk is not as you saved it".into()));
    }
    output::line("   you quit without saving: the disk is as you saved it.");
    say("That was the demo. Next: `interline setup helix` or `interline setup neovim`, and `interline doctor`.");
    Ok(())
}

/// Opens a real editor on the project.
fn open(choice: Choice, project: &Project, config: &Value) -> Result<(), DemoError> {
    let (program, arguments) = match choice {
        Choice::Nvim => ("nvim", project.neovim()?),
        Choice::Hx => ("hx", Vec::new()),
    };
    let mut command = Command::new(program);
    command.args(arguments).arg("price.sh").current_dir(project.root()).env("INTERLINE_CONFIG_CONTENT", config.to_string());
    if matches!(choice, Choice::Hx) {
        command.env("XDG_CONFIG_HOME", project.helix()?);
    }
    say(
        "Select the line with the wrong sum, open the code actions (Neovim: gra, Helix: space a), and pick \"Interline: explain this\" or another one.",
    );
    let status = command.status().map_err(|source| DemoError::Start { what: program.into(), source })?;
    if status.success() { Ok(()) } else { Err(DemoError::Story(format!("{program} ended with {status}"))) }
}

fn say(text: &str) {
    output::line(&format!("\n{text}"));
}

fn title(text: &str) {
    output::line(&format!("\n── {text}"));
}

fn diff(name: &str, before: &str, after: &str) {
    let text = TextDiff::from_lines(before, after);
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write!(out, "{}", text.unified_diff().context_radius(1).header(&format!("a/{name}"), &format!("b/{name}")));
    output::write(&out);
}

/// This binary.
fn myself() -> Result<PathBuf, DemoError> {
    std::env::current_exe().map_err(|source| DemoError::Start { what: "interline".into(), source })
}

/// A file URI.
fn uri(path: &Path) -> String {
    workspace::DocKey::file(path).to_uri()
}

/// A provider that needs no network beyond this machine.
fn scripted(url: &str) -> Value {
    json!({
        "provider": {"demo": {"npm": "@ai-sdk/openai-compatible", "options": {"baseURL": url, "apiKey": "none"},
            "models": {"scripted": {"limit": {"context": 128_000, "output": 8192}}}}},
        "model": "demo/scripted",
        "permission": {"edit": "ask", "bash": "ask"},
    })
}
