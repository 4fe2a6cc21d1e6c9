//! How a server comes to life: found on this machine, started as a process.
//!
//! **Invariant:** nothing is looked for or started before it is asked for.

use std::path::{Path, PathBuf};

use async_trait::async_trait;

use crate::process::{Pipes, Program};
use crate::servers::{Server, find};
use crate::shared;

/// The world in which servers are.
#[async_trait]
pub(crate) trait Launch: Send + Sync + std::fmt::Debug {
    /// The program, or why there is none. Called often.
    fn find(&self, server: &Server, root: &Path, project: &Path) -> Result<Program, String>;

    /// Whether the program is what its name says; if not, why.
    async fn is_real(&self, server: &Server, program: &Program, root: &Path) -> Result<(), String>;

    /// Starts it.
    fn start(&self, program: &Program, root: &Path) -> std::io::Result<Pipes>;
}

/// What is installed on this machine, and what editors share.
#[derive(Debug)]
pub(crate) struct Installed {
    /// Where shared servers are written down.
    pub(crate) shared: Option<PathBuf>,
}

#[async_trait]
impl Launch for Installed {
    fn find(&self, server: &Server, root: &Path, project: &Path) -> Result<Program, String> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        find::program(server, root, project, &path)
    }

    async fn is_real(&self, server: &Server, program: &Program, root: &Path) -> Result<(), String> {
        if server.may_be_stand_in(&program.path) { find::is_real(program, root).await } else { Ok(()) }
    }

    fn start(&self, program: &Program, root: &Path) -> std::io::Result<Pipes> {
        match self.shared.as_deref().and_then(|folder| shared::attach(folder, program, root)) {
            Some(pipes) => Ok(pipes),
            None => program.start(root),
        }
    }
}
