//! Images and PDF files, which a model is shown beside the text of a call.
//!
//! Owns what counts as one, and how large it may be. Must not know which model will see it, nor how that is told.
//!
//! **Invariant:** what a file is says its content, not its name; none that is given is larger than what every provider takes.

mod fit;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use base64::Engine as _;
use config::ImageConfig;
use serde_json::{Value, json};

use crate::{ToolError, ToolOutput};

/// Most bytes of a PDF file: written in base64 it has OpenCode's limit, 5 MiB, which is Anthropic's.
pub const LARGEST: u64 = 5 * 1024 * 1024 / 4 * 3;
/// Most bytes of an image that is read to be made smaller.
const READ: u64 = 64 << 20;
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

/// An image or a PDF as it is given: its media type, which may be another than the file's, and its text in base64.
pub type Given = (&'static str, String);

/// The file `name` that holds `bytes`; none if they are neither.
///
/// # Errors
/// Why it cannot be given.
pub fn give(name: &str, bytes: &[u8], bounds: &ImageConfig) -> Result<Option<Given>, String> {
    let Some(mime) = kind(bytes) else { return Ok(None) };
    let length = bytes.len() as u64;
    if length > largest(mime, bounds) {
        return Err(too_large(name, length, largest(mime, bounds)));
    }
    let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    if !can_shrink(mime, bounds) {
        return Ok(Some((mime, encode(bytes))));
    }
    match fit::fit(mime, bytes, bounds) {
        Ok((mime, bytes)) => Ok(Some((mime, encode(&bytes)))),
        Err(why) => Err(format!("{name} ({} MiB) is larger than models take, and {why}: make it smaller", mebibytes(length))),
    }
}

/// The same of a file on the disk, of which no more is read than can be given.
///
/// # Errors
/// Why it cannot be given; or what went wrong.
pub fn give_file(name: &str, path: &Path, bounds: &ImageConfig) -> Result<Option<Given>, String> {
    let mut bytes = Vec::new();
    let failed = |error: std::io::Error| format!("{name} cannot be read: {error}");
    let mut file = File::open(path).map_err(failed)?;
    (&mut file).take(HEAD as u64).read_to_end(&mut bytes).map_err(failed)?;
    let Some(mime) = kind(&bytes) else { return Ok(None) };
    let (length, most) = (file.metadata().map_err(failed)?.len(), largest(mime, bounds));
    if length > most {
        return Err(too_large(name, length, most));
    }
    file.take(most).read_to_end(&mut bytes).map_err(failed)?;
    give(name, &bytes, bounds)
}

/// What comes in base64, as it can be given. What cannot be read as such is left to the model.
///
/// # Errors
/// Why it cannot be given.
pub fn give_again(mime: &str, base64: String, bounds: &ImageConfig) -> Result<(String, String), String> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(&base64).unwrap_or_default();
    let given = give(&format!("this {mime}"), &bytes, bounds)?;
    Ok(given.map_or_else(|| (mime.to_owned(), base64), |(mime, base64)| (mime.to_owned(), base64)))
}

fn can_shrink(mime: &str, bounds: &ImageConfig) -> bool {
    bounds.auto_resize && mime.starts_with("image/")
}

fn largest(mime: &str, bounds: &ImageConfig) -> u64 {
    match mime {
        _ if can_shrink(mime, bounds) => READ,
        "application/pdf" => LARGEST,
        _ => bounds.max_bytes() as u64,
    }
}

fn too_large(name: &str, length: u64, most: u64) -> String {
    format!("{name} has {} MiB, and models take at most {} MiB: make it smaller", mebibytes(length), mebibytes(most))
}

/// To a tenth.
fn mebibytes(bytes: u64) -> String {
    format!("{}.{}", bytes / (1024 * 1024), bytes % (1024 * 1024) * 10 / (1024 * 1024))
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

/// A call's result that is an image or a PDF.
pub(crate) fn shown(title: String, name: &str, (mime, base64): &Given) -> ToolOutput {
    ToolOutput {
        title,
        output: format!("<path>{name}</path>\n<type>{mime}</type>\n{}", in_words(mime, base64.len() / 4 * 3)),
        metadata: json!({ "truncated": false, "attachments": [attachment(mime, base64)] }),
        changes: Vec::new(),
    }
}

/// The result that is such a file; none if it is neither.
pub(crate) fn of_file(title: String, path: &Path, bounds: &ImageConfig) -> Result<Option<ToolOutput>, ToolError> {
    let name = path.display().to_string();
    let given = give_file(&name, path, bounds).map_err(ToolError::Model)?;
    Ok(given.map(|given| shown(title, &name, &given)))
}
