//! The chat's Markdown: where the user's message stands, and where an answer goes. Pure.
//!
//! **Invariant:** nothing here removes or changes a letter of the user's; an edit only inserts, replaces blank lines, or takes back what was streamed.

use ropey::Rope;
use workspace::TextEdit;

use super::answer::Answer;
use super::headings::{INTERLINE, Unended, Who, YOU, headings, open_block};

/// What the chat begins with.
pub const EMPTY: &str = "# Interline\n\n## You\n\n";
/// The last heading, if it is a `## You`: where its line begins.
fn last_you(text: &Rope) -> Option<usize> {
    let last = headings(text.slice(..), Unended::Nothing).pop()?;
    (last.who == Who::You).then_some(last.at)
}

/// The edit with the line ends that the text has.
#[must_use]
pub fn with_line_ends(text: &Rope, edit: TextEdit) -> TextEdit {
    if !is_crlf(text) {
        return edit;
    }
    TextEdit { range: edit.range, text: edit.text.replace("\r\n", "\n").replace('\n', "\r\n") }
}

fn is_crlf(text: &Rope) -> bool {
    let first = text.line(0);
    first.len_bytes() >= 2 && first.byte(first.len_bytes() - 2) == b'\r' && first.byte(first.len_bytes() - 1) == b'\n'
}

/// Where a line ends, without its line end.
pub(super) fn line_end(text: &Rope, line: usize) -> usize {
    let start = text.line_to_byte(line);
    let slice = text.line(line).to_string();
    start + slice.trim_end_matches(['\n', '\r']).len()
}

/// The byte after the last one of `range` that is no white space; its start if there is none.
pub(super) fn trimmed_end(text: &Rope, start: usize, end: usize) -> usize {
    let (mut at, from) = (text.byte_to_char(end), text.byte_to_char(start));
    while at > from && text.char(at - 1).is_whitespace() {
        at -= 1;
    }
    text.char_to_byte(at)
}

/// What stands under the last `## You`, trimmed; none if there is no such heading, or an answer below it.
#[must_use]
pub fn draft(text: &Rope) -> Option<String> {
    let line = text.byte_to_line(last_you(text)?);
    let start = text.line_to_byte((line + 1).min(text.len_lines()));
    Some(text.byte_slice(start..).to_string().trim().replace("\r\n", "\n"))
}

/// The line of the newest answer's heading, or of the last `## You`; where prompts are shown.
#[must_use]
pub fn prompt_line(text: &Rope) -> usize {
    let all = headings(text.slice(..), Unended::Nothing);
    let newest = all.iter().rfind(|heading| heading.who == Who::Interline).or(all.last());
    newest.map_or(0, |heading| text.byte_to_line(heading.at))
}

/// Below the draft: an answer's section, and a new `## You`.
#[must_use]
pub fn close_draft(text: &Rope) -> TextEdit {
    below_all(text, &format!("{INTERLINE}\n\n{YOU}\n\n"))
}

/// In the place of the blank lines at the end. A block that the user has left open there ends before it, so that it is none of the block's.
fn below_all(text: &Rope, sections: &str) -> TextEdit {
    let end = text.len_bytes();
    let from = trimmed_end(text, 0, end);
    let before = if from == 0 { "" } else { "\n\n" };
    TextEdit { range: from..end, text: format!("{}{before}{sections}", block_end(text)) }
}

fn block_end(text: &Rope) -> String {
    open_block(text.slice(..)).map_or_else(String::new, |end| format!("\n{end}"))
}

/// Begins the draft with these words; none if the user has begun it, or there is no place for it.
#[must_use]
pub fn begin_draft(text: &Rope, words: &str) -> Option<TextEdit> {
    let line = text.byte_to_line(last_you(text)?);
    if draft(text).is_some_and(|draft| !draft.is_empty()) {
        return None;
    }
    Some(TextEdit { range: line_end(text, line)..text.len_bytes(), text: format!("\n\n{words}\n") })
}

