//! What a command has printed: its end in memory, the whole in a file once it is long.
//!
//! Must not know processes.
//!
//! **Invariant:** memory is bounded by twice the limit whatever is printed; what was cut is in the file, up to `DISK`.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::Limits;

/// How large the file may become, in bytes.
const DISK: u64 = 1 << 30;

/// A command's output.
#[derive(Debug)]
pub(crate) struct Output {
    /// The end of it.
    tail: Vec<u8>,
    bytes: u64,
    lines: u64,
    limits: Limits,
    /// Where the whole goes once it is too long.
    path: PathBuf,
    file: Option<File>,
    /// Why the file does not hold all.
    incomplete: Option<String>,
}

/// What is shown of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    /// For the model.
    pub text: String,
    /// Where the whole is, if this is not all.
    pub path: Option<PathBuf>,
}

impl Output {
    /// Nothing yet.
    pub fn new(path: PathBuf, limits: Limits) -> Self {
        Self { tail: Vec::new(), bytes: 0, lines: 0, limits, path, file: None, incomplete: None }
    }

    /// How many bytes have come so far.
    pub fn len(&self) -> u64 {
        self.bytes
    }

    /// More has been printed.
    pub fn push(&mut self, chunk: &[u8]) {
        self.tail.extend_from_slice(chunk);
        self.bytes += chunk.len() as u64;
        self.lines += chunk.iter().filter(|b| **b == b'\n').count() as u64;
        if self.is_long() {
            self.spool(chunk);
        }
        if self.tail.len() > 2 * self.limits.bytes {
            self.tail.drain(..self.tail.len() - self.limits.bytes);
        }
    }

    fn is_long(&self) -> bool {
        self.bytes > self.limits.bytes as u64 || self.lines > self.limits.lines as u64
    }

    fn spool(&mut self, chunk: &[u8]) {
        if self.incomplete.is_some() {
            return;
        }
        if self.bytes > DISK {
            self.incomplete = Some(format!("only its first {} MiB are kept", DISK >> 20));
            return;
        }
        let written = match &mut self.file {
            Some(file) => file.write_all(chunk),
            // Until now all of it fitted into memory, this chunk included.
            None => create(&self.path).and_then(|mut file| {
                file.write_all(&self.tail)?;
                self.file = Some(file);
                Ok(())
            }),
        };
        if let Err(error) = written {
            self.incomplete = Some(format!("it could not be kept: {error}"));
        }
    }

    /// The end of all of it, cut to the limits.
    pub fn shown(&self) -> Shown {
        let text = clean(&self.tail);
        let (text, cut) = tail(&text, self.limits);
        if !cut && !self.is_long() {
            return Shown { text: text.to_owned(), path: None };
        }
        let path = self.file.as_ref().map(|_| self.path.clone());
        let whole = match (&path, &self.incomplete) {
            (Some(path), None) => format!("the whole is in {}", path.display()),
            (Some(path), Some(why)) => format!("{why}, in {}", path.display()),
            (None, why) => why.clone().unwrap_or_else(|| "some of it was left out".to_owned()),
        };
        let note = format!("(output truncated: {} lines, {} bytes; {whole}\nthis is the end of it)\n", self.lines, self.bytes);
        Shown { text: note + text, path }
    }

    /// What has come since `from` bytes had come, cut to the limits, and how many have come now.
    pub fn since(&self, from: u64) -> (String, u64) {
        let new = usize::try_from(self.bytes.saturating_sub(from)).unwrap_or(usize::MAX).min(self.tail.len());
        let text = clean(&self.tail[self.tail.len() - new..]);
        let (text, cut) = tail(&text, self.limits);
        let note = match &self.file {
            Some(_) if cut => format!("(truncated; the whole is in {}\n this is the end)\n", self.path.display()),
            _ => String::new(),
        };
        (note + text, self.bytes)
    }

    /// For faces: at most `bytes` of the end.
    pub fn preview(&self, bytes: usize) -> String {
        clean(&self.tail[self.tail.len().saturating_sub(bytes)..])
    }
}

