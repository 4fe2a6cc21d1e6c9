//! Server-sent events, with their names and ids, which the protocol needs.
//!
//! Must not know what an event means.
//!
//! **Invariant:** the events are the same however the bytes are cut into pieces; an event has an upper limit.

/// No event is longer, in bytes.
const LONGEST: usize = 32 << 20;

/// An event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// Empty where the server gave none.
    pub name: String,
    pub data: String,
}

/// An event does not end.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message is longer than {} MB", LONGEST >> 20)]
pub(crate) struct TooLong;

/// Takes bytes, gives events.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    line: Vec<u8>,
    event: Event,
    /// The id of the last event, as the server is to be told it after a break.
    pub last_id: Option<String>,
    after_return: bool,
}

impl Decoder {
    /// Takes the next piece, and hands each event that it completes to `on_event`.
    pub fn feed(&mut self, bytes: &[u8], mut on_event: impl FnMut(Event)) -> Result<(), TooLong> {
        for &byte in bytes {
            let second_half = byte == b'\n' && self.after_return;
            self.after_return = byte == b'\r';
            match byte {
                _ if second_half => {}
                b'\n' | b'\r' => {
                    let line = std::mem::take(&mut self.line);
                    self.take_line(&String::from_utf8_lossy(&line), &mut on_event);
                }
                _ => self.line.push(byte),
            }
        }
        if self.line.len() + self.event.data.len() > LONGEST { Err(TooLong) } else { Ok(()) }
    }

    fn take_line(&mut self, line: &str, on_event: &mut impl FnMut(Event)) {
        let line = line.strip_prefix('\u{FEFF}').unwrap_or(line);
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            if !event.data.is_empty() {
                on_event(event);
            }
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.name),
            "data" => {
                if !self.event.data.is_empty() {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            "id" if !value.contains('\0') && value.len() <= 1024 => self.last_id = Some(value.to_owned()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events() {
        let check = |body: &str, expect: &[(&str, &str)]| {
            for size in 1..=body.len() {
                let (mut decoder, mut events) = (Decoder::default(), Vec::new());
                for piece in body.as_bytes().chunks(size) {
                    decoder.feed(piece, |event| events.push((event.name, event.data))).unwrap();
                }
                let events: Vec<_> = events.iter().map(|(name, data)| (name.as_str(), data.as_str())).collect();
                assert_eq!(events, expect, "{body:?} in pieces of {size}");
            }
        };
        check("event: endpoint\ndata: /messages?x=1\n\n", &[("endpoint", "/messages?x=1")]);
        check(": hi\r\nid: 7\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\ndata:b\n\n", &[("", "{\"a\":\n1}"), ("", "b")]);
        check("id: 7\nretry: 10\n\ndata\n\ndata: cut", &[]);
        let mut decoder = Decoder::default();
        decoder.feed(b"id: 7\ndata: x\n\nid\ndata: y", |_| {}).unwrap();
        assert_eq!(decoder.last_id.as_deref(), Some(""));
    }
}
