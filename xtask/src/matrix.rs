//! The matrix of behaviours that are proven in real editors: `docs/matrix.md`, and its sum in the README.
//!
//! Owns the list of cells. Must not know how a cell is tested: a test that has passed leaves `target/matrix/EDITOR/CELL`, whose first line says how
//! it is done there, and whose second line names the test; where the first says both there is no second.
//!
//! **Invariant:** a cell without a proof of this run is called "not proven".

use std::fmt::Write as _;
use std::fs;

use crate::run::{Result, root, say, step};
use crate::test::target;

const PAGE: &str = "docs/matrix.md";
const README: &str = "README.md";
const BEGIN: &str = "<!-- matrix -->\n";
const END: &str = "<!-- /matrix -->";

/// Folder and title of each editor.
const EDITORS: &[(&str, &str)] =
    &[("neovim", "Neovim with the plugin"), ("neovim-stock", "Neovim as it is"), ("helix", "Helix"), ("vscode", "VS Code")];

/// Each behaviour.
const CELLS: &[(&str, &str)] = &[
    ("ask-from-selection", "ask from a selection"),
    ("ask-from-chat-buffer", "ask from the chat buffer"),
    ("stream-visible", "the answer is seen as it comes"),
    ("progress", "progress"),
    ("cancel", "cancel"),
    ("edit-open-clean-file", "edit an open file"),
    ("edit-dirty-file", "edit a file with unsaved text"),
    ("edit-while-the-user-types", "edit while the user types"),
    ("edit-unopened-file", "edit a file that is not open"),
    ("new-file", "make a file"),
    ("delete-rename-file", "delete and rename files"),
    ("one-step-undo-per-edit", "undo an edit in one step"),
    ("undo-turn", "undo a turn"),
    ("accept-hunk", "accept a change"),
    ("reject-hunk", "reject a change"),
    ("next-previous-hunk", "go to the next and the previous change"),
    ("permit-once", "permit once"),
    ("permit-always", "permit always"),
    ("deny-with-reason", "deny, with a reason for the model"),
    ("question-from-the-agent", "a question of the agent"),
    ("diagnostics-fed-back", "what other servers say reaches the agent"),
    ("shell-sees-the-saved-state", "shell commands see unsaved text"),
    ("slash-commands-and-mentions-complete", "slash commands and @mentions complete"),
    ("survives-quit-and-resumes", "quit in mid turn, and resume"),
];

/// What is known of one cell.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Proof {
    how: String,
    test: String,
}

/// One editor's cells, in the order of `CELLS`; none if its tests did not run at all.
type Column = Option<Vec<Option<Proof>>>;

/// Forgets the proofs of earlier runs.
pub fn forget() -> Result {
    let folder = target().join("matrix");
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(())
}

/// Writes the page and the README's part anew, from the proofs that are there.
pub fn write() -> Result {
    let (page, readme) = fresh()?;
    fs::write(root().join(PAGE), page)?;
    fs::write(root().join(README), readme)?;
    Ok(())
}

/// Whether the page and the README say what this run has proven.
pub fn check() -> Result {
    step("matrix of behaviours", || {
        let (page, readme) = fresh()?;
        let same = |name: &str, text: &str| fs::read_to_string(root().join(name)).is_ok_and(|now| now == text);
        if same(PAGE, &page) && same(README, &readme) {
            return Ok(());
        }
        say("   what was proven now is written with `cargo xtask matrix`");
        Err(format!("{PAGE} or {README} does not say what the tests have proven").into())
    })
}

/// The page and the README as they should be.
fn fresh() -> Result<(String, String)> {
    let read = |name: &str| fs::read_to_string(root().join(name)).unwrap_or_default();
    let mut columns = Vec::new();
    for (folder, _) in EDITORS {
        columns.push(column(folder)?);
    }
    // An editor that is not installed here proves nothing, and disproves nothing.
    let before = parse(&read(PAGE));
    let columns: Vec<_> = columns.into_iter().zip(before).map(|(now, before)| now.or(before)).collect();
    Ok((page(&columns), with_sum(&read(README), &sum(&columns))?))
}

/// What one editor's tests have left.
fn column(editor: &str) -> Result<Column> {
    let folder = target().join("matrix").join(editor);
    let Ok(listed) = fs::read_dir(&folder) else { return Ok(None) };
    let mut cells = vec![None; CELLS.len()];
    for entry in listed {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(at) = CELLS.iter().position(|(cell, _)| *cell == name) else {
            return Err(format!("{}: there is no such cell in xtask/src/matrix.rs", entry.path().display()).into());
        };
        cells[at] = Some(proof(&fs::read_to_string(entry.path())?));
    }
    Ok(Some(cells))
}

