//! scratch
use std::sync::Arc;
use std::time::Instant;
use tools::*;
use serde_json::json;
struct U;
#[async_trait::async_trait]
impl Asker for U {
    async fn ask(&self, _a: Ask) -> Result<(), Denied> { Ok(()) }
    fn evaluate(&self, _p: &str, _x: &str) -> permission::Action { permission::Action::Allow }
    fn decide_shell(&self, _a: &permission::BashAnalysis) -> permission::BashDecision { unreachable!() }
}
struct T;
impl TodoStore for T { fn set(&self, _t: Vec<proto::Todo>) {} fn get(&self) -> Vec<proto::Todo> { vec![] } }
#[tokio::test]
async fn bench() {
    let (progress, _r) = tokio::sync::mpsc::unbounded_channel();
    let c = ToolContext { workspace: Arc::new(workspace::DiskWorkspace::new(vec!["/tmp/tools_tree".into()])), asker: Arc::new(U), session: proto::SessionId::new(), message: proto::MessageId::new(), call: proto::CallId::from("x"), cancel: Default::default(), progress, seen: Arc::default(), todos: Arc::new(T), jobs: Arc::default(), output_dir: "/tmp/tools_out".into(), limits: Limits::default(), shell: "/bin/bash".into() };
    for _ in 0..5 {
        let rg = Instant::now();
        std::process::Command::new("rg").args(["-n", "needle_mk[0-9]+", "/tmp/tools_tree"]).stdin(std::process::Stdio::null()).output().unwrap();
        let rg = rg.elapsed();
        let t = Instant::now();
        let o = Grep.run(json!({"pattern":"needle_mk[0-9]+"}), &c).await.unwrap();
        let g = t.elapsed();
        let rf = Instant::now();
        std::process::Command::new("rg").args(["--files", "-g", "**/*.ndl", "/tmp/tools_tree"]).output().unwrap();
        let rf = rf.elapsed();
        let t = Instant::now();
        let p = Glob.run(json!({"pattern":"**/*.ndl"}), &c).await.unwrap();
        println!("grep rg {rg:?} ours {g:?} | glob rg {rf:?} ours {:?} {} {}", t.elapsed(), o.output.lines().count(), p.output.lines().count());
    }
}
