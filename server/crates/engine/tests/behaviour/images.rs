//! Images that go with a message.

use engine::AskRequest;
use proto::Event;
use serde_json::json;

use crate::model::Reply;
use crate::world::{World, all_said};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and so on";

/// The request that is made of a message with an image, by `-f` or by `@`.
async fn check(model: serde_json::Value, ask: AskRequest, sees: bool) {
    let models = json!({"test": model});
    let mut world = World::new().await;
    world.config["provider"]["mock"]["models"] = models;
    world.restart().await;
    std::fs::write(world.project().join("photo.png"), PNG).unwrap();
    world.model.script([Reply::Text("I see"), Reply::Text("still")]);
    let text = ask.text.clone();
    world.engine.ask(ask).await.unwrap();
    world.idle().await;
    let request = world.model.request(1).await.to_string();
    let data = "data:image/png;base64,iVBORw0KGgogYW5kIHNvIG9u";
    assert_eq!(request.contains(data), sees, "{request}");
    assert!(request.contains("photo.png") && request.contains(&text), "{request}");
    let told = world
        .seen
        .iter()
        .any(|event| matches!(&event.event, Event::SessionNotice { message, .. } if message.contains("cannot see images")));
    assert_eq!((told, request.contains("[The user attached")), (!sees, !sees));
    // It is a part of the conversation from then on, after a restart too.
    let session = world.session();
    world.restart().await;
    world.engine.open_session(&session).await.unwrap();
    world.turn("and now?").await;
    assert_eq!(world.model.request(2).await.to_string().contains(data), sees);
}

#[tokio::test]
async fn models_that_see_get_them_and_of_others_the_user_is_told() {
    let sees = json!({"modalities": {"input": ["text", "image"], "output": ["text"]}});
    let given = AskRequest { text: "what is it?".into(), files: vec!["photo.png".into()], ..AskRequest::default() };
    let mentioned = AskRequest { text: "what is @photo.png?".into(), ..AskRequest::default() };
    check(sees.clone(), given.clone(), true).await;
    check(sees, mentioned, true).await;
    check(json!({}), given, false).await;
}

/// Widths of the images in a request, in order.
fn widths(request: &serde_json::Value) -> Vec<u32> {
    use base64::Engine as _;
    let text = request.to_string();
    let images = text.split("data:image/png;base64,").skip(1).filter_map(|rest| rest.split('"').next());
    let decode = |data| base64::engine::general_purpose::STANDARD.decode(data).unwrap();
    images.map(|data| image::load_from_memory(&decode(data)).unwrap().width()).collect()
}

#[tokio::test]
async fn what_is_larger_than_models_take_is_made_smaller() {
    let check = async |attachment: serde_json::Value, expect: u32| {
        let mut world = World::new().await;
        world.config["provider"]["mock"]["models"] = json!({"test": {"modalities": {"input": ["text", "image"], "output": ["text"]}}});
        world.config["attachment"] = attachment;
        world.restart().await;
        let mut photo = std::io::Cursor::new(Vec::new());
        image::DynamicImage::new_rgb8(2400, 4).write_to(&mut photo, image::ImageFormat::Png).unwrap();
        std::fs::write(world.project().join("photo.png"), photo.get_ref()).unwrap();
        world.files.set_bytes("photo.png", photo.get_ref());
        world.model.script([crate::model::call("read", json!({"filePath": "photo.png"})), Reply::Text("I see")]);
        let ask = AskRequest { text: "what is it?".into(), files: vec!["photo.png".into()], ..AskRequest::default() };
        world.engine.ask(ask).await.unwrap();
        world.idle().await;
        assert_eq!(widths(&world.model.request(2).await), [expect, expect], "{}", world.config["attachment"]);
    };
    check(json!({}), 2000).await;
    check(json!({"image": {"max_width": 30}}), 30).await;
    check(json!({"image": {"auto_resize": false}}), 2400).await;
}

/// What the model is told of an image that it reads.
async fn check_read(model: serde_json::Value, sees: bool) {
    let mut world = World::new().await;
    world.config["provider"]["mock"]["models"] = json!({"test": model});
    world.restart().await;
    std::fs::write(world.project().join("photo.png"), PNG).unwrap();
    world.files.set_bytes("photo.png", PNG);
    world.model.script([crate::model::call("read", json!({"filePath": "photo.png"})), Reply::Text("I see"), Reply::Text("still")]);
    world.turn("look at the photo").await;
    let told = world.model.request(2).await.to_string();
    let data = "data:image/png;base64,iVBORw0KGgogYW5kIHNvIG9u";
    assert_eq!((told.contains(data), told.contains("mock/test takes no image/png")), (sees, !sees), "{told}");
    world.turn("and now?").await;
    let later = world.model.request(3).await.to_string();
    assert!(!later.contains(data) && later.contains("Call the tool again if you need to see it"), "{later}");
}

#[tokio::test]
async fn an_image_that_the_model_reads_is_shown_for_the_turn() {
    check_read(json!({"modalities": {"input": ["text", "image"], "output": ["text"]}}), true).await;
    check_read(json!({}), false).await;
}

#[tokio::test]
async fn texts_are_given_as_texts_and_what_is_not_there_is_an_error() {
    let mut world = World::new().await;
    std::fs::write(world.project().join("notes.txt"), "the notes\n").unwrap();
    world.files.set("notes.txt", "the notes\n");
    world.model.script([Reply::Text("ok")]);
    let ask = |files: &[&str]| AskRequest {
        text: "look".into(),
        files: files.iter().map(|f| (*f).to_owned()).collect(),
        ..AskRequest::default()
    };
    world.engine.ask(ask(&["notes.txt"])).await.unwrap();
    world.idle().await;
    assert!(all_said(&world.model.request(1).await).contains("the notes"));
    let error = world.engine.ask(ask(&["none.txt"])).await.unwrap_err().to_string();
    assert!(error.contains("none.txt"), "{error}");
}

#[tokio::test]
async fn a_message_may_bound_its_steps() {
    let mut world = World::new().await;
    world.files.set("a.txt", "x");
    world.model.script(std::iter::repeat_n(crate::model::call("read", json!({"filePath": "a.txt"})), 4));
    world.engine.ask(AskRequest { text: "go".into(), steps: Some(2), ..AskRequest::default() }).await.unwrap();
    let reason = world.idle().await;
    assert!(reason.starts_with("limit") && reason.contains('2'), "{reason}");
}