fn proof(text: &str) -> Proof {
    let mut lines = text.lines().map(|line| line.trim().replace('|', "\\|"));
    Proof { how: lines.next().unwrap_or_default(), test: lines.next().unwrap_or_default() }
}

const UNPROVEN: &str = "not proven";

fn page(columns: &[Column]) -> String {
    let mut out = String::from(
        "# What works where\n\n\
        Each cell is proven by a test that drives the real editor, and names how it is done there and the test. This page is written by\n\
        `cargo xtask matrix` from the tests that have run and passed, and `cargo xtask test` fails if it says anything else.\n\n",
    );
    out.push_str(&sum(columns));
    out.push_str("\n| |");
    EDITORS.iter().for_each(|(_, title)| _ = write!(out, " {title} |"));
    out.push_str("\n|---|");
    out.push_str(&"---|".repeat(EDITORS.len()));
    for (at, (_, title)) in CELLS.iter().enumerate() {
        _ = write!(out, "\n| {title} |");
        for column in columns {
            match column.as_ref().and_then(|cells| cells[at].as_ref()) {
                Some(Proof { how, test }) if test.is_empty() => _ = write!(out, " {how} |"),
                Some(Proof { how, test }) => _ = write!(out, " {how}<br>`{test}` |"),
                None => _ = write!(out, " {UNPROVEN} |"),
            }
        }
    }
    out.push('\n');
    out
}

/// The columns of a page that was written before.
fn parse(page: &str) -> Vec<Column> {
    let mut columns = vec![vec![None; CELLS.len()]; EDITORS.len()];
    for (at, (_, title)) in CELLS.iter().enumerate() {
        let Some(row) = page.lines().find(|line| line.starts_with(&format!("| {title} | "))) else { continue };
        let cells = row.trim_end_matches(" |").split(" | ").skip(1);
        for (column, cell) in columns.iter_mut().zip(cells) {
            let (how, test) = cell.split_once("<br>").unwrap_or((cell, ""));
            let proof = Proof { how: how.to_owned(), test: test.trim_matches('`').to_owned() };
            column[at] = (how != UNPROVEN).then_some(proof);
        }
    }
    columns.into_iter().map(Some).collect()
}

fn sum(columns: &[Column]) -> String {
    let counts = EDITORS.iter().zip(columns).map(|((_, title), column)| {
        let proven = column.iter().flatten().flatten().count();
        format!("{title} {proven}")
    });
    format!("Proven of {} behaviours: {}.\n", CELLS.len(), counts.collect::<Vec<_>>().join(", "))
}

/// The README with the sum between its marks.
fn with_sum(readme: &str, sum: &str) -> Result<String> {
    let parts = readme.split_once(BEGIN).and_then(|(head, rest)| Some((head, rest.split_once(END)?.1)));
    let (head, tail) = parts.ok_or_else(|| format!("{README} has no `{}` … `{END}`", BEGIN.trim()))?;
    Ok(format!("{head}{BEGIN}{sum}{END}{tail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proven(cell: usize, text: &str) -> Column {
        let mut cells = vec![None; CELLS.len()];
        cells[cell] = Some(proof(text));
        Some(cells)
    }

    #[test]
    fn a_page_says_what_was_proven_and_is_read_again() {
        let (first, last) = (proven(0, "press `u` | here\nreal_test\n"), proven(23, "somebody comes back\n"));
        let columns = vec![first.clone(), None, last.clone(), None];
        let page = page(&columns);
        assert!(page.contains("as it is 0, Helix 1, VS Code 0"), "{page}");
        assert!(
            page.contains("| ask from a selection | press `u` \\| here<br>`real_test` | not proven | not proven | not proven |"),
            "{page}"
        );
        let empty = Some(vec![None; CELLS.len()]);
        assert_eq!(parse(&page), [first, empty.clone(), last, empty]);
    }

    #[test]
    fn the_readme_has_the_sum() {
        let readme = format!("one\n{BEGIN}old\n{END}\ntwo\n");
        assert_eq!(with_sum(&readme, "new\n").unwrap(), format!("one\n{BEGIN}new\n{END}\ntwo\n"));
        assert!(with_sum("one\n", "new\n").is_err());
    }
}
