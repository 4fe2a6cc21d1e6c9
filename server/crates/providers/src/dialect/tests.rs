//! Rows as they come out.

use super::*;
use crate::samples::model;

#[test]
fn rows() {
    let check = |api: Api, from: &str, id: &str, see: &dyn Fn(&Dialect) -> bool| {
        let mut model = model(api, from, id, "http://h/v1");
        if from.contains("ai-sdk") {
            (model.provider_id, model.npm) = ("p".into(), from.into());
        }
        let dialect = of(&model);
        assert!(see(&dialect), "{from} {id}: {dialect:?}");
    };
    let chat = Api::OpenAiChat;
    check(chat, "mock", "test", &|d| *d == USUAL);
    check(chat, "openai", "gpt-5", &|d| {
        d.limit == "max_completion_tokens" && d.cache_key && !d.unknown_options && d.schemas == Schemas::OpenAi
    });
    check(chat, "openai", "gpt-4o", &|d| d.limit == "max_tokens");
    check(chat, "mock", "gpt-5", &|d| d.limit == "max_tokens" && d.unknown_options && !d.cache_key);
    check(chat, "@ai-sdk/mistral", "large", &|d| !d.stream_options && d.filler && d.call_ids == CallIds::Nine && !d.unknown_options);
    check(chat, "mock", "devstral-small", &|d| d.stream_options && d.filler && d.call_ids == CallIds::Nine);
    check(chat, "openrouter", "anthropic/claude-x", &|d| d.reasoning_details && d.cache_control && d.call_ids == CallIds::Word && d.top_k);
    check(chat, "@openrouter/ai-sdk-provider", "x", &|d| d.reasoning_details);
    check(chat, "@ai-sdk/alibaba", "qwen3", &|d| d.cache_control);
    check(chat, "@ai-sdk/gateway", "anthropic/claude-x", &|d| !d.cache_control);
    check(chat, "mock", "deepseek-v4", &|d| d.always_thoughts);
    check(chat, "google", "gemini-2.5-pro", &|d| d.schemas == Schemas::Gemini);
    check(chat, "moonshotai", "kimi-k2", &|d| d.schemas == Schemas::Moonshot);
    check(chat, "opencode", "gpt-5-nano", &|d| d.cache_key && d.session_headers == ["x-opencode-session"]);
    check(chat, "deepinfra", "x", &|d| d.cache_key);
    check(Api::OpenAiResponses, "xai", "grok-4", &|d| d.item_ids && d.cache_key && !d.developer && d.schemas == Schemas::OpenAi);
    check(Api::OpenAiResponses, "openai", "gpt-5", &|d| d.developer && !d.item_ids);
    check(Api::OpenAiResponses, "openai", "gpt-5-chat-latest", &|d| !d.developer);
    check(Api::Anthropic, "anthropic", "claude-x", &|d| d.betas.len() == 2 && d.call_ids == CallIds::Word && d.session_headers.is_empty());
    check(Api::Anthropic, "opencode", "claude-x", &|d| d.betas.is_empty() && d.session_headers == ["x-opencode-session"]);
    check(Api::Gemini, "google", "gemini-3-pro", &|d| d.signed_calls && d.schemas == Schemas::Gemini);
    check(Api::Gemini, "google", "gemini-2.5-pro", &|d| !d.signed_calls);
}

#[test]
fn the_user_decides_about_the_cache_key() {
    for (provider, wanted) in [("openai", false), ("mock", true)] {
        let mut model = model(Api::OpenAiChat, provider, "x", "http://h/v1");
        model.provider_options.insert("setCacheKey".into(), wanted.into());
        assert_eq!(of(&model).cache_key, wanted);
    }
}

#[test]
fn ids() {
    let check = |call_ids: CallIds, id: &str, expect: &str| assert_eq!(Dialect { call_ids, ..USUAL }.call_id(id), expect);
    check(CallIds::Any, "call.1", "call.1");
    check(CallIds::Word, "call.1:ü-x_y", "call_1__-x_y");
    check(CallIds::Nine, "call_0123456789ab", "3456789ab");
    check(CallIds::Nine, "a.1", "a10000000");
}
