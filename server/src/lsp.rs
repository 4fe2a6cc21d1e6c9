//! The language server: an editor starts Interline and talks LSP over stdin and stdout.
//!
//! **Invariant:** translates; decides nothing.

pub mod client;
pub mod codec;
pub mod documents;
pub mod positions;
pub mod serve;
