//! The commands that need neither an editor nor a model, run as a person would.
//!
//! **Invariant:** each test has a home of its own and an empty environment.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A home with a project in it.
struct Home(tempfile::TempDir);

/// Status, standard output, standard error.
type Answer = (Option<i32>, String, String);

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        fs::create_dir(home.at("project")).unwrap();
        home
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.at(name).parent().unwrap()).unwrap();
        fs::write(self.at(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap()
    }

    fn run(&self, arguments: &[&str], input: &str) -> Answer {
        self.run_with(arguments, input, &[])
    }

    fn run_with(&self, arguments: &[&str], input: &str, variables: &[(&str, &str)]) -> Answer {
        let mut child = Command::new(env!("CARGO_BIN_EXE_interline"))
            .args(arguments)
            .current_dir(self.at("project"))
            .env_clear()
            .env("HOME", self.0.path())
            .env("XDG_CONFIG_HOME", self.at("config"))
            .env("XDG_DATA_HOME", self.at("data"))
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that reads nothing may be gone already.
        drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    }
}

#[test]
fn keys_are_kept_listed_and_forgotten_but_never_shown() {
    let home = Home::new();
    let mut shown = String::new();
    let mut run = |arguments: &[&str], input: &str, status: i32| {
        let (code, out, err) = home.run(arguments, input);
        assert_eq!(code, Some(status), "{arguments:?}: {err}");
        shown.push_str(&out);
        shown.push_str(&err);
        (out, err)
    };
    run(&["auth", "add", "anthropic"], "sk-SECRET\n", 0);
    assert!(home.read("data/interline/auth.json").contains("sk-SECRET"));
    assert!(run(&["auth", "list"], "", 0).0.starts_with("anthropic\tapi\t"));
    assert!(run(&["models"], "", 0).0.lines().all(|line| line.starts_with("anthropic/")));
    run(&["doctor"], "", 1);
    run(&["auth", "add", "anthropic/claude"], "x\n", 1);
    run(&["auth", "add", "anthropic"], "\n", 1);
    assert!(run(&["auth", "add", "anthropic"], "two words\n", 1).1.contains("no spaces"));
    assert!(run(&["auth", "add", "anthropic"], "\n\n  sk-SECRET-2\r\nmore\n", 0).0.contains("the one before is gone"));
    assert!(home.read("data/interline/auth.json").contains("\"sk-SECRET-2\""));
    assert!(run(&["auth", "add", "zen"], "sk-SECRET\n", 0).0.contains("The key for opencode"));
    assert!(run(&["auth", "remove", "zen"], "", 0).0.contains("opencode"));
    assert!(run(&["auth", "add", "nowhere"], "sk-SECRET\n", 0).1.contains("provider.nowhere.options.baseURL"));
    run(&["auth", "remove", "nowhere"], "", 0);
    run(&["auth", "remove", "anthropic"], "", 0);
    assert!(run(&["auth", "remove", "anthropic"], "", 1).1.contains("no stored key"));
    assert!(!shown.contains("SECRET"), "{shown}");
}

#[test]
fn opencodes_keys_are_left_alone() {
    let home = Home::new();
    let theirs = r#"{"mistral": {"type": "api", "key": "k"}}"#;
    home.write("data/opencode/auth.json", theirs);
    assert!(home.run(&["auth", "list"], "").1.contains("mistral\tapi\t"));
    let (code, _, err) = home.run(&["auth", "remove", "mistral"], "");
    assert_eq!((code, err.contains("does not change")), (Some(1), true), "{err}");
    assert_eq!(home.read("data/opencode/auth.json"), theirs);
}

