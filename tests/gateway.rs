//! A team behind one gateway: two users with keys of their own, through a real LiteLLM, to a model that says what the test has written down.
//!
//! Only where `cargo xtask test --litellm` has installed LiteLLM; skipped elsewhere, with a message.
//!
//! **Invariant:** no key of a user's reaches the model's provider, and nobody without a key reaches the model.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
};

use interline_tests::{
    editors::{Desk, binary},
    scripted_model::{Reply, ScriptedModel},
};
use serde_json::{Value, json};

/// LiteLLM's own keys need a database; its hook for a company's own sign-on does not, and is asked at the same place.
const SIGN_ON: &str = r#"
import json
from fastapi import Request
from litellm.proxy._types import ProxyException, UserAPIKeyAuth

USERS = {"sk-alice-0123456789": "alice", "sk-bob-0123456789": "bob"}

async def check(request: Request, api_key: str) -> UserAPIKeyAuth:
    user = USERS.get(api_key)
    head = request.headers
    with open("users.log", "a") as log:
        log.write(json.dumps({"user": user, "agent": head.get("user-agent"), "session": head.get("x-session-affinity"), "team": head.get("x-team")}) + "\n")
    if user is None:
        raise ProxyException(message="This key is not on the team's list.", type="auth_error", param="key", code=401)
    return UserAPIKeyAuth(api_key=api_key, user_id=user)
"#;

/// The running proxy. It ends with the test.
struct Proxy {
    child: Child,
    url: String,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn start(litellm: &PathBuf, desk: &Desk, model: &ScriptedModel) -> Proxy {
    let parameters = json!({ "model": "openai/behind", "api_base": model.url(), "api_key": "sk-of-the-provider" });
    // YAML takes JSON.
    let config = json!({
        "model_list": [{ "model_name": "coder", "litellm_params": parameters }],
        "litellm_settings": { "num_retries": 0 },
        "general_settings": { "custom_auth": "sign_on.check" },
    });
    desk.write("proxy/config.yaml", &config.to_string()).write("proxy/sign_on.py", SIGN_ON);
    let mut child = Command::new(litellm)
        .args(["--config", "config.yaml", "--host", "127.0.0.1", "--port", "0"])
        .current_dir(desk.at("proxy"))
        .env_clear()
        .envs(desk.environment())
        // The operator's own key. It starts with none that is short.
        .env("LITELLM_MASTER_KEY", format!("sk-{}", "0123456789abcdef".repeat(4)))
        // Else it asks the network for a list of prices.
        .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("litellm starts");
    let mut told = BufReader::new(child.stderr.take().expect("its errors")).lines();
    let mut seen = String::new();
    // It says which port the system has given it.
    let url = loop {
        let line = told.next().unwrap_or_else(|| panic!("litellm ended: {seen}")).expect("a line");
        if let Some((_, rest)) = line.split_once("Uvicorn running on ") {
            break format!("{}/v1", rest.split_whitespace().next().expect("its address"));
        }
        seen.push_str(&line);
        seen.push('\n');
    };
    // A full pipe would stop it.
    std::thread::spawn(move || told.for_each(drop));
    Proxy { child, url }
}

/// A turn of a user with this key.
fn turn(desk: &Desk, key: &str, words: &str) -> Output {
    Command::new(binary())
        .args(["run", words])
        .current_dir(desk.at("project"))
        .env_clear()
        .envs(desk.environment())
        .env("TEAM_LLM_KEY", key)
        .stdin(Stdio::null())
        .output()
        .expect("interline starts")
}

#[test]
fn litellm_lets_a_teams_users_through_and_nobody_else() {
    let Some(litellm) = std::env::var_os("INTERLINE_LITELLM").map(PathBuf::from) else {
        eprintln!("skipped: `cargo xtask test --litellm` installs LiteLLM and runs this");
        return;
    };
    let (desk, model) = (Desk::new(), ScriptedModel::start());
    let proxy = start(&litellm, &desk, &model);
    let config = json!({
        "model": "team/coder",
        "enabled_providers": ["team"],
        "provider": { "team": {
            "name": "Team gateway",
            "npm": "@ai-sdk/openai-compatible",
            "options": { "baseURL": proxy.url, "apiKey": "{env:TEAM_LLM_KEY}", "headers": { "x-team": "payments" } },
            "models": { "coder": { "family": "qwen", "limit": { "context": 128_000, "output": 8192 } } },
        } },
        "permission": { "bash": "allow" },
    });
    desk.write("interline.json", &config.to_string());

    for (number, (key, user)) in [("sk-alice-0123456789", "alice"), ("sk-bob-0123456789", "bob")].into_iter().enumerate() {
        let command = format!("echo {user} >> proof.txt");
        model.script([Reply::Call("bash", json!({ "command": command, "description": "Leaves a proof" })), Reply::Text("It is done.")]);
        let output = turn(&desk, key, &format!("Leave a proof for {user}."));
        assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stdout).as_ref()), (Some(0), "It is done.\n"), "{output:?}");
        let asked = model.request(2 * number + 2).to_string();
        assert!(asked.contains(&format!("Leave a proof for {user}.")) && asked.contains("tool_call_id"), "{asked}");
    }
    assert_eq!(desk.read("project/proof.txt"), "alice\nbob\n");

    // Nothing is in the script: it must not even be asked.
    let output = turn(&desk, "sk-mallory-0123456789", "Leave a proof.");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{output:?}");
    assert!(told.contains("not on the team's list") && told.contains("(HTTP 401)") && told.contains("Check the key"), "{told}");
    assert!(!told.contains("sk-mallory"), "{told}");

    let log = desk.read("proxy/users.log");
    let seen: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("a line of the proxy's")).collect();
    for user in [json!("alice"), json!("bob"), Value::Null] {
        let of_user: Vec<_> = seen.iter().filter(|entry| entry["user"] == user).collect();
        assert!(!of_user.is_empty(), "{user}: {log}");
        for entry in of_user {
            assert!(entry["agent"].as_str().is_some_and(|agent| agent.starts_with("interline/")), "{log}");
            assert!(entry["session"].as_str().is_some_and(|session| session.starts_with("ses")), "{log}");
            assert_eq!(entry["team"], "payments", "{log}");
        }
    }
    assert_eq!(model.keys(), ["Bearer sk-of-the-provider"], "what the provider is shown");
}
