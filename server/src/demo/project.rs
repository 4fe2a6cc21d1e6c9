//! The demo's project: a shell script with a mistake, and its test, in a folder that is removed at the end.
//!
//! **Invariant:** everything that the demo writes lies in that folder.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::editor::DemoError;
use super::{myself, scripted};

const PRICE: &str =
    "#!/bin/sh\n# Prints what an order costs.\nprice=$1\ncount=$2\ntax=$3\ntotal=$(( price * count - tax ))\necho \"$total\"\n";
const TEST: &str = "#!/bin/sh\ngot=$(sh ./price.sh 250 4 190)\nif [ \"$got\" = 1190 ]; then\n  echo \"ok: 4 x 250 and 190 tax cost $got\"\nelse\n  echo \"FAILED: got $got, want 1190\"\n  exit 1\nfi\n";

/// The project.
pub struct Project {
    folder: TempDir,
    root: PathBuf,
}

impl Project {
    /// Makes it.
    pub fn make() -> Result<Self, DemoError> {
        let make = || {
            let folder = tempfile::Builder::new().prefix("interline-demo-").tempdir()?;
            let root = folder.path().canonicalize()?.join("shop");
            std::fs::create_dir_all(&root)?;
            std::fs::write(root.join("price.sh"), PRICE)?;
            std::fs::write(root.join("test.sh"), TEST)?;
            Ok(Self { folder, root })
        };
        make().map_err(|source| DemoError::Start { what: "the project".into(), source })
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A folder that stands in for the user's home.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// What a file holds on the disk.
    pub fn read(&self, name: &str) -> Result<String, DemoError> {
        std::fs::read_to_string(self.root.join(name)).map_err(|source| DemoError::Start { what: name.into(), source })
    }

    /// The configuration: the scripted model's, or only the name of a real one.
    pub fn config(&self, url: Option<&str>, model: Option<&str>) -> Value {
        match (url, model) {
            (Some(url), _) => scripted(url),
            (None, model) => json!({"model": model, "permission": {"edit": "ask", "bash": "ask"}}),
        }
    }

    /// Arguments for a Neovim that knows nothing but Interline.
    pub fn neovim(&self) -> Result<Vec<OsString>, DemoError> {
        let init = self.folder.path().join("init.lua");
        let command = json!([myself()?.to_string_lossy()]).to_string().replace('[', "{").replace(']', "}");
        let lua = format!(
            "vim.lsp.config('interline', {{ cmd = {command}, root_dir = vim.fn.getcwd() }})\nvim.lsp.enable('interline')\nvim.diagnostic.config({{ virtual_text = true }})\n"
        );
        std::fs::write(&init, lua).map_err(|source| DemoError::Start { what: "init.lua".into(), source })?;
        Ok(vec!["-u".into(), init.into()])
    }

    /// A configuration folder for a Helix that knows nothing but Interline.
    pub fn helix(&self) -> Result<PathBuf, DemoError> {
        let folder = self.folder.path().join("config");
        let command = json!(myself()?.to_string_lossy());
        let toml = format!(
            "[language-server.interline]\ncommand = {command}\n\n[[language]]\nname = \"bash\"\nlanguage-servers = [\"interline\"]\n\n[[language]]\nname = \"markdown\"\nlanguage-servers = [\"interline\"]\n"
        );
        let write = || {
            std::fs::create_dir_all(folder.join("helix"))?;
            std::fs::write(folder.join("helix").join("languages.toml"), toml)
        };
        write().map_err(|source| DemoError::Start { what: "languages.toml".into(), source })?;
        Ok(folder)
    }
}
