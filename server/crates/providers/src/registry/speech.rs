//! From npm packages, by which OpenCode names protocols, to ours.
//!
//! **Invariant:** a package that is not known is an error that says what to write instead; nothing is guessed.

use crate::ProviderError;
use crate::model::Api;
use crate::registry::configuration;

/// How a model is spoken to.
pub(super) struct Speech {
    pub(super) api: Api,
    /// Where the protocol's own vendor is.
    pub(super) base_url: Option<&'static str>,
}

/// OpenCode names protocols by npm packages.
pub(super) fn speech(npm: &str, provider: &str, model: &str) -> Result<Speech, ProviderError> {
    let (api, base_url) = match npm {
        "@ai-sdk/anthropic" => (Api::Anthropic, Some("https://api.anthropic.com/v1")),
        "@ai-sdk/openai" => (Api::OpenAiResponses, Some("https://api.openai.com/v1")),
        "@ai-sdk/google" => (Api::Gemini, Some("https://generativelanguage.googleapis.com/v1beta")),
        "@openrouter/ai-sdk-provider" => (Api::OpenAiChat, Some("https://openrouter.ai/api/v1")),
        "@ai-sdk/xai" => (Api::OpenAiResponses, Some("https://api.x.ai/v1")),
        "@ai-sdk/mistral" => (Api::OpenAiChat, Some("https://api.mistral.ai/v1")),
        "@ai-sdk/groq" => (Api::OpenAiChat, Some("https://api.groq.com/openai/v1")),
        "@ai-sdk/cerebras" => (Api::OpenAiChat, Some("https://api.cerebras.ai/v1")),
        "@ai-sdk/deepinfra" => (Api::OpenAiChat, Some("https://api.deepinfra.com/v1/openai")),
        "@ai-sdk/togetherai" => (Api::OpenAiChat, Some("https://api.together.xyz/v1")),
        "@ai-sdk/perplexity" => (Api::OpenAiChat, Some("https://api.perplexity.ai")),
        "@ai-sdk/vercel" => (Api::OpenAiChat, Some("https://api.v0.dev/v1")),
        "@ai-sdk/openai-compatible" | "@ai-sdk/alibaba" | "@llmgateway/ai-sdk-provider" | "venice-ai-sdk-provider" => {
            (Api::OpenAiChat, None)
        }
        other => {
            let instead = instead(other).unwrap_or(
                "set npm to a protocol that it does know, if the provider has an address for it: `@ai-sdk/openai-compatible` (OpenAI Chat Completions), \
                 `@ai-sdk/openai` (OpenAI Responses), `@ai-sdk/anthropic` (Anthropic Messages) or `@ai-sdk/google` (Gemini)",
            );
            return Err(configuration(format!(
                "`{provider}/{model}` is spoken to by `{other}`, which Interline does not know. Instead, for provider.{provider}: {instead}"
            )));
        }
    };
    Ok(Speech { api, base_url })
}

/// What to write into the provider's configuration for a protocol of a cloud that has an address of a protocol we speak.
fn instead(npm: &str) -> Option<&'static str> {
    Some(match npm {
        "@ai-sdk/amazon-bedrock" | "@ai-sdk/amazon-bedrock/mantle" => {
            "set npm to `@ai-sdk/openai-compatible`, options.baseURL to `https://bedrock-runtime.REGION.amazonaws.com/openai/v1` and \
             options.apiKey to a Bedrock API key; for models that Bedrock does not offer there, use a gateway such as OpenRouter or LiteLLM"
        }
        "@ai-sdk/google-vertex" => {
            "use the provider `google` with a Gemini API key, or set npm to `@ai-sdk/openai-compatible`, options.baseURL to \
             `https://LOCATION-aiplatform.googleapis.com/v1/projects/PROJECT/locations/LOCATION/endpoints/openapi` and options.apiKey to an access token"
        }
        "@ai-sdk/google-vertex/anthropic" => {
            "use the provider `anthropic` with a key of Anthropic's, or a gateway such as OpenRouter or LiteLLM"
        }
        "@ai-sdk/azure" => {
            "set npm to `@ai-sdk/openai` (Responses) or `@ai-sdk/openai-compatible` (Chat Completions), options.baseURL to \
             `https://RESOURCE.openai.azure.com/openai/v1` and options.apiKey to the resource's key"
        }
        "@ai-sdk/gateway" => "set npm to `@ai-sdk/openai-compatible` and options.baseURL to `https://ai-gateway.vercel.sh/v1`",
        "@ai-sdk/cohere" => "set npm to `@ai-sdk/openai-compatible` and options.baseURL to `https://api.cohere.ai/compatibility/v1`",
        _ => return None,
    })
}
