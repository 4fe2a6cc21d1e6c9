//! The agents that share the server: a socket for them, and what each is told.
//!
//! Must not know what any message means.
//!
//! **Invariant:** only processes of the same user that know the token are let in; nobody waits for an agent.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use lsp_client::shared::{Registration, private_folder};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::documents::Agent;
use super::hub::{Greeting, Hub, encoding};
use super::queue::{Queue, queue};
use super::split::{Piece, Splitter};

/// An agent that lets more than this wait is not served any more, in bytes.
const PATIENCE: usize = 32 << 20;
/// How many there may be.
const MOST: usize = 16;
/// How long one may take to show that it may come in.
const KNOCK: Duration = Duration::from_secs(2);

/// One that is connected.
#[derive(Clone, Debug)]
struct Connected {
    queue: Queue,
    /// It is not served any more.
    dropped: CancellationToken,
}

/// Those that are connected.
#[derive(Debug, Default)]
pub struct Agents {
    connected: Mutex<BTreeMap<Agent, Connected>>,
    /// No agent is served any more.
    closed: CancellationToken,
    greeting: watch::Sender<Option<Greeting>>,
}

impl Agents {
    /// Sends something to one; the agent itself if it is too slow to be served.
    pub fn push(&self, agent: Agent, bytes: Bytes) -> Option<Agent> {
        let mut all = self.connected();
        let connected = all.get(&agent)?;
        if connected.queue.waiting() + bytes.len() <= PATIENCE {
            connected.queue.push(bytes);
            return None;
        }
        tracing::warn!(agent, "an agent does not read what it is told, and is not served any more");
        connected.dropped.cancel();
        all.remove(&agent);
        Some(agent)
    }

    /// Serves none any more.
    pub fn close(&self) {
        self.closed.cancel();
    }

    /// Looks whether the server can be shared now.
    pub fn look(&self, hub: &Mutex<Hub>) {
        if self.greeting.borrow().is_none()
            && let Some(greeting) = hub.lock().unwrap_or_else(PoisonError::into_inner).greeting()
        {
            self.greeting.send_replace(Some(greeting.clone()));
        }
    }

    /// What the editor and the server have said to each other, once they have.
    pub async fn greeted(&self) -> Greeting {
        let mut news = self.greeting.subscribe();
        loop {
            let greeting = news.borrow_and_update().clone();
            match greeting {
                Some(greeting) => return greeting,
                // We hold the other end ourselves.
                None => drop(news.changed().await),
            }
        }
    }

    fn connected(&self) -> MutexGuard<'_, BTreeMap<Agent, Connected>> {
        self.connected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 80 letters and figures that nobody can guess.
pub fn secret() -> std::io::Result<String> {
    let mut bytes = [0_u8; 40];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Shares the server, from when it has answered the editor until it ends. The editor is served whether this works or not.
pub async fn share(shared: Arc<Shared>, command: Vec<String>, folder: PathBuf, token: String) {
    let closed = shared.agents.closed.clone();
    let greeting = tokio::select! {
        greeting = shared.agents.greeted() => greeting,
        () = closed.cancelled() => return,
    };
    let socket = folder.join(format!("{}.sock", std::process::id()));
    let registration = Registration {
        pid: std::process::id().cast_signed(),
        command,
        roots: greeting.roots,
        encoding: encoding(&greeting.result).name().to_owned(),
        result: greeting.result,
        socket: socket.clone(),
        token: token.clone(),
    };
    let opened = private_folder(&folder).and_then(|()| {
        let file = Removed(socket);
        // Of another process with our number, which was killed.
        let _ = std::fs::remove_file(&file.0);
        let listener = UnixListener::bind(&file.0)?;
        registration.write()?;
        Ok((file, listener))
    });
    let (_file, listener) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            tracing::warn!(%error, folder = %folder.display(), "the language server cannot be shared");
            return;
        }
    };
    let token: Arc<str> = token.into();
    for agent in 0.. {
        let stream = tokio::select! {
            () = closed.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Too many open files, mostly.
                    tracing::warn!(%error, "an agent cannot be let in");
                    tokio::time::sleep(KNOCK).await;
                    continue;
                }
            },
        };
        tokio::spawn(serve(Arc::clone(&shared), agent, stream, Arc::clone(&token)));
    }
}

/// The socket and its registration: gone with us.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        // Somebody may have tidied up.
        let _ = std::fs::remove_file(self.0.with_extension("json"));
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn serve(shared: Arc<Shared>, agent: Agent, stream: UnixStream, token: Arc<str>) {
    let same_user = stream.peer_cred().is_ok_and(|peer| peer.uid() == rustix::process::geteuid().as_raw());
    let (reader, writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let mut said = String::new();
    let mut line = (&mut reader).take(token.len() as u64 + 2);
    let knocked = tokio::time::timeout(KNOCK, line.read_line(&mut said)).await.is_ok_and(|read| read.is_ok());
    if !same_user || !knocked || said.trim_end() != &*token || shared.agents.connected().len() >= MOST {
        tracing::warn!(agent, "a process that may not was not let in");
        return;
    }
    let (queue, outlet) = queue();
    let dropped = shared.agents.closed.child_token();
    shared.agents.connected().insert(agent, Connected { queue, dropped: dropped.clone() });
    shared.tell(|hub| hub.agent_comes(agent));
    tokio::select! {
        () = listen(&shared, agent, reader) => {}
        _ = outlet.write_to(writer) => {}
        () = dropped.cancelled() => {}
    }
    shared.agents.connected().remove(&agent);
    shared.tell(|hub| hub.agent_goes(agent));
}

async fn listen(shared: &Shared, agent: Agent, mut reader: impl tokio::io::AsyncRead + Unpin) {
    let (mut splitter, mut buffer) = (Splitter::default(), BytesMut::with_capacity(super::CHUNK));
    while reader.read_buf(&mut buffer).await.is_ok_and(|count| count > 0) {
        splitter.push(&buffer);
        buffer.clear();
        while let Some(piece) = splitter.next() {
            // What is no message is nobody's.
            let Piece::Frame(frame) = piece else { continue };
            shared.tell(|hub| hub.hear_agent(agent, frame.body()));
            shared.server.room().await;
        }
    }
}
