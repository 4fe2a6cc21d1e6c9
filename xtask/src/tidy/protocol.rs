//! What our plugins and the server say to each other beyond the protocol: what one side says, the other hears, and the page lists.
//!
//! **Invariant:** a name that stands at one place alone is a slip.

use std::collections::BTreeSet;

/// Where the names of our own methods stand: the server, each plugin, and the page.
const PLACES: &[(&str, &[&str])] = &[
    ("the server", &["server/src/lsp.rs", "server/src/lsp/client.rs"]),
    ("the plugin for Neovim", &["editors/neovim/lua/"]),
    ("the extension for VS Code", &["editors/vscode/src/"]),
    ("docs/protocol.md", &["docs/protocol.md"]),
];

/// The names that each place has.
#[derive(Default)]
pub struct Names([BTreeSet<String>; PLACES.len()]);

impl Names {
    /// A file of the repository.
    pub fn add(&mut self, name: &str, text: &str) {
        for (names, (_, starts)) in self.0.iter_mut().zip(PLACES) {
            if starts.iter().any(|start| name.starts_with(start)) {
                names.extend(methods(text));
            }
        }
    }

    /// Who does not know which name.
    pub fn slips(&self) -> Vec<String> {
        let all: BTreeSet<&String> = self.0.iter().flatten().collect();
        let lacks =
            |name: &&String| PLACES.iter().zip(&self.0).filter(|(_, names)| !names.contains(*name)).map(|((place, _), _)| *place).collect();
        let lacking = all.iter().map(|name| (name, lacks(name))).filter(|(_, places): &(_, Vec<&str>)| !places.is_empty());
        lacking.map(|(name, places)| format!("{name} is not known to {}", places.join(", "))).collect()
    }
}

/// What is quoted and begins with our name.
fn methods(text: &str) -> impl Iterator<Item = String> {
    text.split(['"', '\'', '`'])
        .filter(|part| {
            part.strip_prefix("interline/").is_some_and(|name| !name.is_empty() && name.bytes().all(|letter| letter.is_ascii_lowercase()))
        })
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_that_one_side_does_not_know_is_found() {
        let mut names = Names::default();
        names.add("server/src/lsp.rs", ".custom_method(\"interline/focus\", f)");
        names.add("editors/neovim/lua/interline/x.lua", "notify('interline/focus', x) -- require('interline/focus.lua')");
        names.add("editors/vscode/src/x.ts", "send('interline/focus'); on('interline/old')");
        names.add("docs/protocol.md", "| `interline/focus {uri}` | `interline/focus` |");
        assert_eq!(names.slips(), ["interline/old is not known to the server, the plugin for Neovim, docs/protocol.md"]);
    }
}
