//! VS Code: it starts language servers through extensions only, so this says how ours is made and installed.
//!
//! **Invariant:** nothing is written: VS Code's own program installs extensions.

use config::Env;

use crate::paths;

/// VS Code and its relatives, by their programs.
const PROGRAMS: &[&str] = &["code", "codium", "code-server"];

/// What to do.
pub(super) fn steps(env: &Env, command: &str) -> String {
    let found = PROGRAMS.iter().find(|name| paths::find_program(env, name).is_some());
    text(found.unwrap_or(&"code"), command)
}

fn text(editor: &str, command: &str) -> String {
    let mut text = format!(
        "VS Code starts Interline through its extension. In Interline's source folder (Node.js 20 or newer, once):\n\n\
         \x20 cd editors/vscode && npm ci && npm run package\n\
         \x20 {editor} --install-extension interline.vsix\n\n\
         Then select some code in a project, and choose \"Ask About This…\" from its menu."
    );
    if command != "interline" {
        text.push_str(&format!(
            "\nSince `interline` is not on the PATH, say in VS Code's settings where it is:\n\n  \"interline.path\": {}",
            serde_json::Value::from(command)
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_told_where_it_is_needed() {
        assert!(!text("code", "interline").contains("interline.path"));
        let told = text("codium", "/opt/my \"x\"/interline");
        assert!(told.contains("codium --install-extension") && told.contains(r#""interline.path": "/opt/my \"x\"/interline""#), "{told}");
    }
}
