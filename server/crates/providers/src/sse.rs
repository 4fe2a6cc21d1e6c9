//! From the bytes of an answer to its events.
//!
//! Owns server-sent events' framing, and tells a stream from a body that came whole. Must not know JSON's inside or providers. Ours, because what
//! providers send is not always what the standard says: the last blank line is missing, a byte is not UTF-8, an error comes as bare JSON between
//! events, a whole JSON body or JSON lines come as the answer to a stream request, or plain words; the crates there are end at the first such thing, or
//! drop the last event.
//!
//! **Invariant:** the events are the same however the bytes are cut into pieces, and nothing is kept beyond `LONGEST`.

/// No event is longer, in bytes.
const LONGEST: usize = 32 << 20;

/// How much is kept of a body that is neither, in bytes, and a line more.
const MOST_WORDS: usize = 500;

#[derive(Debug, Default, PartialEq, Eq)]
enum Form {
    /// Nothing but white space so far.
    #[default]
    Unknown,
    /// Server-sent events.
    Events,
    /// One body: JSON or HTML.
    Whole,
}

/// An event does not end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Takes bytes, gives the text of each event's `data`.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    form: Form,
    /// A line without its end; the body, if it comes whole.
    line: Vec<u8>,
    data: Option<String>,
    /// The lines up to the next blank one are JSON without a field's name: an error, usually.
    bare: bool,
    after_return: bool,
    /// A field or a comment was seen.
    fields: bool,
    /// The beginning of a body without any: words of whatever stands between us and the model.
    words: String,
}

impl Decoder {
    /// Takes the next piece, and hands each event that it completes to `on_event`.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], on_event: &mut impl FnMut(&str)) -> Result<(), TooLong> {
        if self.form == Form::Unknown {
            bytes = self.sniff(bytes);
        }
        if self.form == Form::Events {
            while let Some(end) = bytes.iter().position(|&byte| byte == b'\n' || byte == b'\r') {
                let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
                let second_half = bytes[end] == b'\n' && self.after_return && end == 0 && self.line.is_empty();
                self.after_return = bytes[end] == b'\r';
                bytes = rest;
                if second_half {
                    continue;
                }
                if self.line.is_empty() {
                    self.take_line(line, on_event);
                } else {
                    let mut whole = std::mem::take(&mut self.line);
                    whole.extend_from_slice(line);
                    self.take_line(&whole, on_event);
                    whole.clear();
                    self.line = whole;
                }
            }
            if !bytes.is_empty() {
                self.after_return = false;
            }
        }
        self.line.extend_from_slice(bytes);
        if self.line.len() + self.data.as_ref().map_or(0, String::len) > LONGEST { Err(TooLong) } else { Ok(()) }
    }

    /// The bytes are over: hands out what has no blank line behind it.
    pub(crate) fn finish(&mut self, on_event: &mut impl FnMut(&str)) {
        let rest = std::mem::take(&mut self.line);
        match self.form {
            Form::Whole => each_json(&String::from_utf8_lossy(&rest), on_event),
            Form::Events | Form::Unknown => {
                self.take_line(&rest, on_event);
                self.take_line(b"", on_event);
                if !self.fields && !self.words.is_empty() {
                    on_event(&std::mem::take(&mut self.words));
                }
            }
        }
    }

    /// Drops leading white space and a byte order mark; decides by the first byte that follows.
    fn sniff<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        const MARK: &[u8] = b"\xEF\xBB\xBF";
        let mut rest = bytes;
        if self.line.is_empty() {
            rest = rest.trim_ascii_start();
        }
        // A mark may come in pieces: its bytes wait in `line`.
        while let Some(&first) = rest.first() {
            if self.line.len() < MARK.len() && MARK[self.line.len()] == first {
                self.line.push(first);
                rest = &rest[1..];
                if self.line == MARK {
                    self.line.clear();
                    rest = rest.trim_ascii_start();
                }
                continue;
            }
            self.form = if self.line.is_empty() && matches!(first, b'{' | b'[' | b'<') { Form::Whole } else { Form::Events };
            break;
        }
        rest
    }

    fn take_line(&mut self, line: &[u8], on_event: &mut impl FnMut(&str)) {
        if line.is_empty() {
            self.bare = false;
            if let Some(data) = &mut self.data
                && !data.is_empty()
            {
                on_event(data);
                data.clear();
            }
            return;
        }
        self.bare |= line.starts_with(b"{");
        self.fields |= self.bare || [&b"data:"[..], b"event:", b"id:", b"retry:", b":"].iter().any(|field| line.starts_with(field));
        if !self.fields && self.words.len() < MOST_WORDS {
            self.words.push_str(String::from_utf8_lossy(line).trim());
            self.words.push(' ');
        }
        let value = match line.strip_prefix(b"data:") {
            Some(value) => value.strip_prefix(b" ").unwrap_or(value),
            None if self.bare => line,
            None => return,
        };
        let value = String::from_utf8_lossy(value);
        let data = self.data.get_or_insert_default();
        if !data.is_empty() {
            data.push('\n');
        }
        data.push_str(&value);
    }
}