fn create(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    // What a command prints is the user's alone.
    File::options().create_new(true).write(true).mode(0o600).open(path)
}

/// The end of a text within the limits, in whole lines unless one line alone is too long; whether something was cut.
fn tail(text: &str, limits: Limits) -> (&str, bool) {
    let mut start = text.len();
    for (count, line) in text.split_inclusive('\n').rev().enumerate() {
        if count == limits.lines || text.len() - start + line.len() > limits.bytes {
            break;
        }
        start -= line.len();
    }
    if start == text.len() && !text.is_empty() {
        start = text.ceil_char_boundary(text.len().saturating_sub(limits.bytes));
    }
    (&text[start..], start > 0)
}

/// Bytes of a terminal as plain text: no escapes, no control characters, of a line that was written over only the last state.
pub(crate) fn clean(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut line = 0;
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\n' => {
                plain.push('\n');
                line = plain.len();
            }
            '\r' if chars.peek() == Some(&'\n') || chars.peek().is_none() => {}
            '\r' => plain.truncate(line),
            '\u{8}' if plain.len() > line => drop(plain.pop()),
            '\t' => plain.push('\t'),
            c if c.is_control() => {}
            c => plain.push(c),
        }
    }
    plain
}

/// Skips what follows an ESC: a control sequence, a string that ends with BEL or ESC `\`, or one character.
fn skip_escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.next() {
        Some('[') => {
            // Parameters and intermediates, then one final character (ECMA-48 §5.4).
            while chars.next_if(|c| ('\u{20}'..='\u{3f}').contains(c)).is_some() {}
            chars.next_if(|c| ('\u{40}'..='\u{7e}').contains(c));
        }
        Some(']' | 'P' | '_' | '^' | 'X') => {
            while let Some(c) = chars.next_if(|c| *c != '\n') {
                if c == '\u{7}' || (c == '\u{1b}' && chars.next_if_eq(&'\\').is_some()) {
                    break;
                }
            }
        }
        Some('(' | ')' | '#' | '%') => drop(chars.next()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleaning() {
        let check = |bytes: &[u8], expect: &str| assert_eq!(clean(bytes), expect, "{bytes:?}");
        check(b"A\xff\xfe\0\x1b[31mB\n", "A\u{fffd}\u{fffd}B\n");
        check(b"\x1b]0;title\x07x\x1b]8;;u\x1b\\y", "xy");
        check(b"10%\r50%\r100%\r\nok\r\n", "100%\nok\n");
        check(b"ab\x08c\tx", "ac\tx");
        check(b"\x1b(Bx\x1b[0;1;38;5;3mz\x1b", "xz");
        check(b"\x1b[", "");
    }

    #[test]
    fn long_output_is_bounded_and_kept() {
        let temp = tempfile::tempdir().expect("temp");
        let path = temp.path().join("out/o.txt");
        let mut output = Output::new(path.clone(), Limits { lines: 10, bytes: 1000 });
        output.push(b"short\n");
        assert_eq!(output.shown(), Shown { text: "short\n".to_owned(), path: None });
        for n in 0..1000 {
            output.push(format!("line {n}\n").as_bytes());
            assert!(output.tail.len() <= 2000);
        }
        let shown = output.shown();
        assert_eq!(shown.path.as_deref(), Some(path.as_path()));
        assert!(shown.text.contains("1001 lines") && shown.text.ends_with("line 998\nline 999\n"), "{}", shown.text);
        assert_eq!(shown.text.lines().count(), 12);
        let whole = std::fs::read_to_string(&path).expect("kept");
        assert!(whole.starts_with("short\nline 0\n") && whole.ends_with("line 999\n"));
        assert_eq!(whole.lines().count(), 1001);
        let (new, at) = output.since(output.len() - 9);
        assert_eq!((new.as_str(), at), ("line 999\n", output.len()));
    }

    #[test]
    fn one_line_that_is_too_long() {
        let (text, cut) = tail("ääääää", Limits { lines: 10, bytes: 5 });
        assert_eq!((text, cut), ("ää", true));
    }
}
