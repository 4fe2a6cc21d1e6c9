//! Looking after the limits.
//!
//! **Invariant:** of several servers the one that was used longest ago goes first.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::slot::{Phase, Slot};
use super::{Inner, Limits};

/// How often it is looked.
const OFTEN: Duration = Duration::from_secs(20);

/// Those that must go so that no more than `most` are left.
pub(super) fn too_many(slots: &[Arc<Slot>], most: usize) -> Vec<Arc<Slot>> {
    let mut alive: Vec<Arc<Slot>> = slots.iter().filter(|slot| slot.is_alive()).cloned().collect();
    let extra = alive.len().saturating_sub(most);
    alive.sort_by_key(|slot| slot.used());
    alive.truncate(extra);
    alive
}

/// Those that must go so that the rest holds no more than `most` bytes, with what each holds.
fn too_much(mut held: Vec<(Arc<Slot>, u64)>, most: u64) -> Vec<(Arc<Slot>, u64)> {
    let mut sum: u64 = held.iter().map(|(_, bytes)| bytes).sum();
    held.sort_by_key(|(slot, _)| slot.used());
    held.into_iter()
        .take_while(|(_, bytes)| {
            let over = sum > most;
            sum -= bytes;
            over
        })
        .collect()
}

/// Sweeps until the pool is gone.
pub(super) async fn keep_sweeping(pool: Weak<Inner>) {
    loop {
        tokio::time::sleep(OFTEN).await;
        let Some(pool) = pool.upgrade() else { return };
        sweep(&pool, pool.limits).await;
    }
}

/// Stops what is idle, does not read any more, or holds too much.
pub(super) async fn sweep(pool: &Inner, limits: Limits) {
    let running = pool.all().into_iter().filter_map(|slot| match slot.phase() {
        Phase::Running(client) => Some((slot, client)),
        _ => None,
    });
    let (mut going, mut staying) = (Vec::new(), Vec::new());
    for (slot, client) in running {
        if slot.used().elapsed() >= limits.idle {
            going.push((slot, "it was not needed any more".to_owned()));
        } else if client.is_clogged() {
            going.push((slot, "it does not read what it is told".to_owned()));
        } else {
            staying.push((slot, client));
        }
    }
    // Reading /proc takes its time.
    let held =
        tokio::task::spawn_blocking(move || staying.into_iter().map(|(slot, client)| (slot, client.memory())).collect::<Vec<_>>()).await;
    for (slot, bytes) in too_much(held.unwrap_or_default(), limits.memory) {
        going.push((slot, format!("it held {} MB, and all servers together may hold {}", bytes >> 20, limits.memory >> 20)));
    }
    for (slot, why) in going {
        tracing::info!(server = %slot.server.id, why, "a language server is stopped");
        pool.slots().all.retain(|_, other| !Arc::ptr_eq(other, &slot));
        slot.end(&why).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::Servers;

    fn slots(count: usize) -> Vec<Arc<Slot>> {
        let servers = Servers::configured(None).0;
        let server = servers.all().next().expect("a server").clone();
        (0..count).map(|number| Slot::new(Arc::clone(&server), format!("/{number}").into())).collect()
    }

    fn roots(slots: &[Arc<Slot>]) -> Vec<String> {
        slots.iter().map(|slot| slot.root.display().to_string()).collect()
    }

    #[test]
    fn the_one_used_longest_ago_makes_room() {
        let slots = slots(4);
        slots[0].touch();
        assert_eq!(roots(&too_many(&slots, 4)), Vec::<String>::new());
        assert_eq!(roots(&too_many(&slots, 2)), ["/1", "/2"]);
        slots[1].abandon();
        assert_eq!(roots(&too_many(&slots, 2)), ["/2"], "what has ended takes no place");
    }

    #[test]
    fn memory_is_shared() {
        let slots = slots(3);
        let held = |bytes: [u64; 3]| slots.iter().cloned().zip(bytes).collect::<Vec<_>>();
        let check = |bytes: [u64; 3], expect: &[&str]| {
            let going: Vec<Arc<Slot>> = too_much(held(bytes), 100).into_iter().map(|(slot, _)| slot).collect();
            assert_eq!(roots(&going), expect, "{bytes:?}");
        };
        check([30, 30, 40], &[]);
        check([30, 30, 41], &["/0"]);
        check([1, 99, 99], &["/0", "/1"]);
        check([1, 1, 101], &["/0", "/1", "/2"]);
    }
}
