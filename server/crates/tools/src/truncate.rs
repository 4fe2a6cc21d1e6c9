//! Cutting an output that is too long for the model, and keeping the whole in a file.
//!
//! Must not know which tool's output it is.
//!
//! **Invariant:** what is cut away is in the file that the note names.

use std::path::Path;

use crate::Limits;

/// An output within the limits, and whether it was cut. The whole of a longer one is kept in `folder`, as the note at its end says.
///
/// # Errors
/// If the whole cannot be kept.
pub fn truncate(output: String, limits: Limits, folder: &Path) -> std::io::Result<(String, bool)> {
    let mut end = 0;
    for line in output.split_inclusive('\n').take(limits.lines) {
        if end + line.len() > limits.bytes {
            break;
        }
        end += line.len();
    }
    if end == output.len() {
        return Ok((output, false));
    }
    if end == 0 {
        end = output.floor_char_boundary(limits.bytes);
    }
    std::fs::create_dir_all(folder)?;
    let path = folder.join(format!("tool_{}", uuid::Uuid::now_v7().simple()));
    std::fs::write(&path, &output)?;
    let (lines, bytes) = (output[end..].lines().count(), output.len() - end);
    let head = output[..end].trim_end();
    Ok((
        format!(
            "{head}\n\n(truncated: {lines} lines, {bytes} bytes more; the whole is in {} : grep it, or read it with offset)",
            path.display()
        ),
        true,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_and_keeps() {
        let temp = tempfile::tempdir().expect("temp");
        let folder = temp.path().join("out");
        let check = |output: &str, head: &str, cut: bool| {
            let (text, was_cut) = truncate(output.to_owned(), Limits { lines: 2, bytes: 10 }, &folder).expect("kept");
            assert_eq!(was_cut, cut, "{output:?}");
            assert!(text.starts_with(head), "{text:?}");
            if cut {
                let path = text.split_whitespace().find(|word| word.starts_with('/')).expect("a path");
                assert_eq!(std::fs::read_to_string(path).expect("kept"), output);
            }
        };
        check("a\nb\n", "a\nb\n", false);
        check("a\nb\nc\n", "a\nb\n\n(truncated: 1 lines, 2 bytes", true);
        check("aaaaaaaa\nbbbb\n", "aaaaaaaa\n\n(truncated", true);
        check("ääääääää", "äääää\n\n(truncated", true);
    }
}
