//! The `webfetch` tool, against servers on loopback.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::testing::{World, has, lacks};

/// A server that answers each path by `pages`; its URL without the path.
async fn serve(pages: &'static [(&'static str, &'static str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") && stream.read_buf(&mut request).await.is_ok_and(|count| count > 0) {}
                let request = String::from_utf8_lossy(&request).into_owned();
                let path = request.split(' ').nth(1).unwrap_or_default();
                let answer = pages.iter().find(|(known, _)| *known == path).map_or("404 Not Found\r\n\r\nnone", |(_, answer)| answer);
                stream.write_all(format!("HTTP/1.1 {answer}").as_bytes()).await.expect("written");
            });
        }
    });
    url
}

fn fetch(url: &str) -> Value {
    json!({ "url": url })
}

#[tokio::test]
async fn pages_in_three_formats() {
    let url = serve(&[("/a", "200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<h1>Big</h1><script>EVIL</script><p>words")]).await;
    let world = World::new();
    world.user.named.lock().expect("lock").push("127.0.0.1".to_owned());
    let get = async |format: &str| world.text(&WebFetch, json!({ "url": format!("{url}/a#part"), "format": format })).await;
    assert_eq!(get("markdown").await, "# Big\n\nwords");
    assert_eq!(get("text").await, "Big\nwords\n");
    has(&get("html").await, &["<script>EVIL"]);
    has(&get("pdf").await, &["`format`", "markdown"]);
    let asks = world.user.asks.lock().expect("lock");
    assert!(asks.iter().all(|ask| ask.patterns == [format!("{url}/a")] && ask.always == [format!("{url}/*")] && !ask.always_ask));
}

#[tokio::test]
async fn private_addresses_need_the_user_or_a_rule_that_names_them() {
    let url = serve(&[("/a", "200 OK\r\nContent-Type: text/plain\r\n\r\nSECRET")]).await;
    let port = url.rsplit(':').next().expect("a port").to_owned();
    for spelled in
        [format!("{url}/a"), format!("http://localhost:{port}/a"), format!("http://2130706433:{port}/a"), format!("http://[::1]:{port}/a")]
    {
        let world = World::new();
        world.user.deny.lock().expect("lock").push("webfetch");
        lacks(&world.text(&WebFetch, fetch(&spelled)).await, &["SECRET"]);
        let asks = world.user.asks.lock().expect("lock");
        assert!(asks.len() == 1 && asks[0].always_ask, "{spelled}: {asks:?}");
        has(asks[0].metadata["title"].as_str().expect("a title"), &["private"]);
    }
    let world = World::new();
    assert_eq!(world.text(&WebFetch, fetch(&format!("{url}/a"))).await, "SECRET");
}

#[tokio::test]
async fn redirects_are_looked_at_again() {
    let secret = serve(&[("/secret", "200 OK\r\nContent-Type: text/plain\r\n\r\nSECRET")]).await;
    let answer = format!("302 Found\r\nLocation: {secret}/secret\r\nContent-Length: 0\r\n\r\n").leak();
    let pages = vec![("/away", &*answer), ("/round", "302 Found\r\nLocation: /round\r\nContent-Length: 0\r\n\r\n")].leak();
    let url = serve(pages).await;
    let world = World::new();
    let got = world.text(&WebFetch, fetch(&format!("{url}/away"))).await;
    has(&got, &["redirected to", "/secret", "SECRET"]);
    assert_eq!(world.asked().len(), 2);
    world.rule("webfetch", &format!("{secret}/secret"), Action::Deny);
    let got = world.text(&WebFetch, fetch(&format!("{url}/away"))).await;
    has(&got, &["permission denied"]);
    lacks(&got, &["SECRET"]);
    has(&world.text(&WebFetch, fetch(&format!("{url}/round"))).await, &["more than 8 redirects"]);
}

#[tokio::test]
async fn an_image_is_given_as_such_whatever_its_type_is_said_to_be() {
    let url = serve(&[("/a", "200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 9\r\n\r\nGIF89a\0\0\0")]).await;
    let world = World::new();
    let got = world.run(&WebFetch, fetch(&format!("{url}/a"))).await.expect("fetched");
    has(&got.output, &["/a", "image/gif", "9 bytes"]);
    assert_eq!(got.metadata["attachments"][0]["url"], "data:image/gif;base64,R0lGODlhAAAA");
}

#[tokio::test]
async fn what_cannot_be_fetched_is_explained() {
    let url = serve(&[
        ("/binary", "200 OK\r\nContent-Type: image/png\r\nContent-Length: 1\r\n\r\n\0"),
        ("/huge", "200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6000000\r\n\r\nx"),
        ("/file", "302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"),
        ("/empty", "200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n"),
        ("/packed", "200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\u{1f}x"),
    ])
    .await;
    let world = World::new();
    for (path, words) in [
        ("/none", ["404", "Not Found"]),
        ("/binary", ["image/png", "no text"]),
        ("/huge", ["larger", "5 MB"]),
        ("/file", ["file:", "only http and https"]),
        ("/empty", ["the page", "no text"]),
        ("/packed", ["compressed (gzip)", "curl"]),
    ] {
        has(&world.text(&WebFetch, fetch(&format!("{url}{path}"))).await, &words);
    }
    for (text, word) in [
        ("file:///etc/passwd", "only http"),
        ("example.com", "whole"),
        ("http://me:secret@example.com/", "password"),
        ("http://name.invalid/", "no host name.invalid"),
    ] {
        has(&world.text(&WebFetch, fetch(text)).await, &[word]);
    }
}

#[tokio::test]
async fn a_cancel_ends_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let world = Arc::new(World::new());
    let call = tokio::spawn({
        let world = Arc::clone(&world);
        async move { world.run(&WebFetch, fetch(&url)).await }
    });
    let (_silent, _) = listener.accept().await.expect("connected");
    world.context.cancel.cancel();
    assert!(matches!(call.await.expect("joined"), Err(ToolError::Cancelled(_))));
}
