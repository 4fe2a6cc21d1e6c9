//! Servers of models on the user's own machine.
//!
//! Owns how each is asked which models it has. Must not know where they are, nor ask unless told to.
//!
//! **Invariant:** no key is sent, and it ends in time; what a server says is only taken as names.

use std::time::Duration;

use serde_json::Value;

use crate::client::causes;
use crate::http::Clients;

/// The providers that are servers on the user's machine.
pub const LOCAL: [&str; 4] = ["ollama", "lmstudio", "llama.cpp", "vllm"];

const LONGEST: usize = 4 << 20;

/// Why a server told no models.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocalError {
    /// Nothing listens there.
    #[error("nothing answers")]
    Absent,
    /// Something is there, but it does not do.
    #[error("{0}")]
    Unsuitable(String),
}

/// The names of the models that the server `id` at `address` (with `/v1`, without a slash at its end) has.
///
/// # Errors
/// None is there, or what it answered instead.
pub async fn local_models(id: &str, address: &str, patience: Duration) -> Result<Vec<String>, LocalError> {
    let url = match (id, address.strip_suffix("/v1")) {
        ("ollama", Some(root)) => format!("{root}/api/tags"),
        _ => format!("{address}/models"),
    };
    match tokio::time::timeout(patience, ask(&url)).await {
        Ok(answer) => names(&answer?).ok_or_else(|| LocalError::Unsuitable("something else answers there".to_owned())),
        Err(_) => Err(LocalError::Unsuitable(format!("no answer in {} ms", patience.as_millis()))),
    }
}

async fn ask(url: &str) -> Result<Vec<u8>, LocalError> {
    let unsuitable = |reason: String| LocalError::Unsuitable(reason);
    let url: url::Url = url.parse().map_err(|error| unsuitable(format!("{url} is no address: {error}")))?;
    let client = Clients::default().get(&url).map_err(|error| unsuitable(causes(&error)))?;
    let mut response =
        client.get(url).send().await.map_err(|error| if error.is_connect() { LocalError::Absent } else { unsuitable(causes(&error)) })?;
    match response.status().as_u16() {
        200..=299 => {}
        401 | 403 => return Err(unsuitable("it wants a key before it tells its models".to_owned())),
        status => return Err(unsuitable(format!("something else answers there (status {status})"))),
    }
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| unsuitable(causes(&error)))? {
        if body.len() + piece.len() > LONGEST {
            return Err(unsuitable("its list of models is endless".to_owned()));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// Of OpenAI's list, or of Ollama's.
fn names(body: &[u8]) -> Option<Vec<String>> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let (list, field) = match (body.get("data"), body.get("models")) {
        (Some(data), _) => (data, "id"),
        (None, Some(models)) => (models, "name"),
        (None, None) => return None,
    };
    let names = list.as_array()?.iter().filter_map(|model| model.get(field)?.as_str());
    Some(names.filter(|name| !name.is_empty() && name.len() <= 200 && !name.chars().any(char::is_control)).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wiremock::matchers::{method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[test]
    fn lists() {
        let check = |body: Value, expect: Option<&[&str]>| {
            let got = names(body.to_string().as_bytes());
            assert_eq!(
                got.as_deref(),
                expect.map(|names| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).as_deref(),
                "{body}"
            );
        };
        check(json!({"models": [{"name": "qwen3:8b", "size": 1}, {"model": "x"}, 3]}), Some(&["qwen3:8b"]));
        check(json!({"object": "list", "data": [{"id": "a"}, {"id": "evil\u{1b}[2J"}], "models": [{"name": "other"}]}), Some(&["a"]));
        check(json!({"data": []}), Some(&[]));
        check(json!({"data": "x"}), None);
        check(json!({"hello": 1}), None);
        assert_eq!(names(b"<html>"), None);
    }

    #[tokio::test]
    async fn servers_and_what_is_none() {
        let server = MockServer::start().await;
        let answer = |body: Value| ResponseTemplate::new(200).set_body_json(body);
        let on = |place: &'static str, answer: ResponseTemplate| Mock::given(method("GET")).and(path(place)).respond_with(answer);
        on("/api/tags", answer(json!({"models": [{"name": "o"}]}))).mount(&server).await;
        on("/v1/models", answer(json!({"data": [{"id": "v"}]}))).mount(&server).await;
        on("/locked/models", ResponseTemplate::new(401)).mount(&server).await;
        on("/web/models", ResponseTemplate::new(200).set_body_string("<html>")).mount(&server).await;
        let base = server.uri();
        assert_eq!(local_models("ollama", &format!("{base}/v1"), PATIENCE).await.unwrap(), ["o"]);
        assert_eq!(local_models("vllm", &format!("{base}/v1"), PATIENCE).await.unwrap(), ["v"]);
        let check = async |place: &str, words: &str| {
            let error = local_models("vllm", &format!("{base}/{place}"), PATIENCE).await.unwrap_err();
            assert!(error.to_string().contains(words), "{place}: {error}");
        };
        check("locked", "wants a key").await;
        check("web", "something else").await;
        check("nowhere", "status 404").await;
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(local_models("vllm", &format!("http://{gone}/v1"), PATIENCE).await, Err(LocalError::Absent));
        on("/slow/models", answer(json!({})).set_delay(PATIENCE)).mount(&server).await;
        let slow = local_models("vllm", &format!("{base}/slow"), Duration::from_millis(1)).await.unwrap_err();
        assert!(slow.to_string().contains("no answer in 1 ms"), "{slow}");
    }
}
