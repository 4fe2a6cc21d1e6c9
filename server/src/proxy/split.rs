//! A stream of LSP messages cut at their ends, with every byte of it.
//!
//! Pure. Must not know what a message means.
//!
//! **Invariant:** the pieces one after the other are the stream; what is no message is passed on as it is, as soon as it is known to be none.

use bytes::{Bytes, BytesMut};

/// Bodies above this are passed on without being looked at: bytes.
const MAX_BODY: usize = 256 << 20;
/// Lines above this are no header.
const MAX_LINE: usize = 8 << 10;
const LENGTH: &[u8] = b"content-length:";
const CONTENT: &[u8] = b"content-";

/// A piece of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A whole message.
    Frame(Frame),
    /// Anything else. `open`: a message of others must not be put right behind it, since more of the same follows.
    Raw { bytes: Bytes, open: bool },
}

/// A message, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// With its header.
    pub bytes: Bytes,
    /// Where its body begins.
    body: usize,
}

impl Frame {
    /// A message of ours.
    pub fn new(body: &[u8]) -> Self {
        let header = format!("Content-Length: {}\r\n\r\n", body.len());
        Self { bytes: [header.as_bytes(), body].concat().into(), body: header.len() }
    }

    /// What it says.
    pub fn body(&self) -> &[u8] {
        &self.bytes[self.body..]
    }

    /// The lines before it that are not of its header: they belong to the stream even if the message does not.
    pub fn other_lines(&self) -> Vec<u8> {
        let lines = self.bytes[..self.body].split_inclusive(|byte| *byte == b'\n');
        lines.filter(|line| !line.trim_ascii().is_empty() && !starts_with(line, CONTENT)).flatten().copied().collect()
    }
}

/// Cuts a stream.
#[derive(Debug, Default)]
pub struct Splitter {
    /// What is not passed on yet.
    buffer: BytesMut,
    /// How much of it is lines of a header.
    header: usize,
    /// The length of the body, as far as the header says it.
    length: Option<usize>,
    /// Where the body begins, once the header is whole.
    body: Option<usize>,
    /// Bytes that belong to a message which is too long to be looked at.
    skip: usize,
    /// A line without an end is being passed on.
    in_line: bool,
}

impl Splitter {
    /// More of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next piece, if there is a whole one.
    pub fn next(&mut self) -> Option<Piece> {
        loop {
            if self.skip > 0 {
                let count = self.skip.min(self.buffer.len());
                self.skip -= count;
                return self.raw(count, self.skip > 0);
            }
            if let Some(start) = self.body {
                let end = start + self.length.unwrap_or_default();
                if self.buffer.len() < end {
                    // The memory grows with what comes, not with what was promised.
                    self.buffer.reserve((end - self.buffer.len()).min(1 << 20));
                    return None;
                }
                let bytes = self.buffer.split_to(end).freeze();
                if self.buffer.is_empty() && end > 1 << 20 {
                    self.buffer = BytesMut::new();
                }
                (self.header, self.length, self.body) = (0, None, None);
                return Some(Piece::Frame(Frame { bytes, body: start }));
            }
            let newline = self.buffer[self.header..].iter().position(|byte| *byte == b'\n').map(|at| self.header + at + 1);
            let line = &self.buffer[self.header..newline.unwrap_or(self.buffer.len())];
            if self.in_line || !may_be_header(line) || line.len() > MAX_LINE {
                // A header may stand right behind what somebody has printed.
                let found = line.windows(LENGTH.len()).position(|part| starts_with(part, LENGTH));
                let count = found.or(newline.map(|_| line.len())).unwrap_or(line.len() - begun(line)) + self.header;
                self.in_line = found.is_none() && newline.is_none() && (self.in_line || count > 0);
                if count > 0 {
                    return self.raw(count, found.is_some() || newline.is_none());
                }
                if found.is_some() {
                    continue;
                }
                return None;
            }
            let end = newline?;
            if line.trim_ascii().is_empty() {
                match self.length {
                    Some(length) if length > MAX_BODY => self.skip = end + length,
                    Some(_) => self.body = Some(end),
                    None => return self.raw(end, false),
                }
                continue;
            }
            if starts_with(line, LENGTH) {
                self.length = std::str::from_utf8(&line[LENGTH.len()..]).ok().and_then(|value| value.trim().parse().ok());
            }
            self.header = end;
        }
    }

    /// What is left at the end of the stream.
    pub fn rest(&mut self) -> Bytes {
        self.buffer.split().freeze()
    }

    fn raw(&mut self, count: usize, open: bool) -> Option<Piece> {
        (self.header, self.length) = (0, None);
        let bytes = self.buffer.split_to(count).freeze();
        (!bytes.is_empty()).then_some(Piece::Raw { bytes, open })
    }
}

fn starts_with(line: &[u8], name: &[u8]) -> bool {
    line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
}

