//! The lines between which a Markdown text has fenced blocks. Pure.
//!
//! Must not know what the text is about, nor which blocks there are: that takes all lines. **Invariant:** a fence is told as `CommonMark` tells it.

use ropey::RopeSlice;

/// Longer lines are not looked at: no fence is so long.
const LONGEST: usize = 4096;

/// A line that begins or ends a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence {
    mark: char,
    length: usize,
    /// Nothing else stands on the line.
    is_bare: bool,
    /// It may begin a block.
    begins: bool,
}

impl Fence {
    /// The fence that a line is.
    #[must_use]
    pub fn of(line: RopeSlice<'_>) -> Option<Self> {
        let indent = line.bytes().take(4).take_while(|byte| *byte == b' ').count();
        let mark = line.get_byte(indent).map(char::from).filter(|mark| matches!(mark, '`' | '~'))?;
        if indent > 3 || line.len_bytes() > LONGEST {
            return None;
        }
        let line = line.to_string();
        let (line, length) = (line.trim(), line[indent..].chars().take_while(|c| *c == mark).count());
        let info = &line[length..];
        (length >= 3).then(|| Self { mark, length, is_bare: info.is_empty(), begins: mark == '~' || !info.contains('`') })
    }

    /// Whether it ends the block that the other one has begun.
    #[must_use]
    pub fn ends(self, begun: Self) -> bool {
        self.is_bare && self.mark == begun.mark && self.length >= begun.length
    }

    /// Which of the two kinds: only one of the same kind ends what it begins.
    #[must_use]
    pub fn kind(self) -> usize {
        usize::from(self.mark == '~')
    }
}

/// The block that is open after some lines, if one is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fences(Option<Fence>);

impl Fences {
    /// After all lines of a text.
    #[must_use]
    pub fn after(text: RopeSlice<'_>) -> Self {
        let mut fences = Self::default();
        text.lines().filter_map(Fence::of).for_each(|fence| fences.pass(fence));
        fences
    }

    /// Whether a block is open.
    #[must_use]
    pub fn is_open(self) -> bool {
        self.0.is_some()
    }

    /// Goes past a line that is a fence.
    pub fn pass(&mut self, fence: Fence) {
        self.0 = match self.0 {
            Some(begun) if fence.ends(begun) => None,
            None if fence.begins => Some(fence),
            same => same,
        };
    }

    /// The line that ends the block.
    #[must_use]
    pub fn end(self) -> Option<String> {
        self.0.map(|Fence { mark, length, .. }| mark.to_string().repeat(length))
    }
}

#[cfg(test)]
mod tests {
    use ropey::Rope;

    use super::*;

    fn fence(line: &str) -> Option<Fence> {
        Fence::of(Rope::from_str(line).slice(..))
    }

    #[test]
    fn a_block_begins_and_ends_as_in_markdown() {
        for (begin, end) in
            [("```", "```"), ("```rust\n", "````  \n"), ("   ~~~ a`b\r\n", "~~~\r\n"), ("````\n", " ````\n"), ("```", "`````")]
        {
            let (begin, end) = (fence(begin).unwrap(), fence(end).unwrap());
            assert!(begin.begins && end.ends(begin), "{begin:?} {end:?}");
            let open = Fences(Some(begin));
            assert!(fence(&open.end().unwrap()).unwrap().ends(begin));
        }
        for (begin, other) in [("```", "~~~"), ("````", "```"), ("```", "``` x"), ("~~~", "```")] {
            assert!(!fence(other).unwrap().ends(fence(begin).unwrap()), "{begin} {other}");
        }
        for line in ["", "``\n", "    ```\n", "x ```\n", "\t```\n", "  x", &"`".repeat(LONGEST + 1)] {
            assert_eq!(fence(line), None, "{line:?}");
        }
        assert!(!fence("```a`b```\n").unwrap().begins);
    }

    #[test]
    fn a_text_ends_in_a_block_or_not() {
        let end = |text: &str| Fences::after(Rope::from_str(text).slice(..)).end();
        for (text, open) in [
            ("```rust\nx\n", "```"),
            ("   ~~~\n```\n", "~~~"),
            ("````\n```\n", "````"),
            ("```\n``` x\n", "```"),
            ("```\nx\n```\n~~~~", "~~~~"),
        ] {
            assert_eq!(end(text).as_deref(), Some(open), "{text:?}");
        }
        for text in ["", "``\n", "    ```\n", "```a`b```\n", "```\nx\n```\n", "```\r\nx\r\n```\r\n", "~~~\n~~~~ \n", "x ```\n"] {
            assert_eq!(end(text), None, "{text:?}");
        }
    }
}
