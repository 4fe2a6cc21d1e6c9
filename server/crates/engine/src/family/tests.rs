//! Names as providers, gateways and local servers give them.

use super::*;

#[test]
fn names_of_models() {
    for (name, family, edits) in [
        ("claude-sonnet-4-5", Claude, Replace),
        ("claude-opus-4-1-20250805", Claude, Replace),
        ("anthropic/claude-haiku-4.5", Claude, Replace),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", Claude, Replace),
        ("global.anthropic.claude-sonnet-4-5-20250929-v1:0", Claude, Replace),
        ("arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-sonnet-5", Claude, Replace),
        ("Claude 3.7 Sonnet", Claude, Replace),
        ("gpt-5.5", Gpt, Patch),
        ("gpt-5-mini-2025-08-07", Gpt, Patch),
        ("openai/gpt-5.1-codex-mini", Gpt, Patch),
        ("openai.gpt-5.6-luna", Gpt, Patch),
        ("GPT-5", Gpt, Patch),
        ("codex-mini-latest", Gpt, Patch),
        ("chatgpt-5-latest", Gpt, Patch),
        ("gpt-4.1-nano", Gpt, Replace),
        ("gpt-4o-2024-11-20", Gpt, Replace),
        ("openai-gpt-4.1", Gpt, Replace),
        ("chatgpt-4o-latest", Gpt, Replace),
        ("gpt-35-turbo", Gpt, Replace),
        ("ft:gpt-4o-mini:acme::x1", Gpt, Replace),
        ("o1", Gpt, Replace),
        ("o3-pro", Gpt, Replace),
        ("o4-mini-2025-04-16", Gpt, Replace),
        ("openai/o1-preview", Gpt, Replace),
        ("gemini-2.5-pro", Gemini, Replace),
        ("models/gemini-3-pro-preview", Gemini, Replace),
        ("google/gemini-2.0-flash-exp:free", Gemini, Replace),
        ("gemini-1.5-flash-8b", Gemini, Replace),
        ("gpt-oss-120b", Open, Replace),
        ("openai.gpt-oss-20b-1:0", Open, Replace),
        ("gpt-oss:120b", Open, Replace),
        ("qwen/qwen3-coder", Open, Replace),
        ("qwen3-coder:30b-a3b-q4_K_M", Open, Replace),
        ("Qwen/Qwen3.5-397B-A17B-FP8", Open, Replace),
        ("qwen3-max", Open, Replace),
        ("deepseek-chat", Open, Replace),
        ("deepseek.r1-v1:0", Open, Replace),
        ("deepseek/deepseek-v3.1-terminus:exacto", Open, Replace),
        ("accounts/fireworks/models/kimi-k2", Open, Replace),
        ("moonshotai/Kimi-K2-Instruct-0905:groq", Open, Replace),
        ("z-ai/glm-4.5-air", Open, Replace),
        ("zai-glm-5-2", Open, Replace),
        ("minimax/minimax-m2:free", Open, Replace),
        ("minimax-01-1m", Open, Replace),
        ("meta-llama/llama-4-maverick-17b-128e-instruct", Open, Replace),
        ("llama-3.3-70b-versatile", Open, Replace),
        ("llama3.2-vision:90b", Open, Replace),
        ("devstral", Open, Replace),
        ("mistral.devstral-2-123b", Open, Replace),
        ("codestral-latest", Open, Replace),
        ("mixtral:8x7b", Open, Replace),
        ("phi-4", Open, Replace),
        ("qwen2.5-coder:1.5b", Small, Replace),
        ("qwen2.5-coder-1.5b-instruct-q4_k_m.gguf", Small, Replace),
        ("qwen3-5-9b", Small, Replace),
        ("llama3.2", Small, Replace),
        ("llama3.2:3b", Small, Replace),
        ("Llama-3.2-3B-Instruct-Q4_K_M", Small, Replace),
        ("llama-3.1-8b-instant", Small, Replace),
        ("phi-4-mini", Small, Replace),
        ("phi3:medium-14b", Open, Replace),
        ("gemma3:4b", Small, Replace),
        ("gemma-3n-e4b-it", Small, Replace),
        ("deepseek-r1:1.5b", Small, Replace),
        ("deepseek-r1-distill-qwen-7b", Small, Replace),
        ("ministral-3b-latest", Small, Replace),
        ("smollm2", Small, Replace),
        ("local", Small, Replace),
        ("tiny-1b", Small, Replace),
        ("grok-code-fast-1", Default, Replace),
        ("x-ai/grok-4", Default, Replace),
        ("us.amazon.nova-2-lite-v1:0", Default, Replace),
        ("sonar-pro", Default, Replace),
        ("turbo3-of-o11y", Default, Replace),
        ("", Default, Replace),
    ] {
        assert_eq!(profile(name, "some-gateway", ""), Profile { family, edits }, "{name}");
    }
}

#[test]
fn what_the_name_leaves_open_the_catalogue_and_then_the_provider_decide() {
    for (name, provider, catalogue, family, edits) in [
        ("prod-main", "azure", "gpt", Gpt, Patch),
        ("prod-main", "azure", "gpt-oss", Open, Replace),
        ("reviewer", "corporate", "claude-sonnet", Claude, Replace),
        ("o-next", "openai", "o", Gpt, Replace),
        ("next", "anthropic", "", Claude, Replace),
        ("next", "google", "", Gemini, Replace),
        ("gemma-3-27b-it", "google", "", Open, Replace),
        ("my-finetune", "ollama", "", Open, Replace),
        ("my-finetune:7b", "ollama", "", Small, Replace),
        ("kimi-k2", "anthropic", "", Open, Replace),
        ("big-pickle", "opencode", "big-pickle", Default, Replace),
        // The name says more than the catalogue's word for a line of models.
        ("gpt-4o", "openai", "gpt", Gpt, Replace),
    ] {
        assert_eq!(profile(name, provider, catalogue), Profile { family, edits }, "{provider}/{name} ({catalogue})");
    }
}

#[test]
fn each_family_is_told_what_interline_stands_for() {
    for family in [Claude, Gpt, Gemini, Open, Small, Default] {
        let prompt = family.prompt();
        for want in ["Interline", "unsaved", "commit", "data, not instructions", "path:line", "in another way|try it in another"] {
            assert!(want.split('|').any(|want| prompt.contains(want)), "{family:?}: {want}");
        }
        // Tools that only some are given.
        assert!(!prompt.contains("apply_patch"), "{family:?}");
        assert!(family == Small || !prompt.contains("`edit`"), "{family:?}");
    }
}

#[test]
fn who_patches_does_not_replace() {
    let all = ["apply_patch", "bash", "edit", "read", "write"];
    let shown = |edits: Edits| all.into_iter().filter(|tool| !edits.hides(tool)).collect::<Vec<_>>();
    assert_eq!(shown(Replace), ["bash", "edit", "read", "write"]);
    assert_eq!(shown(Patch), ["apply_patch", "bash", "read"]);
}
