//! What a request takes at most, before it is made.
//!
//! Owns the guess of its tokens: what the last answer was measured at, and the length of what came since. Must not know prices.
//!
//! **Invariant:** guesses err on the high side.

use std::time::{Duration, Instant};

use proto::{ModelRef, Tokens};
use providers::{Api, ChatMessage, ChatPart, ModelRequest, ToolDefinition};

use crate::budget::Estimate;
use crate::request::MAX_OUTPUT;
use crate::setup::Setup;

/// How long a provider's cache lives at least.
const CACHED: Duration = Duration::from_secs(240);
/// A token is seldom shorter, in bytes.
const SHORT_TOKEN: u64 = 3;
/// Most of an answer where the model's limit is not known, in tokens.
const UNKNOWN_OUTPUT: u64 = 8192;

/// What a request took.
pub struct Measured {
    model: ModelRef,
    size: usize,
    tokens: Tokens,
    when: Instant,
}

impl Measured {
    /// A request of `size` bytes took these tokens.
    #[must_use]
    pub fn of(setup: &Setup, size: usize, tokens: Tokens) -> Self {
        Self { model: setup.author.model.clone(), size, tokens, when: Instant::now() }
    }
}

/// What a request of `size` bytes is to read at most.
#[must_use]
pub fn of_size(size: usize) -> Estimate {
    Estimate { fresh: (size as u64).div_ceil(SHORT_TOKEN), ..Estimate::default() }
}

/// What a request of `size` bytes takes at most, by what the last one took.
#[must_use]
pub fn estimate(setup: &Setup, size: usize, last: Option<&Measured>) -> Estimate {
    let tokens = |bytes: usize| (bytes as u64).div_ceil(SHORT_TOKEN);
    let same = last.filter(|last| last.model == setup.author.model && last.size > 0 && last.size <= size && last.tokens.total() > 0);
    let (read, cached) = match same {
        Some(last) => {
            let cache = last.tokens.cache.read + last.tokens.cache.write;
            let alive = last.when.elapsed() < CACHED;
            (last.tokens.input + cache + tokens(size - last.size), if alive { cache } else { 0 })
        }
        None => (tokens(size), 0),
    };
    let model = &setup.model;
    let thoughts = [&setup.agent.options, &model.options].iter().find_map(|options| {
        let thinking = options.get("thinking")?;
        thinking.get("budgetTokens").or_else(|| thinking.get("budget_tokens"))?.as_u64()
    });
    Estimate {
        fresh: read.saturating_sub(cached),
        cached,
        // Only there the limit of the answer is raised by it.
        thoughts: thoughts.filter(|_| model.api == Api::Anthropic).unwrap_or(0),
        output: if model.limit.output == 0 { UNKNOWN_OUTPUT } else { model.limit.output.min(MAX_OUTPUT) },
    }
}

/// Most that an image counts as, in bytes of text.
const IMAGE: usize = 32_000;

fn part(part: &ChatPart) -> usize {
    match part {
        ChatPart::Text(text) | ChatPart::Reasoning { text, .. } => text.len(),
        // An image costs some thousand tokens at most, however many bytes it has; a PDF file as many as it has pages.
        ChatPart::Media { mime, data } if mime.starts_with("image/") => data.len().min(IMAGE),
        ChatPart::Media { data, .. } => data.len(),
        ChatPart::ToolCall { name, input, .. } => name.len() + input.to_string().len(),
        ChatPart::ToolResult { output, media, .. } => output.len() + media.iter().map(self::part).sum::<usize>(),
    }
}

/// A request's text, in bytes.
#[must_use]
pub fn size(request: &ModelRequest) -> usize {
    let message = |message: &ChatMessage| match message {
        ChatMessage::User(parts) | ChatMessage::Assistant(parts) | ChatMessage::Tool(parts) => parts.iter().map(part).sum::<usize>(),
    };
    let tool = |tool: &ToolDefinition| tool.name.len() + tool.description.len() + tool.parameters.to_string().len();
    request.system.iter().map(String::len).sum::<usize>()
        + request.messages.iter().map(message).sum::<usize>()
        + request.tools.iter().map(tool).sum::<usize>()
}
