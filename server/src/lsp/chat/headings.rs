//! Which lines of the chat are its headings: the one place that knows. Pure.
//!
//! Must not know what becomes of a section. In an answer every line that looks like a heading is one, since what a model says is escaped; in what a user
//! wrote, one in a fenced block that ends is a quotation. A block that nobody ends holds nothing, so that it never swallows what follows.
//!
//! **Invariant:** headings come in their order, and a look at them costs one walk over the text, whatever stands in it.

use ropey::RopeSlice;

use super::fence::{Fence, Fences};

/// The heading above what the user writes.
pub const YOU: &str = "## You";
/// The heading above an answer.
pub const INTERLINE: &str = "## Interline";

/// Whose section a heading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The user's.
    You,
    /// An answer's.
    Interline,
}

/// A heading, and where its line begins, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heading {
    /// Whose section it begins.
    pub who: Who,
    /// Where.
    pub at: usize,
}

/// What a fenced block holds that is open at the text's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unended {
    /// Nothing: it is no block.
    Nothing,
    /// All that follows: somebody is writing it.
    All,
}

/// A line that matters.
enum Mark {
    Heading(Heading),
    /// With: a line below ends the block that it may begin.
    Fence(Fence, bool),
}

/// The heading that a line looks like. Whether it is one depends on where it stands.
#[must_use]
pub fn looks_like(line: RopeSlice<'_>) -> Option<Who> {
    // A cheap look before the line is copied.
    if line.len_bytes() > INTERLINE.len() + 4 || line.get_byte(0) != Some(b'#') {
        return None;
    }
    match line.to_string().trim_end() {
        YOU => Some(Who::You),
        INTERLINE => Some(Who::Interline),
        _ => None,
    }
}

/// The headings of a text that begins in no answer.
#[must_use]
pub fn headings(text: RopeSlice<'_>, unended: Unended) -> Vec<Heading> {
    walk(text, unended).0
}

/// What ends the block in which the text ends.
#[must_use]
pub fn open_block(text: RopeSlice<'_>) -> Option<String> {
    let from = headings(text, Unended::Nothing).last().map_or(0, |heading| heading.at);
    walk(text.byte_slice(from..), Unended::All).1.end()
}

fn walk(text: RopeSlice<'_>, unended: Unended) -> (Vec<Heading>, Fences) {
    let mut found: Vec<Heading> = Vec::new();
    // The block in which a line stands, and the last heading that a block of the section holds.
    let (mut block, mut held) = (Fences::default(), None::<Heading>);
    for mark in marks(text) {
        match mark {
            Mark::Heading(heading) if block.is_open() => held = Some(heading),
            Mark::Heading(heading) => {
                // Between two messages stands an answer: it was none of the block's, which somebody has left open above it.
                let lost = held.take().filter(|held| heading.who == Who::You && held.who == Who::Interline);
                found.extend(lost);
                found.push(heading);
            }
            Mark::Fence(..) if found.last().is_some_and(|heading| heading.who == Who::Interline) => {}
            Mark::Fence(fence, is_ended) if block.is_open() || is_ended || unended == Unended::All => block.pass(fence),
            Mark::Fence(..) => {}
        }
    }
    (found, block)
}

