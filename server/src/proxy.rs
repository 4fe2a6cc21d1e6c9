//! `interline proxy -- SERVER…`: stands between an editor and its language server, so that agents can share the server.
//!
//! Owns the server's process, both pairs of streams, and the end of life. Must not know what any message means.
//!
//! **Invariant:** the editor is served as if the server stood in our place: each byte passes, the server ends with the editor, and we end with the server and its
//! exit code, whatever agents do.

mod agents;
mod documents;
mod hub;
mod message;
mod queue;
mod split;

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use guard::Group;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::signal::unix::SignalKind;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::lsp::serve::watch;
use crate::output;
use agents::Agents;
use hub::{Hub, To};
use queue::{Queue, queue};
use split::{Piece, Splitter};

/// The command line's.
#[derive(Clone, Debug, clap::Args)]
pub struct ProxyArgs {
    /// The language server and its arguments, as the editor would start it
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "SERVER")]
    pub server: Vec<String>,
}

/// How long the server may outlive its editor, or a signal that should end it.
const GRACE: Duration = Duration::from_secs(5);
/// How long nothing may come from the server's pipe once it has ended.
const DRAIN: Duration = Duration::from_secs(1);
/// Bytes read at once.
const CHUNK: usize = 64 << 10;

/// What the tasks of the proxy share.
struct Shared {
    hub: Mutex<Hub>,
    server: Queue,
    editor: Queue,
    agents: Agents,
    /// The editor is gone: its input has ended, or it reads no more.
    editor_gone: Notify,
}

impl Shared {
    /// Tells the hub something, and sends what it says.
    fn tell(&self, something: impl FnOnce(&mut Hub)) {
        let mut hub = self.hub.lock().unwrap_or_else(PoisonError::into_inner);
        something(&mut hub);
        loop {
            let mut slow = Vec::new();
            for (to, bytes) in hub.take() {
                match to {
                    To::Server => self.server.push(bytes),
                    To::Editor => self.editor.push(bytes),
                    To::Agent(agent) => slow.extend(self.agents.push(agent, bytes)),
                }
            }
            if slow.is_empty() {
                break;
            }
            // One that does not read what it is told is not served any more: nobody waits for it.
            slow.into_iter().for_each(|agent| hub.agent_goes(agent));
        }
        if hub.is_ending() {
            self.agents.close();
        }
    }
}

/// Stands between. Returns the exit code; leave by `std::process::exit`, since a thread may still wait for input.
pub async fn run(args: ProxyArgs, folder: PathBuf) -> i32 {
    let secret = match agents::secret() {
        Ok(secret) => secret,
        Err(error) => return fail(&format!("no random numbers: {error}"), 1),
    };
    let (mut child, group) = match start(&args.server) {
        Ok(started) => started,
        Err(error) => {
            let code = if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 };
            return fail(&format!("{} cannot be started: {error}", args.server[0]), code);
        }
    };
    let (id, ends) = (group.id(), Ends(group));
    let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return fail("the server has no pipes", 126);
    };
    let ((server, to_server), (editor, to_editor)) = (queue(), queue());
    let hub = Mutex::new(Hub::new(&secret[..16]));
    let shared = Arc::new(Shared { hub, server, editor, agents: Agents::default(), editor_gone: Notify::new() });

    let sharing = tokio::spawn(agents::share(Arc::clone(&shared), args.server, folder, secret[16..].to_owned()));
    // The server's end is seen by its exit, not by its pipe.
    tokio::spawn(to_server.write_to(stdin));
    let mut writing = tokio::spawn({
        let shared = Arc::clone(&shared);
        async move {
            if to_editor.write_to(tokio::io::stdout()).await.is_err() {
                shared.editor_gone.notify_one();
            }
        }
    });
    let reading = tokio::spawn(from_editor(Arc::clone(&shared)));
    let mut answering = tokio::spawn(pass(stdout, Arc::clone(&shared), |shared| &shared.editor, Hub::hear_server));

    let status = until_it_ends(&mut child, id, &shared).await;
    // Nobody but it is to hold its pipe open.
    drop(ends);
    // What it has left there still comes. If nothing does, somebody holds the pipe who has left its group.
    patiently(&mut answering, DRAIN, || Some(shared.editor.read())).await;
    shared.editor.end();
    // An editor that is slow gets it all. One that is gone, though somebody holds its pipe, takes nothing more.
    patiently(&mut writing, GRACE, || reading.is_finished().then(|| shared.editor.waiting())).await;
    shared.agents.close();
    // It removes its socket.
    let _ = tokio::time::timeout(DRAIN, sharing).await;
    status.map_or(1, code)
}

