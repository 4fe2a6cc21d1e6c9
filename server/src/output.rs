//! Where the command line writes: nothing else prints.
//!
//! **Invariant:** answers go to standard output, everything about them to standard error; a reader that has gone away is no failure.

use std::io::{self, Write as _};

/// Writes `text` to standard output, as it is.
pub fn write(text: &str) {
    let mut out = io::stdout().lock();
    // A closed pipe (`| head`) is the reader's way to say that it has enough.
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// Writes a line to standard output.
pub fn line(text: &str) {
    write(&format!("{text}\n"));
}

/// Writes a line to standard error.
pub fn note(text: &str) {
    let mut out = io::stderr().lock();
    drop(out.write_all(format!("{text}\n").as_bytes()).and_then(|()| out.flush()));
}

/// Asks on standard error and reads a line; none at the end of input.
pub fn ask(question: &str) -> Option<String> {
    let mut out = io::stderr().lock();
    drop(out.write_all(question.as_bytes()).and_then(|()| out.flush()));
    let mut answer = String::new();
    match io::stdin().read_line(&mut answer) {
        Ok(length) if length > 0 => Some(answer.trim().to_owned()),
        _ => None,
    }
}
