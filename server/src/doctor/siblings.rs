//! Which language servers the agent can look through.
//!
//! **Invariant:** none is started; that one is missing stands in nobody's way.

use config::Loaded;
use lsp_client::Servers;

use super::{Report, first_line};

/// Reports those that are installed, and those that the user named and that are not; and whether edits are tried out.
pub(super) fn report(loaded: &Loaded, report: &mut Report) {
    let section = loaded.config.other.get("lsp");
    let servers = Servers::configured(section).0;
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
    if report.last == "servers" {
        let able: Vec<&str> = servers
            .programs(&loaded.root)
            .filter(|(server, program)| server.knows_syntax() && program.is_ok())
            .map(|(server, _)| &*server.id)
            .collect();
        let able = if able.is_empty() { "none of these".to_owned() } else { able.join(", ") };
        report.row(
            "servers",
            match loaded.config.preflight {
                Some(false) => "`preflight` is false: no edit is tried out first".to_owned(),
                Some(true) => format!("each edit is tried out first, by {able}"),
                None => format!("edits are tried out first where that takes less than a second, by {able}"),
            },
        );
    } else {
        report.row("servers", "no language server on the PATH: the agent does not see what its edits break");
    }
}
