//! A session as one HTML page: no scripts, nothing from elsewhere.
//!
//! **Invariant:** every word that is not of this file goes through `escape`.

use std::fmt::Write as _;

use proto::Session;

use super::{Block, facts, title};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1c1c1c;background:#fff}\
pre{font:13px/1.45 ui-monospace,monospace;background:#f4f4f2;padding:.7rem;overflow:auto;white-space:pre-wrap;overflow-wrap:anywhere}\
.said{white-space:pre-wrap;overflow-wrap:anywhere;margin:.6rem 0}.facts,.note{color:#666}h2{font-size:1rem;margin:1.6rem 0 .3rem;border-top:1px solid #ddd;padding-top:.8rem}\
.you .said{border-left:3px solid #3b6ea5;padding-left:.7rem}summary{cursor:pointer}.failed,.error{color:#a33}.add{color:#1a7f37}.del{color:#a33}\
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}pre{background:#242424}.facts,.note{color:#999}h2{border-color:#333}}";

/// The page.
pub fn render(session: &Session, blocks: &[Block]) -> String {
    let name = escape(title(session));
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{name}</title><style>{STYLE}</style></head><body>\n<h1>{name}</h1>\n<p class=\"facts\">{}</p>\n",
        escape(&facts(session))
    );
    let mut open = false;
    for block in blocks {
        if matches!(block, Block::User { .. } | Block::Model { .. }) && std::mem::replace(&mut open, true) {
            out.push_str("</section>\n");
        }
        // Writing to a string cannot fail.
        let _ = match block {
            Block::User { id } => writeln!(out, "<section class=\"you\" id=\"{}\"><h2>You</h2>", escape(id)),
            Block::Model { name } => writeln!(out, "<section><h2>{}</h2>", escape(name)),
            Block::Text(text) => writeln!(out, "<div class=\"said\">{}</div>", escape(text)),
            Block::Thoughts(text) => {
                writeln!(
                    out,
                    "<details><summary class=\"note\">thoughts</summary><div class=\"said note\">{}</div></details>",
                    escape(text)
                )
            }
            Block::Call { tool, title, diff, output, failed } => {
                let class = if *failed { " class=\"failed\"" } else { "" };
                let inside = if diff.is_empty() { escape(output.trim_end()) } else { coloured(diff) };
                writeln!(
                    out,
                    "<details><summary{class}><code>{}</code> {}</summary><pre>{inside}</pre></details>",
                    escape(tool),
                    escape(title)
                )
            }
            Block::File(name) => writeln!(out, "<p class=\"note\">file: {}</p>", escape(name)),
            Block::Summary => writeln!(out, "<p class=\"note\">The conversation before here was summarised:</p>"),
            Block::Error(error) => writeln!(out, "<p class=\"error\">Error: {}</p>", escape(error)),
        };
    }
    if open {
        out.push_str("</section>\n");
    }
    out.push_str("</body></html>\n");
    out
}

fn coloured(diff: &str) -> String {
    let line = |line: &str| {
        let class = match line.as_bytes().first() {
            Some(b'+') => "add",
            Some(b'-') => "del",
            _ => return format!("{}\n", escape(line)),
        };
        format!("<span class=\"{class}\">{}</span>\n", escape(line))
    };
    diff.lines().map(line).collect()
}

/// As text of an element, or of an attribute in double quotes. Control characters that no page may hold are shown as such.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
