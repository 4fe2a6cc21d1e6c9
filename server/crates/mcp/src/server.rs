//! One server's life: started when it is needed, started again when it dies, ended with us.
//!
//! Must not know the protocol's messages.
//!
//! **Invariant:** a server that ends is started again with growing pauses, and not for ever; what it had stays known, so that what the model is told does not change with it.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::live::{self, Lists, Live, StartError};
use crate::login::Logins;
use crate::settings::ServerConfig;

/// The pause before a server is started again; it doubles with each crash.
const PAUSE: Duration = Duration::from_millis(500);
/// More crashes within this time end it.
const CRASHES: usize = 5;
const CRASH_TIME: Duration = Duration::from_secs(600);
/// When a server that could not be used may be tried again.
const AGAIN: Duration = Duration::from_secs(30);
/// The same for one that waited for a login: the user may have come back from there.
const AGAIN_AFTER_LOGIN: Duration = Duration::from_secs(2);
/// A server that says again and again that its lists have changed is asked so often.
const LISTING: Duration = Duration::from_millis(500);

/// Where a server is in its life.
#[derive(Clone)]
pub(crate) enum Phase {
    /// It may not be started yet.
    Held,
    /// It was never needed.
    Idle,
    /// It is being started.
    Starting,
    /// It answers.
    Running(Arc<Live>),
    /// It has ended, and is started again soon: why it ended.
    Ended(String),
    /// It cannot be used.
    Failed(StartError, Instant),
    /// It was ended.
    Stopped,
}

/// A server.
pub(crate) struct Server {
    pub config: ServerConfig,
    pub phase: watch::Sender<Phase>,
    lists: Mutex<Known>,
    end: CancellationToken,
    /// How long it may take to end.
    patience: OnceLock<Duration>,
}

/// What is known of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub lists: Lists,
    pub instructions: String,
    pub about: String,
}

/// What the lives need, and are to tell.
pub(crate) struct World {
    /// The project's folder.
    pub directory: PathBuf,
    /// All of its folders, as they are now.
    pub roots: watch::Sender<Vec<PathBuf>>,
    pub logins: Logins,
    /// How often what some server has was found to be different.
    pub news: watch::Sender<u64>,
}

impl Server {
    pub fn new(config: ServerConfig) -> Arc<Self> {
        let phase = watch::Sender::new(if config.held { Phase::Held } else { Phase::Idle });
        Arc::new(Self { config, phase, lists: Mutex::default(), end: CancellationToken::new(), patience: OnceLock::new() })
    }

    /// From now on it may be started.
    pub fn allow(&self) {
        self.phase.send_if_modified(|phase| {
            let held = matches!(phase, Phase::Held);
            if held {
                *phase = Phase::Idle;
            }
            held
        });
    }

    /// Starts it if it is to be used and is not started, or may be tried again.
    pub fn start(self: &Arc<Self>, world: &Arc<World>) {
        if !self.config.enabled || self.end.is_cancelled() {
            return;
        }
        let begins = self.phase.send_if_modified(|phase| {
            let may = match phase {
                Phase::Idle => true,
                Phase::Failed(StartError::Login { .. }, since) => since.elapsed() >= AGAIN_AFTER_LOGIN,
                Phase::Failed(_, since) => since.elapsed() >= AGAIN,
                Phase::Held | Phase::Starting | Phase::Running(_) | Phase::Ended(_) | Phase::Stopped => false,
            };
            if may {
                *phase = Phase::Starting;
            }
            may
        });
        if begins {
            let (server, world) = (Arc::clone(self), Arc::clone(world));
            tokio::spawn(async move { server.live(&world).await });
        }
    }

    /// What is known of it.
    pub fn known(&self) -> MutexGuard<'_, Known> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it can be asked; at most as long as it may take to start.
    pub async fn running(&self) -> Result<Arc<Live>, String> {
        let mut phases = self.phase.subscribe();
        let settled = phases.wait_for(|phase| !matches!(phase, Phase::Idle | Phase::Starting | Phase::Ended(_)));
        let settled = tokio::time::timeout(self.config.start_limit, settled).await.map(|phase| phase.map(|phase| phase.clone()));
        let name = &self.config.name;
        match settled.unwrap_or_else(|_| Ok(self.phase.borrow().clone())) {
            Ok(Phase::Running(live)) => Ok(live),
            Ok(Phase::Held) => Err(format!("the MCP server `{name}` is not started before the user allows it: the project brings it")),
            Ok(Phase::Failed(why, _)) => Err(format!("the MCP server `{name}` cannot be used: {why}")),
            Ok(Phase::Ended(why)) => Err(format!("the MCP server `{name}` has ended ({why}) and does not come back")),
            Ok(Phase::Starting | Phase::Idle) => Err(format!("the MCP server `{name}` is still starting; try again later")),
            Ok(Phase::Stopped) | Err(_) => Err(format!("the MCP server `{name}` was ended")),
        }
    }

