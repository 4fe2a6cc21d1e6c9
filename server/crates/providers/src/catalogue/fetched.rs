//! What was fetched, on the disk: a small file a provider, so that a model is found by reading one.
//!
//! Owns the files and how a whole `api.json` is taken apart. Must not know what may stand in them (`tame`), nor the network.
//!
//! **Invariant:** a file is whole or absent; what cannot be read is as if it were absent, and the log says so.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::Catalogue;

/// A provider's file, and a whole `api.json`, are not read beyond this.
const LONGEST: u64 = 4 << 20;
pub(super) const LONGEST_WHOLE: u64 = 48 << 20;

/// Its time of change says when it was all fetched.
const STAMP: &str = "fetched";

impl Catalogue {
    /// What was fetched about a provider.
    pub(super) fn fetched(&self, id: &str) -> Option<Value> {
        if !is_id(id) {
            return None;
        }
        let (file, found) = if let Some(file) = &self.file {
            let mut found = None;
            let result =
                read(file, LONGEST_WHOLE).and_then(|text| Ok(providers(&text, |name| name == id, |_, value| found = Some(value))?));
            (file.clone(), result.map(|()| found))
        } else {
            let file = self.folder.as_ref()?.join(format!("{id}.json"));
            let result = read(&file, LONGEST).and_then(|text| Ok(serde_json::from_slice(&text)?));
            (file, result.map(Some))
        };
        match found {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.file.is_none() => None,
            Err(error) => {
                tracing::warn!("the catalogue's {} is left out: {error}", file.display());
                None
            }
        }
    }

    /// The ids of what was fetched.
    pub(crate) fn fetched_ids(&self) -> Vec<String> {
        let mut ids = Vec::new();
        if let Some(file) = &self.file {
            let note = |id: &str| {
                ids.push(id.to_owned());
                false
            };
            if let Err(error) = read(file, LONGEST_WHOLE).and_then(|text| Ok(providers(&text, note, |_, _| ())?)) {
                tracing::warn!("the catalogue's {} is left out: {error}", file.display());
            }
        } else if let Some(entries) = self.folder.as_ref().and_then(|folder| fs::read_dir(folder).ok()) {
            let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            ids.extend(names.filter_map(|name| name.strip_suffix(".json").map(str::to_owned)));
        }
        ids.retain(|id| is_id(id));
        ids.sort_unstable();
        ids
    }
}

/// A provider's id that may be a file's name.
pub(super) fn is_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.');
    (1..=64).contains(&id.len()) && !id.starts_with('.') && id.bytes().all(plain)
}

fn read(file: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    fs::File::open(file)?.take(most + 1).read_to_end(&mut text)?;
    if text.len() as u64 > most {
        return Err(io::Error::other(format!("it is longer than {} MiB", most >> 20)));
    }
    Ok(text)
}

/// Takes an `api.json` apart, one provider in memory at a time: those that are `wanted` are `taken`.
pub(super) fn providers(text: &[u8], wanted: impl FnMut(&str) -> bool, taken: impl FnMut(String, Value)) -> Result<(), serde_json::Error> {
    struct Each<W, T>(W, T);
    impl<'de, W: FnMut(&str) -> bool, T: FnMut(String, Value)> Visitor<'de> for Each<W, T> {
        type Value = ();

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object of providers")
        }

        fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
            while let Some(id) = map.next_key::<String>()? {
                if (self.0)(&id) {
                    (self.1)(id, map.next_value()?);
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(())
        }
    }
    let mut reader = serde_json::Deserializer::from_slice(text);
    reader.deserialize_map(Each(wanted, taken))?;
    reader.end()
}

/// How long ago it was all fetched; none if never.
pub(super) fn age(folder: &Path) -> Option<Duration> {
    let changed = fs::metadata(folder.join(STAMP)).and_then(|meta| meta.modified()).ok()?;
    // A clock that was set back makes it new.
    Some(SystemTime::now().duration_since(changed).unwrap_or_default())
}

/// Writes files, each whole or not at all, and then when that was.
pub(super) fn write(folder: &Path, files: &[(String, String)]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let stamp = (STAMP.to_owned(), String::new());
    for (name, text) in files.iter().chain([&stamp]) {
        let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
        temporary.write_all(text.as_bytes())?;
        temporary.persist(folder.join(name))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files() {
        let check = |id: &str, expect: bool| assert_eq!(is_id(id), expect, "{id}");
        check("openai", true);
        check("302ai", true);
        check("wafer.ai", true);
        check("", false);
        check("..", false);
        check(".hidden", false);
        check("a/b", false);
        check("../../etc/passwd", false);
        check("A", false);
        check(&"a".repeat(65), false);
    }

    #[test]
    fn one_provider_of_many() {
        let text = br#"{"a": {"x": [1, {"y": "}"}]}, "b": {"models": {}}, "c": 3}"#;
        let mut found = Vec::new();
        providers(text, |id| id != "a", |id, value| found.push((id, value.to_string()))).unwrap();
        assert_eq!(found, [("b".to_owned(), r#"{"models":{}}"#.to_owned()), ("c".to_owned(), "3".to_owned())]);
        for bad in [&b"[]"[..], b"{\"a\": {}", b"{} {}", b""] {
            assert!(providers(bad, |_| true, |_, _| ()).is_err(), "{}", String::from_utf8_lossy(bad));
        }
    }
}
