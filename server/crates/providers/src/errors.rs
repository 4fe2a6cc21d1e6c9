//! What went wrong, in plain words.
//!
//! Owns the reading of providers' error bodies, in all their shapes, and what the user is told to do. Must not know whether it is tried again.
//!
//! **Invariant:** what leaves `for_user` holds no key, is short, and says what to do where something can be done.

use std::time::{Duration, SystemTime};

use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::adapter::{is_something, whole_number};
use crate::{ProviderError, ProviderErrorKind as Kind, ResolvedModel};

/// Longest piece of a provider's own words, in characters.
const LONGEST: usize = 500;

/// Each is lower case. Where one stands in an error's words or codes, the conversation is too long.
const OVERFLOW: &[&str] = &[
    "context_length_exceeded",
    "context_window_exceeded",
    "exceed_context_size",
    "prompt_too_long",
    "input_too_long",
    "max_prompt_tokens",
    "too_many_tokens",
    "too_many_prompt_tokens",
    "request_too_large",
    "model_context_window_exceeded",
    "prompt is too long",
    "prompt too long",
    "input is too long",
    "input too long",
    "input length and `max_tokens` exceed",
    "maximum context length",
    "maximum prompt length",
    "maximum input length",
    "maximum number of input tokens",
    "context window",
    "context overflow",
    "exceeds max length",
    "exceeded model token limit",
    "too many input tokens",
    "too many tokens:",
    "input is too large",
    "`inputs` tokens + `max_new_tokens`",
    "exceeds the available context size",
    "exceeds the context",
    "exceeds the maximum number of tokens",
    "exceeds the model's context",
    "prompt token count",
    "input or output tokens must be reduced",
    "greater than the context length",
    "exceeded max context length",
    "exceed context limit",
    "context size has been exceeded",
    "request entity too large",
    "length of all messages is too long",
    "reduce the length of the messages",
    "please reduce your message size",
    "input token count",
    "too large for model with",
    "range of input length",
];

/// Where an error's words stand, the likeliest first.
const WORDS: &[&str] = &[
    "error",
    "message",
    "Message",
    "detail",
    "msg",
    "errors",
    "error_description",
    "error_message",
    "errorMessage",
    "response",
    "title",
    "reason",
];

const FILTERED: &[&str] = &[
    "content_filter",
    "content_policy_violation",
    "responsibleaipolicyviolation",
    "content management policy",
    "violates usage guidelines",
    "safety_check_type",
    "data_inspection_failed",
    "input was flagged",
    "blocked by our safety",
];
/// A quota that is used up: waiting does not help, or not for hours.
const UNPAID: &[&str] = &[
    "insufficient_quota",
    "billing_hard_limit",
    "billing_not_active",
    "credit balance is too low",
    "insufficient balance",
    "insufficient_balance",
    "insufficient credit",
    "insufficient_credit",
    "insufficient funds",
    "not enough credits",
    "no credits left",
    "out of credits",
    "requires more credits",
    "run out of credits",
    "used all available credits",
    "monthly spending limit",
    "spending limit reached",
    "payment_required",
    "payment required",
    "account is in arrears",
    "arrearage",
    "usage_limit_reached",
    "usage limit has been reached",
];
/// Where the word `model` stands beside one of these.
const NO_MODEL: &[&str] = &[
    "does not exist",
    "not_found",
    "not found",
    "model_not_found",
    "unknown model",
    "invalid model",
    "not a valid model",
    "no such model",
];
const BAD_KEY: &[&str] = &[
    "invalid_api_key",
    "incorrect api key",
    "invalid api key",
    "api key not valid",
    "api_key_invalid",
    "invalid x-api-key",
    "invalid api-key",
    "invalidapikey",
    "invalid token",
    "no api key",
    "missing api key",
    "api key expired",
    "api key is required",
    "invalid_authentication",
    "invalid authentication",
    "unauthorized",
    "authentication_error",
    "permission_error",
];

/// An answer with a status of 400 or more (or 3xx, which is not followed).
pub(crate) fn from_response(status: u16, headers: &HeaderMap, body: &[u8], now: SystemTime) -> ProviderError {
    let text = String::from_utf8_lossy(body);
    let mut message = words(&text);
    if (300..400).contains(&status) {
        let target = headers.get("location").and_then(|value| value.to_str().ok()).unwrap_or("elsewhere");
        message = format!("the address leads to {target}; a key is not sent on: put the right address into baseURL");
    } else if message.is_empty() {
        message =
            reqwest::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("no explanation").to_owned();
    }
    let kind = classify(Some(status), &text.to_lowercase());
    let retry_after = waits(kind).then(|| from_headers(headers, now).or_else(|| from_body(&text))).flatten();
    ProviderError { kind, message, status: Some(status), retry_after }
}

