//! Images and PDF files, which a model is shown beside the text of a call.
//!
//! Owns what counts as one, and how large it may be. Must not know which model will see it, nor how that is told.
//!
//! **Invariant:** what a file is says its content, not its name; none is larger than what every provider takes.

use std::path::Path;

use base64::Engine as _;
use serde_json::{Value, json};

use crate::{ToolError, ToolOutput};

/// Most bytes of a file: written in base64 it has OpenCode's limit, 5 MiB, which is Anthropic's.
pub const LARGEST: u64 = 5 * 1024 * 1024 / 4 * 3;
/// How many bytes tell what a file is.
pub const HEAD: usize = 16;

/// The media type of what begins so; none if models take it as text, or not at all.
#[must_use]
pub fn kind(head: &[u8]) -> Option<&'static str> {
    match head {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        [b'%', b'P', b'D', b'F', b'-', ..] => Some("application/pdf"),
        _ => None,
    }
}

/// Why a file of `length` bytes is not given.
#[must_use]
pub fn too_large(name: &str, length: u64) -> String {
    let tenths = |bytes: u64| format!("{}.{}", bytes / (1024 * 1024), bytes % (1024 * 1024) * 10 / (1024 * 1024));
    format!("{name} has {} MiB, and models take at most {} MiB: make it smaller", tenths(length), tenths(LARGEST))
}

/// An image or a PDF as OpenCode's file part.
#[must_use]
pub fn attachment(mime: &str, base64: &str) -> Value {
    json!({ "type": "file", "mime": mime, "url": format!("data:{mime};base64,{base64}") })
}

/// What the model is told in words of what it is shown.
#[must_use]
pub fn in_words(mime: &str, bytes: usize) -> String {
    format!("[{mime}, {bytes} bytes: shown beside this where you can see such]")
}

/// A call's result that is an image or a PDF; none if `bytes` are neither.
pub(crate) fn shown(title: String, name: &str, bytes: &[u8]) -> Result<Option<ToolOutput>, ToolError> {
    let Some(mime) = kind(bytes) else { return Ok(None) };
    let length = bytes.len() as u64;
    if length > LARGEST {
        return Err(ToolError::Model(too_large(name, length)));
    }
    let attachment = attachment(mime, &base64::engine::general_purpose::STANDARD.encode(bytes));
    Ok(Some(ToolOutput {
        title,
        output: format!("<path>{name}</path>\n<type>{mime}</type>\n{}", in_words(mime, bytes.len())),
        metadata: json!({ "truncated": false, "attachments": [attachment] }),
        changes: Vec::new(),
    }))
}

/// The same of a file, of which no more is read than may be given.
pub(crate) fn of_file(title: String, path: &Path) -> Result<Option<ToolOutput>, ToolError> {
    let name = path.display().to_string();
    let read = || {
        let file = std::fs::File::open(path)?;
        let length = file.metadata()?.len();
        let mut bytes = Vec::new();
        let most = if length > LARGEST { HEAD as u64 } else { LARGEST };
        std::io::Read::read_to_end(&mut std::io::Read::take(file, most), &mut bytes)?;
        std::io::Result::Ok((length, bytes))
    };
    let (length, bytes) = read().map_err(|error| ToolError::Model(format!("{name}: {error}")))?;
    if length > LARGEST && kind(&bytes).is_some() {
        return Err(ToolError::Model(too_large(&name, length)));
    }
    shown(title, &name, &bytes)
}
