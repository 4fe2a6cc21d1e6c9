//! The tools `list_mcp_resources`, `list_mcp_resource_templates` and `read_mcp_resource`: what MCP servers have to read.
//!
//! **Invariant:** their permission is `read`, for `mcp:SERVER:URI`; they are offered only where some server has resources.

use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use mcp::Servers;
use serde_json::{Value, json};
use tools::{Ask, Effect, Tool, ToolContext, ToolError, ToolOutput};

/// Their names.
pub const READERS: [&str; 3] = ["list_mcp_resources", "list_mcp_resource_templates", "read_mcp_resource"];

/// What one of them does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    List,
    Templates,
    Read,
}

struct Reader {
    what: What,
    servers: Arc<Servers>,
}

/// All three.
#[must_use]
pub fn readers(servers: &Arc<Servers>) -> Vec<Arc<dyn Tool>> {
    let reader = |what| Arc::new(Reader { what, servers: Arc::clone(servers) }) as Arc<dyn Tool>;
    [What::List, What::Templates, What::Read].map(reader).into()
}

#[async_trait]
impl Tool for Reader {
    fn id(&self) -> &str {
        READERS[self.what as usize]
    }

    fn description(&self) -> &str {
        match self.what {
            What::List => include_str!("../../../../../prompts/tools/list_mcp_resources.md").trim_ascii(),
            What::Templates => include_str!("../../../../../prompts/tools/list_mcp_resource_templates.md").trim_ascii(),
            What::Read => include_str!("../../../../../prompts/tools/read_mcp_resource.md").trim_ascii(),
        }
    }

    fn parameters(&self) -> Value {
        let text = json!({ "type": "string" });
        match self.what {
            What::Read => json!({ "type": "object", "properties": { "server": text, "uri": text }, "required": ["server", "uri"] }),
            _ => json!({ "type": "object", "properties": { "server": text } }),
        }
    }

    fn permission(&self) -> &str {
        "read"
    }

    fn effect(&self, _args: &Value) -> Effect {
        Effect::Reads
    }

    fn title(&self, args: &Value) -> String {
        let text = |key: &str| args[key].as_str().unwrap_or_default();
        format!("{} {}", text("server"), text("uri")).trim().to_owned()
    }

    async fn run(&self, args: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let title = self.title(&args);
        let server = args["server"].as_str().filter(|server| !server.is_empty());
        if let Some(server) = server.filter(|server| !self.servers.knows(server)) {
            return Err(ToolError::model(format!("server: there is no MCP server `{server}`")));
        }
        let uri = args["uri"].as_str().unwrap_or("*");
        if self.what == What::Read && (server.is_none() || uri == "*") {
            return Err(ToolError::model("server and uri are needed: list_mcp_resources names them"));
        }
        context
            .asker
            .ask(Ask {
                permission: "read".to_owned(),
                patterns: vec![format!("mcp:{}:{uri}", server.unwrap_or("*"))],
                always: vec![format!("mcp:{}:*", server.unwrap_or("*"))],
                metadata: json!({ "title": format!("{} {title}", self.id()) }),
                place: None,
                always_ask: false,
            })
            .await?;
        if let (What::Read, Some(server)) = (self.what, server) {
            return super::output(title, self.servers.read(server, uri, &context.cancel).await, context).await;
        }
        let mut text = String::new();
        let wanted = self.servers.resources().into_iter().filter(|resource| resource.template == (self.what == What::Templates));
        for resource in wanted.filter(|resource| server.is_none_or(|server| resource.server == server)) {
            let mime = resource.mime.map_or(String::new(), |mime| format!(" ({mime})"));
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{} {} — {}{mime} {}", resource.server, resource.uri, resource.name, resource.description);
        }
        if text.is_empty() {
            text.push_str("(there are none)");
        }
        super::output(title, Ok(mcp::Content { text, ..mcp::Content::default() }), context).await
    }
}
