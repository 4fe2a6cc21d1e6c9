//! Which lines of a Markdown text stand in a fenced block. Pure.
//!
//! Must not know what the text is about. **Invariant:** lines are given in their order, none left out; a block that never ends is told by [`Fences::is_open`].

use ropey::RopeSlice;

/// Longer lines are not copied to be looked at: no fence is so long.
const LONGEST: usize = 4096;

/// The block that is open at a line, if one is: its mark, and how often that stands there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fences(Option<(char, usize)>);

impl Fences {
    /// Whether the lines given so far end inside a block.
    #[must_use]
    pub fn is_open(self) -> bool {
        self.0.is_some()
    }

    /// The line that ends that block.
    #[must_use]
    pub fn end(self) -> Option<String> {
        self.0.map(|(mark, count)| mark.to_string().repeat(count))
    }

    /// Goes past a line.
    pub fn pass(&mut self, line: RopeSlice<'_>) {
        let mut indent = line.chars();
        let Some(mark) = indent.find(|c| *c != ' ').filter(|c| matches!(c, '`' | '~')) else { return };
        if line.len_bytes() > LONGEST {
            return;
        }
        let line = line.to_string();
        let (body, rest) = (line.trim_start_matches(' '), line.trim());
        let count = rest.chars().take_while(|c| *c == mark).count();
        if line.len() - body.len() > 3 || count < 3 {
            return;
        }
        let info = &rest[count..];
        self.0 = match self.0 {
            Some((open, length)) if open == mark && count >= length && info.is_empty() => None,
            None if mark == '~' || !info.contains('`') => Some((mark, count)),
            same => same,
        };
    }
}

#[cfg(test)]
mod tests {
    use ropey::Rope;

    use super::*;

    fn check(text: &str, open: bool) {
        let mut fences = Fences::default();
        Rope::from_str(text).lines().for_each(|line| fences.pass(line));
        assert_eq!(fences.is_open(), open, "{text:?}");
    }

    #[test]
    fn a_block_begins_and_ends_as_in_markdown() {
        for text in ["```", "```rust\nx\n", "   ~~~\n```\n", "````\n```\n", "```\n``` x\n", "~~~ a`b\n", "```\r\nx\r\n"] {
            check(text, true);
        }
        for text in ["", "``\n", "    ```\n", "```a`b```\n", "```\nx\n```\n", "```\r\nx\r\n```\r\n", "~~~\n~~~~ \n", "x ```\n"] {
            check(text, false);
        }
    }
}