fn marks(text: RopeSlice<'_>) -> Vec<Mark> {
    let (mut marks, mut at) = (Vec::new(), 0);
    for line in text.lines() {
        // Most lines are told by how they begin.
        match line.get_byte(0) {
            Some(b'#') => marks.extend(looks_like(line).map(|who| Mark::Heading(Heading { who, at }))),
            Some(b' ' | b'`' | b'~') => marks.extend(Fence::of(line).map(|fence| Mark::Fence(fence, false))),
            _ => {}
        }
        at += line.len_bytes();
    }
    // The longest fence below the line that may end a block, of each kind.
    let mut longest = [None::<Fence>; 2];
    for mark in marks.iter_mut().rev() {
        let Mark::Fence(fence, is_ended) = mark else { continue };
        let below = &mut longest[fence.kind()];
        *is_ended = below.is_some_and(|below| below.ends(*fence));
        if fence.ends(below.unwrap_or(*fence)) {
            *below = Some(*fence);
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use ropey::Rope;

    use super::*;

    /// The headings' lines: of a text, and of the same with other line ends and with white space behind its headings.
    fn lines(text: &str, unended: Unended) -> Vec<usize> {
        let of = |text: &str| {
            let text = Rope::from_str(text);
            headings(text.slice(..), unended).iter().map(|heading| text.byte_to_line(heading.at)).collect::<Vec<_>>()
        };
        let found = of(text);
        assert_eq!(of(&text.replace('\n', "\r\n")), found, "{text:?}");
        assert_eq!(of(&text.replace("You", "You ").replace("Interline\n", "Interline\t\n")), found, "{text:?}");
        found
    }

    fn check(text: &str, want: &[usize]) {
        assert_eq!(lines(text, Unended::Nothing), want, "{text:?}");
    }

    #[test]
    fn a_heading_is_a_line_of_its_own() {
        check("# Interline\n\n## You\n\na\n\n## Interline\n\nb\n\n## You", &[2, 6, 10]);
        for none in ["", " ## You", "## You?", "### You", "\\## You", "> ## You", "a ## You", "## you", "##You"] {
            check(none, &[]);
        }
    }

    #[test]
    fn what_a_block_of_the_users_quotes_is_none() {
        check("## You\n```\n## You\n## Interline\n## You\n```\n", &[0]);
        check("## You\n~~~ md\n## Interline\n```\n## You\n~~~\n\n## Interline\n", &[0, 7]);
        check("## You\n````\n```\n## You\n```\n## You\n````\n## Interline\n", &[0, 7]);
        check("## You\n```\n## You\n```\n## Interline\n", &[0, 4]);
        check("```\n## You\n```\n\n## You\n", &[4]);
    }

    #[test]
    fn a_block_that_never_ends_holds_nothing() {
        check("## You\n```\n## You\n", &[0, 2]);
        check("## You\n````\n```\n## You\n", &[0, 3]);
        check("## You\n~~~\n## Interline\n```\n## You\n", &[0, 2, 4]);
        // What is a block in spite of it is one.
        check("## You\n````\n```\n## You\n```\n~~~\n## Interline\n", &[0, 6]);
        check("## You\n```a\n~~~\n## You\n~~~\n", &[0]);
    }

    #[test]
    fn no_block_begins_in_an_answer() {
        check("## You\n\n## Interline\n```\ncut off\n\n## You\n\n```\nnew\n```\n", &[0, 2, 6]);
        check("## Interline\n```\n## You\n```\n## You\n```\n## Interline\n", &[0, 2, 6]);
    }

    #[test]
    fn an_answer_stands_between_two_messages() {
        // The first message's block was left open: what ends it is the answer's.
        check("## You\n```\nopen\n## Interline\n```rust\nx\n```\n## You\n\nnext", &[0, 3, 7]);
        check("## You\n```\nopen\n## You\nnew\n## Interline\n```\n## You\n", &[0, 5, 7]);
        check("## You\n```\n## You\n```\n## You\n", &[0, 4]);
    }

    #[test]
    fn what_somebody_writes_now_holds_all() {
        for (text, want, end) in [
            ("## You\n```\n## You\n## Interline\n", &[0][..], Some("```")),
            ("## You\n\n~~~~ x\n```\n## You\n```\n", &[0], Some("~~~~")),
            ("## You\n```\n## You\n```\n", &[0], None),
            ("## You\n## Interline\n```\nanswer\n", &[0, 1], None),
        ] {
            assert_eq!(lines(text, Unended::All), want, "{text:?}");
            let text = Rope::from_str(text);
            // A heading that an open block does not hold begins a section in which no block is open.
            let want = end.filter(|_| headings(text.slice(..), Unended::Nothing).len() == want.len());
            assert_eq!(open_block(text.slice(..)).as_deref(), want, "{text:?}");
        }
    }

    #[test]
    fn hostile_texts_cost_one_walk() {
        let text = Rope::from_str(&"## You\n```a\n".repeat(50_000));
        assert_eq!(headings(text.slice(..), Unended::Nothing).len(), 50_000);
    }
}