    /// Waits until this conversation is over.
    pub async fn after(&self, live: &Arc<Live>) {
        let same = |phase: &Phase| matches!(phase, Phase::Running(now) if Arc::ptr_eq(now, live));
        // An error says that it is gone.
        let _ = self.phase.subscribe().wait_for(|phase| !same(phase)).await;
    }

    /// Ends it; it may take that long to do so by itself.
    pub fn stop(&self, patience: Duration) {
        self.patience.get_or_init(|| patience);
        self.end.cancel();
        self.phase.send_if_modified(|phase| {
            let idle = matches!(phase, Phase::Held | Phase::Idle | Phase::Failed(..));
            if idle {
                *phase = Phase::Stopped;
            }
            idle
        });
    }

    /// Ends it without ceremony.
    pub fn kill(&self) {
        if let Phase::Running(live) = &*self.phase.borrow() {
            live.kill();
        }
    }

    /// Waits until nothing of it is left.
    pub async fn stopped(&self) {
        // An error says that it is gone altogether.
        let _ = self.phase.subscribe().wait_for(|phase| matches!(phase, Phase::Stopped)).await;
    }

    async fn live(&self, world: &World) {
        let mut crashes: VecDeque<Instant> = VecDeque::new();
        loop {
            let started = tokio::select! {
                biased;
                () = self.end.cancelled() => break,
                started = self.begin(world) => started,
            };
            let why = match started {
                Ok((live, changed)) => match self.serve(world, live, changed).await {
                    Some(why) => why,
                    None => break,
                },
                // It ran before: this is one more crash.
                Err(StartError::Failed(why)) if !crashes.is_empty() => why,
                Err(error) => {
                    tracing::warn!(server = self.config.name, "an MCP server cannot be used: {error}");
                    self.phase.send_replace(Phase::Failed(error, Instant::now()));
                    return;
                }
            };
            tracing::warn!(server = self.config.name, "an MCP server has ended: {why}");
            let now = Instant::now();
            crashes.push_back(now);
            crashes.retain(|crash| now.duration_since(*crash) < CRASH_TIME);
            if crashes.len() > CRASHES {
                let why = format!("it ended {} times, the last time because {why}", crashes.len());
                self.phase.send_replace(Phase::Failed(StartError::Failed(why), now));
                return;
            }
            self.phase.send_replace(Phase::Ended(why));
            let doubled = u32::try_from(crashes.len() - 1).map_or(u32::MAX, |before| 1 << before.min(10));
            tokio::select! {
                biased;
                () = self.end.cancelled() => break,
                () = tokio::time::sleep(PAUSE * doubled) => {}
            }
            self.phase.send_replace(Phase::Starting);
        }
        self.phase.send_replace(Phase::Stopped);
    }

    /// Starts it, and finds out what it has.
    async fn begin(&self, world: &World) -> Result<(Arc<Live>, watch::Receiver<u64>), StartError> {
        let live = live::connect(&self.config, world).await?;
        let changed = live.peer.changed();
        let lists = live.lists(self.config.start_limit).await;
        let lists = lists.map_err(|error| StartError::Failed(format!("its tools cannot be listed: {error}")))?;
        live.listen();
        *self.known() = Known { lists, instructions: live.instructions.clone(), about: live.about.clone() };
        Ok((Arc::new(live), changed))
    }

    /// Until it ends by itself: why. None where it was ended.
    async fn serve(&self, world: &World, live: Arc<Live>, mut changed: watch::Receiver<u64>) -> Option<String> {
        let (mut ended, mut roots) = (live.peer.ended(), live.peer.roots());
        self.phase.send_replace(Phase::Running(Arc::clone(&live)));
        world.news.send_modify(|news| *news += 1);
        loop {
            tokio::select! {
                biased;
                () = self.end.cancelled() => {
                    live.close(self.patience.get().copied().unwrap_or_default()).await;
                    return None;
                }
                why = async { ended.wait_for(Option::is_some).await.ok().and_then(|why| why.clone()) } => {
                    return Some(why.unwrap_or_else(|| "it is gone".to_owned()));
                }
                Ok(()) = roots.changed() => {
                    live.peer.notify("notifications/roots/list_changed", &Value::Null);
                    continue;
                }
                Ok(()) = changed.changed() => {}
            }
            changed.borrow_and_update();
            match live.lists(self.config.start_limit).await {
                Ok(lists) => self.known().lists = lists,
                Err(error) => tracing::warn!(server = self.config.name, "what an MCP server has cannot be listed again: {error}"),
            }
            world.news.send_modify(|news| *news += 1);
            tokio::select! {
                biased;
                () = self.end.cancelled() => {}
                () = tokio::time::sleep(LISTING) => {}
            }
        }
    }
}
