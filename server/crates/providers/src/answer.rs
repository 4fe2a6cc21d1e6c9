//! An answer as its bytes come: framing and wire format together.
//!
//! Owns what is done with the last, perhaps broken, event. Must not know the connection.
//!
//! **Invariant:** the events are the same however the bytes are cut into pieces; they end with `Finish`, or the answer with an error.

use serde::de::IgnoredAny;

use crate::adapter::{self, Events, Parser};
use crate::sse::{Decoder, TooLong};
use crate::{Api, ModelEvent, ProviderError, ProviderErrorKind};

/// An answer that is being read.
pub(crate) struct Answer {
    decoder: Decoder,
    parser: Box<dyn Parser>,
    events: Events,
}

impl Answer {
    /// An answer in a wire format.
    pub(crate) fn new(api: Api) -> Self {
        Self { decoder: Decoder::default(), parser: adapter::parser(api), events: Events::default() }
    }

    /// The next event that is known.
    pub(crate) fn pop(&mut self) -> Option<ModelEvent> {
        self.events.pop()
    }

    /// Takes the next bytes.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<(), ProviderError> {
        let (parser, events) = (&mut self.parser, &mut self.events);
        let mut result = Ok(());
        let fed = self.decoder.feed(bytes, &mut |data: &str| {
            if result.is_ok() {
                result = parser.feed(data, events);
            }
        });
        fed.map_err(|TooLong| ProviderError {
            kind: ProviderErrorKind::Protocol,
            message: "the answer has a line that does not end".to_owned(),
            status: None,
            retry_after: None,
        })?;
        result
    }

    /// The bytes are over, and the connection was closed in good order.
    pub(crate) fn end(&mut self) -> Result<(), ProviderError> {
        let (parser, events) = (&mut self.parser, &mut self.events);
        let mut result = Ok(());
        self.decoder.finish(&mut |data: &str| {
            // JSON that breaks off is no fault of its own: then the parser knows best whether the answer is whole.
            let data = data.trim();
            let cut = data.starts_with(['{', '[', '"']) && data != "[DONE]" && serde_json::from_str::<IgnoredAny>(data).is_err();
            if result.is_ok() && !cut {
                result = parser.feed(data, events);
            }
        });
        result?;
        if !self.events.is_finished() {
            self.parser.end(&mut self.events)?;
        }
        Ok(())
    }
}
