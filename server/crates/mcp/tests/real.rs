//! Real, unmodified servers, from npm and PyPI: over standard input and output, and both ways over HTTP.
//!
//! They stand in `.servers/bin`, where `cargo xtask servers` puts them.
//!
//! **Invariant:** nothing here waits for a time; only for what a server says.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use interline_mcp::{Places, Servers, State, configured};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio_util::sync::CancellationToken;

/// A hang ends here; no server needs so long.
const BUDGET: Duration = Duration::from_secs(100);

fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../.servers/bin")
        .join(name)
        .canonicalize()
        .expect("`cargo xtask servers` installs them")
}

async fn started(entry: Value, folder: &Path) -> Servers {
    let (servers, problems) = configured(Some(&json!({ "s": entry })), None);
    assert!(problems.is_empty(), "{problems:?}");
    let servers = Servers::new(servers, Places { directory: folder.to_owned(), roots: vec![folder.to_owned()] }, Vec::new(), []);
    servers.start();
    servers.settle(BUDGET).await;
    assert!(matches!(servers.status()[0].state, State::Running(_)), "{:?}", servers.status());
    servers
}

async fn call(servers: &Servers, tool: &str, args: Value) -> interline_mcp::Content {
    servers.call("s", tool, args, &CancellationToken::new(), &|_| {}).await.expect("an answer")
}

/// What the reference server for all of the protocol does.
async fn everything(servers: &Servers) {
    let tools: Vec<String> = servers.tools().iter().map(|tool| tool.name.clone()).collect();
    assert!(tools.contains(&"s_echo".to_owned()), "{tools:?}");
    assert_eq!(call(servers, "echo", json!({ "message": "h\u{e9}llo" })).await.text, "Echo: h\u{e9}llo");
    let sum = call(servers, "get-sum", json!({ "a": 40, "b": 2 })).await;
    assert!(sum.text.contains("42"), "{sum:?}");
    let image = call(servers, "get-tiny-image", json!({})).await;
    assert!(image.media.iter().any(|media| media.mime == "image/png"), "{}", image.text);
    let refused = call(servers, "get-sum", json!({ "a": "x" })).await;
    assert!(refused.failed, "{refused:?}");
    assert!(!servers.resources().is_empty() && !servers.prompts().is_empty());
    let resource = servers.resources().into_iter().find(|resource| !resource.template).expect("a resource");
    let read = servers.read("s", &resource.uri, &CancellationToken::new()).await.expect("it can be read");
    assert!(!read.text.is_empty() || !read.media.is_empty());
    let prompt = servers.prompt("s", "simple-prompt", &[], &CancellationToken::new()).await.expect("a prompt");
    assert!(!prompt.text.is_empty());
    servers.shut_down(BUDGET).await;
}

#[tokio::test]
async fn real_everything() {
    let folder = tempfile::tempdir().expect("a folder");
    let servers = started(json!({ "type": "local", "command": [program("mcp-server-everything")] }), folder.path()).await;
    let progress = std::sync::atomic::AtomicUsize::new(0);
    let heard = |_: &Value| {
        progress.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    };
    let cancel = CancellationToken::new();
    let long = servers.call("s", "trigger-long-running-operation", json!({ "duration": 1, "steps": 3 }), &cancel, &heard);
    assert!(!long.await.expect("an answer").failed);
    assert!(progress.load(std::sync::atomic::Ordering::Relaxed) >= 2);
    everything(&servers).await;
}

/// The same server over HTTP, which it says on its error stream.
async fn over_http(way: &str, path: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("its address").port();
    let mut command = tokio::process::Command::new(program("mcp-server-everything"));
    command.arg(way).env("PORT", port.to_string()).kill_on_drop(true);
    command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped());
    let mut server = command.spawn().expect("it starts");
    let mut lines = BufReader::new(server.stderr.take().expect("its words")).lines();
    while !lines.next_line().await.expect("words").expect("it goes on").contains(&port.to_string()) {}
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    let servers = started(json!({ "type": "remote", "url": format!("http://127.0.0.1:{port}{path}") }), folder.path()).await;
    everything(&servers).await;
}

#[tokio::test]
async fn real_everything_over_http() {
    over_http("streamableHttp", "/mcp").await;
}

#[tokio::test]
async fn real_everything_over_the_older_way() {
    over_http("sse", "/sse").await;
}

#[tokio::test]
async fn real_filesystem() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().canonicalize().expect("a folder");
    std::fs::write(root.join("a.txt"), "what stands in it\n").expect("written");
    let servers = started(json!({ "type": "local", "command": [program("mcp-server-filesystem"), root] }), &root).await;
    let tools = servers.tools();
    let reads = |name: &str| tools.iter().find(|tool| tool.tool == name).is_some_and(|tool| tool.reads);
    assert!(reads("read_text_file") && !reads("write_file"));
    let text = call(&servers, "read_text_file", json!({ "path": root.join("a.txt") })).await;
    assert_eq!(text.text, "what stands in it\n");
    assert!(call(&servers, "read_text_file", json!({ "path": "/etc/passwd" })).await.failed, "it stays in its folder");
}

#[tokio::test]
async fn real_fetch() {
    let folder = tempfile::tempdir().expect("a folder");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/page", listener.local_addr().expect("its address"));
    std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        for mut stream in listener.incoming().flatten() {
            let read = stream.read(&mut [0; 4096]);
            let body = "<html><body><h1>Title</h1><p>Words of the page.</p></body></html>";
            if read.is_ok() {
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                drop(stream.write_all(answer.as_bytes()));
            }
        }
    });
    let servers = started(
        json!({ "type": "local", "command": [program("mcp-server-fetch"), "--ignore-robots-txt", "--allow-private-ips"] }),
        folder.path(),
    )
    .await;
    let page = call(&servers, "fetch", json!({ "url": url })).await;
    assert!(page.text.contains("Words of the page."), "{page:?}");
    assert!(servers.prompts().iter().any(|prompt| prompt.name == "fetch"));
}
