//! A session as Markdown.
//!
//! **Invariant:** what tools gave stands in fences that nothing in it can close; what was said opens none over what follows.

use proto::Session;
use ropey::Rope;

use super::{Block, facts, title};
use crate::lsp::chat::fence::Fences;

/// The document.
pub fn render(session: &Session, blocks: &[Block]) -> String {
    let mut out = format!("# {}\n\n{}\n", one_line(title(session)), one_line(&facts(session)));
    for block in blocks {
        out.push('\n');
        out.push_str(&match block {
            Block::User { .. } => "## You\n".to_owned(),
            Block::Model { name } => format!("## {}\n", one_line(name)),
            Block::Text(text) => said(text),
            Block::Thoughts(text) => {
                format!("{}\n", text.lines().map(|line| format!("> {line}").trim_end().to_owned()).collect::<Vec<_>>().join("\n"))
            }
            Block::Call { tool, title, diff, output, failed } => {
                let failed = if *failed { " — failed" } else { "" };
                let mut call = format!("- `{}` {}{failed}\n", one_line(tool), one_line(title));
                if !diff.is_empty() {
                    call.push_str(&format!("\n{}", fenced("diff", diff)));
                }
                if !output.trim().is_empty() {
                    call.push_str(&format!("\n{}", fenced("", output)));
                }
                call
            }
            Block::File(name) => format!("- file: {}\n", one_line(name)),
            Block::Summary => "_The conversation before here was summarised:_\n".to_owned(),
            Block::Error(error) => format!("> **Error:** {}\n", one_line(error)),
        });
    }
    out
}

/// Markdown that somebody wrote; a fence in it that nobody closed is closed.
fn said(text: &str) -> String {
    Fences::after(Rope::from_str(text).slice(..)).end().map_or_else(|| format!("{text}\n"), |end| format!("{}\n{end}\n", text.trim_end()))
}

/// A text in a fence that is longer than any in it.
fn fenced(language: &str, text: &str) -> String {
    let longest = text.lines().map(|line| line.trim_start().chars().take_while(|c| *c == '`').count()).max().unwrap_or(0);
    let fence = "`".repeat(3.max(longest + 1));
    format!("{fence}{language}\n{}\n{fence}\n", text.trim_end())
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
