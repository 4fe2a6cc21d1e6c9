//! What a call, a prompt or a resource brought: text for the model, and what is no text.
//!
//! Must not know how it came.
//!
//! **Invariant:** nothing is silently left out: what can be neither shown nor handed on is named.

use serde_json::Value;

use crate::rpc::take;

/// Most bytes (in base64) of all that is no text: what most providers take.
const LARGEST: usize = 5 << 20;
/// What models may take besides text, and how it begins in base64: what is none would be refused, and the conversation with it.
const SUPPORTED: [(&str, &str); 5] = [
    ("image/png", "iVBORw0KGgo"),
    ("image/jpeg", "/9j/"),
    ("image/gif", "R0lGOD"),
    ("image/webp", "UklGR"),
    ("application/pdf", "JVBERi0"),
];

/// What came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// For the model.
    pub text: String,
    /// What is no text, and models may take.
    pub media: Vec<Media>,
    /// The server says that it failed.
    pub failed: bool,
}

/// An image or a PDF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// Its media type.
    pub mime: String,
    /// Base64.
    pub data: String,
}

/// The result of `tools/call`.
pub(crate) fn of_call(mut result: Value) -> Content {
    let failed = result["isError"] == Value::Bool(true);
    let structured = take(&mut result, "structuredContent");
    let mut content = blocks(take(&mut result, "content"));
    if content.text.is_empty() && content.media.is_empty() && !structured.is_null() {
        content.text = structured.to_string();
    }
    if content.text.is_empty() && content.media.is_empty() {
        content.text = "(the tool returned nothing)".to_owned();
    }
    Content { failed, ..content }
}

/// The result of `resources/read`.
pub(crate) fn of_resource(mut result: Value) -> Content {
    let Value::Array(contents) = take(&mut result, "contents") else { return Content::default() };
    let mut content = Content::default();
    let single = contents.len() == 1;
    contents.into_iter().for_each(|resource| content.resource(resource, single));
    content
}

/// The messages of `prompts/get`, one after the other.
pub(crate) fn of_prompt(mut result: Value) -> Content {
    let Value::Array(messages) = take(&mut result, "messages") else { return Content::default() };
    let several = messages.len() > 1;
    let mut all = Content::default();
    for mut message in messages {
        let said = blocks(take(&mut message, "content"));
        if several && message["role"] == "assistant" && !said.text.is_empty() {
            all.say("(the assistant:)");
        }
        all.say(&said.text);
        all.media.extend(said.media);
    }
    all
}

fn blocks(content: Value) -> Content {
    let mut out = Content::default();
    match content {
        Value::Array(blocks) => blocks.into_iter().for_each(|block| out.block(block)),
        Value::Object(_) => out.block(content),
        Value::String(text) => out.say(&text),
        _ => {}
    }
    out
}

impl Content {
    fn say(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if !self.text.is_empty() {
            self.text.push_str("\n\n");
        }
        self.text.push_str(text);
    }

    fn block(&mut self, mut block: Value) {
        match block["type"].as_str().unwrap_or_default() {
            "text" => self.say(block["text"].as_str().unwrap_or_default()),
            "image" | "audio" => {
                let data = take(&mut block, "data");
                self.binary(block["mimeType"].as_str().unwrap_or_default(), data, "");
            }
            "resource" => {
                let resource = take(&mut block, "resource");
                self.resource(resource, false);
            }
            "resource_link" => {
                let text = |key: &str| block[key].as_str().unwrap_or_default();
                self.say(&format!("[resource {} {}]", text("uri"), text("name")));
            }
            other => self.say(&format!("[content of type {other}, which is not known here]")),
        }
    }

    fn resource(&mut self, mut resource: Value, single: bool) {
        let uri = resource["uri"].as_str().unwrap_or_default().to_owned();
        if let Some(text) = resource["text"].as_str() {
            if single { self.say(text) } else { self.say(&format!("[resource {uri}]\n{text}")) }
        } else {
            let data = take(&mut resource, "blob");
            self.binary(resource["mimeType"].as_str().unwrap_or_default(), data, &uri);
        }
    }

    /// Handed on where a model may take it; else named.
    fn binary(&mut self, mime: &str, data: Value, uri: &str) {
        let mime = mime.to_ascii_lowercase();
        let Value::String(data) = data else { return self.say(&format!("[{mime} {uri}, without data]")) };
        let size = data.len() / 4 * 3;
        let all: usize = self.media.iter().map(|media| media.data.len()).sum();
        let fits =
            all + data.len() <= LARGEST && data.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='));
        if fits && SUPPORTED.iter().any(|(known, start)| *known == mime && data.starts_with(start)) {
            return self.media.push(Media { mime, data });
        }
        let kind: String = mime.chars().take(100).collect();
        let named = if uri.is_empty() { String::new() } else { format!(" {uri}") };
        self.say(&format!("[{kind}{named}, {size} bytes, which cannot be shown]"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn results() {
        let check = |result: Value, text: &str, media: usize, failed: bool| {
            let content = of_call(result.clone());
            assert_eq!((content.text.as_str(), content.media.len(), content.failed), (text, media, failed), "{result}");
        };
        check(json!({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}), "a\n\nb", 0, false);
        check(json!({"content": [{"type": "text", "text": "no"}], "isError": true}), "no", 0, true);
        check(json!({"content": [{"type": "image", "mimeType": "image/png", "data": "iVBORw0KGgo="}]}), "", 1, false);
        check(
            json!({"content": [{"type": "image", "mimeType": "image/png", "data": "QUJD"}]}),
            "[image/png, 3 bytes, which cannot be shown]",
            0,
            false,
        );
        check(
            json!({"content": [{"type": "audio", "mimeType": "audio/wav", "data": "QUJD"}]}),
            "[audio/wav, 3 bytes, which cannot be shown]",
            0,
            false,
        );
        check(
            json!({"content": [{"type": "image", "mimeType": "image/png", "data": "\"><x"}]}),
            "[image/png, 3 bytes, which cannot be shown]",
            0,
            false,
        );
        check(json!({"content": [{"type": "resource", "resource": {"uri": "x:y", "text": "t"}}]}), "[resource x:y]\nt", 0, false);
        check(json!({"content": [{"type": "resource_link", "uri": "x:y", "name": "n"}]}), "[resource x:y n]", 0, false);
        check(json!({"content": [], "structuredContent": {"a": 1}}), "{\"a\":1}", 0, false);
        check(json!({"content": [{"type": "hologram"}]}), "[content of type hologram, which is not known here]", 0, false);
        check(json!({"content": "words"}), "words", 0, false);
        check(Value::Null, "(the tool returned nothing)", 0, false);
        check(json!([1, 2]), "(the tool returned nothing)", 0, false);
    }

    #[test]
    fn resources_and_prompts() {
        assert_eq!(of_resource(json!({"contents": [{"uri": "a", "text": "t"}]})).text, "t");
        assert_eq!(
            of_resource(json!({"contents": [{"uri": "a", "text": "t"}, {"uri": "b", "blob": "QUJD", "mimeType": "application/zip"}]})).text,
            "[resource a]\nt\n\n[application/zip b, 3 bytes, which cannot be shown]"
        );
        let prompt = json!({"messages": [{"role": "user", "content": {"type": "text", "text": "Do it."}}, {"role": "assistant", "content": {"type": "text", "text": "How?"}}]});
        assert_eq!(of_prompt(prompt).text, "Do it.\n\n(the assistant:)\n\nHow?");
    }
}
