//! Over real connections.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use wiremock::matchers::{body_partial_json, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::samples::{KEY, conversation, model};
use crate::{Api, FinishReason};

async fn collect(mut stream: ModelStream) -> (String, Option<FinishReason>, Option<ProviderError>) {
    let (mut text, mut reason, mut error) = (String::new(), None, None);
    while let Some(event) = stream.next().await {
        assert!(reason.is_none() && error.is_none(), "nothing comes after the end");
        match event {
            Ok(ModelEvent::Text(piece)) => text.push_str(&piece),
            Ok(ModelEvent::Finish(why)) => reason = Some(why),
            Ok(_) => {}
            Err(why) => error = Some(why),
        }
    }
    (text, reason, error)
}

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

fn said(text: &str) -> String {
    chunk(&format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": {"content": text}}]})))
}

fn ended() -> String {
    chunk("data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
}

async fn take_request(socket: &mut TcpStream) {
    let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let count = socket.read(&mut buffer).await.unwrap();
        seen.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&seen);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok()).unwrap();
            if body.len() >= length {
                return;
            }
        }
    }
}

async fn local() -> (TcpListener, ResolvedModel) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    (listener, model(Api::OpenAiChat, "mock", "test", &base))
}

#[tokio::test]
async fn headers_options_and_an_answer() {
    let server = MockServer::start().await;
    let body = "data: {\"choices\":[{\"delta\":{\"content\":\"Hello\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    Mock::given(method("POST"))
        .and(path("/v1/chat/completions"))
        .and(header("authorization", format!("Bearer {KEY}").as_str()))
        .and(header("x-team", "blue"))
        .and(header("user-agent", concat!("interline/", env!("CARGO_PKG_VERSION"))))
        .and(body_partial_json(json!({"model": "vendor/real", "custom_field": "CUSTOM", "stream": true})))
        .respond_with(ResponseTemplate::new(200).set_body_raw(body, "text/event-stream"))
        .expect(1)
        .mount(&server)
        .await;
    let mut model = model(Api::OpenAiChat, "mock", "test", &format!("{}/v1", server.uri()));
    model.wire_id = "vendor/real".into();
    model.headers.insert("X-Team".into(), "blue".into());
    model.options.insert("custom_field".into(), json!("CUSTOM"));
    let (text, reason, error) = collect(Client::new().stream(&model, &conversation())).await;
    assert_eq!((text.as_str(), reason), ("Hello", Some(FinishReason::Stop)), "{error:?}");
}

#[tokio::test]
async fn every_api_has_its_address_and_its_key() {
    let check = async |api: Api, at: &str, head: (&'static str, String), events: &[serde_json::Value]| {
        let server = MockServer::start().await;
        let body: String = events.iter().map(|event| format!("data: {event}\r\n\r\n")).collect();
        Mock::given(method("POST"))
            .and(path(at))
            .and(header(head.0, head.1.as_str()))
            .respond_with(ResponseTemplate::new(200).set_body_raw(body, "text/event-stream"))
            .expect(1)
            .mount(&server)
            .await;
        let model = model(api, "mock", "test", &format!("{}/v1", server.uri()));
        let (text, reason, error) = collect(Client::new().stream(&model, &conversation())).await;
        assert_eq!((text.as_str(), reason), ("Hello", Some(FinishReason::Stop)), "{api:?} {error:?}");
    };
    let bearer = || ("authorization", format!("Bearer {KEY}"));
    let chat = json!({"choices": [{"delta": {"content": "Hello"}, "finish_reason": "stop"}]});
    check(Api::OpenAiChat, "/v1/chat/completions", bearer(), &[chat]).await;
    let responses =
        [json!({"type": "response.output_text.delta", "delta": "Hello"}), json!({"type": "response.completed", "response": {}})];
    check(Api::OpenAiResponses, "/v1/responses", bearer(), &responses).await;
    let message = json!({"type": "message", "content": [{"type": "text", "text": "Hello"}], "stop_reason": "end_turn"});
    check(Api::Anthropic, "/v1/messages", ("x-api-key", KEY.to_owned()), &[message]).await;
    let gemini = [json!({"candidates": [{"content": {"parts": [{"text": "Hello"}]}}]}), json!({"candidates": [{"finishReason": "STOP"}]})];
    check(Api::Gemini, "/v1/models/test:streamGenerateContent", ("x-goog-api-key", KEY.to_owned()), &gemini).await;
}

