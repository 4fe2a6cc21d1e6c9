//! Gives the memory that is free in the heap back to the system, after turns.
//!
//! Owns how often. Must not know what used the memory.
//!
//! **Invariant:** no turn waits for it, and it happens only after one: an idle process does nothing.

use std::time::{Duration, Instant};

/// Not more often: turns that follow one another use the same memory again.
const REST: Duration = Duration::from_secs(10);

/// When it was done last.
#[derive(Debug, Default)]
pub struct GiveBack {
    last: Option<Instant>,
}

impl GiveBack {
    /// A turn has ended.
    pub fn turn_ended(&mut self) {
        if self.last.is_none_or(|last| last.elapsed() >= REST) {
            self.last = Some(Instant::now());
            tokio::task::spawn_blocking(trim);
        }
    }
}

/// A turn's answers are many small pieces that live for different times: between those that stay glibc keeps whole pages that are free.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the C library has no other way")]
fn trim() {
    // SAFETY: may be called at any time from any thread; it only gives back pages that hold nothing.
    let gave = unsafe { libc::malloc_trim(0) };
    tracing::debug!(gave, "free memory was given back");
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn trim() {}
