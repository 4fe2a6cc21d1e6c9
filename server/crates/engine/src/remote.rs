//! Instruction files that the configuration names by their addresses.
//!
//! Owns when they are fetched and where copies are kept. Must not know how they reach the model.
//!
//! **Invariant:** nothing is fetched before the first message, each address once a process; a message waits for one only that was never fetched, and not for
//! long. What cannot be fetched is left out.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use config::Env;
use tokio::sync::watch;

use crate::shared::Instruction;

/// How long a fetch may take (OpenCode's).
const LIMIT: Duration = Duration::from_secs(5);
/// How long a message waits for what was never fetched.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longer texts are cut, in bytes.
const LONGEST: usize = 128 << 10;
/// Most addresses.
const MOST: usize = 20;

/// The instruction files of one project that have addresses.
pub struct Remote {
    folder: PathBuf,
    env: Env,
    texts: Vec<Text>,
    begun: AtomicBool,
}

struct Text {
    url: String,
    /// It stands in the user's own configuration: it may be of a private network.
    own: bool,
    now: watch::Sender<Now>,
}

#[derive(Clone, Default)]
struct Now {
    text: Option<Arc<str>>,
    /// The fetch has ended.
    settled: bool,
    /// Why it brought nothing.
    trouble: Option<String>,
}

impl Remote {
    /// `urls` say whether they are the user's own; copies are kept in `folder`.
    #[must_use]
    pub fn new(urls: Vec<(String, bool)>, folder: PathBuf, env: Env) -> Self {
        let texts = urls.into_iter().take(MOST).map(|(url, own)| Text { url, own, now: watch::Sender::default() }).collect();
        Self { folder, env, texts, begun: AtomicBool::new(false) }
    }

    /// Whether it is of these addresses.
    #[must_use]
    pub fn is_of(&self, urls: &[(String, bool)]) -> bool {
        self.texts.iter().map(|text| (&text.url, text.own)).eq(urls.iter().take(MOST).map(|(url, own)| (url, *own)))
    }

    /// What is known of them, in their order.
    pub async fn read(&self) -> Vec<Instruction> {
        if self.texts.is_empty() {
            return Vec::new();
        }
        if !self.begun.swap(true, Ordering::Relaxed) {
            self.begin();
        }
        let all = async {
            for text in &self.texts {
                // The other side is `self`: it is there.
                let _ = text.now.subscribe().wait_for(|now| now.text.is_some() || now.settled).await;
            }
        };
        if tokio::time::timeout(PATIENCE, all).await.is_err() {
            tracing::warn!("instructions that are fetched have not come yet: this message goes without them");
        }
        let known = |text: &Text| Some((PathBuf::from(&text.url), text.now.borrow().text.as_deref()?.to_owned()));
        self.texts.iter().filter_map(known).collect()
    }

    /// What could not be fetched, in words for the user.
    #[must_use]
    pub fn troubles(&self) -> Vec<String> {
        self.texts.iter().filter_map(|text| text.now.borrow().trouble.clone()).collect()
    }

    fn begin(&self) {
        for text in &self.texts {
            let copy = self.folder.join(&blake3::hash(text.url.as_bytes()).to_hex()[..32]);
            if let Ok(kept) = std::fs::read_to_string(&copy) {
                text.now.send_modify(|now| now.text = Some(kept.into()));
            }
            let (url, own, env, now) = (text.url.clone(), text.own, self.env.clone(), text.now.clone());
            tokio::spawn(async move {
                let fetched = tokio::time::timeout(LIMIT, tools::fetch_text(&url, &env, LIMIT, own)).await;
                match fetched.unwrap_or_else(|_| Err(format!("{url}: no answer in time"))) {
                    Ok(mut text) => {
                        text.truncate(text.floor_char_boundary(LONGEST));
                        if let Err(error) = keep(&copy, &text) {
                            tracing::warn!(%error, "no copy of fetched instructions is kept");
                        }
                        now.send_modify(|now| *now = Now { text: Some(text.into()), settled: true, trouble: None });
                    }
                    Err(why) => {
                        tracing::warn!("instructions could not be fetched: {why}");
                        now.send_modify(|now| {
                            let rest =
                                if now.text.is_some() { "those of before are used" } else { "this conversation goes on without them" };
                            now.settled = true;
                            now.trouble = Some(format!("Instructions could not be fetched, and {rest}: {why}"));
                        });
                    }
                }
            });
        }
    }
}

fn keep(copy: &Path, text: &str) -> std::io::Result<()> {
    std::fs::create_dir_all(copy.parent().unwrap_or(copy))?;
    // Two processes may write at once: each its own file.
    let own = copy.with_extension(std::process::id().to_string());
    std::fs::write(&own, text)?;
    std::fs::rename(own, copy)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    /// An address that answers each request with the next text, then not at all.
    fn server(answers: &'static [&'static str]) -> String {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/rules.md", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let _ = stream.read(&mut [0; 1024]);
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close";
                write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{answer}", answer.len()).unwrap();
            }
        });
        url
    }

    fn remote(urls: &[(&str, bool)], folder: &Path) -> Remote {
        Remote::new(urls.iter().map(|(url, own)| ((*url).to_owned(), *own)).collect(), folder.to_owned(), Env::default())
    }

    async fn check(remote: &Remote, expect: &[&str]) {
        let texts: Vec<String> = remote.read().await.into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, expect);
    }

    #[tokio::test]
    async fn a_text_is_fetched_once_and_a_copy_serves_the_next_process() {
        let folder = tempfile::tempdir().unwrap();
        let url = server(&["RULE one"]);
        let first = remote(&[(&url, true)], folder.path());
        check(&first, &["RULE one"]).await;
        check(&first, &["RULE one"]).await;
        // Nobody answers any more.
        let later = remote(&[(&url, true)], folder.path());
        check(&later, &["RULE one"]).await;
        later.texts[0].now.subscribe().wait_for(|now| now.settled).await.unwrap();
        assert!(later.troubles()[0].contains("those of before are used") && first.troubles().is_empty(), "{:?}", later.troubles());
    }

    #[tokio::test]
    async fn a_project_reaches_no_private_address() {
        let folder = tempfile::tempdir().unwrap();
        let url = server(&["SECRET of the local network"]);
        let remote = remote(&[(&url, false), ("http://localhost:1/x", false), ("not an address", true)], folder.path());
        check(&remote, &[]).await;
        let told = remote.troubles();
        assert!(told.len() == 3 && told.iter().all(|told| told.contains("goes on without them")), "{told:?}");
    }
}
