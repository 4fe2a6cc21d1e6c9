//! What waits to be written to one of the streams.
//!
//! Must not know what it is.
//!
//! **Invariant:** what is put in comes out in order. Who puts in never waits, but can wait for room.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{Notify, mpsc};

/// Above this there is no room, in bytes. A reader that waits for room stops its sender by the pipe, as without us.
const FULL: usize = 4 << 20;

/// The end where things are put in. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Queue {
    sender: mpsc::UnboundedSender<Option<Bytes>>,
    waiting: Arc<AtomicUsize>,
    read: Arc<AtomicUsize>,
    room: Arc<Notify>,
}

/// The end where they come out.
#[derive(Debug)]
pub struct Outlet {
    receiver: mpsc::UnboundedReceiver<Option<Bytes>>,
    waiting: Arc<AtomicUsize>,
    room: Arc<Notify>,
}

/// An empty one.
pub fn queue() -> (Queue, Outlet) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let (waiting, room) = (Arc::<AtomicUsize>::default(), Arc::<Notify>::default());
    (Queue { sender, waiting: Arc::clone(&waiting), read: Arc::default(), room: Arc::clone(&room) }, Outlet { receiver, waiting, room })
}

impl Queue {
    /// Puts something in.
    pub fn push(&self, bytes: Bytes) {
        self.waiting.fetch_add(bytes.len(), Ordering::Relaxed);
        // Nobody takes it out any more where the stream is gone; its reader finds that out.
        let _ = self.sender.send(Some(bytes));
    }

    /// Nothing counts that is put in after this.
    pub fn end(&self) {
        let _ = self.sender.send(None);
    }

    /// How many bytes wait.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// So many bytes more were read from the other side for it.
    pub fn was_read(&self, count: usize) {
        self.read.fetch_add(count, Ordering::Relaxed);
    }

    /// How many bytes were read for it.
    pub fn read(&self) -> usize {
        self.read.load(Ordering::Relaxed)
    }

    /// Waits for room; there always is, once the stream is gone.
    pub async fn room(&self) {
        while self.waiting() > FULL && !self.sender.is_closed() {
            let room = self.room.notified();
            if self.waiting() > FULL && !self.sender.is_closed() {
                room.await;
            }
        }
    }
}

impl Outlet {
    /// Writes everything, up to the end.
    ///
    /// # Errors
    /// The stream takes no more.
    pub async fn write_to(mut self, mut stream: impl AsyncWrite + Unpin) -> std::io::Result<()> {
        let result = async {
            while let Some(Some(bytes)) = self.receiver.recv().await {
                stream.write_all(&bytes).await?;
                self.waiting.fetch_sub(bytes.len(), Ordering::Relaxed);
                self.room.notify_waiters();
                if self.receiver.is_empty() {
                    stream.flush().await?;
                }
            }
            // Standard output is not flushed by its shutdown.
            stream.flush().await?;
            stream.shutdown().await
        };
        let result = result.await;
        self.receiver.close();
        self.room.notify_waiters();
        result
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn room_comes_with_the_reader_or_with_its_end() {
        let (queue, outlet) = queue();
        let (mut reader, writer) = tokio::io::duplex(1000);
        let writing = tokio::spawn(outlet.write_to(writer));
        let large = Bytes::from(vec![b'x'; FULL + 5000]);
        queue.push(large.clone());
        queue.push(Bytes::from_static(b"end"));
        assert!(futures_util::FutureExt::now_or_never(queue.room()).is_none());
        let mut all = vec![0; large.len() + 3];
        let (read, ()) = tokio::join!(reader.read_exact(&mut all), queue.room());
        assert_eq!((read.expect("read"), all.ends_with(b"end")), (large.len() + 3, true));
        queue.push(large);
        drop(reader);
        queue.room().await;
        assert!(writing.await.expect("no panic").is_err());
    }

    #[tokio::test]
    async fn what_comes_after_the_end_is_not_written() {
        let (queue, outlet) = queue();
        let (mut reader, writer) = tokio::io::duplex(1000);
        queue.push(Bytes::from_static(b"a"));
        queue.end();
        queue.push(Bytes::from_static(b"b"));
        outlet.write_to(writer).await.expect("written");
        let mut all = Vec::new();
        reader.read_to_end(&mut all).await.expect("read");
        assert_eq!(all, b"a");
    }

    /// As standard output: what is written is gone if it is not flushed, and a shutdown does not do that.
    #[derive(Default)]
    struct Forgetful {
        written: Vec<u8>,
        flushed: Arc<std::sync::Mutex<Vec<u8>>>,
    }

    impl AsyncWrite for Forgetful {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
            self.written.extend_from_slice(bytes);
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
            self.flushed.lock().expect("lock").clone_from(&self.written);
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn the_last_words_are_flushed() {
        let (queue, outlet) = queue();
        queue.push(Bytes::from_static(b"last words"));
        queue.end();
        let stream = Forgetful::default();
        let flushed = Arc::clone(&stream.flushed);
        outlet.write_to(stream).await.expect("written");
        assert_eq!(*flushed.lock().expect("lock"), b"last words");
    }
}
