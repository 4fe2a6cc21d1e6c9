//! What the project says to the agent beside its text: instruction files of its folders, and skills.
//!
//! Must not know how the rest of the instructions reaches the model.
//!
//! **Invariant:** a file is told once while the model still has it before its eyes.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use config::{Env, Instruction, Skill};

use crate::SeenFiles;

/// Of one project.
#[derive(Clone, Debug, Default)]
pub struct Guides {
    /// The folder where the agent works.
    pub directory: PathBuf,
    /// Says which names count.
    pub env: Env,
    /// Instruction files that every request holds.
    pub always: HashSet<PathBuf>,
    /// By name.
    pub skills: Vec<Skill>,
}

impl Guides {
    /// The instruction files on the way to a file that the model has not been told yet; from now on it has.
    #[must_use]
    pub fn on_the_way_to(&self, file: &Path, seen: &SeenFiles) -> Vec<Instruction> {
        seen.tell(|told| {
            let known = told.union(&self.always).cloned().collect();
            config::nested_instructions(file, &self.directory, &self.env, &known)
        })
    }
}
