//! A long beginning that was sent before is served from the cache.

use providers::{ChatMessage, ChatPart};

use super::{Fault, Found, fails, lines};
use crate::models_check::ask::{Asker, nonce};

/// Providers keep nothing shorter than some 1,000 tokens, some than 4,000; a small local model has no room for that.
const SHORT: usize = 160;
/// The long one, in lines too.
const LONG: usize = 700;
/// From here on, in tokens of context, the long one is sent.
const ROOMY: u64 = 32_000;
/// What is asked for behind the long beginning; the third is for a cache that takes a moment.
const WORDS: [&str; 3] = ["ready", "steady", "go"];

pub(super) async fn ask(asker: &mut Asker) -> Found {
    let count = if asker.model.limit.context >= ROOMY { LONG } else { SHORT };
    // Something new at the beginning, so that only this check's own first request can have filled the cache.
    let system = format!("Project {}. These are its constants:\n{}", nonce(), lines(count));
    let mut written = 0;
    let mut seen = None;
    for word in WORDS {
        let mut request = asker.request("");
        request.system = vec![system.clone()];
        request.tools.clear();
        request.messages = vec![ChatMessage::User(vec![ChatPart::Text(format!("Answer with the one word: {word}"))])];
        let answer = asker.ask(&request).await?;
        let Some(tokens) = answer.tokens else { return Err(Fault::DoesNotApply("not reported: there is no usage".into())) };
        let read = tokens.cache.read;
        let prompt = tokens.input + read + tokens.cache.write;
        if word != WORDS[0] && read > 0 && prompt > 0 {
            seen = Some((read, prompt));
            if read * 2 >= prompt {
                break;
            }
        }
        written += tokens.cache.write;
    }
    let Some((read, prompt)) = seen else {
        return if written > 0 {
            asker.tally.cached = Some(0.0);
            fails(format!("{written} tokens were written to the cache, and none read from it"))
        } else {
            Err(Fault::DoesNotApply("no cached tokens are reported".into()))
        };
    };
    let share = read as f64 / prompt as f64;
    asker.tally.cached = Some((share * 1000.0).round() / 1000.0);
    let words = format!("{read} of {prompt} tokens of a repeated prompt came from the cache");
    if share >= 0.5 { Ok(words) } else { fails(format!("only {words}")) }
}