fn waits(kind: Kind) -> bool {
    matches!(kind, Kind::RateLimit | Kind::Overloaded)
}

/// Whether JSON that is no part of an answer tells of an error.
pub(crate) fn is_error(value: &Value) -> bool {
    let says = |field: &str| is_something(&value[field]);
    let kind = value["type"].as_str().unwrap_or_default().to_ascii_lowercase();
    let told = says("code") || says("status") || says("status_code") || kind.contains("error") || kind.contains("exception");
    ["error", "errors", "detail"].into_iter().any(says) || value["object"] == "error" || kind == "error" || says("message") && told
}

/// An event with an error inside an answer that began well.
pub(crate) fn from_stream(event: &Value) -> ProviderError {
    let error = event.get("error").filter(|error| !error.is_null()).unwrap_or(event);
    let text = error.to_string();
    let status = ["code", "status", "status_code", "statusCode", "http_status"].iter().find_map(|name| {
        let number = whole_number(error.get(name)?).or_else(|| whole_number(event.get(name)?))?;
        u16::try_from(number).ok().filter(|status| (400..600).contains(status))
    });
    let kind = classify(status, &text.to_lowercase());
    let message = Some(words_of(event)).filter(|words| !words.is_empty()).unwrap_or_else(|| shorten(&text));
    let retry_after = waits(kind).then(|| from_body(&text)).flatten();
    ProviderError { kind, message, status, retry_after }
}

/// `text` is the lower-case body.
fn classify(status: Option<u16>, text: &str) -> Kind {
    let has = |list: &[&str]| list.iter().any(|pattern| text.contains(pattern));
    let client_error = status.is_none_or(|status| matches!(status, 400 | 403 | 413 | 422 | 429 | 500));
    match status {
        Some(413) => return Kind::ContextOverflow,
        Some(401) => return Kind::Auth,
        _ if client_error && has(FILTERED) => return Kind::ContentFilter,
        _ if status != Some(403) && client_error && has(OVERFLOW) => return Kind::ContextOverflow,
        Some(402) => return Kind::Unpaid,
        _ if has(UNPAID) => return Kind::Unpaid,
        Some(404) => return Kind::UnknownModel,
        Some(400) | None if text.contains("model") && has(NO_MODEL) => return Kind::UnknownModel,
        Some(403) => return Kind::Auth,
        Some(400) | None if has(BAD_KEY) => return Kind::Auth,
        Some(429) => return Kind::RateLimit,
        Some(408 | 409 | 425 | 499..) => return Kind::Overloaded,
        // The model made a call that its provider refused; another answer may be better.
        _ if text.contains("tool_use_failed") => return Kind::Protocol,
        Some(_) => return Kind::BadRequest,
        None => {}
    }
    let has = |list: &[&str]| list.iter().any(|pattern| text.contains(pattern));
    if has(&["rate_limit", "rate limit", "ratelimit", "too many requests", "too_many_requests", "throttl", "resource_exhausted"]) {
        Kind::RateLimit
    } else if has(&[
        "overloaded",
        "server_error",
        "servererror",
        "api_error",
        "internal",
        "unavailable",
        "timed out",
        "timeout",
        "capacity",
    ]) {
        Kind::Overloaded
    } else if has(&["invalid_request", "invalid_argument", "not_found", "validation"]) {
        Kind::BadRequest
    } else {
        Kind::Protocol
    }
}

