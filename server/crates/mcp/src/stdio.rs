//! Messages over a program's standard input and output, one a line.
//!
//! Must not know what a message means.
//!
//! **Invariant:** a line that is no message is skipped; a line has an upper limit, beyond which the conversation ends.

use std::sync::Arc;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;

use crate::peer::{Outgoing, Peer};

/// No message is longer, in bytes.
const LONGEST: usize = 32 << 20;

/// Writes what is to be delivered, until the conversation is over or the program does not listen any more. Then its input is closed.
pub(crate) async fn write(mut input: impl AsyncWrite + Unpin, mut outgoing: mpsc::UnboundedReceiver<Outgoing>, peer: Arc<Peer>) {
    let mut ended = peer.ended();
    loop {
        let message = tokio::select! {
            biased;
            _ = ended.wait_for(Option::is_some) => return,
            message = outgoing.recv() => message,
        };
        let Some(Outgoing { mut text, reply: _reply, .. }) = message else { return };
        text.push('\n');
        let written = async {
            input.write_all(text.as_bytes()).await?;
            input.flush().await
        };
        tokio::select! {
            biased;
            _ = ended.wait_for(Option::is_some) => return,
            written = written => if written.is_err() {
                // The reader will see the end, too, and say so.
                return;
            }
        }
    }
}

/// Reads messages to the output's end; why it ended.
pub(crate) async fn read(mut output: impl AsyncBufRead + Unpin, peer: &Peer) -> String {
    let mut line = Vec::new();
    loop {
        line.clear();
        match read_line(&mut output, &mut line).await {
            Ok(true) => {}
            Ok(false) => return "its output ended".to_owned(),
            Err(error) => return format!("its output cannot be read: {error}"),
        }
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        match serde_json::from_slice(text) {
            Ok(message) => peer.take(message),
            Err(error) => tracing::debug!(%error, "a server printed what is no message"),
        }
        // One long message must not cost memory for ever.
        line.shrink_to(1 << 16);
    }
}

/// The next line; false at the end.
async fn read_line(output: &mut (impl AsyncBufRead + Unpin), line: &mut Vec<u8>) -> std::io::Result<bool> {
    loop {
        let bytes = output.fill_buf().await?;
        if bytes.is_empty() {
            return Ok(!line.is_empty());
        }
        let end = bytes.iter().position(|&byte| byte == b'\n');
        let count = end.map_or(bytes.len(), |end| end + 1);
        line.extend_from_slice(&bytes[..count]);
        output.consume(count);
        if end.is_some() {
            return Ok(true);
        }
        if line.len() > LONGEST {
            return Err(std::io::Error::other(format!("a message is longer than {} MB", LONGEST >> 20)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};
    use tokio_util::sync::CancellationToken;

    use super::*;

    #[tokio::test]
    async fn garbage_is_skipped_and_the_end_is_told() {
        let (peer, mut outgoing) = Peer::new("s", tokio::sync::watch::channel(Vec::new()).1);
        let cancel = CancellationToken::new();
        let asking = peer.request("a", Value::Null, Duration::from_secs(60), &cancel, &|_| {});
        let answering = async {
            outgoing.recv().await.expect("a request");
            let output: &[u8] =
                b"Listening...\n\n\xff\xfe{}\n[1, {\"id\": 1}\n  {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"ok\":true}}\r\n{\"id\":";
            read(output, &peer).await
        };
        let (answer, why) = tokio::join!(asking, answering);
        assert_eq!(answer.unwrap(), json!({"ok": true}));
        assert_eq!(why, "its output ended");
    }

    #[tokio::test]
    async fn an_endless_line_ends_the_conversation() {
        let (peer, _outgoing) = Peer::new("s", tokio::sync::watch::channel(Vec::new()).1);
        let output = tokio::io::BufReader::new(tokio::io::AsyncReadExt::take(tokio::io::repeat(b'x'), 1 << 30));
        assert_eq!(read(output, &peer).await, "its output cannot be read: a message is longer than 32 MB");
    }
}
