//! Logs: warnings and errors to a file, more to standard error where `RUST_LOG` asks for it.
//!
//! **Invariant:** nothing goes to standard output, the file stays small, and no key is in it: keys are never given to `tracing`.

use std::fs::{File, OpenOptions};
use std::sync::Mutex;

use config::{Dirs, Env};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::{BoxMakeWriter, MakeWriterExt as _};

use crate::paths;

/// A file that has grown to this is begun anew, in bytes.
const LARGEST: u64 = 1 << 20;

/// Starts it; called once.
pub fn start(env: &Env, dirs: &Dirs) {
    let wanted = env.get("RUST_LOG").filter(|filter| !filter.is_empty());
    // Our own words only: what libraries log at the lower levels may hold a request's headers.
    let filter = match wanted {
        Some(_) => {
            EnvFilter::new("warn,interline=trace,engine=trace,interline_engine=trace,interline_tools=trace,interline_workspace=trace")
        }
        None => EnvFilter::new("warn"),
    };
    let writer = match (wanted, open(dirs)) {
        (Some(_), Some(file)) => BoxMakeWriter::new(std::io::stderr.and(Mutex::new(file).with_max_level(tracing::Level::WARN))),
        (Some(_), None) => BoxMakeWriter::new(std::io::stderr),
        (None, Some(file)) => BoxMakeWriter::new(Mutex::new(file)),
        (None, None) => BoxMakeWriter::new(std::io::stderr),
    };
    let made = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(false).try_init();
    if let Err(error) = made {
        crate::output::note(&format!("interline: no log is kept: {error}"));
    }
}

/// The file, made with its folder. None where that cannot be: standard error is used then.
fn open(dirs: &Dirs) -> Option<File> {
    let path = paths::log_file(dirs);
    std::fs::create_dir_all(path.parent()?).ok()?;
    let large = path.metadata().is_ok_and(|meta| meta.len() > LARGEST);
    OpenOptions::new().create(true).write(true).append(!large).truncate(large).open(path).ok()
}
