//! Tools of the user's own: an executable that says by `--schema` what it is, and takes a call's arguments as JSON on standard input.
//!
//! Must not know where executables are found, nor whether they may be run to be asked what they are: the caller sees to that.
//!
//! **Invariant:** none is run for a call before the permission of its name was given; each run is bounded in time and in what it prints, and ends with all
//! that it started.

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;
use workspace::ApplyError;

use crate::args::wrong;
use crate::bash::{note_left, note_not_shown};
use crate::program::{self, Failure};
use crate::{Ask, Tool, ToolContext, ToolError, ToolOutput, truncate};

/// How long `--schema` may take.
const SCHEMA: Duration = Duration::from_secs(5);
/// How long a call may take, unless the tool's schema says otherwise.
const CALL: Duration = Duration::from_secs(120);
const LONGEST_CALL: Duration = Duration::from_secs(3600);
/// What the model is told of it, in bytes.
const DESCRIPTION: usize = 2000;
const PARAMETERS: usize = 16_000;
/// How much of the arguments a prompt shows, in characters.
const SHOWN: usize = 300;

/// What an executable says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// For the model.
    pub description: String,
    /// JSON Schema of its arguments.
    pub parameters: Value,
    /// How long a call may take.
    pub limit: Duration,
}

/// A tool that is an executable.
#[derive(Debug)]
pub struct Custom {
    name: String,
    path: PathBuf,
    directory: PathBuf,
    about: Description,
    /// A digest of the file as it was when the user allowed it, if the project brings it.
    allowed: Option<String>,
}

impl Description {
    /// Runs the executable with `--schema`.
    ///
    /// # Errors
    /// What is wrong with it, for the user.
    pub async fn ask(path: &Path, directory: &Path) -> Result<String, String> {
        let mut command = Command::new(path);
        command.arg("--schema").current_dir(directory);
        let ended = program::run(command, b"", SCHEMA, &CancellationToken::new()).await.map_err(|failure| failure.to_string())?;
        match ended.fault() {
            Some(fault) => Err(fault),
            None => Ok(String::from_utf8_lossy(&ended.output).into_owned()),
        }
    }

    /// Reads what it has printed: `{"description", "parameters": {JSON Schema}, "timeout": milliseconds}`.
    ///
    /// # Errors
    /// What is wrong with it, for the user.
    pub fn read(printed: &str) -> Result<Self, String> {
        let said: Value =
            serde_json::from_str(printed.trim()).map_err(|error| format!("what it prints for --schema is no JSON: {error}"))?;
        let description = said["description"].as_str().map(str::trim).filter(|text| !text.is_empty());
        let description = description.ok_or("its schema has no `description`")?;
        let mut parameters =
            said.get("parameters").or_else(|| said.get("inputSchema")).cloned().unwrap_or_else(|| json!({ "type": "object" }));
        let Value::Object(schema) = &mut parameters else { return Err("its `parameters` are no object".to_owned()) };
        if schema.entry("type").or_insert_with(|| "object".into()) != "object" {
            return Err("its `parameters` must be of type `object`".to_owned());
        }
        if !schema.entry("properties").or_insert_with(|| json!({})).is_object() {
            return Err("the `properties` of its `parameters` are no object".to_owned());
        }
        schema.entry("required").or_insert_with(|| json!([]));
        if description.len() > DESCRIPTION || parameters.to_string().len() > PARAMETERS {
            return Err(format!("its schema is too long: {DESCRIPTION} bytes of description and {PARAMETERS} of parameters are the most"));
        }
        let limit = said["timeout"].as_u64().map_or(CALL, |ms| Duration::from_millis(ms.max(1))).min(LONGEST_CALL);
        Ok(Self { description: description.to_owned(), parameters, limit })
    }
}

impl Custom {
    /// The tool of that name; it runs in `directory`, if the file still has the digest with which it was `allowed`.
    #[must_use]
    pub fn new(name: String, path: PathBuf, directory: PathBuf, about: Description, allowed: Option<String>) -> Self {
        Self { name, path, directory, about, allowed }
    }

    /// The digest by which an executable is known.
    #[must_use]
    pub fn digest(path: &Path) -> Option<String> {
        std::fs::read(path).ok().map(|bytes| blake3::hash(&bytes).to_hex()[..32].to_owned())
    }