/// Waits for a task for as long as it gets on: what `progress` says changes at least that often. Without a say it is waited for.
async fn patiently(task: &mut JoinHandle<()>, often: Duration, progress: impl Fn() -> Option<usize>) {
    let mut before = None;
    while tokio::time::timeout(often, &mut *task).await.is_err() {
        let now = progress();
        if now.is_some() && std::mem::replace(&mut before, now) == now {
            return;
        }
    }
}

fn fail(why: &str, code: i32) -> i32 {
    output::note(&format!("interline proxy: {why}"));
    code
}

fn start(server: &[String]) -> std::io::Result<(Child, Group)> {
    let (program, arguments) = server.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    guard::spawn(command.kill_on_drop(true))
}

/// The server's process group: it ends with this.
struct Ends(Group);

impl Drop for Ends {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = kill_process_group(self.0.id(), Signal::KILL);
    }
}

/// Waits for the server's end, and brings it about where the editor is gone or a signal says so.
async fn until_it_ends(child: &mut Child, group: Pid, shared: &Shared) -> std::io::Result<ExitStatus> {
    let caught = [(SignalKind::terminate(), Signal::TERM), (SignalKind::hangup(), Signal::HUP), (SignalKind::interrupt(), Signal::INT)];
    let [mut term, mut hup, mut int] = caught.map(|(kind, signal)| (tokio::signal::unix::signal(kind).ok(), signal));
    let wait = async |(caught, signal): &mut (Option<tokio::signal::unix::Signal>, Signal)| {
        if let Some(caught) = caught
            && caught.recv().await.is_some()
        {
            return *signal;
        }
        std::future::pending().await
    };
    let mut deadline = None;
    loop {
        let late = async {
            match deadline {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let signal = tokio::select! {
            status = child.wait() => return status,
            signal = wait(&mut term) => signal,
            signal = wait(&mut hup) => signal,
            signal = wait(&mut int) => signal,
            () = shared.editor_gone.notified() => {
                shared.server.end();
                deadline.get_or_insert(tokio::time::Instant::now() + GRACE);
                continue;
            }
            () = late => Signal::KILL,
        };
        // It may have ended this very moment; then its exit comes next.
        let _ = kill_process_group(group, signal);
        deadline = if signal == Signal::KILL { None } else { Some(tokio::time::Instant::now() + GRACE) };
    }
}

/// Reads the editor to its end, which is also that of its process.
async fn from_editor(shared: Arc<Shared>) {
    let reading = pass(tokio::io::stdin(), Arc::clone(&shared), |shared| &shared.server, Hub::hear_editor);
    let gone = async {
        // Somebody else may hold its end of the pipe.
        let greeted = shared.agents.greeted().await;
        match greeted.editor.and_then(|pid| i32::try_from(pid).ok()) {
            Some(pid) => watch::process(pid).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = reading => {}
        () = gone => {}
    }
    shared.server.end();
    shared.editor_gone.notify_one();
}

/// Reads one side to its end, for the other.
async fn pass(mut from: impl AsyncRead + Unpin, shared: Arc<Shared>, to: fn(&Shared) -> &Queue, say: fn(&mut Hub, Piece)) {
    let (mut splitter, mut buffer) = (Splitter::default(), BytesMut::with_capacity(CHUNK));
    loop {
        match from.read_buf(&mut buffer).await {
            Ok(0) => break,
            Ok(count) => {
                to(&shared).was_read(count);
                splitter.push(&buffer);
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => {
                tracing::warn!(%error, "a stream cannot be read");
                break;
            }
        }
        buffer.clear();
        while let Some(piece) = splitter.next() {
            shared.tell(|hub| say(hub, piece));
            to(&shared).room().await;
        }
        shared.agents.look(&shared.hub);
    }
    let rest = splitter.rest();
    if !rest.is_empty() {
        shared.tell(|hub| say(hub, Piece::Raw { bytes: rest, open: true }));
    }
}

fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}