#[tokio::test]
async fn statuses() {
    let check = async |template: ResponseTemplate, kind: ProviderErrorKind, wait: Option<u64>, words: &[&str]| {
        let server = MockServer::start().await;
        Mock::given(method("POST")).respond_with(template).expect(1).mount(&server).await;
        let model = model(Api::OpenAiChat, "mock", "test", &format!("{}/v1", server.uri()));
        let (_, reason, error) = collect(Client::new().stream(&model, &conversation())).await;
        let error = error.unwrap();
        assert_eq!((reason, error.kind, error.retry_after.map(|wait| wait.as_millis() as u64)), (None, kind, wait), "{error:?}");
        assert!(!error.message.contains(KEY), "{}", error.message);
        assert!(words.iter().all(|word| error.message.contains(word)), "{}", error.message);
    };
    use ProviderErrorKind::{Auth, BadRequest, Overloaded, RateLimit, UnknownModel};
    let told = |status: u16, words: &str| ResponseTemplate::new(status).set_body_json(json!({"error": {"message": words}}));
    check(told(429, "Rate limit reached").insert_header("retry-after", "2"), RateLimit, Some(2000), &["Rate limit reached", "429"]).await;
    check(told(429, "slow").insert_header("retry-after-ms", "300"), RateLimit, Some(300), &["slow"]).await;
    check(told(500, "internal"), Overloaded, None, &["internal"]).await;
    check(told(529, "Overloaded"), Overloaded, None, &["Overloaded"]).await;
    let words = format!("Incorrect API key provided: {KEY}. Find yours at the console.");
    check(told(401, &words), Auth, None, &["Incorrect API key", "SAMPLE_API_KEY", "interline auth add mock"]).await;
    check(told(400, "Unsupported value: QUAGGA"), BadRequest, None, &["QUAGGA"]).await;
    check(ResponseTemplate::new(302).insert_header("location", "http://elsewhere/"), BadRequest, None, &["elsewhere"]).await;
    check(
        ResponseTemplate::new(502).set_body_string("<html><title>502 Bad Gateway</title></html>"),
        Overloaded,
        None,
        &["502 Bad Gateway"],
    )
    .await;
    let page = "<!doctype html>\n<html><title>Log in</title></html>";
    check(
        ResponseTemplate::new(200).set_body_raw(page, "text/html"),
        UnknownModel,
        None,
        &["a web page, Log in. ", "the address (http://"],
    )
    .await;
}

#[tokio::test]
async fn a_broken_connection_is_an_error() {
    let check = async |answer: String, expect: &str| {
        let (listener, model) = local().await;
        let serve = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            take_request(&mut socket).await;
            socket.write_all(answer.as_bytes()).await.unwrap();
        };
        let client = Client::new();
        let ((text, reason, error), ()) = tokio::join!(collect(client.stream(&model, &conversation())), serve);
        assert_eq!((text.as_str(), reason), (expect, None));
        assert_eq!(error.unwrap().kind, ProviderErrorKind::Connection);
    };
    check(String::new(), "").await;
    check(format!("{HEAD}{}", said("PARTIAL")), "PARTIAL").await;
    check(format!("{HEAD}{}0\r\n\r\n", said("PARTIAL")), "PARTIAL").await;
}

#[tokio::test]
async fn no_server_is_said_so() {
    let (listener, model) = local().await;
    drop(listener);
    let (_, _, error) = collect(Client::new().stream(&model, &conversation())).await;
    let error = error.unwrap();
    assert_eq!(error.kind, ProviderErrorKind::Connection);
    assert!(error.message.contains("cannot connect") && error.message.contains(&model.base_url), "{}", error.message);
}

#[tokio::test]
async fn a_silent_stream_is_given_up_and_closed() {
    let (listener, mut model) = local().await;
    model.timeouts.chunk = Duration::from_millis(60);
    let serve = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        take_request(&mut socket).await;
        socket.write_all(format!("{HEAD}{}", said("begin ")).as_bytes()).await.unwrap();
        socket.read(&mut [0; 1]).await.unwrap_or(0)
    };
    let client = Client::new();
    let asked = async { collect(client.stream(&model, &conversation())).await };
    let ((text, _, error), left) = tokio::join!(asked, serve);
    assert_eq!((text.as_str(), error.unwrap().kind, left), ("begin ", ProviderErrorKind::Timeout, 0));
}