/// A body that came whole is one text, or JSON lines.
fn each_json(body: &str, on_event: &mut impl FnMut(&str)) {
    let mut values = serde_json::Deserializer::from_str(body).into_iter::<serde::de::IgnoredAny>();
    let mut start = 0;
    let mut ends = Vec::new();
    while let Some(Ok(_)) = values.next() {
        ends.push(values.byte_offset());
    }
    if ends.is_empty() {
        return on_event(body);
    }
    for end in ends {
        on_event(body[start..end].trim());
        start = end;
    }
    let rest = body[start..].trim();
    if !rest.is_empty() {
        on_event(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(pieces: &[&[u8]]) -> Vec<String> {
        let mut events = Vec::new();
        let mut decoder = Decoder::default();
        for piece in pieces {
            decoder.feed(piece, &mut |event: &str| events.push(event.to_owned())).unwrap();
        }
        decoder.finish(&mut |event: &str| events.push(event.to_owned()));
        events
    }

    #[test]
    fn events() {
        let check = |body: &[u8], expect: &[&str]| {
            assert_eq!(decode(&[body]), expect, "{:?}", String::from_utf8_lossy(body));
            let bytes: Vec<&[u8]> = body.chunks(1).collect();
            assert_eq!(decode(&bytes), expect, "one byte at a time: {:?}", String::from_utf8_lossy(body));
            for cut in 0..body.len() {
                assert_eq!(decode(&[&body[..cut], &body[cut..]]), expect, "cut at {cut}: {:?}", String::from_utf8_lossy(body));
            }
        };
        check(b"", &[]);
        check(b"data: a\n\ndata: b\n\n", &["a", "b"]);
        check(b"data: a\r\n\r\ndata: b\r\n\r\n", &["a", "b"]);
        check(b"data: a\r\rdata: b\r\r", &["a", "b"]);
        check(b": hello\n\nevent: x\nid: 3\nretry: 1\ndata:a\n\n", &["a"]);
        check(b"data: one\ndata: two\n\n", &["one\ntwo"]);
        check(b"data: no blank line", &["no blank line"]);
        check(b"data: a\n\ndata: b\n", &["a", "b"]);
        check(b"\xEF\xBB\xBFdata: marked\n\n", &["marked"]);
        check(b"\xEF\xBB\xBF {\"a\": 1}", &["{\"a\": 1}"]);
        check(b"\xff\xfe\n\nrubbish\n\xEF\xBB\ndata: a\n\n", &["a"]);
        check(b"data: a\xffb\n\n", &["a\u{FFFD}b"]);
        check("data: Überall 世界\n\n".as_bytes(), &["Überall 世界"]);
        check(b"database: x\ndata\n\ndata: \n\n", &[]);
        check(b"data: a\n\n{\n  \"error\": 1\n}\n\ndata: b\n\n}\n", &["a", "{\n  \"error\": 1\n}", "b"]);
        check(b"\n \n\n{\"a\":\n\n1}\n", &["{\"a\":\n\n1}"]);
        check(b"<html>\n</html>", &["<html>\n</html>"]);
        check(b"\n\n: c\n\ndata: {}\n\n", &["{}"]);
        check(b"{\"a\": 1}\n{\"b\": [2]}\r\n\n{\"c\"", &["{\"a\": 1}", "{\"b\": [2]}", "{\"c\""]);
        check(b"{\"a\": 1}\n[DONE]", &["{\"a\": 1}", "[DONE]"]);
        check(b"no healthy\nupstream", &["no healthy upstream "]);
        check(b": ping\nrubbish\n", &[]);
        check(b"id: 1\r\revent: message_stop\r\r", &[]);
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut decoder = Decoder::default();
        let piece = vec![b'x'; 8 << 20];
        let results: Vec<bool> = (0..6).map(|_| decoder.feed(&piece, &mut |_: &str| {}).is_ok()).collect();
        assert_eq!(results, [true, true, true, true, false, false]);
    }
}
