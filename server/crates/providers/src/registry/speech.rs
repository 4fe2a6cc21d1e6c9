//! From npm packages, by which OpenCode names protocols, to ours.
//!
//! **Invariant:** a package that is not known is an error that says what to write instead; nothing is guessed.

use crate::ProviderError;
use crate::model::Api;
use crate::registry::configuration;

/// How a model is spoken to.
pub(super) struct Speech {
    pub(super) api: Api,
    /// Where the protocol's own vendor is; `${…}` is filled from the provider's options and variables.
    pub(super) base_url: Option<&'static str>,
    /// The header for the bare key, where it is not the wire format's own.
    pub(super) key_header: Option<&'static str>,
}

/// OpenCode names protocols by npm packages. `completions`: the user wants Chat Completions where Responses would be spoken.
pub(super) fn speech(npm: &str, provider: &str, model: &str, completions: bool) -> Result<Speech, ProviderError> {
    let (api, base_url) = match npm {
        "@ai-sdk/anthropic" => (Api::Anthropic, Some("https://api.anthropic.com/v1")),
        "@ai-sdk/openai" => (Api::OpenAiResponses, Some("https://api.openai.com/v1")),
        "@ai-sdk/google" => (Api::Gemini, Some("https://generativelanguage.googleapis.com/v1beta")),
        // With a key of Vertex' express mode it is Gemini at another address.
        "@ai-sdk/google-vertex" => (Api::Gemini, Some("https://aiplatform.googleapis.com/v1/publishers/google")),
        "@ai-sdk/azure" => (
            if completions { Api::OpenAiChat } else { Api::OpenAiResponses },
            Some("https://${AZURE_RESOURCE_NAME}.openai.azure.com/openai/v1"),
        ),
        "@ai-sdk/amazon-bedrock/mantle" => (Api::OpenAiResponses, Some("https://bedrock-mantle.${AWS_REGION}.api.aws/openai/v1")),
        "@ai-sdk/amazon-bedrock" if model.contains("openai.gpt-oss") => {
            (Api::OpenAiChat, Some("https://bedrock-runtime.${AWS_REGION}.amazonaws.com/openai/v1"))
        }
        "@openrouter/ai-sdk-provider" => (Api::OpenAiChat, Some("https://openrouter.ai/api/v1")),
        "@ai-sdk/gateway" => (Api::OpenAiChat, Some("https://ai-gateway.vercel.sh/v1")),
        "@ai-sdk/xai" => (Api::OpenAiResponses, Some("https://api.x.ai/v1")),
        "@ai-sdk/mistral" => (Api::OpenAiChat, Some("https://api.mistral.ai/v1")),
        "@ai-sdk/groq" => (Api::OpenAiChat, Some("https://api.groq.com/openai/v1")),
        "@ai-sdk/cerebras" => (Api::OpenAiChat, Some("https://api.cerebras.ai/v1")),
        "@ai-sdk/deepinfra" => (Api::OpenAiChat, Some("https://api.deepinfra.com/v1/openai")),
        "@ai-sdk/togetherai" => (Api::OpenAiChat, Some("https://api.together.xyz/v1")),
        "@ai-sdk/perplexity" => (Api::OpenAiChat, Some("https://api.perplexity.ai")),
        "@ai-sdk/cohere" => (Api::OpenAiChat, Some("https://api.cohere.ai/compatibility/v1")),
        "@ai-sdk/vercel" => (Api::OpenAiChat, Some("https://api.v0.dev/v1")),
        "@ai-sdk/openai-compatible" | "@ai-sdk/alibaba" | "@llmgateway/ai-sdk-provider" => (Api::OpenAiChat, None),
        "venice-ai-sdk-provider" => (Api::OpenAiChat, Some("https://api.venice.ai/api/v1")),
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
    Ok(Speech { api, base_url, key_header: (npm == "@ai-sdk/azure").then_some("api-key") })
}

/// What to write into the provider's configuration for a protocol of a cloud that has an address of a protocol we speak.
fn instead(npm: &str) -> Option<&'static str> {
    Some(match npm {
        "@ai-sdk/amazon-bedrock" => {
            "use a model that Bedrock offers in OpenAI's protocols (`interline models amazon-bedrock` lists them; they take a Bedrock API key in \
             AWS_BEARER_TOKEN_BEDROCK), or a gateway such as OpenRouter or LiteLLM"
        }
        "@ai-sdk/google-vertex/anthropic" => {
            "use the provider `anthropic` with a key of Anthropic's, or a gateway such as OpenRouter or LiteLLM"
        }
        "ai-gateway-provider" => {
            "set npm to `@ai-sdk/openai-compatible` and options.baseURL to `https://gateway.ai.cloudflare.com/v1/ACCOUNT/GATEWAY/compat`"
        }
        _ => return None,
    })
}

/// What else can be done where there is no key.
pub(super) fn without_key(npm: &str) -> &'static str {
    match npm {
        "@ai-sdk/google-vertex" => {
            ". Logins of Google Cloud are not supported: use a key of Vertex' express mode, the provider `google` with a Gemini API key, or set npm to \
             `@ai-sdk/openai-compatible`, options.baseURL to `https://LOCATION-aiplatform.googleapis.com/v1/projects/PROJECT/locations/LOCATION/endpoints/openapi` \
             and options.apiKey to an access token"
        }
        "@ai-sdk/amazon-bedrock" | "@ai-sdk/amazon-bedrock/mantle" => {
            ". Access keys and profiles of AWS are not supported: make a Bedrock API key in its console"
        }
        _ => "",
    }
}