#[tokio::test]
async fn a_head_that_does_not_come_is_given_up() {
    let (listener, mut model) = local().await;
    model.timeouts.header = Duration::from_millis(60);
    let (_, _, error) = collect(Client::new().stream(&model, &conversation())).await;
    assert_eq!(error.unwrap().kind, ProviderErrorKind::Timeout);
    drop(listener);
}

#[tokio::test]
async fn dropping_a_stream_closes_its_connection() {
    let (listener, model) = local().await;
    let client = Client::new();
    let mut stream = client.stream(&model, &conversation());
    let serve = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        take_request(&mut socket).await;
        socket.write_all(format!("{HEAD}{}", said("x")).as_bytes()).await.unwrap();
        socket
    };
    let (first, mut socket) = tokio::join!(stream.next(), serve);
    assert_eq!(first.unwrap().unwrap(), ModelEvent::Text("x".into()));
    drop(stream);
    assert_eq!(socket.read(&mut [0; 1]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn next_may_be_dropped_and_called_again() {
    let (listener, model) = local().await;
    let client = Client::new();
    let mut stream = client.stream(&model, &conversation());
    let (go, mut wait) = tokio::sync::mpsc::channel::<()>(1);
    let serve = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        take_request(&mut socket).await;
        wait.recv().await;
        socket.write_all(format!("{HEAD}{}{}0\r\n\r\n", said("whole"), ended()).as_bytes()).await.unwrap();
    };
    let asked = async {
        for _ in 0..20 {
            tokio::select! {
                biased;
                _ = stream.next() => panic!("nothing was sent"),
                () = tokio::task::yield_now() => {}
            }
        }
        go.send(()).await.unwrap();
        collect(stream).await
    };
    let ((text, reason, error), ()) = tokio::join!(asked, serve);
    assert_eq!((text.as_str(), reason), ("whole", Some(FinishReason::Stop)), "{error:?}");
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let (listener, model) = local().await;
    let client = Client::new();
    let serve = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        for _ in 0..2 {
            take_request(&mut socket).await;
            socket.write_all(format!("{HEAD}{}{}", said("x"), ended()).as_bytes()).await.unwrap();
            // The end of the body comes after the end of the answer.
            tokio::task::yield_now().await;
            socket.write_all(b"0\r\n\r\n").await.unwrap();
        }
    };
    let asked = async {
        let first = collect(client.stream(&model, &conversation())).await;
        // The rest of the first answer is read beside us.
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        (first, collect(client.stream(&model, &conversation())).await)
    };
    let both = timeout(Duration::from_secs(5), async { tokio::join!(asked, serve) });
    let ((first, second), ()) = both.await.expect("the second request came over the first one's connection");
    assert_eq!((first.1, second.1), (Some(FinishReason::Stop), Some(FinishReason::Stop)));
}

#[tokio::test]
async fn what_cannot_be_sent_is_a_matter_of_configuration() {
    let check = async |change: &dyn Fn(&mut ResolvedModel), words: &str| {
        let mut model = model(Api::OpenAiChat, "mock", "test", "http://127.0.0.1:9/v1");
        change(&mut model);
        let (_, _, error) = collect(Client::new().stream(&model, &conversation())).await;
        let error = error.unwrap();
        assert_eq!(error.kind, ProviderErrorKind::Configuration, "{error:?}");
        assert!(error.message.contains(words), "{}", error.message);
    };
    check(&|model| model.base_url = "127.0.0.1:11434/v1".into(), "127.0.0.1:11434/v1").await;
    check(&|model| model.base_url = "ftp://h".into(), "http://").await;
    check(&|model| model.key = crate::Secret::new("a\nb"), "authorization").await;
}

#[tokio::test]
async fn a_header_of_its_own_holds_the_bare_key() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200)
        .set_body_string("data: {\"choices\":[{\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n");
    Mock::given(method("POST")).and(header("api-key", KEY)).respond_with(answer).expect(1).mount(&server).await;
    let model = ResolvedModel { key_header: Some("api-key"), ..model(Api::OpenAiChat, "azure", "gpt", &server.uri()) };
    let (text, _, error) = collect(Client::new().stream(&model, &conversation())).await;
    assert_eq!((text.as_str(), error.map(|error| error.message)), ("hi", None));
    assert!(!server.received_requests().await.unwrap()[0].headers.contains_key("authorization"));
}
