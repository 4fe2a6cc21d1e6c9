//! Images and PDF files that the user gives with a message.
//!
//! Must not know which model will see them.
//!
//! **Invariant:** what a file is says its content, not its name; a file that the user names and that cannot be given is an error, before anything is asked.

use std::path::Path;

use config::ImageConfig;
use proto::PartKind;
use tools::media::{HEAD, give_file};
use workspace::DocKey;

use crate::EngineError;
use crate::shared::Shared;

/// A file as it goes into a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// Its name, as the user wrote it.
    pub name: String,
    /// Its media type.
    pub mime: &'static str,
    /// Base64.
    pub data: String,
}

impl Media {
    /// As a part of the message.
    #[must_use]
    pub fn part(self) -> PartKind {
        PartKind::File {
            mime: self.mime.to_owned(),
            filename: Some(self.name),
            url: format!("data:{};base64,{}", self.mime, self.data),
            source: None,
        }
    }
}

/// The media type and the base64 text of a `data:` URL.
#[must_use]
pub fn data(url: &str) -> Option<(&str, &str)> {
    let (mime, data) = url.strip_prefix("data:")?.split_once(";base64,")?;
    (!mime.is_empty()).then_some((mime, data))
}

/// What the user gives: `files` by name, each of them is there; and the images among what the message mentions. Those of `files` that are texts or folders
/// become mentions.
///
/// # Errors
/// If one of `files` cannot be given.
pub async fn gather(shared: &Shared, files: &[String], mentions: &mut Vec<String>) -> Result<Vec<Media>, EngineError> {
    let mut media = Vec::new();
    for name in mentions.clone() {
        match look(shared, &name).await {
            Ok(Found::Media(found)) => media.push(found),
            Ok(Found::Other) => {}
            // Not every word behind an `@` is a file; one that is too large is said to be.
            Err(why) => tracing::info!("{why}"),
        }
    }
    for name in files {
        match look(shared, name).await.map_err(EngineError::Nothing)? {
            Found::Media(found) => media.push(found),
            Found::Other if mentions.contains(name) => {}
            Found::Other => mentions.push(name.clone()),
        }
    }
    Ok(media)
}

enum Found {
    Media(Media),
    /// A text or a folder, which is given as one.
    Other,
}

async fn look(shared: &Shared, name: &str) -> Result<Found, String> {
    let key = DocKey::from_tool_path(name, shared.main_root());
    let Some(path) = key.path().map(Path::to_owned) else { return Ok(Found::Other) };
    let (name, bounds) = (name.to_owned(), shared.settings().config.attachment.image);
    tokio::task::spawn_blocking(move || read(&path, name, &bounds)).await.map_err(|error| error.to_string())?
}

fn read(path: &Path, name: String, bounds: &ImageConfig) -> Result<Found, String> {
    let failed = |error: std::io::Error| format!("{name} cannot be read: {error}");
    let meta = std::fs::metadata(path).map_err(failed)?;
    if meta.is_dir() {
        return Ok(Found::Other);
    }
    if !meta.is_file() {
        return Err(format!("{name} is no file"));
    }
    if let Some((mime, data)) = give_file(&name, path, bounds)? {
        return Ok(Found::Media(Media { name, mime, data }));
    }
    let mut head = Vec::new();
    std::io::Read::read_to_end(&mut std::io::Read::take(std::fs::File::open(path).map_err(failed)?, HEAD as u64), &mut head)
        .map_err(failed)?;
    if head.contains(&0) {
        return Err(format!("{name} is neither a text nor an image that models take (PNG, JPEG, GIF, WebP, PDF)"));
    }
    Ok(Found::Other)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use tools::media::LARGEST;

    use super::*;

    #[test]
    fn a_file_is_what_it_holds() {
        let dir = tempfile::tempdir().unwrap();
        let check = |name: &str, bytes: &[u8], want: Result<Option<&str>, &str>| {
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            match (read(&path, name.to_owned(), &ImageConfig::default()), want) {
                (Ok(Found::Media(found)), Ok(Some(mime))) => {
                    assert_eq!(found.mime, mime, "{name}");
                    let url = if let PartKind::File { url, .. } = found.part() { url } else { String::new() };
                    let (mime_again, text) = data(&url).unwrap();
                    assert_eq!((mime_again, base64::engine::general_purpose::STANDARD.decode(text).unwrap().as_slice()), (mime, bytes));
                }
                (Ok(Found::Other), Ok(None)) => {}
                (Err(why), Err(word)) => assert!(why.contains(word) && why.contains(name), "{why}"),
                (Ok(_), want) => panic!("{name}: not {want:?}"),
                (Err(why), _) => panic!("{name}: {why}"),
            }
        };
        check("a.txt", b"\x89PNG\r\n\x1a\n rest", Ok(Some("image/png")));
        check("a.png", b"a text", Ok(None));
        check("b.bin", b"RIFF\x01\0\0\0WEBPVP8 ", Ok(Some("image/webp")));
        check("c.pdf", b"%PDF-1.7", Ok(Some("application/pdf")));
        check("d.png", b"\0\x01\x02", Err("neither"));
        check("empty", b"", Ok(None));
        let mut large = b"\xff\xd8\xff".to_vec();
        large.resize(usize::try_from(LARGEST).unwrap() + 1, 0);
        check("e.jpg", &large, Err("make it smaller"));
        assert!(read(&dir.path().join("none"), "none".into(), &ImageConfig::default()).is_err());
        assert!(matches!(read(dir.path(), "folder".into(), &ImageConfig::default()), Ok(Found::Other)));
        assert_eq!(data("file:///etc/passwd"), None);
    }
}
