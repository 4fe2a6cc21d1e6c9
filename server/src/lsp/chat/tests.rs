//! The chat's Markdown as a conversation goes on, with whatever a user may write and a model may say.
//!
//! **Invariant:** nothing that the user wrote is removed, changed, sent in part or written into.

use std::ops::Range;

use proptest::prelude::*;
use ropey::Rope;
use workspace::TextEdit;

use super::answer::Answer;
use super::text;

/// Lines of blocks, answers and messages; none of them is blank.
const LINES: &[&str] = &[
    "## You",
    "## Interline",
    "words",
    "    code",
    "# Interline",
    "```",
    "````",
    "~~~",
    "~~~~",
    "```rust",
    "~~~ a`b",
    "  ```",
    "a ``` b",
    "> x",
    "## You?",
    "`x`",
];

fn lines(count: Range<usize>) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(LINES), count).prop_map(|lines| lines.join("\n"))
}

/// A block that ends, whatever stands in it.
fn block() -> impl Strategy<Value = String> {
    (lines(0..8), prop::sample::select(vec!["`````", "~~~~~"]), prop::sample::select(vec!["", "md"]))
        .prop_map(|(lines, fence, info)| format!("{fence}{info}\n{lines}\n{fence}"))
}

/// A message whose headings are all quoted by blocks that end. The last one may be open, without any.
fn message() -> impl Strategy<Value = String> {
    let piece = prop_oneof![block(), prop::sample::select(vec!["words", "`x`", "> x", "## You?"]).prop_map(str::to_owned)];
    (prop::collection::vec(piece, 1..5), prop::sample::select(vec!["", "```\nopen", "~~~~ x\nopen\n```", "````"])).prop_map(
        |(mut pieces, open)| {
            pieces.push(open.to_owned());
            pieces.join("\n\n").trim().to_owned()
        },
    )
}

/// A text, and the answer that is being written as the chat's task knows it.
struct Document {
    text: String,
    answer: Option<Answer>,
}

impl Document {
    fn rope(&self) -> Rope {
        Rope::from_str(&self.text)
    }

    fn edit(&mut self, edit: TextEdit) {
        let edit = text::with_line_ends(&self.rope(), edit);
        self.text.replace_range(edit.range.clone(), &edit.text);
        let text = self.rope();
        self.answer = self.answer.and_then(|answer| answer.moved(&[edit], &text)).and_then(|answer| answer.again(&text));
    }

    fn go_to_newest(&mut self) {
        self.answer = Answer::newest(&self.rope(), self.answer);
    }

    fn type_at_end(&mut self, words: &str) {
        let (end, words) = (self.text.len(), words.replace('\n', if self.text.contains('\r') { "\r\n" } else { "\n" }));
        self.edit(TextEdit { range: end..end, text: words });
    }

    fn say(&mut self, words: &str) {
        self.edit(text::append(&self.rope(), &text::escape(words), self.answer));
    }

    fn plain(&self) -> String {
        self.text.replace("\r\n", "\n")
    }
}

proptest! {
    #[test]
    fn what_the_user_writes_stays_and_is_sent_whole(
        turns in prop::collection::vec((message(), lines(1..8), message(), lines(1..6)), 1..4),
        draft in message(),
        half in lines(0..8),
        crlf: bool,
        reopened: bool,
    ) {
        let begin = if crlf { text::EMPTY.replace('\n', "\r\n") } else { text::EMPTY.to_owned() };
        let mut document = Document { text: begin, answer: None };
        let mut said = Vec::new();
        for (sent, answer, elsewhere, other) in turns {
            document.type_at_end(&sent);
            prop_assert_eq!(text::draft(&document.rope()), Some(sent.clone()), "{}", document.text);
            document.edit(text::close_draft(&document.rope()));
            document.go_to_newest();
            document.say(&answer);
            if reopened {
                document.answer = Answer::find(&document.rope(), 0);
            }
            document.say("\n\nmore");
            said.extend([sent, format!("{}\n\nmore\n\n## You\n\n", text::escape(&answer).trim())]);
            // A question from elsewhere, above what is being written.
            document.type_at_end(&elsewhere);
            let above = document.plain().len() - elsewhere.len() - "## You\n\n".len();
            let question = text::insert_question(&document.rope(), &other, document.answer);
            document.edit(question);
            document.go_to_newest();
            document.say("to it");
            let plain = document.plain();
            prop_assert!(plain[above..].starts_with("## You\n\n") && plain.ends_with(&format!("## Interline\n\nto it\n\n## You\n\n{elsewhere}")), "{plain}");
            prop_assert_eq!(text::draft(&document.rope()), Some(elsewhere), "{}", plain);
            document.edit(text::close_draft(&document.rope()));
            document.go_to_newest();
        }
        // What is typed below, its block still open, gets no words of the answer.
        document.say("first");
        document.type_at_end(&format!("{draft}\n\n```\n{half}"));
        document.say(" second");
        let end = format!("## Interline\n\nfirst second\n\n## You\n\n{draft}\n\n```\n{half}");
        prop_assert!(document.plain().ends_with(&end), "{}", document.text);
        prop_assert_eq!(text::restore_draft(&document.rope(), document.answer), None);
        if !half.contains("## ") {
            document.edit(text::insert_question(&document.rope(), "Elsewhere?", document.answer));
            prop_assert!(document.plain().ends_with(&format!("## Interline\n\n## You\n\n{draft}\n\n```\n{half}")), "{}", document.text);
        }
        let mut rest = document.plain();
        for words in said {
            let at = rest.find(words.trim_end());
            prop_assert!(at.is_some(), "{words:?} in {rest}");
            rest = rest.split_off(at.unwrap_or_default() + words.trim_end().len());
        }
    }
}
