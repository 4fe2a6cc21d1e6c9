//! What came, as text for the model.
//!
//! Must not know where it came from.
//!
//! **Invariant:** no page, however it is nested, takes the process down or more than a bounded time.

use std::cell::RefCell;

use encoding_rs::{Encoding, UTF_8};
use htmd::HtmlToMarkdown;
use htmd::options::{BulletListMarker, HrStyle, Options};
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};

/// Elements whose text is not for reading.
const DROPPED: &[&str] = &["script", "style", "noscript", "iframe", "object", "embed", "template", "svg", "head", "link", "meta"];
/// Elements without an end.
const VOID: &[&str] = &["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"];
/// Elements that another one of their kind ends: they are often left open.
const LEFT_OPEN: &[&str] = &["p", "li", "dt", "dd", "td", "th", "tr", "option", "body", "html", "head"];
/// Elements that a parser opens again in each block behind them, where they were left open.
const REOPENED: &[&str] = &["a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"];
/// Elements whose text stands on lines of its own.
const BLOCKS: &[&str] = &[
    "address",
    "article",
    "aside",
    "blockquote",
    "br",
    "dd",
    "div",
    "dl",
    "dt",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "li",
    "main",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "tr",
    "ul",
];

/// How deep a page may be nested to become Markdown.
const DEEPEST: usize = 500;
/// How many elements may be opened again, in all.
const MOST_REOPENED: usize = 1_000_000;
/// For the conversion, which calls itself for each level.
const STACK: usize = 64 << 20;

/// Whether a type says HTML; one that says nothing is looked at.
pub(super) fn is_html(kind: &str, body: &[u8]) -> bool {
    match kind {
        "text/html" | "application/xhtml+xml" => true,
        "" => {
            let start = body.trim_ascii_start();
            let start = String::from_utf8_lossy(&start[..start.len().min(64)]).to_ascii_lowercase();
            start.starts_with("<!doctype html") || start.starts_with("<html")
        }
        _ => false,
    }
}

/// Whether something of a type can be read as text.
pub(super) fn is_text(kind: &str, body: &[u8]) -> bool {
    let named = kind.starts_with("text/")
        || ["json", "xml", "javascript", "ecmascript", "yaml", "toml", "x-sh", "sql", "graphql", "x-www-form-urlencoded"]
            .iter()
            .any(|end| kind.ends_with(end));
    named || (matches!(kind, "" | "application/octet-stream") && !body.iter().take(8192).any(|byte| *byte == 0))
}

/// The text of bytes: by their mark, the type's charset, the page's own, else UTF-8. What does not fit is replaced.
pub(super) fn decode(bytes: &[u8], charset: Option<&str>, html: bool) -> String {
    let own = || {
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(2048)]).to_ascii_lowercase();
        let rest = start.split_once("charset=")?.1.trim_start_matches(['"', '\'']).to_owned();
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '.'))).unwrap_or(rest.len());
        Encoding::for_label(&rest.as_bytes()[..end])
    };
    let encoding = charset.and_then(|label| Encoding::for_label(label.as_bytes())).or_else(|| own().filter(|_| html));
    encoding.unwrap_or(UTF_8).decode(bytes).0.into_owned()
}

/// A page as Markdown; one that is nested beyond reason as plain text.
pub(super) fn markdown(html: &str) -> String {
    let words = Words::of(html);
    if words.deepest > DEEPEST || words.reopened > MOST_REOPENED {
        return words.text();
    }
    let convert = || {
        let options = Options {
            bullet_list_marker: BulletListMarker::Dash,
            ul_bullet_spacing: 1,
            ol_number_spacing: 1,
            hr_style: HrStyle::Dashes,
            ..Options::default()
        };
        HtmlToMarkdown::builder().options(options).skip_tags(DROPPED.to_vec()).build().convert(html)
    };
    let converted = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, convert)?;
        thread.join().unwrap_or_else(|_| Err(std::io::Error::other("the page could not be converted")))
    });
    converted.unwrap_or_else(|error| {
        tracing::warn!("a page is given as plain text: {error}");
        words.text()
    })
}

/// A page's words.
pub(super) fn text(html: &str) -> String {
    Words::of(html).text()
}

/// The words of a page, and how it is nested.
#[derive(Default)]
struct Words {
    text: String,
    /// Elements within which nothing is read.
    dropped: usize,
    depth: usize,
    deepest: usize,
    /// Open elements that a parser would open again.
    open: usize,
    reopened: usize,
}

struct Sink(RefCell<Words>);

impl Words {
    fn of(html: &str) -> Self {
        let tokenizer = Tokenizer::new(Sink(RefCell::default()), TokenizerOpts::default());
        let input = BufferQueue::default();
        input.push_back(StrTendril::from(html));
        // It stops only for scripts that are to be run, of which this sink knows none.
        let _ = tokenizer.feed(&input);
        tokenizer.end();
        tokenizer.sink.0.into_inner()
    }