    async fn call(&self, args: &Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        if self.allowed.is_some() && self.allowed != Self::digest(&self.path) {
            let why = "was changed since the user allowed it, and is not run before it is allowed again, when the editor starts anew";
            return Err(ToolError::model(format!("the tool {} {why}", self.name)));
        }
        let mut command = Command::new(&self.path);
        command.current_dir(&self.directory).env("INTERLINE_SESSION", context.session.as_str()).env("INTERLINE_CALL", &context.call);
        let ended = program::run(command, args.to_string().as_bytes(), self.about.limit, &context.cancel).await;
        let ended = ended.map_err(|failure| match failure {
            Failure::Cancelled => ToolError::Cancelled(Box::default()),
            other => ToolError::model(format!("the tool {}: {other}", self.name)),
        })?;
        let printed = String::from_utf8_lossy(&ended.output).into_owned();
        if let Some(fault) = ended.fault() {
            let (printed, _) = self.cut(printed, context)?;
            return Err(ToolError::model(format!("the tool {} {fault}\n{printed}", self.name).trim_end().to_owned()));
        }
        // `{"output", "title", "metadata"}`, or plain text.
        let said: Value = serde_json::from_str(printed.trim()).unwrap_or_default();
        let (output, title) = match said.get("output").and_then(Value::as_str) {
            Some(output) => (output.to_owned(), said["title"].as_str().map(str::to_owned)),
            None => (printed, None),
        };
        let output = if output.trim().is_empty() { "(no output)".to_owned() } else { output };
        let (output, truncated) = self.cut(output, context)?;
        let mut metadata = said.get("metadata").filter(|metadata| metadata.is_object()).cloned().unwrap_or_else(|| json!({}));
        metadata["truncated"] = truncated.into();
        Ok(ToolOutput { title: title.unwrap_or_else(|| self.title(args)), output, metadata, changes: Vec::new() })
    }

    fn cut(&self, text: String, context: &ToolContext) -> Result<(String, bool), ToolError> {
        truncate(text, context.limits, &context.output_dir)
            .map_err(|error| ToolError::model(format!("what the tool {} printed cannot be kept: {error}", self.name)))
    }
}

#[async_trait]
impl Tool for Custom {
    fn id(&self) -> &str {
        &self.name
    }

    fn description(&self) -> &str {
        &self.about.description
    }

    fn parameters(&self) -> Value {
        self.about.parameters.clone()
    }

    fn title(&self, args: &Value) -> String {
        let shown = args.as_object().filter(|map| !map.is_empty()).map(|_| args.to_string()).unwrap_or_default();
        let cut: String = shown.chars().take(SHOWN).collect();
        if cut.len() < shown.len() { format!("{cut}…") } else { cut }
    }

