//! Which language servers the agent can look through.
//!
//! **Invariant:** none is started; that one is missing stands in nobody's way.

use config::Loaded;
use lsp_client::Servers;

use super::{Report, first_line};

/// Reports those that are installed, those that the user named and that are not, and what is wrong with the `lsp` section.
pub(super) fn report(loaded: &Loaded, report: &mut Report) {
    let section = loaded.config.other.get("lsp");
    let (servers, problems) = Servers::configured(section);
    for problem in problems {
        report.row("servers", problem);
    }
    for (server, program) in servers.programs(&loaded.root) {
        let named = section.is_some_and(|section| section.get(&*server.id).is_some());
        match program {
            Ok(path) if server.may_be_stand_in(&path) && first_line(&path, "--version").is_none() => {
                report.row(
                    "servers",
                    format!("{}: {} does not run (with rustup: `rustup component add rust-analyzer`)", server.id, path.display()),
                );
            }
            Ok(path) => report.row("servers", format!("{}: {}", server.id, path.display())),
            Err(why) if named => report.row("servers", format!("{}: {why}", server.id)),
            Err(_) => {}
        }
    }
    if report.last != "servers" {
        report.row("servers", "no language server on the PATH: the agent does not see what its edits break");
    }
}