    /// Lines without blank ones in a row.
    fn text(&self) -> String {
        let lines = self.text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        let mut out = String::with_capacity(self.text.len());
        for line in lines.filter(|line| !line.is_empty()) {
            out.push_str(&line);
            out.push('\n');
        }
        out
    }

    fn tag(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let name: &str = &tag.name;
        let (void, dropped) = (VOID.contains(&name) || tag.self_closing, DROPPED.contains(&name));
        if BLOCKS.contains(&name) {
            self.text.push('\n');
        }
        match tag.kind {
            TagKind::StartTag if !void => {
                self.dropped += usize::from(dropped);
                self.open += usize::from(REOPENED.contains(&name));
                self.reopened += self.open;
                self.depth += usize::from(!LEFT_OPEN.contains(&name));
                self.deepest = self.deepest.max(self.depth);
                match name {
                    "script" => TokenSinkResult::RawData(RawKind::ScriptData),
                    "style" | "noscript" | "iframe" | "xmp" | "noembed" | "noframes" => TokenSinkResult::RawData(RawKind::Rawtext),
                    "textarea" | "title" => TokenSinkResult::RawData(RawKind::Rcdata),
                    _ => TokenSinkResult::Continue,
                }
            }
            TagKind::EndTag if !void => {
                self.dropped = self.dropped.saturating_sub(usize::from(dropped));
                self.open = self.open.saturating_sub(usize::from(REOPENED.contains(&name)));
                self.depth = self.depth.saturating_sub(usize::from(!LEFT_OPEN.contains(&name)));
                TokenSinkResult::Continue
            }
            TagKind::StartTag | TagKind::EndTag => TokenSinkResult::Continue,
        }
    }
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut words = self.0.borrow_mut();
        match token {
            Token::TagToken(tag) => return words.tag(&tag),
            Token::CharacterTokens(text) if words.dropped == 0 => words.text.push_str(&text),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_become_markdown_or_text() {
        let page = "<html><head><title>T</title><style>p{}</style><script>if (a < b) EVIL()</script></head><body><h1>Big &amp; bold</h1>\
            <p>Some <b>bold</b> <a href=\"/x\">link</a></p><ul><li>one</li><li>two</li></ul><pre><code>a\n  b</code></pre><svg><text>S</text></svg></body></html>";
        assert_eq!(markdown(page), "# Big & bold\n\nSome **bold** [link](/x)\n\n- one\n- two\n\n```\na\n  b\n```");
        assert_eq!(text(page), "Big & bold\nSome bold link\none\ntwo\na\nb\n");
    }

    #[test]
    fn hostile_pages_are_only_dull() {
        let deep = format!("{}x{}", "<div>".repeat(200_000), "</div>".repeat(200_000));
        assert_eq!(markdown(&deep), "x\n");
        let reopened: String = (0..400).map(|n| format!("<b class={n}>")).chain(std::iter::repeat_n("<p>y".to_owned(), 20_000)).collect();
        assert_eq!(markdown(&reopened).lines().count(), 20_000);
        let just = format!("{}x{}", "<div>".repeat(DEEPEST - 2), "</div>".repeat(DEEPEST - 2));
        assert_eq!(markdown(&just).trim(), "x");
    }

    #[test]
    fn encodings() {
        let check = |bytes: &[u8], charset: Option<&str>, html: bool, expect: &str| assert_eq!(decode(bytes, charset, html), expect);
        check("größe".as_bytes(), None, false, "größe");
        check(b"gr\xf6\xdfe", Some("ISO-8859-1"), false, "größe");
        check(b"<meta charset=\"iso-8859-1\">gr\xf6\xdfe", None, true, "<meta charset=\"iso-8859-1\">größe");
        check(b"charset=iso-8859-1 gr\xc3\xb6\xc3\x9fe", None, false, "charset=iso-8859-1 größe");
        check(b"\xef\xbb\xbfx", Some("iso-8859-1"), false, "x");
        check(b"\xff\xfeg\0", None, false, "g");
        check(b"x\xff", None, false, "x\u{fffd}");
    }

    #[test]
    fn kinds() {
        assert!(
            is_html("text/html", b"") && is_html("", b"  <!DOCTYPE html>") && !is_html("", b"plain") && !is_html("text/plain", b"<html>")
        );
        for (kind, body, expect) in [
            ("text/plain", b"x".as_slice(), true),
            ("application/json", b"{}", true),
            ("application/vnd.api+json", b"{}", true),
            ("image/png", b"x", false),
            ("application/pdf", b"%PDF", false),
            ("", b"x", true),
            ("application/octet-stream", b"\0", false),
        ] {
            assert_eq!(is_text(kind, body), expect, "{kind}");
        }
    }
}
