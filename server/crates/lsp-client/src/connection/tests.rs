//! The conversation itself.

use super::*;
use crate::client::fake::{Fake, pipes};

/// Hears nothing.
struct Deaf;

impl Handler for Deaf {
    fn notification(&self, _: &str, _: Value) {}
    fn request(&self, _: &str, _: Value, reply: Reply) {
        drop(reply);
    }
    fn stopped(&self, _: &str) {}
}

fn open() -> (Connection, Fake) {
    let (pipes, fake) = pipes();
    (Connection::open(pipes.reader, pipes.writer, Arc::new(Deaf), async { Some("it crashed".to_owned()) }), fake)
}

const LONG: Duration = Duration::from_secs(1000);

#[tokio::test]
async fn answers_find_their_questions_in_any_order() {
    let (connection, mut server) = open();
    let (one, two, ()) = tokio::join!(connection.request("one", json!(1), LONG), connection.request("two", Value::Null, LONG), async {
        let (one, params) = server.request("one").await;
        assert_eq!(params, 1);
        let (two, _) = server.request("two").await;
        server.answer(&two, json!("second")).await;
        server.refuse(&one, -1).await;
    });
    assert_eq!(two, Ok(json!("second")));
    assert_eq!(one, Err(RequestError::Server(RpcError { code: -1, message: "no".to_owned(), data: None })));
    assert_eq!(connection.waiting(), 0);
}

#[tokio::test]
async fn who_takes_too_long_or_is_not_waited_for_is_told() {
    let (connection, mut server) = open();
    let slow = connection.request("slow", json!({}), Duration::from_millis(1)).await;
    assert_eq!(slow.map_err(|error| error.to_string()), Err("slow was not answered within 0.001 s".to_owned()));
    let (slow, _) = server.request("slow").await;
    assert_eq!(server.expect("$/cancelRequest").await["id"], slow);
    {
        let dropped = connection.request("dropped", json!({}), LONG);
        tokio::select! {
            biased;
            _ = dropped => panic!("nobody answers"),
            () = async { drop(server.request("dropped").await) } => {}
        }
    }
    server.expect("$/cancelRequest").await;
    // Late answers are dropped, and the conversation goes on.
    server.answer(&slow, json!("late")).await;
    let (answer, ()) = tokio::join!(connection.request("next", json!({}), LONG), async {
        let (id, _) = server.request("next").await;
        server.answer(&id, json!("here")).await;
    });
    assert_eq!((answer, connection.waiting()), (Ok(json!("here")), 0));
}

#[tokio::test]
async fn a_request_of_the_servers_that_is_given_up_is_answered() {
    let (_connection, mut server) = open();
    assert_eq!(server.ask("anything", json!({})).await["error"]["code"], -32603);
}

#[tokio::test]
async fn the_end_says_why() {
    let (connection, server) = open();
    let (answer, ()) = tokio::join!(connection.request("one", json!({}), LONG), async { drop(server) });
    assert_eq!(answer, Err(RequestError::Stopped("it crashed".to_owned())));
}
