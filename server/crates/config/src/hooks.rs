//! `hooks`: programs that are run on events.
//!
//! Must not know when an event happens, nor what a program says.
//!
//! **Invariant:** a project's hooks are known as the project's.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};

/// When a program is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookEvent {
    /// Before a tool runs.
    ToolBefore,
    /// When one has run.
    ToolAfter,
    /// When the user has said something.
    Message,
    /// When something needs permission.
    Permission,
    /// When a session begins, and when its turn ends.
    Session,
}

impl HookEvent {
    /// Its name in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ToolBefore => "tool.before",
            Self::ToolAfter => "tool.after",
            Self::Message => "message",
            Self::Permission => "permission",
            Self::Session => "session",
        }
    }

    const ALL: [Self; 5] = [Self::ToolBefore, Self::ToolAfter, Self::Message, Self::Permission, Self::Session];
}

/// A program that is run on an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// When.
    pub event: HookEvent,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Only for these tools (or permissions), by patterns; for all if there are none.
    pub tools: Vec<String>,
    /// How long it may take.
    pub limit: Duration,
    /// The folder of the file that names it: relative paths of programs count from there.
    pub folder: PathBuf,
    /// The project brings it: it may come from anybody.
    pub project: bool,
}

/// How long a program may take, unless the configuration says otherwise.
const LIMIT: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(600);

/// The hooks of a file that was checked.
pub(crate) fn read(file: &Map<String, Value>, folder: &Path, project: bool) -> Vec<Hook> {
    let Some(hooks) = file.get("hooks") else { return Vec::new() };
    let programs =
        |event: HookEvent| hooks.get(event.name()).and_then(Value::as_array).into_iter().flatten().map(move |hook| (event, hook));
    HookEvent::ALL.into_iter().flat_map(programs).filter_map(|(event, hook)| one(event, hook, folder, project)).collect()
}

fn one(event: HookEvent, hook: &Value, folder: &Path, project: bool) -> Option<Hook> {
    let texts = |value: &Value| value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>();
    let command = match &hook["command"] {
        Value::String(line) => vec!["/bin/sh".to_owned(), "-c".to_owned(), line.clone()],
        list => texts(list),
    };
    let limit = hook["timeout"].as_u64().map_or(LIMIT, |ms| Duration::from_millis(ms.max(1))).min(LONGEST);
    (!command.is_empty()).then(|| Hook { event, command, tools: texts(&hook["tools"]), limit, folder: folder.to_path_buf(), project })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_of_a_file() {
        let file = serde_json::json!({"hooks": {
            "session": [{"command": "notify done", "timeout": 99_999_999}],
            "tool.before": [{"command": ["./check.py", "-x"], "tools": ["bash", "mcp_*"], "timeout": 500}, {"command": []}],
        }});
        let Value::Object(file) = file else { unreachable!() };
        let hooks = read(&file, Path::new("/p"), true);
        assert_eq!(hooks.len(), 2, "{hooks:?}");
        assert_eq!(
            (hooks[0].event, hooks[0].command.join(" ").as_str(), hooks[0].limit.as_millis()),
            (HookEvent::ToolBefore, "./check.py -x", 500)
        );
        assert_eq!((hooks[0].tools.join(" ").as_str(), hooks[0].project), ("bash mcp_*", true));
        assert_eq!((hooks[1].command.join(" ").as_str(), hooks[1].limit), ("/bin/sh -c notify done", LONGEST));
    }
}
