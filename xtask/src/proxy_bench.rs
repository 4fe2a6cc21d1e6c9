//! How much later an answer comes through `interline proxy`: a server that answers at once, asked with and without.
//!
//! Must not judge the figures.
//!
//! **Invariant:** both ways are measured in turn in one run, with the same messages.

use std::{
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::run::{Result, cargo, root, run, say};

/// Questions of a round, and rounds.
const QUESTIONS: usize = 2_000;
const ROUNDS: usize = 5;
/// Bytes of a question and of its answer: a completion's, and a large file's tokens.
const SIZES: [usize; 2] = [300, 200_000];

/// Measures this program, or what is built of the checkout, and prints medians and 95th percentiles.
pub fn measure(binary: Option<PathBuf>) -> Result {
    let proxy = match binary {
        Some(binary) => binary.canonicalize()?,
        None => {
            run(cargo(["build", "--release", "--package", "interline"]))?;
            root().join("target/release/interline")
        }
    };
    let own = std::env::current_exe()?;
    let (own, proxy) = (own.display().to_string(), proxy.display().to_string());
    let server = [own.as_str(), "proxy-bench", "--server"];
    let through = [&[proxy.as_str(), "proxy", "--"][..], &server[..]].concat();
    for size in SIZES {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            without.extend(round(&server, size)?);
            with.extend(round(&through, size)?);
        }
        let [a, b] = [&mut without, &mut with].map(|times| {
            times.sort_unstable();
            (times[times.len() / 2], times[times.len() * 95 / 100])
        });
        say(&format!("{size:>7} bytes  median {:>9.1?} → {:>9.1?} (+{:.1?})", a.0, b.0, b.0.saturating_sub(a.0)));
        say(&format!("               p95    {:>9.1?} → {:>9.1?} (+{:.1?})", a.1, b.1, b.1.saturating_sub(a.1)));
    }
    Ok(())
}

/// How long each answer took.
fn round(command: &[&str], size: usize) -> Result<Vec<Duration>> {
    let mut child = Command::new(command[0]).args(&command[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut input = child.stdin.take().ok_or("no input")?;
    let mut output = BufReader::with_capacity(1 << 16, child.stdout.take().ok_or("no output")?);
    let padding = "x".repeat(size);
    let mut times = Vec::with_capacity(QUESTIONS);
    for id in 0..QUESTIONS / if size > 10_000 { 10 } else { 1 } {
        let question = framed(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"m","params":"{padding}"}}"#));
        let start = Instant::now();
        input.write_all(question.as_bytes())?;
        read(&mut output)?.ok_or("the server has ended")?;
        times.push(start.elapsed());
    }
    drop(input);
    child.wait()?;
    // The first ones also find the program's pages.
    Ok(times.split_off(times.len() / 10))
}

/// A server that answers each question with what it was told.
pub fn serve() -> Result {
    let (mut input, mut output) = (BufReader::with_capacity(1 << 16, std::io::stdin()), std::io::stdout());
    while let Some(body) = read(&mut input)? {
        let answer = body.replacen(r#""method":"m","params""#, r#""result""#, 1);
        output.write_all(framed(&answer).as_bytes())?;
        output.flush()?;
    }
    Ok(())
}

fn framed(body: &str) -> String {
    format!("Content-Length: {}\r\n\r\n{body}", body.len())
}

fn read(from: &mut impl BufRead) -> Result<Option<String>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if from.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.trim().strip_prefix("Content-Length: ") {
            Some(value) => length = value.parse()?,
            None => break,
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    Ok(Some(String::from_utf8(body)?))
}