/// What a message is about: `` About `name:3-5`: `` at its beginning, as `about` writes it. The name and zero-based lines, the end included.
#[must_use]
pub fn subject(message: &str) -> Option<(&str, (usize, usize))> {
    let (place, _) = message.strip_prefix("About `")?.split_once('`')?;
    let (name, lines) = place.rsplit_once(':')?;
    let (first, last) = lines.split_once('-').unwrap_or((lines, lines));
    let (first, last) = (first.parse::<usize>().ok()?.checked_sub(1)?, last.parse::<usize>().ok()?.checked_sub(1)?);
    (first <= last).then_some((name, (first, last)))
}

/// How a message about a place begins.
#[must_use]
pub fn about(name: &str, lines: (usize, usize)) -> String {
    format!("About `{}`: ", place(name, lines))
}

/// A place as people write it, lines counted from one.
#[must_use]
pub fn place(name: &str, lines: (usize, usize)) -> String {
    let (first, last) = (lines.0 + 1, lines.1 + 1);
    if first == last { format!("{name}:{first}") } else { format!("{name}:{first}-{last}") }
}

/// Above the draft, which stays: a question that was asked elsewhere, and its answer's section. The draft is below the newest answer, and what it quotes
/// is its own, even if its block has no end yet.
#[must_use]
pub fn insert_question(text: &Rope, question: &str, newest: Option<Answer>) -> TextEdit {
    let section = format!("{YOU}\n\n{}\n\n{INTERLINE}\n\n", message(question.trim()));
    let from = newest.map_or(0, |answer| answer.end);
    match headings(text.byte_slice(from..), Unended::All).iter().rfind(|heading| heading.who == Who::You) {
        Some(you) => TextEdit { range: from + you.at..from + you.at, text: section },
        None => below_all(text, &format!("{section}{YOU}\n\n")),
    }
}

/// A message of which no line is taken for one of our headings, and which ends in no block.
fn message(words: &str) -> String {
    let is_safe = headings(Rope::from_str(words).slice(..), Unended::Nothing).is_empty();
    let words = if is_safe { words.to_owned() } else { escape(words) };
    let end = block_end(&Rope::from_str(&words));
    words + &end
}

/// Adds words to an answer; makes a section for them where somebody removed it.
#[must_use]
pub fn append(text: &Rope, words: &str, answer: Option<Answer>) -> TextEdit {
    match answer {
        Some(Answer { start, end, .. }) if start == end => {
            TextEdit { range: end..end, text: format!("\n\n{}", words.trim_start_matches('\n')) }
        }
        Some(Answer { end, .. }) => TextEdit { range: end..end, text: words.to_owned() },
        None => below_all(text, &format!("{INTERLINE}\n\n{}\n\n{YOU}\n\n", words.trim_start_matches('\n'))),
    }
}

/// A `## You` below the newest answer, where somebody removed it; none if it is there, or no answer is.
#[must_use]
pub fn restore_draft(text: &Rope, newest: Option<Answer>) -> Option<TextEdit> {
    let below = text.byte_slice(newest?.end..);
    let is_there = headings(below, Unended::All).iter().any(|heading| heading.who == Who::You);
    (!is_there).then(|| below_all(text, &format!("{YOU}\n\n")))
}

/// Takes back words that an answer ends with; none if it does not (somebody changed them).
#[must_use]
pub fn take_back(text: &Rope, words: &str, answer: Option<Answer>) -> Option<TextEdit> {
    let words = if is_crlf(text) { words.replace('\n', "\r\n") } else { words.to_owned() };
    let words = words.trim_end();
    let Answer { start, end, .. } = answer?;
    let from = end.checked_sub(words.len()).filter(|from| *from >= start)?;
    let same = text.get_byte_slice(from..end).is_some_and(|slice| slice == words);
    let from = if same { trimmed_end(text, start, from) } else { return None };
    Some(TextEdit { range: from..end, text: String::new() })
}