#[test]
fn doctor_is_content_only_if_a_turn_could_run() {
    let home = Home::new();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let config = format!(
        r#"{{"model": "mock/test", "provider": {{"mock": {{"options": {{"baseURL": "http://{address}/v1", "apiKey": "sk-SECRET"}}, "models": {{"test": {{}}}}}}}}}}"#
    );
    home.write("project/interline.json", &config);
    let (code, out, _) = home.run(&["doctor"], "");
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("mock/test") && out.contains("interline.json") && !out.contains("SECRET"), "{out}");
    home.write("project/opencode.jsonc", "{");
    assert_eq!(home.run(&["doctor"], "").0, Some(0), "interline.json is read instead");
    home.write("project/interline.jsonc", "{\n  \"share\": 1\n}");
    let (code, out, _) = home.run(&["doctor"], "");
    assert!(code == Some(1) && out.contains("interline.jsonc:2:12: "), "{out}");
    fs::remove_file(home.at("project/interline.jsonc")).unwrap();
    drop(server);
    let (code, out, _) = home.run(&["doctor"], "");
    assert!(code == Some(1) && out.contains(&format!("{address} is unreachable")), "{out}");
}

#[test]
fn what_a_configuration_lacks_or_leaves_out_is_told_beside_it() {
    let home = Home::new();
    home.write("data/opencode/auth.json", r#"{"https://corp.example": {"type": "wellknown", "key": "K", "token": "SECRET"}}"#);
    home.write("config/interline/interline.json", r#"{"shell": "fish"}"#);
    home.write(
        "project/opencode.json",
        r#"{"formatter": {"mine": {"command": ["./fmt", "$FILE"], "extensions": [".x"]}}, "theme": "nord"}"#,
    );
    let (code, out, err) = home.run(&["config"], "");
    assert!(code == Some(0) && out.contains("\"fish\"") && !err.contains("SECRET"), "{out}{err}");
    for told in [
        "\"theme\" has no effect",
        "\"formatter.mine\" is a program that the project brings",
        "login at an organisation's",
        "fish is not there",
    ] {
        assert_eq!(err.matches(told).count(), 1, "{told}: {err}");
    }
    assert_eq!(err.lines().count(), 4, "{err}");
}

#[test]
fn models_are_names_alone() {
    let home = Home::new();
    let (code, out, err) = home.run(&["models"], "");
    assert!(code == Some(1) && out.is_empty() && err.contains("interline auth add"), "{err}");
    home.write(
        "project/opencode.json",
        r#"{"provider": {"mock": {"options": {"baseURL": "http://x/v1"}, "models": {"a": {}, "b": {"limit": {"context": 9}}}}}}"#,
    );
    assert_eq!(home.run(&["models"], "").1, "mock/a\nmock/b\n");
    let rows: serde_json::Value = serde_json::from_str(&home.run(&["models", "mock", "--json"], "").1).unwrap();
    assert_eq!((rows[1]["id"].as_str(), rows[1]["limit"]["context"].as_u64()), (Some("mock/b"), Some(9)));
}

/// Answers every request with `body`, as JSON.
fn serve(body: &'static str) -> String {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in server.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if stream.read(&mut byte).unwrap_or(0) == 0 {
                    break;
                }
                request.push(byte[0]);
            }
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            drop(stream.write_all(format!("{head}{body}").as_bytes()));
        }
    });
    address
}