/// How long the provider wants us to wait, by its headers.
fn from_headers(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).ok();
    if let Some(millis) = header("retry-after-ms").and_then(|value| value.parse::<f64>().ok()) {
        // Azure sends `retry-after: 1` beside `retry-after-ms: 0`.
        if millis > 0.0 || header("retry-after").is_none() {
            return seconds(millis / 1000.0);
        }
    }
    if let Some(value) = header("retry-after") {
        let date = || httpdate::parse_http_date(value).ok().map(|date| date.duration_since(now).unwrap_or_default());
        let wait = value.parse().ok().and_then(seconds).or_else(date).or_else(|| duration(value));
        if wait.is_some() {
            return wait;
        }
    }
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let reset = |name: &str| {
        let value = header(name)?;
        match value.parse::<f64>() {
            // A moment, in milliseconds or seconds, or a span in seconds.
            Ok(number) if number > 1e11 => Some(seconds(number / 1000.0)?.saturating_sub(since)),
            Ok(number) if number > 1e8 => Some(seconds(number)?.saturating_sub(since)),
            _ => duration(value),
        }
    };
    for what in ["requests", "tokens"] {
        if header(&format!("x-ratelimit-remaining-{what}")) == Some("0") {
            return reset(&format!("x-ratelimit-reset-{what}"));
        }
    }
    for (remaining, name) in [("x-ratelimit-remaining", "x-ratelimit-reset"), ("ratelimit-remaining", "ratelimit-reset")] {
        if header(remaining) == Some("0") {
            return reset(name);
        }
    }
    reset("x-ratelimit-reset-after")
}

/// The same by its words: a field, or `try again in 20s`.
fn from_body(body: &str) -> Option<Duration> {
    let field = |name: &str| {
        let rest = body.split_once(&format!("\"{name}\""))?.1.trim_start().strip_prefix(':')?.trim_start();
        let rest = rest.strip_prefix('"').unwrap_or(rest);
        rest.split(['"', ',', '}', ']', ' ', '\n']).next()
    };
    if let Some(millis) = field("retry_after_ms").and_then(|value| value.parse::<f64>().ok()) {
        return Duration::try_from_secs_f64(millis / 1000.0).ok();
    }
    // The first is Google's RetryInfo.
    if let Some(wait) =
        ["retryDelay", "retry_after", "retry_after_seconds", "resets_in_seconds"].into_iter().find_map(|name| duration(field(name)?))
    {
        return Some(wait);
    }
    let lower = body.to_lowercase();
    ["try again in ", "retry in ", "retry after ", "try again after ", "available in ", "wait "].into_iter().find_map(|start| {
        let rest = lower.split_once(start)?.1;
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | ' ')).unwrap_or(rest.len());
        let mut words = rest[..end].split_whitespace();
        let first = words.next()?.trim_end_matches('.');
        let unit = words.next().map(|unit| unit.trim_end_matches('.')).filter(|_| first.bytes().all(|b| b.is_ascii_digit() || b == b'.'));
        let text = match unit {
            Some("ms" | "millisecond" | "milliseconds") => format!("{first}ms"),
            Some("m" | "min" | "minute" | "minutes") => format!("{first}m"),
            Some("h" | "hour" | "hours") => format!("{first}h"),
            _ => first.to_owned(),
        };
        duration(&text)
    })
}

/// `6m0s`, `1.5s`, `20ms`, or plain seconds.
fn duration(text: &str) -> Option<Duration> {
    let mut total = 0.0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..end].parse().ok()?;
        let unit_end = rest[end..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |at| end + at);
        total += number
            * match &rest[end..unit_end] {
                "ms" => 0.001,
                "s" | "" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                _ => return None,
            };
        rest = &rest[unit_end..];
    }
    Duration::try_from_secs_f64(total).ok()
}

/// The provider's own words in a body of any shape, shortened. Empty where there are none.
pub(crate) fn words(body: &str) -> String {
    let body = body.trim();
    if let Ok(value) = serde_json::from_str::<Value>(body) {
        let words = words_of(&value);
        return if words.is_empty() { shorten(body) } else { words };
    }
    // An event of the stream that was asked for.
    if let Some(data) = body.lines().find_map(|line| line.strip_prefix("data:")).filter(|data| data.trim_start().starts_with('{')) {
        return words(data);
    }
    if body.starts_with('<') {
        let lower = body.to_ascii_lowercase();
        let title = lower.find("<title>").and_then(|start| Some(&body[start + 7..start + 7 + lower[start + 7..].find("</title>")?]));
        return title.map_or_else(|| "a web page instead of an answer".to_owned(), |title| shorten(title.trim()));
    }
    shorten(body)
}