/// Puts a line in the place of one that an answer ends with, or below the answer where there is none; an empty one takes it
/// away. None if there is nothing to do, or somebody changed the old one.
#[must_use]
pub fn status(text: &Rope, old: &str, new: &str, answer: Option<Answer>) -> Option<TextEdit> {
    if old.is_empty() {
        return (!new.is_empty()).then(|| append(text, &format!("\n\n{new}"), answer));
    }
    let taken = take_back(text, old, answer)?;
    if new.is_empty() {
        return Some(taken);
    }
    let from = taken.range.end - old.len();
    Some(TextEdit { range: from..taken.range.end, text: new.to_owned() })
}

/// Words in which no line is taken for one of our headings.
#[must_use]
pub fn escape(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for line in words.split_inclusive(['\n', '\r']) {
        if matches!(line.trim_end(), YOU | INTERLINE) {
            out.push('\\');
        }
        out.push_str(line);
    }
    out
}

/// How much of these words can be escaped already: not a line at their end that may still become one of our headings, nor white space before it.
#[must_use]
pub fn settled(words: &str) -> usize {
    let start = words.rfind(['\n', '\r']).map_or(0, |at| at + 1);
    let last = words[start..].trim_end();
    let is_open = !last.is_empty() && [YOU, INTERLINE].iter().any(|heading| heading.starts_with(last));
    words[..if is_open { start } else { words.len() }].trim_end().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn append(text: &Rope, words: &str, newer: usize) -> TextEdit {
        super::append(text, words, Answer::find(text, newer))
    }

    fn take_back(text: &Rope, words: &str, newer: usize) -> Option<TextEdit> {
        super::take_back(text, words, Answer::find(text, newer))
    }

    fn insert_question(text: &Rope, question: &str) -> TextEdit {
        super::insert_question(text, question, Answer::find(text, 0))
    }

    fn restore_draft(text: &Rope) -> Option<TextEdit> {
        super::restore_draft(text, Answer::find(text, 0))
    }

    fn status(text: &Rope, old: &str, new: &str, newer: usize) -> Option<TextEdit> {
        super::status(text, old, new, Answer::find(text, newer))
    }

    fn apply(text: &str, edit: &TextEdit) -> String {
        format!("{}{}{}", &text[..edit.range.start], edit.text, &text[edit.range.end..])
    }

    fn check(text: &str, act: impl Fn(&Rope) -> TextEdit, want: &str) {
        assert_eq!(apply(text, &act(&Rope::from_str(text))), want);
    }

    #[test]
    fn the_draft_is_what_stands_under_the_last_heading() {
        let draft = |text: &str| draft(&Rope::from_str(text));
        assert_eq!(draft("# Interline\n\n## You\n\n").as_deref(), Some(""));
        assert_eq!(draft("## You\nold\n\n## Interline\nx\n\n## You\n\n a\n\nb \n").as_deref(), Some("a\n\nb"));
        assert_eq!(draft("## You").as_deref(), Some(""));
        assert_eq!(draft("no heading"), None);
    }

    #[test]
    fn a_heading_that_a_block_of_the_message_quotes_is_part_of_the_message() {
        const BEFORE: &str = "## You\n\nold\n\n## Interline\n\nx\n\n## You\n\n";
        for message in [
            "Why:\n\n```\n## You\nhello\n```\n\nthat?",
            "One:\n```\n## You\n```\ntwo:\n~~~md\n## You\n## Interline\n~~~",
            "````\n```\n## You\n````",
        ] {
            for before in ["", "## Interline\n\n```\ncut off\n\n", BEFORE] {
                let text = Rope::from_str(&format!("{before}## You\n\n{message}\n"));
                assert_eq!(draft(&text).as_deref(), Some(message), "{before:?}");
                let asked = apply(&text.to_string(), &insert_question(&text, "Q"));
                assert!(asked.ends_with(&format!("## Interline\n\n## You\n\n{message}\n")), "{asked}");
            }
        }
        // A block that nobody closed holds nothing back: neither in the message before nor in this one.
        let draft = |text: &str| draft(&Rope::from_str(text));
        let sent = "## You\n```\nopen\n";
        let sent = apply(sent, &close_draft(&Rope::from_str(sent)));
        assert_eq!(draft(&format!("{sent}```\nnew\n```\n")).as_deref(), Some("```\nnew\n```"));
        assert_eq!(draft("## You\n```\nopen\n\n## Interline\n\nx\n\n## You\n\nnew\n").as_deref(), Some("new"));
        assert_eq!(draft("## You\n\n```\nopen\n\n## You\n\nnew").as_deref(), Some("new"));
        assert_eq!(draft("## You\n\n```\nopen").as_deref(), Some("```\nopen"));
    }

    #[test]
    fn a_block_that_is_open_ends_before_what_is_put_below_it() {
        let end = "\n\n## Interline\n\n## You\n\n";
        for (open, block_end) in [("```\nopen", "```"), ("a\n ~~~~ x\n```\n\n", "~~~~"), ("````\n```\n## You\n```", "````")] {
            let want = format!("## You\n\n{}\n{block_end}{end}", open.trim_end());
            check(&format!("## You\n\n{open}"), close_draft, &want);
            check(open, |t| append(t, "x", 0), &format!("{}\n{block_end}\n\n## Interline\n\nx\n\n## You\n\n", open.trim_end()));
            check("## You\n\n", |t| insert_question(t, open), &want);
        }
        check("## You\n\n```\nx\n```", close_draft, &format!("## You\n\n```\nx\n```{end}"));
    }

    #[test]
    fn what_a_question_quotes_stays_as_it_is() {
        let asked = |question: &str| apply("## You\n\n", &insert_question(&Rope::from_str("## You\n\n"), question));
        let end = "\n\n## Interline\n\n## You\n\n";
        assert_eq!(asked("a\n```\n## You\n```"), format!("## You\n\na\n```\n## You\n```{end}"));
        assert_eq!(asked("a\n## You\n```\n## Interline\n```"), format!("## You\n\na\n\\## You\n```\n\\## Interline\n```{end}"));
    }

    #[test]
    fn a_message_can_be_begun_about_a_place() {
        let begun = |text: &str| begin_draft(&Rope::from_str(text), &about("src/a b.rs", (2, 4)));
        let text = "# Interline\n\n## You\n\n";
        assert_eq!(apply(text, &begun(text).unwrap()), "# Interline\n\n## You\n\nAbout `src/a b.rs:3-5`: \n");
        assert_eq!(begun("## You\n\nsomething\n"), None);
        assert_eq!(subject("About `src/a b.rs:3-5`: why?"), Some(("src/a b.rs", (2, 4))));
        assert_eq!(subject("About `a:3`: why?"), Some(("a", (2, 2))));
        for other in ["About a", "About `a`: x", "About `a:0`: x", "About `a:5-3`: x", "why?"] {
            assert_eq!(subject(other), None, "{other}");
        }
    }

    #[test]
    fn a_sent_message_gets_an_answer_and_a_new_heading() {
        check("## You\n\nhello\n", close_draft, "## You\n\nhello\n\n## Interline\n\n## You\n\n");
    }

    #[test]
    fn words_are_added_above_what_the_user_writes_next() {
        let text = "## You\n\nhello\n\n## Interline\n\n## You\n\nnext quest";
        check(text, |t| append(t, "one", 0), "## You\n\nhello\n\n## Interline\n\none\n\n## You\n\nnext quest");
        let text = "## You\n\nhello\n\n## Interline\n\none\n\n## You\n\nnext quest";
        check(text, |t| append(t, " two\n\nthree", 0), "## You\n\nhello\n\n## Interline\n\none two\n\nthree\n\n## You\n\nnext quest");
    }

    #[test]
    fn an_answer_goes_on_in_its_own_section_while_newer_messages_wait() {
        let text = "## You\n\na\n\n## Interline\n\none\n\n## You\n\nb\n\n## Interline\n\n## You\n\n";
        check(text, |t| append(t, " two", 1), &text.replace("one", "one two"));
        // Where the older section is gone the words are not.
        check("## Interline\n\n## You\n\n", |t| append(t, "one", 1), "## Interline\n\none\n\n## You\n\n");
    }

    #[test]
    fn a_heading_to_write_under_comes_back() {
        let text = "## You\n\na\n\n## Interline\n\none\n";
        check(text, |t| restore_draft(t).unwrap(), "## You\n\na\n\n## Interline\n\none\n\n## You\n\n");
        for whole in ["", "## You\n", "## Interline\n\none\n\n## You\n\nnext"] {
            assert_eq!(restore_draft(&Rope::from_str(whole)), None, "{whole}");
        }
    }

    #[test]
    fn line_ends_are_the_texts_own() {
        let text = "# Interline\r\n\r\n## You\r\n\r\nhello\r\nthere\r\n";
        check(
            text,
            |t| with_line_ends(t, close_draft(t)),
            "# Interline\r\n\r\n## You\r\n\r\nhello\r\nthere\r\n\r\n## Interline\r\n\r\n## You\r\n\r\n",
        );
        assert_eq!(draft(&Rope::from_str(text)).as_deref(), Some("hello\nthere"));
        let streamed = Rope::from_str("## Interline\r\n\r\nkeep\r\none\r\ntwo\r\n");
        assert!(take_back(&streamed, "one\ntwo", 0).is_some());
    }

    #[test]
    fn words_are_not_lost_where_the_headings_are_gone() {
        check("everything else", |t| append(t, "one", 0), "everything else\n\n## Interline\n\none\n\n## You\n\n");
    }

    #[test]
    fn a_question_from_elsewhere_stands_above_the_draft() {
        check("## You\n\ndraft", |t| insert_question(t, "Q"), "## You\n\nQ\n\n## Interline\n\n## You\n\ndraft");
        check("", |t| insert_question(t, "Q"), "## You\n\nQ\n\n## Interline\n\n## You\n\n");
    }

    #[test]
    fn what_was_streamed_can_be_taken_back_unless_somebody_changed_it() {
        let text = Rope::from_str("## Interline\n\nkeep\n\npartial answ\n\n## You\n\n");
        let edit = take_back(&text, "partial answ", 0).unwrap();
        assert_eq!(apply(&text.to_string(), &edit), "## Interline\n\nkeep\n\n## You\n\n");
        assert_eq!(take_back(&text, "other", 0), None);
    }

    #[test]
    fn a_line_that_counts_down_stays_one_line_and_goes_away() {
        let text = "## You\n\na\n\n## Interline\n\none\n\n## You\n\nnext";
        let with = |line: &str| text.replace("one", &format!("one\n\n{line}"));
        check(text, |t| status(t, "", "> in 2 s", 0).unwrap(), &with("> in 2 s"));
        check(&with("> in 2 s"), |t| status(t, "> in 2 s", "> in 1 s", 0).unwrap(), &with("> in 1 s"));
        check(&with("> in 1 s"), |t| status(t, "> in 1 s", "", 0).unwrap(), text);
        let empty = "## Interline\n\n## You\n\n";
        check(empty, |t| status(t, "", "> in 2 s", 0).unwrap(), "## Interline\n\n> in 2 s\n\n## You\n\n");
        for (old, new) in [("", ""), ("> changed by the user", "> in 1 s"), ("> changed by the user", "")] {
            assert_eq!(status(&Rope::from_str(text), old, new, 0), None);
        }
    }

    #[test]
    fn no_line_of_an_answer_is_taken_for_a_heading() {
        assert_eq!(escape("a\n## You\nb ## You\n## Interline"), "a\n\\## You\nb ## You\n\\## Interline");
        assert_eq!(escape("a\r## You\r\n## Interline \r\n"), "a\r\\## You\r\n\\## Interline \r\n");
    }

    #[test]
    fn a_line_that_may_become_a_heading_waits() {
        for (now, later) in [
            ("a", ""),
            ("a", "\n\n"),
            ("a", "\n#"),
            ("a", "\n\n## "),
            ("", "## Interl"),
            ("a", "\r\n## You"),
            ("a\n## You\nb", "\n"),
            ("a\n## Your", " "),
            ("a ## You", ""),
            ("a\n## You\n#x", ""),
        ] {
            let words = format!("{now}{later}");
            assert_eq!(words.split_at(settled(&words)), (now, later));
        }
    }
}
