//! `interline setup`: tells an editor to start Interline.
//!
//! Owns which file of an editor is changed and how the change is shown and agreed to. Must not know what an editor does with it.
//!
//! **Invariant:** what a file holds stays; nothing is written that was not shown, and a second run changes nothing.

pub mod helix;
mod neovim;
mod vscode;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

use config::{Dirs, Env};
use similar::TextDiff;

use crate::{output, paths};

/// The command line's.
#[derive(Clone, Debug, clap::Args)]
pub struct SetupArgs {
    /// The editor to set up.
    pub editor: Editor,
    /// Show the change, and write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Write without asking.
    #[arg(long, short, conflicts_with = "dry_run")]
    pub yes: bool,
    /// Helix: leave out the change that has it save by itself what is changed, in buffers that are not shown, too.
    #[arg(long)]
    pub no_auto_save: bool,
}

/// An editor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Editor {
    /// Helix 25.01 or newer: `languages.toml` and `config.toml`.
    #[value(alias = "hx")]
    Helix,
    /// Neovim 0.10 or newer: a file in `plugin/`.
    #[value(alias = "nvim")]
    Neovim,
    /// Visual Studio Code, VSCodium, code-server: an extension; this says how to install it.
    #[value(alias = "code")]
    Vscode,
}

/// Plans a change, from what the files hold then: two may be to one file.
type Planner = Box<dyn Fn() -> Result<Plan, SetupError>>;

/// Why nothing was set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The file is not understood.
    #[error("{0}: mend this first, then run the command again; nothing was changed")]
    Malformed(String),
    /// Input ended without an answer.
    #[error("nothing was written: there is nobody to ask; `--yes` writes without asking")]
    NobodyToAsk,
    /// It cannot be read.
    #[error("cannot read {0}: {1}")]
    Read(PathBuf, io::Error),
    /// It cannot be written.
    #[error("cannot write {0}: {1}")]
    Write(PathBuf, io::Error),
}

/// What is to be written, and what to tell the user then.
pub struct Plan {
    /// Where.
    pub file: PathBuf,
    /// What stands there; none if there is no file.
    pub old: Option<String>,
    /// What is to stand there.
    pub new: String,
    /// What to do then.
    pub next: &'static str,
}

/// Sets an editor up; status 1 if that failed.
#[must_use]
pub fn setup(args: &SetupArgs, env: &Env, dirs: &Dirs) -> ExitCode {
    let command = command(env);
    if args.no_auto_save && args.editor != Editor::Helix {
        output::note("interline setup: --no-auto-save is for Helix alone; no other editor is told to save by itself");
        return ExitCode::from(2);
    }
    let planners: Vec<Planner> = match (args.editor, file(args.editor, env, dirs)) {
        (Editor::Helix, Some(file)) => helix::planners(file, command, !args.no_auto_save),
        (Editor::Neovim, Some(file)) => vec![Box::new(move || neovim::plan(&file, &command))],
        (Editor::Vscode, _) | (_, None) => {
            output::line(&vscode::steps(env, &command));
            return ExitCode::SUCCESS;
        }
    };
    match carry_out_all(&planners, args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::note(&format!("interline setup: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// One answer may be all that comes: where somebody has answered, the end of input is a no to what is left.
fn carry_out_all(planners: &[Planner], args: &SetupArgs) -> Result<(), SetupError> {
    // Nothing is written before each file has been understood.
    planners.iter().try_for_each(|planner| planner().map(drop))?;
    let mut answered = false;
    for planner in planners {
        let plan = planner()?;
        match carry_out(&plan, args.yes, args.dry_run) {
            Err(SetupError::NobodyToAsk) if answered => output::note(&format!("Nothing was written to {}.", plan.file.display())),
            done => done?,
        }
        answered |= plan.old.as_deref() != Some(&plan.new);
    }
    Ok(())
}

/// Shows a change, and makes it once the user agrees.
///
/// # Errors
/// If the file cannot be written, or nobody answers.
pub fn carry_out(plan: &Plan, yes: bool, dry_run: bool) -> Result<(), SetupError> {
    let old = plan.old.as_deref().unwrap_or_default();
    if plan.old.is_some() && old == plan.new {
        output::line(&format!("{}: it is there already, nothing to change.", plan.file.display()));
        return Ok(());
    }
    output::write(&diff(&plan.file, plan.old.as_deref(), &plan.new));
    if dry_run {
        output::note("Nothing was written (--dry-run).");
        return Ok(());
    }
    if !yes {
        let answer = output::ask(&format!("Write this to {}? [y/N] ", plan.file.display())).ok_or(SetupError::NobodyToAsk)?;
        if !matches!(answer.to_lowercase().as_str(), "y" | "yes") {
            output::note("Nothing was written.");
            return Ok(());
        }
    }
    workspace::disk::write_atomic(&plan.file, plan.new.as_bytes(), None).map_err(|error| SetupError::Write(plan.file.clone(), error))?;
    output::line(&format!("Wrote {}.\n{}", plan.file.display(), plan.next));
    Ok(())
}

fn diff(file: &Path, old: Option<&str>, new: &str) -> String {
    let name = file.display().to_string();
    let from = if old.is_some() { &name } else { "/dev/null" };
    TextDiff::from_lines(old.unwrap_or_default(), new).unified_diff().context_radius(3).header(from, &name).to_string()
}

/// How an editor starts us: by name if that is what the name stands for, else by the whole path.
fn command(env: &Env) -> String {
    let own = env::current_exe().and_then(fs::canonicalize).ok();
    let named = paths::find_program(env, "interline").and_then(|path| fs::canonicalize(path).ok());
    match own {
        Some(own) if named.as_ref() != Some(&own) => own.to_string_lossy().into_owned(),
        _ => "interline".to_owned(),
    }
}

/// The file that `setup` writes for an editor; none if that is not a matter of a file.
#[must_use]
pub fn file(editor: Editor, env: &Env, dirs: &Dirs) -> Option<PathBuf> {
    match editor {
        Editor::Helix => Some(editor_folder(env, dirs, "APPDATA", "helix").join("languages.toml")),
        Editor::Neovim => {
            let name = env.get("NVIM_APPNAME").unwrap_or("nvim");
            Some(editor_folder(env, dirs, "LOCALAPPDATA", name).join("plugin").join("interline.lua"))
        }
        Editor::Vscode => None,
    }
}

/// An editor's configuration: XDG's, except on Windows, where `variable` names the place.
fn editor_folder(env: &Env, dirs: &Dirs, variable: &str, name: &str) -> PathBuf {
    let native = if cfg!(windows) && env.get("XDG_CONFIG_HOME").is_none() { env.get(variable).map(PathBuf::from) } else { None };
    native.unwrap_or_else(|| dirs.editors.clone()).join(name)
}

/// The file's text; none if there is no file.
fn read(file: &Path) -> Result<Option<String>, SetupError> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(SetupError::Read(file.to_owned(), error)),
    }
}
