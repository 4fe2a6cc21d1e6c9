//! `AI!` and `AI?` comments: found in the text, unsaved or not. Pure.
//!
//! **Invariant:** only a line that ends with the mark, or whose comment begins with it, is one.

/// What a comment wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// `AI!`: do it.
    Do,
    /// `AI?`: answer it.
    Answer,
}

/// What a line wants of us, and its words without the mark.
#[must_use]
pub fn wish(line: &str) -> Option<(Wish, String)> {
    const ENDS: &[&str] = &["*/", "-->", "#}", "%>"];
    const STARTS: &[&str] = &["//", "#", "--", ";", "/*", "*", "<!--", "%", "\"", "{#", "'"];
    let mut text = line.trim();
    for end in ENDS {
        text = text.strip_suffix(end).unwrap_or(text).trim_end();
    }
    for (mark, wish) in [("AI!", Wish::Do), ("ai!", Wish::Do), ("AI?", Wish::Answer), ("ai?", Wish::Answer)] {
        let before = text.strip_suffix(mark).filter(|rest| !rest.ends_with(|c: char| c.is_alphanumeric()));
        if let Some(rest) = before {
            // The comment may stand behind code.
            let at = STARTS.iter().filter_map(|start| rest.find(start).map(|at| at + start.len())).min()?;
            return Some((wish, rest[at..].trim_matches(|c: char| c.is_whitespace() || "/#-*;!".contains(c)).to_owned()));
        }
        for start in STARTS {
            let Some(rest) = text.strip_prefix(start) else { continue };
            let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || "/#-*;".contains(c));
            if let Some(words) = rest.strip_prefix(mark) {
                return Some((wish, words.trim().to_owned()));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_of_many_languages() {
        for (line, want) in [
            ("# make this a constant AI!", Some((Wish::Do, "make this a constant"))),
            ("    // why is this slow? AI?", Some((Wish::Answer, "why is this slow?"))),
            ("let x = 1; // rename it AI!", Some((Wish::Do, "rename it"))),
            ("/* tidy up AI! */", Some((Wish::Do, "tidy up"))),
            ("<!-- add a table AI! -->", Some((Wish::Do, "add a table"))),
            ("-- AI! use a join", Some((Wish::Do, "use a join"))),
            ("# AI?", Some((Wish::Answer, ""))),
            ("# ai! use a join", Some((Wish::Do, "use a join"))),
            ("// but why, ai?", Some((Wish::Answer, "but why,"))),
            ("# made in Dubai!", None),
            ("print('AI!')", None),
            ("# OPENAI!", None),
            ("no comment AI!", None),
            ("", None),
        ] {
            assert_eq!(wish(line), want.map(|(w, t)| (w, t.to_owned())), "{line}");
        }
    }
}