fn words_of(value: &Value) -> String {
    // OpenRouter passes on what its provider said, mostly as text.
    let upstream = value.pointer("/error/metadata/raw").map(|raw| raw.as_str().map_or_else(|| words_of(raw), words));
    let upstream = upstream.filter(|words| !words.is_empty());
    let own = message_of(value, 0).map(shorten);
    // Where `error` is but a name, the words stand beside it.
    let beside = value["error"].as_str().and_then(|_| {
        let told = ["message", "detail", "error_description", "reason"].into_iter().find_map(|name| value[name].as_str())?;
        Some(told.trim()).filter(|told| !told.is_empty() && own.as_deref().is_none_or(|own| !own.contains(told)))
    });
    let own = match (own, beside) {
        (Some(own), Some(beside)) => Some(shorten(&format!("{own}: {beside}"))),
        (own, _) => own,
    };
    match (own, upstream) {
        (Some(own), Some(upstream)) if own == "Provider returned error" => upstream,
        (Some(own), Some(upstream)) if !own.contains(&upstream) => shorten(&format!("{own}: {upstream}")),
        (Some(own), _) => own,
        (None, upstream) => upstream.unwrap_or_default(),
    }
}

fn message_of(value: &Value, depth: usize) -> Option<&str> {
    if depth > 4 {
        return None;
    }
    match value {
        Value::String(text) => Some(text.as_str()).filter(|text| !text.trim().is_empty()),
        Value::Array(items) => items.iter().find_map(|item| message_of(item, depth + 1)),
        Value::Object(object) => WORDS.iter().find_map(|name| message_of(object.get(*name)?, depth + 1)),
        _ => None,
    }
}

fn shorten(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The error as the user reads it: who failed, its words, what to do; without any key.
pub(crate) fn for_user(model: &ResolvedModel, mut error: ProviderError) -> ProviderError {
    let words = redact(model, &error.message);
    let words = words.trim_end_matches('.');
    let status = error.status.map_or_else(String::new, |status| format!(" (HTTP {status})"));
    let hint = hint(model, &error);
    error.message = format!("{}: {words}{status}.{}{hint}", model.provider_name, if hint.is_empty() { "" } else { " " });
    error
}

fn hint(model: &ResolvedModel, error: &ProviderError) -> String {
    let lower = error.message.to_lowercase();
    let id = &model.provider_id;
    match error.kind {
        Kind::Auth => match &model.key_variable {
            Some(variable) => format!("Check the key: {variable}, or `interline auth add {id}`."),
            None => format!("Check the key: `interline auth add {id}`, or provider.{id}.options.apiKey."),
        },
        Kind::ContextOverflow => "The conversation is longer than the model can take: compact it, or start a new session.".to_owned(),
        Kind::ContentFilter => "A content filter withheld the answer: put the request in other words, or use another model.".to_owned(),
        Kind::Unpaid => "The account has no credit left: add some with the provider, or use another model.".to_owned(),
        Kind::UnknownModel => {
            format!("Check the model's name and the address ({}): `interline models` lists what is known.", model.base_url)
        }
        Kind::Connection if lower.starts_with("cannot connect") => {
            format!("Is {} running and reachable? `interline doctor` looks closer.", model.base_url)
        }
        Kind::RateLimit | Kind::Overloaded => match error.retry_after {
            Some(wait) if wait > Duration::from_secs(60) => format!("The provider wants {} minutes of rest.", wait.as_secs().div_ceil(60)),
            _ => String::new(),
        },
        _ => String::new(),
    }
}

/// Takes out the model's key, values of configured headers that may be keys, and anything that looks like a key.
pub(crate) fn redact(model: &ResolvedModel, text: &str) -> String {
    const HIDDEN: &str = "[key]";
    let mut text = text.to_owned();
    let headers = model.headers.values().flat_map(|value| [value.as_str(), value.strip_prefix("Bearer ").unwrap_or(value)]);
    for secret in std::iter::once(model.key.expose()).chain(headers.filter(|value| value.len() >= 16)) {
        if secret.len() >= 4 {
            text = text.replace(secret, HIDDEN);
        }
    }
    for start in ["sk-", "Bearer ", "AIza", "gsk_", "xai-", "key="] {
        let mut from = 0;
        while let Some(at) = text[from..].find(start).map(|at| from + at) {
            let body = at + start.len();
            let end = text[body..]
                .find(|c: char| !c.is_ascii_alphanumeric() && !"-_.*+/=~".contains(c))
                .map_or(text.len(), |length| body + length);
            let inside_word = text[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
            if end - body >= 8 && !inside_word {
                let keep = if matches!(start, "Bearer " | "key=") { body } else { at };
                text.replace_range(keep..end, HIDDEN);
                from = keep + HIDDEN.len();
            } else {
                from = body;
            }
        }
    }
    text
}

#[cfg(test)]
mod tests;
