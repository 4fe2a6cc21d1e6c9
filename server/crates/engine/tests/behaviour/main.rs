//! What users of the engine rely on: a real engine, over real HTTP, with a model that says what the test has written down.
//!
//! **Invariant:** no test sleeps, and each has a data folder of its own.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on is a failed test")]

extern crate interline_engine as engine;

mod ask;
mod cancel;
mod commands;
mod context;
mod elsewhere;
mod extras;
mod failover;
mod families;
mod faults;
mod foreign;
mod hands;
mod images;
mod intents;
mod limits;
mod mcp;
mod model;
mod permissions;
mod real;
mod real_killed;
mod recorder;
mod sessions;
mod siblings;
mod spending;
mod steering;
mod streamed;
mod subagents;
mod summaries;
mod titles;
mod tool_free;
mod tools;
mod undo;
mod world;