/// How many bytes at the end may be the beginning of a header.
fn begun(line: &[u8]) -> usize {
    (1..LENGTH.len().min(line.len() + 1))
        .rev()
        .find(|count| line[line.len() - count..].eq_ignore_ascii_case(&LENGTH[..*count]))
        .unwrap_or(0)
}

/// A name, a colon, and the rest; or nothing; or the beginning of either.
fn may_be_header(line: &[u8]) -> bool {
    let name = line.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-').count();
    match line.get(name) {
        None => true,
        Some(b':') => name > 0,
        Some(_) => matches!(line, b"\r" | b"\r\n" | b"\n"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The pieces' texts, where the stream comes in parts of `step` bytes: messages as `<body>`.
    fn split(stream: &[u8], step: usize) -> (Vec<u8>, Vec<String>) {
        let (mut splitter, mut all, mut pieces) = (Splitter::default(), Vec::new(), Vec::new());
        for part in stream.chunks(step) {
            splitter.push(part);
            while let Some(piece) = splitter.next() {
                match piece {
                    Piece::Frame(frame) => {
                        all.extend_from_slice(&frame.bytes);
                        pieces.push(format!("<{}>", String::from_utf8_lossy(frame.body())));
                    }
                    Piece::Raw { bytes, .. } => {
                        all.extend_from_slice(&bytes);
                        let text = String::from_utf8_lossy(&bytes).into_owned();
                        match pieces.last_mut().filter(|last| !last.starts_with('<')) {
                            Some(last) => last.push_str(&text),
                            None => pieces.push(text),
                        }
                    }
                }
            }
        }
        all.extend_from_slice(&splitter.rest());
        (all, pieces)
    }

    #[test]
    fn pieces() {
        let check = |stream: &str, expect: &[&str]| {
            for step in [1, 2, 7, 10_000] {
                let (all, pieces) = split(stream.as_bytes(), step);
                assert_eq!(String::from_utf8_lossy(&all), stream, "by {step}");
                assert_eq!(pieces, expect, "{stream:?} by {step}");
            }
        };
        let good = "Content-Length: 2\r\n\r\n{}";
        check(good, &["<{}>"]);
        check(&format!("{good}{good}"), &["<{}>", "<{}>"]);
        check("content-length:2\n\n{}", &["<{}>"]);
        check("CONTENT-TYPE: x\r\nX-Odd: 1\r\nContent-Length: 2\r\nMore: y\r\n\r\n{}", &["<{}>"]);
        check(&format!("garbage\n{good}more garbage\r\n\r\n{good}"), &["garbage\n", "<{}>", "more garbage\r\n\r\n", "<{}>"]);
        check(&format!("warning: beware\n{good}"), &["<{}>"]);
        check("Content-Length: 0\r\n\r\n", &["<>"]);
        check("Content-Length: x\r\n\r\nContent-Length: 2\r\n\r\n{}", &["Content-Length: x\r\n\r\n", "<{}>"]);
        check("Content-Length: 5\r\n\r\n{}", &[]);
        check("no line end", &["no line end"]);
        check("{\"no\": \"header\"}", &["{\"no\": \"header\"}"]);
        check("Loading", &[]);
        check(&format!("the content of it{good}"), &["the content of it", "<{}>"]);
        check("Content-Length: 2\r\nno header\r\n\r\n{}", &["Content-Length: 2\r\nno header\r\n\r\n{}"]);
    }

    #[test]
    fn what_is_too_long_is_passed_on_open() {
        let mut splitter = Splitter::default();
        splitter.push(format!("Content-Length: {}\r\n\r\n{{", MAX_BODY + 1).as_bytes());
        assert!(matches!(splitter.next(), Some(Piece::Raw { bytes, open: true }) if bytes.ends_with(b"\r\n\r\n{")));
        splitter.push(&vec![b'x'; MAX_BODY]);
        assert!(matches!(splitter.next(), Some(Piece::Raw { open: false, .. })));
        splitter.push(&vec![b'y'; MAX_LINE + 1]);
        assert!(matches!(splitter.next(), Some(Piece::Raw { open: true, .. })));
        splitter.push(b"y\nContent-Length: 2\r\n\r\n{}");
        assert!(matches!(splitter.next(), Some(Piece::Raw { open: false, .. })));
        assert_eq!(splitter.next(), Some(Piece::Frame(Frame::new(b"{}"))));
    }

    #[test]
    fn lines_that_are_not_the_messages() {
        let mut splitter = Splitter::default();
        splitter.push(b"warning: beware\nContent-Type: x\r\nContent-Length: 2\r\n\r\n{}");
        let Some(Piece::Frame(frame)) = splitter.next() else { panic!("no message") };
        assert_eq!((frame.other_lines().as_slice(), frame.body()), (&b"warning: beware\n"[..], &b"{}"[..]));
    }

    proptest! {
        #[test]
        fn every_byte_passes(stream in prop::collection::vec(prop::sample::select(b"Content-Length: 3\r\n\r\n{}x:".to_vec()), 0..200), step in 1usize..30) {
            prop_assert_eq!(split(&stream, step).0, stream);
        }
    }
}
