//! The binary.
mod lsp;

fn main() {}