    async fn run(&self, args: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let mut needed = self.about.parameters["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        if let Some(missing) = needed.find(|name| args.get(name).is_none()) {
            return Err(wrong(missing, "a value, as the tool's parameters say", None));
        }
        let ask = Ask {
            permission: self.name.clone(),
            patterns: vec!["*".to_owned()],
            always: vec!["*".to_owned()],
            metadata: json!({ "title": format!("Run the tool {} {}", self.name, self.title(&args)), "command": self.path.display().to_string() }),
            place: None,
            always_ask: false,
        };
        context.asker.ask(ask).await?;
        // It sees unsaved text, and what it changes can be undone, as with a command.
        let run = context.workspace.prepare_shell(&context.cancel).await.map_err(|error| match error {
            ApplyError::Cancelled { .. } => ToolError::Cancelled(Box::default()),
            error => ToolError::model(format!("the tool was not run, because unsaved text could not be shown to it: {error}")),
        })?;
        let not_shown = run.not_shown();
        let result = self.call(&args, context).await;
        let changes = context.workspace.finish_shell(run).await;
        match result {
            Ok(output) => {
                let mut output = ToolOutput { changes, ..output };
                note_left(&mut output, context);
                note_not_shown(&mut output, &not_shown);
                Ok(output)
            }
            Err(ToolError::Cancelled(output)) => Err(ToolError::Cancelled(Box::new(ToolOutput { changes, ..*output }))),
            // What it changed before it failed is to be undone all the same.
            Err(ToolError::Model(output)) if !changes.is_empty() => {
                Ok(ToolOutput { title: self.title(&args), output, metadata: json!({ "failed": true }), changes })
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, has};

    fn script(world: &World, name: &str, body: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        world.write(name, format!("#!/bin/sh\n{body}\n"));
        let path = world.root.join(name);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("chmod");
        path
    }

    async fn tool(world: &World, body: &str) -> Custom {
        let schema = r#"{"description": "Counts", "parameters": {"properties": {"word": {"type": "string"}}, "required": ["word"]}, "timeout": 20000}"#;
        let path = script(world, "count", &format!("if [ \"$1\" = --schema ]; then echo '{schema}'; exit; fi\n{body}"));
        let printed = Description::ask(&path, &world.root).await.expect("it tells");
        Custom::new(
            "count".into(),
            path.clone(),
            world.root.clone(),
            Description::read(&printed).expect("it is read"),
            Custom::digest(&path),
        )
    }

    #[tokio::test]
    async fn one_that_was_changed_since_it_was_allowed_is_not_run() {
        let world = World::new();
        let tool = tool(&world, "true").await;
        script(&world, "count", "touch ran");
        has(&world.text(&tool, json!({ "word": "x" })).await, &["changed since the user allowed it"]);
        assert!(!world.root.join("ran").exists());
    }

    #[tokio::test]
    async fn arguments_go_in_and_what_it_prints_comes_out() {
        let world = World::new();
        let tool = tool(&world, "cat; pwd; echo $INTERLINE_SESSION").await;
        assert_eq!((tool.id(), tool.description(), tool.permission()), ("count", "Counts", "count"));
        assert_eq!(tool.parameters()["required"], json!(["word"]));
        let got = world.text(&tool, json!({ "word": "a\"b" })).await;
        has(&got, &[r#"{"word":"a\"b"}"#, &world.root.display().to_string(), world.context.session.as_str()]);
        assert_eq!(world.asked(), [("count".to_owned(), vec!["*".to_owned()])]);
        assert_eq!(*world.files.log.lock().expect("lock"), ["prepare", "finish"]);
        let json = self::tool(&world, r#"echo '{"output": "three", "title": "T", "metadata": {"n": 3}}'"#).await;
        let got = world.run(&json, json!({ "word": "x" })).await.expect("it runs");
        assert_eq!((got.output.as_str(), got.title.as_str(), &got.metadata["n"]), ("three", "T", &json!(3)));
    }

    #[tokio::test]
    async fn a_failure_is_told_and_nothing_runs_that_is_denied() {
        let world = World::new();
        let failing = tool(&world, "echo half; echo it broke >&2; exit 4").await;
        has(&world.text(&failing, json!({ "word": "x" })).await, &["exit code 4", "it broke", "half"]);
        has(&world.text(&failing, json!({ "other": 1 })).await, &["parameter `word` is missing"]);
        world.user.deny.lock().expect("lock").push("count");
        let denied = tool(&world, "touch ran").await;
        assert!(matches!(world.run(&denied, json!({ "word": "x" })).await, Err(ToolError::Denied(_))));
        assert!(!world.root.join("ran").exists());
    }

    #[tokio::test]
    async fn much_output_is_cut_and_kept() {
        let world = World::new();
        let tool = tool(&world, "seq 1 100000").await;
        let got = world.run(&tool, json!({ "word": "x" })).await.expect("it runs");
        has(&got.output, &["truncated"]);
        assert!(got.output.len() < 60_000 && got.metadata["truncated"] == json!(true));
    }

    #[tokio::test]
    async fn what_is_no_schema_is_refused_with_the_reason() {
        let check = |printed: &str, word: &str| {
            let error = Description::read(printed).expect_err(printed);
            assert!(error.contains(word), "{error}");
        };
        check("hello", "no JSON");
        check("{}", "description");
        check(r#"{"description": "x", "parameters": []}"#, "no object");
        check(r#"{"description": "x", "parameters": {"type": "array"}}"#, "type `object`");
        check(&format!(r#"{{"description": "{}"}}"#, "x".repeat(3000)), "too long");
        let world = World::new();
        let path = script(&world, "bad", "echo no >&2; exit 1");
        has(&Description::ask(&path, &world.root).await.expect_err("it fails"), &["exit code 1", "no"]);
    }
}
