//! LSP's framing, which survives what is no frame.
//!
//! Knows bytes only; what a message means is `serve`'s business.
//!
//! **Invariant:** a header makes nobody allocate: a body's memory grows with the bytes that came. After any garbage the next good header is found again.

use bytes::{Buf, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

/// Bodies above this are taken for a broken header: bytes. The largest real one is the text of a document in `didOpen`.
pub const MAX_BODY: usize = 512 << 20;
/// Header lines above this are garbage.
const MAX_LINE: usize = 8 << 10;
/// Buffers above this are given back after use.
const KEEP: usize = 1 << 20;
const LENGTH: &[u8] = b"content-length:";

/// What came in.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// The body of a message.
    Body(Bytes),
    /// Something that is no frame was skipped; why.
    Garbage(&'static str),
}

/// Decodes frames; encodes JSON bodies.
#[derive(Debug, Default)]
pub struct Codec {
    length: Option<usize>,
    /// The header is complete, and `length` bytes follow.
    in_body: bool,
    wrong: Option<&'static str>,
}

impl Decoder for Codec {
    type Item = Frame;
    type Error = std::io::Error;

    fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Frame>, Self::Error> {
        while !self.in_body {
            let Some(end) = buffer.iter().position(|b| *b == b'\n') else {
                if buffer.len() > MAX_LINE {
                    // The beginning of a good header may stand at its end.
                    buffer.advance(buffer.len() - LENGTH.len());
                    self.wrong = Some("a header line without an end");
                }
                return Ok(None);
            };
            let line = buffer.split_to(end + 1);
            let line = line.trim_ascii();
            if !line.is_empty() {
                self.header(line);
            } else if let Some(wrong) = self.wrong.take() {
                // Something was wrong, yet a good length came after it: the body counts.
                self.in_body = self.length.is_some();
                return Ok(Some(Frame::Garbage(wrong)));
            } else {
                self.in_body = self.length.is_some();
            }
        }
        let length = self.length.unwrap_or_default();
        if buffer.len() < length {
            buffer.reserve((length - buffer.len()).min(KEEP));
            return Ok(None);
        }
        let body = buffer.split_to(length).freeze();
        if length > KEEP {
            *buffer = BytesMut::from(&buffer[..]);
        }
        (self.length, self.in_body) = (None, false);
        Ok(Some(Frame::Body(body)))
    }

    fn decode_eof(&mut self, buffer: &mut BytesMut) -> Result<Option<Frame>, Self::Error> {
        let frame = self.decode(buffer)?;
        if frame.is_none() {
            buffer.clear();
        }
        Ok(frame)
    }
}

impl Codec {
    fn header(&mut self, line: &[u8]) {
        let found = line.windows(LENGTH.len()).rposition(|w| w.eq_ignore_ascii_case(LENGTH));
        let Some(at) = found else {
            // Content-Type and the like. A header block without any length is found out at its end.
            if self.length.is_none() {
                self.wrong.get_or_insert("a header without a Content-Length");
            }
            return;
        };
        let value = std::str::from_utf8(&line[at + LENGTH.len()..]).ok().and_then(|v| v.trim().parse::<usize>().ok());
        (self.length, self.wrong) = match value {
            Some(length) if length <= MAX_BODY => (Some(length), (at > 0).then_some("garbage before a header")),
            Some(_) => (None, Some("a Content-Length above 512 MiB")),
            None => (None, Some("a Content-Length that is no number")),
        };
    }
}

impl Encoder<&[u8]> for Codec {
    type Error = std::io::Error;

    fn encode(&mut self, body: &[u8], buffer: &mut BytesMut) -> Result<(), Self::Error> {
        buffer.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
        buffer.extend_from_slice(body);
        Ok(())
    }
}

/// Gives the memory of a large message back.
pub fn shrink(buffer: &mut BytesMut) {
    buffer.clear();
    if buffer.capacity() > KEEP {
        *buffer = BytesMut::new();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The bodies and the number of complaints, when the bytes come in pieces of `step`.
    fn decode(bytes: &[u8], step: usize) -> (Vec<String>, usize) {
        let (mut codec, mut buffer, mut bodies, mut garbage) = (Codec::default(), BytesMut::new(), Vec::new(), 0);
        for piece in bytes.chunks(step) {
            buffer.extend_from_slice(piece);
            while let Some(frame) = codec.decode(&mut buffer).unwrap() {
                match frame {
                    Frame::Body(body) => bodies.push(String::from_utf8(body.to_vec()).unwrap()),
                    Frame::Garbage(_) => garbage += 1,
                }
            }
        }
        (bodies, garbage)
    }

    #[test]
    fn frames() {
        let check = |bytes: &str, bodies: &[&str], garbage: usize| {
            for step in [1, 3, 1000] {
                assert_eq!(
                    decode(bytes.as_bytes(), step),
                    (bodies.iter().map(|b| (*b).to_owned()).collect(), garbage),
                    "{bytes:?} by {step}"
                );
            }
        };
        let good = "Content-Length: 2\r\n\r\n{}";
        check(good, &["{}"], 0);
        check(&format!("{good}{good}"), &["{}", "{}"], 0);
        check("content-length:2\n\n{}", &["{}"], 0);
        check("Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}", &["{}"], 0);
        check("Content-Length: 2\r\nContent-Type: x\r\n\r\n{}", &["{}"], 0);
        check("Content-Length: 0\r\n\r\n", &[""], 0);
        check(&format!("\r\n\r\n{good}"), &["{}"], 0);
        check(&format!("Content-Length: abc\r\n\r\n{good}"), &["{}"], 1);
        check(&format!("Content-Length: -5\r\n\r\n{good}"), &["{}"], 1);
        check(&format!("X-Nothing: 1\r\n\r\n{good}"), &["{}"], 1);
        check(&format!("Content-Length: 8000000000\r\n\r\n{{{good}"), &["{}"], 2);
        check(&format!("Content-Length: abc\r\n\r\n{{\"lost\":1}}{good}"), &["{}"], 2);
        check("Content-Length: 999999999999999999999999\r\nContent-Length: 2\r\n\r\n{}", &["{}"], 0);
    }

    #[test]
    fn a_promise_takes_no_memory() {
        let mut codec = Codec::default();
        let mut buffer = BytesMut::from(format!("Content-Length: {MAX_BODY}\r\n\r\n{{").as_bytes());
        assert_eq!(codec.decode(&mut buffer).unwrap(), None);
        assert!(buffer.capacity() < 4 * KEEP);
    }

    #[test]
    fn endless_lines_take_no_memory() {
        let mut codec = Codec::default();
        let mut buffer = BytesMut::new();
        for _ in 0..1000 {
            buffer.extend_from_slice(&[b'x'; 5000]);
            assert_eq!(codec.decode(&mut buffer).unwrap(), None);
            assert!(buffer.len() <= MAX_LINE);
        }
        buffer.extend_from_slice(b"Content-Length: 2\r\n\r\n{}");
        assert!(matches!(codec.decode(&mut buffer).unwrap(), Some(Frame::Garbage(_))));
        assert_eq!(codec.decode(&mut buffer).unwrap(), Some(Frame::Body(Bytes::from_static(b"{}"))));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(junk in prop::collection::vec(any::<u8>(), 0..300), step in 1usize..50) {
            // Whatever came before: after a line's end the next frame but one is read.
            let mut bytes = junk;
            bytes.retain(|b| *b != b':');
            bytes.extend_from_slice(b"\r\n\r\nContent-Length: 2\r\n\r\n{}");
            let (bodies, _) = decode(&bytes, step);
            prop_assert_eq!(bodies.last().map(String::as_str), Some("{}"));
        }
    }
}
