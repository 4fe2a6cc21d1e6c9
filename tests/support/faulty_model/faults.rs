//! The faults: what each does to an answer, and what a user may be told of it.
//!
//! **Invariant:** each is what some provider's deployment really does; a fault that ends a turn can be told by its words.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use super::{Fate, Random};

/// A way to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A status, with a hint when to come again.
    Status(u16),
    /// 502 with a web page.
    Html,
    /// A web page with status 200.
    HtmlInsteadOfAnswer,
    /// An error inside an answer that began well.
    OverloadedInStream,
    /// The connection ends at some byte; in order, or amid a chunk.
    Cut,
    /// Nothing more comes, and the connection stays open.
    Stall,
    /// Neither a word nor a call.
    Empty,
    /// Arguments that are no JSON.
    MalformedCall,
    /// A call of a tool that is none.
    UnknownTool,
    /// All calls have the same id, in this answer and in others.
    RepeatedIds,
    /// The provider's filter ends the answer.
    ContentFilter,
    /// The model refuses.
    Refusal,
    /// The output limit cuts the answer.
    Length,
    /// The output limit cuts a call.
    LengthInCall,
    /// The conversation is too long.
    Overflow,
}

use Fault::{
    ContentFilter, Cut, Empty, Html, HtmlInsteadOfAnswer, Length, LengthInCall, MalformedCall, Overflow, OverloadedInStream, Refusal,
    RepeatedIds, Stall, Status, UnknownTool,
};

const ALL: [Fault; 20] = [
    Status(408),
    Status(429),
    Status(500),
    Status(502),
    Status(503),
    Status(529),
    Html,
    HtmlInsteadOfAnswer,
    OverloadedInStream,
    Cut,
    Stall,
    Empty,
    MalformedCall,
    UnknownTool,
    RepeatedIds,
    ContentFilter,
    Refusal,
    Length,
    LengthInCall,
    Overflow,
];

/// The forms in which providers say when to come again.
const HINTS: [(&str, &str); 6] = [
    ("retry-after-ms: 7\r\n", ""),
    ("retry-after: 0\r\n", ""),
    ("retry-after: 0.01\r\n", ""),
    ("retry-after: Wed, 21 Oct 2015 07:28:00 GMT\r\n", ""),
    ("x-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: 6ms\r\n", ""),
    ("", r#","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"0.005s"}]"#),
];

impl Fault {
    /// Any.
    pub(super) fn any(random: &mut Random) -> Self {
        ALL[usize::try_from(random.below(ALL.len() as u64)).unwrap_or_default()]
    }

    /// One that may last for a whole turn, and ends it.
    pub(super) fn lasting(random: &mut Random) -> Self {
        let lasting: Vec<_> = ALL
            .into_iter()
            .filter(|fault| matches!(fault, Status(_) | Html | Empty | ContentFilter | Refusal | Length | Overflow))
            .collect();
        lasting[usize::try_from(random.below(lasting.len() as u64)).unwrap_or_default()]
    }

    /// Whether it comes without a hint when to come again.
    pub(super) fn is_slow(self) -> bool {
        matches!(self, HtmlInsteadOfAnswer | OverloadedInStream | Cut | Stall)
    }

    /// Whether the turn's answer does not come with it.
    pub(super) fn is_broken(self) -> bool {
        self != RepeatedIds
    }

    /// A turn that ends with it is told by one of these, in small letters.
    #[must_use]
    pub fn words(self) -> Vec<String> {
        let words: &[&str] = match self {
            Status(status) => return vec![format!("http {status}")],
            Html => &["http 502"],
            HtmlInsteadOfAnswer => &["web page", "sign in", "could not be read", "cut"],
            OverloadedInStream => &["overloaded"],
            Cut => &["cut", "broke"],
            Stall => &["stopped for"],
            Empty => &["answered nothing"],
            ContentFilter => &["filter"],
            Refusal => &["filter", "refus"],
            Length => &["output limit"],
            Overflow => &["too long", "longer than"],
            MalformedCall | UnknownTool | RepeatedIds | LengthInCall => &[],
        };
        words.iter().map(|&word| word.to_owned()).collect()
    }

    /// What becomes of the marks in an answer with these events.
    pub(super) fn fate(self, events: &[String], dice: u64) -> Fate {
        match self {
            Status(_) | Html | HtmlInsteadOfAnswer | OverloadedInStream | Stall | Overflow => Fate::Broken,
            Cut if cut_at(events, dice) < said(events) => Fate::Broken,
            Cut => Fate::Either,
            Empty | MalformedCall | UnknownTool | RepeatedIds | ContentFilter | Refusal | Length | LengthInCall => Fate::Whole,
        }
    }

    /// Answers with it.
    pub(super) fn send(self, stream: &mut TcpStream, events: &[String], dice: u64) -> std::io::Result<()> {
        let all = events.concat();
        match self {
            Status(status) => {
                let (hint, more) = HINTS[usize::try_from(dice).unwrap_or(usize::MAX) % HINTS.len()];
                // Without a hint in the body the head's counts.
                let hint = if status == 429 || more.is_empty() { hint } else { HINTS[0].0 };
                refuse(stream, status, hint, "application/json", &format!(r#"{{"error":{{"message":"not now","code":{status}{more}}}}}"#))
            }
            Html => refuse(stream, 502, HINTS[0].0, "text/html", "<html><head><title>502 Bad Gateway</title></head></html>"),
            HtmlInsteadOfAnswer => refuse(stream, 200, "", "text/html", "<html><head><title>Sign in</title></head></html>"),
            Overflow => refuse(stream, 400, "", "application/json", r#"{"error":{"message":"too long","code":"context_length_exceeded"}}"#),
            OverloadedInStream => {
                let some = usize::try_from(dice).unwrap_or(usize::MAX) % (events.len() - 1);
                let error = "data: {\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
                whole(stream, &format!("{}{error}", events[..some].concat()))
            }
            Cut => {
                let piece = &all[..cut_at(events, dice)];
                if dice.is_multiple_of(2) {
                    // The end of the connection is the end of the body: it looks like a proper one.
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")?;
                    return stream.write_all(piece.as_bytes());
                }
                begin(stream)?;
                chunk(stream, piece)
            }
            Stall => {
                begin(stream)?;
                chunk(stream, &all[..usize::try_from(dice).unwrap_or(usize::MAX) % said(events)])?;
                let mut rest = Vec::new();
                stream.read_to_end(&mut rest).map(drop)
            }
            Empty | MalformedCall | UnknownTool | RepeatedIds | ContentFilter | Refusal | Length | LengthInCall => whole(stream, &all),
        }
    }
}

/// An answer from its begin to its end.
pub(super) fn whole(stream: &mut TcpStream, text: &str) -> std::io::Result<()> {
    begin(stream)?;
    chunk(stream, text)?;
    stream.write_all(b"0\r\n\r\n")
}

/// Bytes up to where the model has said its last word: the last bracket of the finish.
fn said(events: &[String]) -> usize {
    events[..events.len() - 1].concat().trim_end().len()
}

fn cut_at(events: &[String], dice: u64) -> usize {
    usize::try_from(dice >> 1).unwrap_or(usize::MAX) % events.concat().len()
}

fn begin(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n")
}

fn chunk(stream: &mut TcpStream, text: &str) -> std::io::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    stream.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes())
}

fn refuse(stream: &mut TcpStream, status: u16, headers: &str, kind: &str, body: &str) -> std::io::Result<()> {
    let head =
        format!("HTTP/1.1 {status} Answer\r\ncontent-type: {kind}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes())
}
