//! Models and a conversation for tests.

use serde_json::json;

use crate::{Api, Capabilities, ChatMessage, ChatPart, ModelEvent, ModelRequest, ResolvedModel, Secret, Timeouts, ToolDefinition};

pub(crate) const KEY: &str = "sk-sample-0123456789abcdef";

/// A model of `provider` at `base_url`.
pub(crate) fn model(api: Api, provider: &str, id: &str, base_url: &str) -> ResolvedModel {
    ResolvedModel {
        provider_id: provider.to_owned(),
        provider_name: provider.to_owned(),
        model_id: id.to_owned(),
        model_name: id.to_owned(),
        wire_id: id.to_owned(),
        family: String::new(),
        npm: match api {
            Api::Anthropic => "@ai-sdk/anthropic",
            Api::OpenAiChat => "@ai-sdk/openai-compatible",
            Api::OpenAiResponses => "@ai-sdk/openai",
            Api::Gemini => "@ai-sdk/google",
        }
        .to_owned(),
        api,
        base_url: base_url.to_owned(),
        key: Secret::new(KEY),
        key_header: None,
        key_variable: Some("SAMPLE_API_KEY".to_owned()),
        headers: Default::default(),
        options: Default::default(),
        provider_options: Default::default(),
        limit: config::Limit { context: 128_000, input: None, output: 64_000 },
        cost: config::Cost::default(),
        capabilities: Capabilities { tools: true, tools_stated: false, reasoning: true, temperature: true, images: true, pdf: true },
        interleaved: None,
        variants: Vec::new(),
        variant: None,
        timeouts: Timeouts::default(),
    }
}

/// Two calls with their results, thoughts, an image, and a second question.
pub(crate) fn conversation() -> ModelRequest {
    let text = |text: &str| ChatPart::Text(text.to_owned());
    let call = |id: &str, file: &str| ChatPart::ToolCall {
        id: id.into(),
        name: "read".into(),
        input: json!({"filePath": file}),
        metadata: json!(null),
    };
    let result = |id: &str, output: &str, is_error| ChatPart::ToolResult {
        id: id.into(),
        name: "read".into(),
        output: output.into(),
        is_error,
        media: Vec::new(),
    };
    let thought = |text: &str, metadata| ChatPart::Reasoning { text: text.into(), metadata };
    ModelRequest {
        system: vec!["You are a coding agent.".into(), "The project is /p.".into(), "Today is Monday.".into()],
        messages: vec![
            ChatMessage::User(vec![text("What is in a?"), ChatPart::Media { mime: "image/png".into(), data: "QUJD".into() }]),
            ChatMessage::Assistant(vec![
                thought("I should look.", json!({"anthropic": {"signature": "c2ln"}, "field": "reasoning_content"})),
                thought("Somebody else's thought.", json!(null)),
                text("I will look. "),
                text("  "),
                call("call.1", "a"),
                call("call.2", "b"),
            ]),
            ChatMessage::Tool(vec![result("call.1", "AAA", false), result("call.2", "no such file", true)]),
            ChatMessage::User(vec![text("And b?")]),
        ],
        tools: vec![ToolDefinition {
            name: "read".into(),
            description: "Reads a file.".into(),
            parameters: json!({"type": "object", "properties": {"filePath": {"type": "string"}}, "required": ["filePath"], "additionalProperties": false}),
        }],
        session: "ses_1".into(),
        ..ModelRequest::default()
    }
}

/// The same, whose first call brought an image, and its second a PDF.
pub(crate) fn conversation_with_pictures() -> ModelRequest {
    let mut request = conversation();
    if let ChatMessage::Tool(results) = &mut request.messages[2] {
        for (result, (brought, mime, base64)) in
            results.iter_mut().zip([("one image", "image/png", "SU1H"), ("one PDF", "application/pdf", "UERG")])
        {
            if let ChatPart::ToolResult { output, media, is_error, .. } = result {
                brought.clone_into(output);
                *is_error = false;
                media.push(ChatPart::Media { mime: mime.into(), data: base64.into() });
            }
        }
    }
    request.tools.clear();
    request.messages.pop();
    request
}

/// An answer in short: `(thoughts)text[name arguments]`, in its order.
pub(crate) fn in_short(events: &[ModelEvent]) -> String {
    let mut names = Vec::new();
    let mut out = String::new();
    for event in events {
        match event {
            ModelEvent::Text(text) => out.push_str(text),
            ModelEvent::Reasoning(text) => out.push_str(&format!("({text})")),
            ModelEvent::ToolCallStart { name, .. } => names.push(name.clone()),
            ModelEvent::ToolCallEnd { index, arguments, .. } => out.push_str(&format!("[{} {arguments}]", names[*index])),
            _ => {}
        }
    }
    out
}
