//! Neovim: a file of our own in `plugin/`, which Neovim reads after the user's `init.lua`.
//!
//! Must not know how the change is shown.
//!
//! **Invariant:** a file that is there is the user's, and is left as it is.

use std::path::Path;

use super::{Plan, SetupError, read};

const TEMPLATE: &str = include_str!("neovim.lua");

/// The file to write, unless there is one.
pub(super) fn plan(file: &Path, command: &str) -> Result<Plan, SetupError> {
    let old = read(file)?;
    let new = match &old {
        Some(text) if !text.trim().is_empty() => text.clone(),
        _ => TEMPLATE.replace("'COMMAND'", &lua_string(command)),
    };
    let next = "Restart Neovim, then check with `:checkhealth vim.lsp`. Ask Interline by a code action (`gra`) on a selection.\n\
        The file is yours to change; delete it and run this again to have it written anew.";
    Ok(Plan { file: file.to_owned(), old, new, next })
}

fn lua_string(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("interline.lua");
        let first = plan(&file, "/opt/it's/interline").unwrap();
        assert!(first.old.is_none() && first.new.contains("cmd = { '/opt/it\\'s/interline' }"), "{}", first.new);
        assert!(!first.new.contains("COMMAND"));
        std::fs::write(&file, "-- mine\n").unwrap();
        let second = plan(&file, "interline").unwrap();
        assert_eq!(second.old.as_deref(), Some(second.new.as_str()));
    }
}
