//! A client of Model Context Protocol servers: programs of this machine over their standard input and output, and others over HTTP.
//!
//! Owns their processes and connections, their logins, and what they say that they have. Must not know the engine, tools of ours, permissions or models. By hand and not by
//! the protocol's own library, which is several times as large as all of this.
//!
//! **Invariant:** nothing is started before it is needed, nothing outlives us, and whatever a server says or does is bounded in size and time.

mod content;
mod http;
mod live;
mod login;
mod oauth;
mod peer;
mod process;
mod rpc;
mod schema;
mod server;
mod servers;
mod settings;
mod sse;
mod stdio;
mod tame;
mod tokens;

pub use content::{Content, Media};
pub use live::{Places, StartError};
pub use login::Logins;
pub use oauth::{LoginError, log_in};
pub use rpc::RpcError;
pub use servers::{CallError, Servers, State, Status};
pub use settings::{Local, OauthConfig, Reach, Remote, ServerConfig, Unusable, configured};
pub use tame::{Prompt, Resource, Tool};
pub use tokens::TokensError;
