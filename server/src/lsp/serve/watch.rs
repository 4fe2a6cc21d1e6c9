//! Waits for what ends us from outside: signals, and the death of the editor's process.
//!
//! **Invariant:** costs nothing while nothing happens (on Linux; elsewhere the process is looked at every few seconds).

use rustix::process::Pid;
use tokio::signal::unix::{Signal, SignalKind};

/// Ends at the first SIGTERM, SIGHUP or SIGINT. Where they cannot be caught, never: then they end the process in their own way.
pub(super) async fn signal() {
    let caught = [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt()].map(tokio::signal::unix::signal);
    let [Ok(mut term), Ok(mut hup), Ok(mut int)] = caught else {
        tracing::warn!("cannot catch signals");
        return std::future::pending().await;
    };
    let wait = async |signal: &mut Signal| {
        if signal.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = wait(&mut term) => {}
        () = wait(&mut hup) => {}
        () = wait(&mut int) => {}
    }
}

/// Ends when the process does. Never for one that cannot be seen: the editor may run in another container than we.
///
/// The process is taken hold of in the call itself, not when the future is first polled: one that ends in between is then known to have ended, and is not
/// taken for one that was never seen.
pub(crate) fn process(id: i32) -> impl Future<Output = ()> + Send + 'static {
    let held = Pid::from_raw(id.max(0)).ok_or_else(|| rustix::io::Errno::SRCH.into()).and_then(hold);
    async move {
        let watched = match held {
            Ok(process) => ended(process).await,
            Err(error) => Err(error),
        };
        if let Err(error) = watched {
            tracing::debug!(id, %error, "cannot watch the editor's process");
            std::future::pending().await
        }
    }
}

#[cfg(target_os = "linux")]
fn hold(pid: Pid) -> std::io::Result<std::os::fd::OwnedFd> {
    Ok(rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())?)
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "tokio has no safe way to wait for a descriptor that it did not open")]
async fn ended(process: std::os::fd::OwnedFd) -> std::io::Result<()> {
    // SAFETY: the `OwnedFd` is the same open descriptor until it is dropped with the `AsyncFd`.
    let process = unsafe { tokio::io::unix::AsyncFd::register_with_interest(process, tokio::io::Interest::READABLE)? };
    process.readable().await.map(drop)
}

#[cfg(not(target_os = "linux"))]
fn hold(pid: Pid) -> std::io::Result<Pid> {
    rustix::process::test_kill_process(pid)?;
    Ok(pid)
}

#[cfg(not(target_os = "linux"))]
async fn ended(pid: Pid) -> std::io::Result<()> {
    while rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH) {
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn sees_a_process_end() {
        let mut child = tokio::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let id = i32::try_from(child.id().unwrap()).unwrap();
        let mut watched = std::pin::pin!(process(id));
        assert!(watched.as_mut().now_or_never().is_none());
        child.kill().await.unwrap();
        watched.await;
    }

    #[tokio::test]
    async fn one_that_ends_before_the_first_look_has_ended() {
        let mut child = tokio::process::Command::new("true").spawn().unwrap();
        let watched = process(i32::try_from(child.id().unwrap()).unwrap());
        child.wait().await.unwrap();
        watched.await;
    }

    #[tokio::test]
    async fn what_it_cannot_see_has_not_ended() {
        for id in [0, -1, i32::MAX] {
            assert!(process(id).now_or_never().is_none(), "{id}");
        }
    }
}
