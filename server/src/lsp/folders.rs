//! The project's folders, as the editor has them now.
//!
//! Must not know who looks at them.
//!
//! **Invariant:** there is one at least, and the first stays: sessions belong to it, and commands run there. No folder is taken in later that holds the
//! user's whole home, since what is inside needs no permission to be read.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// The folders. Cheap to clone: all clones see the same ones.
#[derive(Clone, Debug)]
pub struct Folders(Arc<RwLock<Vec<PathBuf>>>);

impl Folders {
    /// Those that the editor began with.
    #[must_use]
    pub fn new(first: PathBuf, more: Vec<PathBuf>) -> Self {
        let mut all = vec![first];
        for folder in more {
            if !all.contains(&folder) {
                all.push(folder);
            }
        }
        Self(Arc::new(RwLock::new(all)))
    }

    /// All, the first one first.
    #[must_use]
    pub fn all(&self) -> Vec<PathBuf> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The project's own.
    #[must_use]
    pub fn first(&self) -> PathBuf {
        self.all().swap_remove(0)
    }

    /// The user has added and removed some. What was not done, in words.
    #[must_use]
    pub fn change(&self, added: Vec<PathBuf>, removed: &[PathBuf], home: &Path) -> Vec<String> {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut refused = Vec::new();
        if removed.contains(&all[0]) && !added.contains(&all[0]) {
            let first = all[0].display();
            refused.push(format!("{first} stays the project's folder until Interline is restarted: its conversations belong to it"));
        }
        let (first, real) = (all[0].clone(), |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned()));
        all.retain(|folder| *folder == first || !removed.contains(folder));
        for folder in added {
            if real(home).starts_with(real(&folder)) {
                let folder = folder.display();
                refused
                    .push(format!("{folder} holds your whole home, and so is not taken for a part of the project: what lies there asks"));
            } else if !all.contains(&folder) {
                all.push(folder);
            }
        }
        refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_come_and_go_but_for_the_first() {
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        let folders = Folders::new("/p".into(), paths(&["/q", "/p"]));
        let check = |added: &[&str], removed: &[&str], expect: &[&str], refused: &[&str]| {
            let told = folders.change(paths(added), &paths(removed), Path::new("/home/me"));
            assert_eq!(folders.all(), paths(expect), "+{added:?} -{removed:?}");
            assert!(told.len() == refused.len() && told.iter().zip(refused).all(|(told, part)| told.contains(part)), "{told:?}");
        };
        check(&["/r", "/q"], &[], &["/p", "/q", "/r"], &[]);
        check(&["/s"], &["/q", "/never"], &["/p", "/r", "/s"], &[]);
        check(&[], &["/p", "/s"], &["/p", "/r"], &["/p stays"]);
        check(&["/p"], &["/p"], &["/p", "/r"], &[]);
        check(
            &["/", "/home", "/home/me", "/home/me/x", "/home/you"],
            &["/r"],
            &["/p", "/home/me/x", "/home/you"],
            &["/ holds", "/home holds", "/home/me holds"],
        );
        assert_eq!(folders.first(), PathBuf::from("/p"));
    }
}
