//! The one task that writes to the editor.
//!
//! **Invariant:** it alone waits for an editor that reads slowly; reading and the handlers go on.

use bytes::BytesMut;
use futures_util::{FutureExt, StreamExt};
use serde::Serialize;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_util::codec::Encoder;
use tower_lsp::jsonrpc::Response;
use tower_lsp::{ClientSocket, Loopback};

use crate::lsp::codec::{self, Codec};

/// Writes replies and our own messages until the replies' senders are gone, or the editor reads no more.
pub(super) async fn write(
    mut replies: mpsc::UnboundedReceiver<Response>,
    mut requests: <ClientSocket as Loopback>::RequestStream,
    mut output: impl AsyncWrite + Unpin,
) -> std::io::Result<()> {
    let mut buffer = BytesMut::new();
    let mut open = true;
    while open {
        tokio::select! {
            biased;
            reply = replies.recv() => match reply {
                Some(reply) => put(&mut buffer, &reply)?,
                None => open = false,
            },
            Some(request) = requests.next() => put(&mut buffer, &request)?,
        }
        // What else is ready goes out in the same write.
        while let Ok(reply) = replies.try_recv() {
            put(&mut buffer, &reply)?;
        }
        while let Some(Some(request)) = requests.next().now_or_never() {
            put(&mut buffer, &request)?;
        }
        output.write_all(&buffer).await?;
        output.flush().await?;
        codec::shrink(&mut buffer);
    }
    Ok(())
}

fn put(buffer: &mut BytesMut, message: &impl Serialize) -> std::io::Result<()> {
    let body = serde_json::to_vec(message)?;
    Codec::default().encode(&body, buffer)
}
