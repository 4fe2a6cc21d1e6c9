//! Which process a session's turn runs in: one lock file a session, below the data folder.
//!
//! Must not know what a turn does.
//!
//! **Invariant:** a session's turns run in one process at a time; the system takes the lock back when a process ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use proto::SessionId;

/// How long a process that has just ended its turn may take to let go of it.
const PATIENCE: Duration = Duration::from_millis(500);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// A session is this process' until that is dropped. Empty where no lock can be had at all: then the store cannot be written either, which is told.
#[derive(Debug)]
pub struct Claim(Option<(File, PathBuf)>);

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some((_, path)) = &self.0 {
            // Before the lock is let go. Who has opened the file already finds that it is gone, and makes another.
            drop(std::fs::remove_file(path));
        }
    }
}

/// It is another process'.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it runs in another process{}; wait for its end, or follow it with `interline sessions attach {session}`", process.map_or_else(String::new, |id| format!(" ({id})")))]
pub struct Held {
    /// The session.
    pub session: SessionId,
    /// The other process' number, where it is known.
    pub process: Option<u32>,
}

/// Takes a session.
///
/// # Errors
/// If another process has it, or this one, elsewhere.
pub fn claim(data: &Path, session: &SessionId) -> Result<Claim, Held> {
    match lock(&file_of(data, session), true) {
        Ok(Some(claim)) => Ok(Claim(Some(claim))),
        Ok(None) => Ok(Claim(None)),
        Err(process) => Err(Held { session: session.clone(), process }),
    }
}

/// `claim`, with some patience for the one who is about to let go.
///
/// # Errors
/// As `claim`.
pub async fn claim_soon(data: &Path, session: &SessionId) -> Result<Claim, Held> {
    let end = tokio::time::Instant::now() + PATIENCE;
    loop {
        match claim(data, session) {
            Err(_) if tokio::time::Instant::now() < end => tokio::time::sleep(PAUSE).await,
            done => return done,
        }
    }
}

/// Who has a session; nobody if no turn runs in it.
#[must_use]
pub fn holder(data: &Path, session: &SessionId) -> Option<Held> {
    let held = lock(&file_of(data, session), false).err();
    held.map(|process| Held { session: session.clone(), process })
}

/// Whether a turn runs in another process.
#[must_use]
pub fn any_elsewhere(data: &Path) -> bool {
    let mut files = std::fs::read_dir(data.join("running")).into_iter().flatten().flatten();
    files.any(|file| lock(&file.path(), false).is_err_and(|process| process != Some(std::process::id())))
}

fn file_of(data: &Path, session: &SessionId) -> PathBuf {
    data.join("running").join(file_name(session.as_str()))
}

/// An id in a file's name: one from outside must not lead elsewhere.
pub(crate) fn file_name(id: &str) -> String {
    id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// The locked file; none if there can be none, or there is none and none is to be made. The holder's number if it is locked.
fn lock(path: &Path, make: bool) -> Result<Option<(File, PathBuf)>, Option<u32>> {
    loop {
        let file = match open(path, make) {
            Ok(file) => file,
            Err(error) => {
                if make {
                    tracing::error!("{} cannot be made, so another process could run the same session: {error}", path.display());
                }
                return Ok(None);
            }
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut words = String::new();
                let read = (&file).take(32).read_to_string(&mut words);
                return Err(read.ok().and_then(|_| words.trim().parse().ok()));
            }
            Err(TryLockError::Error(error)) => {
                tracing::error!("{} cannot be locked, so another process could run the same session: {error}", path.display());
                return Ok(None);
            }
        }
        // The one who had it may have removed it between the opening and the locking.
        if !is_at(&file, path) {
            continue;
        }
        if make {
            let written = file.set_len(0).and_then(|()| write!(&file, "{}", std::process::id()));
            if let Err(error) = written {
                tracing::warn!("{}: {error}", path.display());
            }
        }
        return Ok(Some((file, path.to_owned())));
    }
}

fn open(path: &Path, make: bool) -> std::io::Result<File> {
    if make && let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    OpenOptions::new().read(true).write(true).create(make).truncate(false).open(path)
}

/// Whether the file is still the one of that name.
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let same = |a: std::fs::Metadata, b: std::fs::Metadata| a.ino() == b.ino() && a.dev() == b.dev();
    file.metadata().is_ok_and(|a| std::fs::metadata(path).is_ok_and(|b| same(a, b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_one_processes_until_it_lets_go() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (SessionId::from("ses_1"), SessionId::from("../ses_2"));
        assert_eq!(holder(dir.path(), &one), None);
        let mine = claim(dir.path(), &one).unwrap();
        assert_eq!(claim(dir.path(), &one).unwrap_err().process, Some(std::process::id()));
        assert!(holder(dir.path(), &one).unwrap().to_string().contains("sessions attach ses_1"));
        let more = claim(dir.path(), &other).unwrap();
        assert_eq!(std::fs::read_dir(dir.path().join("running")).unwrap().count(), 2);
        drop((mine, more));
        assert_eq!(std::fs::read_dir(dir.path().join("running")).unwrap().count(), 0, "nothing is left behind");
        drop(claim(dir.path(), &one).unwrap());
    }

    #[test]
    fn many_who_want_it_get_it_one_after_the_other() {
        let dir = tempfile::tempdir().unwrap();
        let (inside, session) = (std::sync::atomic::AtomicUsize::new(0), SessionId::from("ses_1"));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut had = 0;
                    while had < 200 {
                        let Ok(claim) = claim(dir.path(), &session) else { continue };
                        assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                        inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                        drop(claim);
                        had += 1;
                    }
                });
            }
        });
    }

    #[test]
    fn where_nothing_can_be_written_nobody_is_kept_from_working() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("running"), "a file").unwrap();
        assert!(claim(dir.path(), &"ses_1".into()).is_ok());
        assert_eq!(holder(dir.path(), &"ses_1".into()), None);
    }
}