#[test]
fn servers_on_this_machine_are_found_when_asked_for() {
    let home = Home::new();
    let address = serve(r#"{"models": [{"name": "qwen3:8b"}]}"#);
    home.write("project/interline.json", &format!(r#"{{"provider": {{"ollama": {{"options": {{"baseURL": "http://{address}/v1"}}}}}}}}"#));
    for arguments in [&["models", "ollama"][..], &["models", "--local"]] {
        let (code, out, err) = home.run(arguments, "");
        assert_eq!((code, out.lines().next()), (Some(0), Some("ollama/qwen3:8b")), "{err}");
        assert!(err.contains(r#"{"model": "ollama/qwen3:8b"}"#) && err.contains("interline run -m ollama/qwen3:8b"), "{err}");
    }
    let rows: serde_json::Value = serde_json::from_str(&home.run(&["models", "ollama", "--json"], "").1).unwrap();
    assert_eq!(rows[0]["address"], format!("http://{address}/v1"));
    assert!(home.run(&["doctor"], "").1.contains(&format!("Ollama at http://{address}/v1: 1 models")));
    home.write("project/interline.json", r#"{"provider": {"ollama": {"options": {"baseURL": "http://127.0.0.1:1/v1"}}}}"#);
    let (code, out, err) = home.run(&["models", "ollama"], "");
    assert!(code == Some(1) && out.is_empty() && err.contains("not there: Ollama (http://127.0.0.1:1/v1)"), "{err}");
}

#[test]
fn the_catalogue_is_fetched_when_asked_for() {
    let home = Home::new();
    let address = serve(r#"{"mistral": {"api": "http://evil", "models": {"mistral-next": {"cost": {"input": 3, "output": 4}}}}}"#);
    home.run(&["auth", "add", "mistral"], "sk-SECRET\n");
    home.write("config/interline/interline.json", "{}");
    assert!(!home.run(&["models"], "").1.contains("mistral-next"));
    let refresh = |more: &[(&str, &str)]| home.run_with(&["models", "mistral", "--refresh", "--json"], "", more);
    let base = format!("http://{address}");
    let (code, out, err) = refresh(&[("INTERLINE_MODELS_URL", &base)]);
    assert!(code == Some(0) && err.contains("fetched 1 models of 1 providers"), "{err}");
    let rows: serde_json::Value = serde_json::from_str(&out).unwrap();
    let new = rows.as_array().unwrap().iter().find(|row| row["id"] == "mistral/mistral-next").unwrap();
    assert_eq!((&new["cost"]["output"], &new["ready"], &new["grade"]), (&4.0.into(), &true.into(), &serde_json::Value::Null));
    assert!(new["key"].as_str().unwrap().ends_with("auth.json") && !out.contains("SECRET"));
    let (code, _, err) = refresh(&[("INTERLINE_MODELS_URL", &base), ("OPENCODE_DISABLE_MODELS_FETCH", "1")]);
    assert!(code == Some(1) && err.contains("switched off by OPENCODE_DISABLE_MODELS_FETCH"), "{err}");
    let (code, _, err) = refresh(&[("INTERLINE_MODELS_URL", "http://127.0.0.1:1")]);
    assert!(code == Some(1) && err.contains("http://127.0.0.1:1/api.json cannot be fetched"), "{err}");
}

#[test]
fn keys_in_the_environment_are_listed() {
    let home = Home::new();
    let (_, out, _) = home.run_with(&["auth", "list"], "", &[("HF_TOKEN", "hf_SECRET"), ("AZURE_RESOURCE_NAME", "mine")]);
    assert_eq!(out, "huggingface\tvariable\tHF_TOKEN\n");
}

#[test]
fn setup_writes_only_what_was_agreed_to() {
    for (editor, file) in [("helix", "config/helix/languages.toml"), ("neovim", "config/nvim/plugin/interline.lua")] {
        let home = Home::new();
        let shown = home.run(&["setup", editor, "--dry-run"], "");
        assert!(shown.0 == Some(0) && shown.1.contains("+++ ") && !home.at(file).exists(), "{shown:?}");
        let (code, _, err) = home.run(&["setup", editor], "");
        assert!(code == Some(1) && err.contains("--yes") && !home.at(file).exists(), "{code:?} {err}");
        // Helix has two files, each asked for; an answer to the first is enough.
        for answer in ["n\n", "\n", "n\nn\n"] {
            assert_eq!(home.run(&["setup", editor], answer).0, Some(0));
            assert!(!home.at(file).exists(), "{editor}: {answer:?} is not yes");
        }
        assert_eq!(home.run(&["setup", editor], "y\n").0, Some(0));
        let written = home.read(file);
        assert_eq!(home.run(&["setup", editor, "--yes"], "").0, Some(0));
        assert_eq!(home.read(file), written, "a second run changes nothing");
    }
    let home = Home::new();
    home.write("config/helix/languages.toml", "[[language]\n");
    let (code, _, err) = home.run(&["setup", "helix", "--yes"], "");
    assert!(code == Some(1) && err.contains("languages.toml:1:12: "), "{err}");
    assert_eq!(home.read("config/helix/languages.toml"), "[[language]\n");
}

#[cfg(unix)]
#[test]
fn doctor_says_what_each_editor_lacks() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    for (program, version) in [("nvim", "NVIM v0.9.5"), ("hx", "helix 25.01.1"), ("codium", "1.100.0"), ("node", "v18.1.0")] {
        home.write(&format!("bin/{program}"), &format!("#!/bin/sh\necho '{version}'\n"));
        fs::set_permissions(home.at(&format!("bin/{program}")), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = home.at("bin").display().to_string();
    let doctor = || home.run_with(&["doctor"], "", &[("PATH", &path)]).1;
    let check = |want: &[&str]| {
        let out = doctor();
        want.iter().for_each(|want| assert!(out.contains(want), "{want}: {out}"));
    };
    check(&[
        "this Neovim is too old",
        "`interline setup neovim` puts it there",
        "`interline setup helix` puts it there",
        "its extension is not installed where codium looks",
        "Node.js 20 or newer is needed once, to build it; on the PATH is v18.1.0",
    ]);
    home.write("config/nvim/init.lua", "require('interline').setup({})\n");
    home.write("config/helix/languages.toml", "[language-server.interline]\ncommand = \"/nowhere/interline\"\n");
    home.write("config/helix/config.toml", "theme = \n");
    fs::create_dir_all(home.at(".vscode-oss/extensions/interline.interline-0.1.0")).unwrap();
    check(&[
        "nvim/init.lua speaks of Interline",
        "PROBLEM: ",
        "languages.toml starts `/nowhere/interline`, which is not there",
        "config.toml:1:",
        "its extension is installed in",
    ]);
    home.write("config/helix/languages.toml", "[[language]\n");
    check(&["languages.toml:1:12: "]);
    fs::remove_file(home.at("config/helix/config.toml")).unwrap();
    fs::remove_file(home.at("config/helix/languages.toml")).unwrap();
    assert_eq!(home.run(&["setup", "helix", "--yes"], "").0, Some(0));
    assert!(home.read("config/helix/config.toml").contains("interline.chat"));
    check(&["starts Interline by"]);
}

#[test]
fn an_mcp_server_is_written_down_once_it_was_shown() {
    let home = Home::new();
    let add = ["mcp", "add", "files", "--env", "A=b", "--", "/nonexistent/program", "--flag"];
    let (code, out, err) = home.run(&add, "n\n");
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("+      \"type\": \"local\",") && !home.at("project/interline.json").exists(), "{out}");
    home.write("project/opencode.jsonc", "{\n  // mine\n  \"model\": \"a/b\"\n}\n");
    home.run(&add, "y\n");
    assert!(!home.at("project/interline.json").exists(), "it would count instead of the other one");
    let written = home.read("project/opencode.jsonc");
    assert!(written.contains("// mine") && written.contains("\"--flag\"") && written.contains("\"A\": \"b\""), "{written}");
    let (code, _, err) = home.run(&add, "y\n");
    assert!(code == Some(1) && err.contains("mcp.files is there already"), "{err}");
    let (code, out, _) = home.run(&["mcp", "list"], "");
    assert!(code == Some(0) && out.starts_with("files\tfailed: `/nonexistent/program` cannot be started"), "{out}");
    assert_eq!(home.run(&["mcp", "debug", "files"], "").0, Some(1));
    assert_eq!(home.run(&["mcp", "logout", "files"], "").0, Some(1));
    let (_, out, _) = home.run(&["doctor"], "");
    assert!(
        out.contains("files: allowed by you; /nonexistent/program") && out.contains("PROBLEM: /nonexistent/program: No such file"),
        "{out}"
    );
}

#[cfg(unix)]
#[test]
fn doctor_tells_what_folders_bring() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    let script = |name: &str, text: &str| {
        home.write(name, text);
        fs::set_permissions(home.at(name), fs::Permissions::from_mode(0o755)).unwrap();
    };
    script("project/.interline/tool/theirs", "#!/bin/sh\necho x >> ran\n");
    script("config/interline/tool/broken", "#!/bin/sh\necho '{}'\n");
    script("config/interline/tool/read", "#!/bin/sh\n");
    home.write("config/interline/interline.json", r#"{"hooks": {"session": [{"command": ["/bin/sh", "-c", "true"]}]}}"#);
    home.write("project/interline.json", r#"{"hooks": {"tool.before": [{"command": ["./gone.py"]}]}, "mcp": {"odd": {"type": "local"}}}"#);
    let (_, out, err) = home.run(&["doctor"], "");
    for says in [
        "theirs: not allowed yet; ",
        "broken: your own; ",
        "PROBLEM: its schema has no `description`",
        "PROBLEM: it is not offered: there is another one of that name",
        "session: your own; /bin/sh -c true\n",
        "tool.before: not allowed yet; ./gone.py: PROBLEM: ",
        "interline.json:1:66: \"mcp.odd\": `command` must be a list",
    ] {
        assert!(out.contains(says), "{says}: {out}{err}");
    }
    assert!(!home.at("project/ran").exists());
}

#[test]
fn a_projects_configuration_does_not_get_the_users_key() {
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (tx, requests) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut head) = (stream.unwrap(), [0; 4096]);
            let length = stream.read(&mut head).unwrap();
            tx.send(String::from_utf8_lossy(&head[..length]).into_owned()).unwrap();
            stream.write_all(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
        }
    });
    let check = |arguments: &[&str], input: &str, says: &str| {
        let (code, out, err) = home.run(arguments, input);
        let all = format!("{out}{err}");
        assert!(all.contains(says) && !all.contains("sk-mine"), "{arguments:?} {code:?}: {all}");
    };
    home.run(&["auth", "add", "anthropic"], "sk-mine\n");
    let ask = ["run", "--model", "anthropic/claude-sonnet-4-5", "hello"];
    home.write("project/opencode.json", &format!(r#"{{"provider": {{"anthropic": {{"options": {{"baseURL": "{address}"}}}}}}}}"#));
    check(&ask, "", "interline auth allow anthropic");
    check(&["doctor"], "", &format!("anthropic: not allowed yet; {address}"));
    check(&["auth", "allow", "anthropic"], "n\n", "anthropic is not allowed");
    assert!(requests.try_recv().is_err());
    check(&["auth", "allow", "anthropic"], "y\n", "anthropic is allowed");
    check(&ask, "", "401");
    assert!(requests.try_recv().unwrap().contains("sk-mine"));
    // Another address is another question; a project's own key, or no key at all, goes where it says.
    home.write("project/opencode.json", &format!(r#"{{"provider": {{"anthropic": {{"options": {{"baseURL": "{address}/other"}}}}}}}}"#));
    check(&ask, "", "interline auth allow anthropic");
    let own = format!(r#"{{"provider": {{"anthropic": {{"options": {{"baseURL": "{address}", "apiKey": "theirs"}}}}}}}}"#);
    home.write("project/opencode.json", &own);
    check(&ask, "", "401");
    assert!(!requests.try_recv().unwrap().contains("sk-mine"));
    home.write("secret", "sk-mine");
    let read = own.replace("theirs", &format!("{{file:{}}}", home.at("secret").display()));
    home.write("project/opencode.json", &read);
    check(&ask, "", "interline auth allow anthropic");
    assert!(requests.try_recv().is_err());
}

#[test]
fn a_shell_that_the_project_brings_is_told_with_its_place() {
    let home = Home::new();
    home.write("project/opencode.json", "{\n  \"shell\": \"./sh\"\n}\n");
    let (_, _, err) = home.run(&["models"], "");
    assert!(err.contains("opencode.json:2:3: warning: \"shell\"") && err.contains("`interline allow shell`"), "{err}");
}

#[test]
fn a_projects_programs_do_not_count_before_they_are_allowed() {
    let home = Home::new();
    let check = |arguments: &[&str], input: &str, says: &str| {
        let (code, out, err) = home.run(arguments, input);
        let all = format!("{out}{err}");
        assert!(all.contains(says), "{arguments:?} {code:?}: {all}");
    };
    home.write(
        "project/opencode.json",
        r#"{"formatter": {"mine": {"command": ["./fmt.sh", "$FILE"], "extensions": [".x"]}}, "lsp": {"it": {"command": ["./ls"], "extensions": [".x"]}}}"#,
    );
    home.write("project/fmt.sh", "one");
    let left_out = "opencode.json:1:16: warning: \"formatter.mine\" is a program that the project brings, not allowed yet; it is left out: `interline allow formatter.mine`";
    check(&["models"], "", left_out);
    check(&["doctor"], "", "lsp.it: not allowed yet; ./ls (`interline allow lsp.it`)");
    check(&["allow", "formatter.mine"], "n\n", "formatter.mine is not allowed");
    check(&["allow", "formatter.mine"], "", "there is nobody to ask; `--yes`");
    check(&["models"], "", left_out);
    check(&["allow", "formatter.mine"], "y\n", "formatter.mine is allowed");
    let (_, out, err) = home.run(&["models"], "");
    assert!(!format!("{out}{err}").contains("formatter.mine"), "{out}{err}");
    // What it names has changed.
    home.write("project/fmt.sh", "two");
    check(&["models"], "", left_out);
    home.write("config/interline/interline.json", r#"{"permission": {"project_code": {"formatter.*": "allow"}}}"#);
    check(&["allow", "formatter.mine"], "", "formatter.mine is allowed by your configuration");
}

#[test]
fn a_projects_mcp_server_is_allowed_on_the_command_line() {
    let home = Home::new();
    let entry = r#"{"mcp": {"theirs": {"type": "local", "command": ["/bin/sh", "-c", "echo x >> started; echo WORD"]}}}"#;
    home.write("project/opencode.json", entry);
    let check = |arguments: &[&str], input: &str, status: i32, says: &str| {
        let (code, out, err) = home.run(arguments, input);
        let all = format!("{out}{err}");
        assert!(code == Some(status) && all.contains(says), "{arguments:?} {code:?}: {all}");
    };
    check(&["mcp", "list"], "", 0, "theirs\tnot started: the project brings it");
    check(&["mcp", "debug", "theirs"], "", 1, "interline mcp allow theirs");
    check(&["doctor"], "", 1, "theirs: not allowed yet; /bin/sh -c echo x");
    check(&["mcp", "allow", "other"], "", 1, "no MCP server `other`");
    check(&["mcp", "allow", "theirs"], "n\n", 1, "echo x >> started");
    assert!(!home.at("project/started").exists());
    check(&["mcp", "allow", "theirs"], "y\n", 0, "theirs is allowed");
    check(&["mcp", "allow"], "", 0, "theirs is allowed by you");
    check(&["mcp", "list"], "", 0, "theirs\tfailed");
    assert!(home.at("project/started").exists());
    home.write("project/opencode.json", &entry.replace("WORD", "OTHER"));
    check(&["mcp", "list"], "", 0, "not started");
    home.write("config/interline/interline.json", r#"{"permission": {"project_code": {"mcp theirs *": "deny"}}}"#);
    check(&["mcp", "allow", "--yes"], "", 1, "denied by your configuration");
}

#[test]
fn other_agents_may_look() {
    let home = Home::new();
    home.write("project/a.txt", "ALPHA\n");
    home.write("project/.env", "KEY=SECRET\n");
    let call = |id: u32, name: &str, arguments: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{name}","arguments":{arguments}}}}}"#)
    };
    let input = [
        r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#.to_owned(),
        "garbage".to_owned(),
        "\"words\"".to_owned(),
        call(3, "read", r#"{"filePath":"a.txt"}"#),
        call(4, "read", r#"{"filePath":".env"}"#),
        call(5, "grep", r#"{"pattern":"ALPHA"}"#),
        call(6, "write", r#"{"filePath":"a.txt","content":"x"}"#),
        r#"{"jsonrpc":"2.0","id":7,"method":"sampling/createMessage"}"#.to_owned(),
    ];
    let (code, out, err) = home.run(&["mcp", "serve"], &format!("{}\n", input.join("\n")));
    assert_eq!(code, Some(0), "{err}");
    let answer = |id: u32| out.lines().find(|line| line.contains(&format!("\"id\":{id},"))).unwrap_or_else(|| panic!("{id}: {out}"));
    assert!(answer(1).contains("\"protocolVersion\":\"2025-06-18\""));
    assert!(answer(2).contains("\"name\":\"grep\"") && !answer(2).contains("\"name\":\"edit\""));
    assert!(answer(3).contains("ALPHA") && answer(5).contains("a.txt"));
    assert!(answer(4).contains("permission denied") && !out.contains("SECRET"));
    assert!(answer(6).contains("there is no tool `write`") && home.read("project/a.txt") == "ALPHA\n");
    assert!(answer(7).contains("-32601") && out.contains("-32700"));
}
