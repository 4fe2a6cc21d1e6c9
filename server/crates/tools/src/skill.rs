//! The `skill` tool: the text of a skill that was advertised.
//!
//! Must not know how skills are found or advertised.
//!
//! **Invariant:** a skill's text is given only when the rules for that skill allow it.

use std::fmt::Write as _;
use std::path::Path;

use async_trait::async_trait;
use serde_json::{Value, json};
use workspace::DocKey;

use crate::args::{Args, schema};
use crate::{Ask, Effect, Tool, ToolContext, ToolError, ToolOutput};

/// How many of a skill's other files are named.
const FILES: usize = 10;
/// How many folders deep they are looked for.
const DEPTH: usize = 3;

/// The tool.
#[derive(Debug)]
pub struct UseSkill;

#[async_trait]
impl Tool for UseSkill {
    fn id(&self) -> &'static str {
        "skill"
    }

    fn description(&self) -> &'static str {
        include_str!("../../../../prompts/tools/skill.md").trim_ascii()
    }

    fn parameters(&self) -> Value {
        schema(json!({ "name": { "type": "string" } }), &["name"])
    }

    fn effect(&self, _args: &Value) -> Effect {
        Effect::Reads
    }

    fn title(&self, args: &Value) -> String {
        Args(args).lenient("name").to_owned()
    }

    async fn run(&self, args: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let name = Args(&args).text("name")?.trim();
        let skills = context.guides.skills.iter().filter(|skill| skill.offered);
        let Some(skill) = skills.clone().find(|skill| skill.name == name) else {
            let known: Vec<&str> = skills.map(|skill| skill.name.as_str()).collect();
            return Err(ToolError::model(format!("there is no skill `{name}`; there are: {}", known.join(", "))));
        };
        let ask = Ask {
            permission: self.id().to_owned(),
            patterns: vec![name.to_owned()],
            always: vec![name.to_owned()],
            metadata: json!({ "title": format!("Use the skill {name}"), "filepath": skill.path.display().to_string() }),
            place: None,
            always_ask: false,
        };
        context.asker.ask(ask).await?;
        let fault = |error: &dyn std::fmt::Display| ToolError::model(format!("the skill {name} cannot be read: {error}"));
        let snapshot = context.workspace.read(&DocKey::file(&skill.path)).await.map_err(|error| fault(&error))?;
        let text = config::parse_markdown(&snapshot.text.to_string()).map_err(|error| fault(&error))?.body;
        let text = proto::visible(&text);
        let mut output = format!("<skill_content name=\"{name}\">\n{text}\n");
        if let Some(folder) = skill.path.parent() {
            let _ = write!(output, "\nRelative paths count from {}", folder.display());
            let mut files = Vec::new();
            others(folder, folder, DEPTH, &mut files);
            if !files.is_empty() {
                let _ = write!(output, ", where there are: {}", files.join(", "));
            }
            output.push('\n');
        }
        output.push_str("</skill_content>");
        Ok(ToolOutput { title: name.to_owned(), output, metadata: json!({ "name": name }), changes: Vec::new() })
    }
}

/// Names of files beside a `SKILL.md`, relative to its folder.
fn others(base: &Path, folder: &Path, depth: usize, found: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut entries: Vec<_> = entries.flatten().collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let (path, is_folder) = (entry.path(), entry.file_type().is_ok_and(|kind| kind.is_dir()));
        if found.len() >= FILES {
            return;
        } else if is_folder && depth > 1 {
            others(base, &path, depth - 1, found);
        } else if !is_folder && entry.file_name() != "SKILL.md" {
            found.push(path.strip_prefix(base).unwrap_or(&path).display().to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::testing::{World, has, lacks};
    use crate::{Guides, Read};

    fn world() -> World {
        let mut world = World::new();
        let folder = world.outside.join("brewing");
        std::fs::create_dir_all(folder.join("lib")).expect("mkdir");
        std::fs::write(folder.join("SKILL.md"), "---\nname: brewing\n---\nKETTLE first.\n").expect("write");
        std::fs::write(folder.join("lib/steep.py"), "STEEP = 3\n").expect("write");
        let skill = config::Skill { name: "brewing".into(), description: None, offered: true, hint: None, path: folder.join("SKILL.md") };
        world.context.guides = Arc::new(Guides { skills: vec![skill], ..Guides::default() });
        world
    }

    #[tokio::test]
    async fn its_text_and_its_files() {
        let world = world();
        let got = world.text(&UseSkill, json!({ "name": "brewing" })).await;
        has(&got, &["KETTLE first.", "lib/steep.py", "outside/brewing"]);
        lacks(&got, &["---", "SKILL.md"]);
        assert_eq!(world.asked(), [("skill".to_owned(), vec!["brewing".to_owned()])]);
        has(&world.text(&UseSkill, json!({ "name": "baking" })).await, &["no skill `baking`", "brewing"]);
    }

    #[tokio::test]
    async fn a_skills_files_may_be_read_though_they_are_outside() {
        let world = world();
        let read = |name: &str| json!({ "filePath": world.outside.join(name).display().to_string() });
        has(&world.text(&Read, read("brewing/lib/steep.py")).await, &["STEEP = 3"]);
        assert!(world.asked().iter().all(|(permission, _)| permission != "external_directory"), "{:?}", world.asked());
        world.text(&Read, read("other.txt")).await;
        assert!(world.asked().iter().any(|(permission, _)| permission == "external_directory"));
    }

    #[tokio::test]
    async fn one_that_the_user_alone_starts_is_none_for_a_model() {
        let mut world = world();
        let skills = world.context.guides.skills.iter().cloned().map(|skill| config::Skill { offered: false, ..skill }).collect();
        world.context.guides = Arc::new(Guides { skills, ..Guides::default() });
        lacks(&world.text(&UseSkill, json!({ "name": "brewing" })).await, &["KETTLE"]);
        lacks(&world.text(&UseSkill, json!({ "name": "baking" })).await, &["brewing"]);
        assert!(world.asked().is_empty());
    }

    #[tokio::test]
    async fn denied_it_stays_untold() {
        let world = world();
        world.user.deny.lock().expect("lock").push("skill");
        lacks(&world.text(&UseSkill, json!({ "name": "brewing" })).await, &["KETTLE"]);
    }
}
