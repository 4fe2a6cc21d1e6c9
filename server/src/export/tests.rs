//! Documents of a small conversation in which everything tries to be markup.

use proto::MessageWithParts;
use serde_json::{Value, json};

use super::*;

const EVIL: &str = "</pre></div><script>alert(1)</script>\n```\n# not a heading\n\"'&amp;\u{1b}[31m";

fn session() -> Session {
    serde_json::from_value(json!({"id": "ses_1", "directory": "/p/<b>", "title": format!("T {EVIL}"), "version": "1", "cost": 0.25,
        "tokens": {"input": 10, "output": 2}, "time": {"created": 0, "updated": 0}}))
    .unwrap()
}

fn message(role: &str, id: &str, parts: Value) -> MessageWithParts {
    let mut info = json!({"role": role, "id": id, "sessionID": "ses_1", "time": {"created": 1, "completed": 2}});
    let more = if role == "user" {
        json!({"agent": "build", "model": {"providerID": "p", "modelID": "m"}})
    } else {
        json!({"parentID": "msg_1", "providerID": "p", "modelID": "m", "mode": "build"})
    };
    info.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let parts: Vec<Value> = parts
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
        .map(|(n, part)| {
            let mut part = part.clone();
            part["id"] = format!("prt_{id}_{n}").into();
            part["sessionID"] = "ses_1".into();
            part["messageID"] = id.into();
            part
        })
        .collect();
    serde_json::from_value(json!({"info": info, "parts": parts})).unwrap()
}

fn talk() -> Vec<MessageWithParts> {
    let done = |metadata: Value| json!({"status": "completed", "input": {}, "output": EVIL, "title": EVIL, "metadata": metadata, "time": {"start": 1, "end": 2}});
    vec![
        message("user", "msg_1", json!([{"type": "text", "text": EVIL}, {"type": "text", "text": "SECRET CONTEXT", "synthetic": true}])),
        message(
            "assistant",
            "msg_2",
            json!([
                {"type": "reasoning", "text": EVIL, "time": {"start": 1}},
                {"type": "tool", "callID": "c", "tool": EVIL, "state": done(json!({}))},
                {"type": "tool", "callID": "d", "tool": "edit", "state": done(json!({"diff": format!("-a\n+{EVIL}")}))},
                {"type": "text", "text": EVIL},
            ]),
        ),
    ]
}

#[test]
fn in_html_every_word_is_text() {
    let page = render(Format::Html, &session(), &talk());
    let tags: Vec<&str> = page
        .split('<')
        .skip(1)
        .map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '/' && c != '!').next().unwrap())
        .collect();
    let known = [
        "!doctype", "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "section", "div", "details", "summary", "code",
        "pre", "span",
    ];
    assert!(tags.iter().all(|tag| known.contains(&tag.trim_start_matches('/'))), "{tags:?}");
    for tag in ["section", "div", "details", "pre", "span"] {
        assert_eq!(page.matches(&format!("<{tag}")).count(), page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
    assert!(page.contains("&lt;script&gt;") && !page.contains('\u{1b}') && !page.contains("SECRET CONTEXT"));
    assert!(!page.contains("http:") && !page.contains("https:"), "nothing comes from elsewhere");
}

#[test]
fn in_markdown_outputs_stay_in_their_fences() {
    let text = render(Format::Markdown, &session(), &talk());
    // Once what was said, once what a fence holds; the user's and the model's own words are Markdown.
    let mut fence: Option<&str> = None;
    let mut outside = String::new();
    for line in text.lines() {
        let ticks = &line[..line.len() - line.trim_start_matches('`').len()];
        match fence {
            Some(open) if line == open => fence = None,
            Some(_) => {}
            None if ticks.len() > 3 => fence = Some(ticks),
            None => outside.push_str(&format!("{line}\n")),
        }
    }
    assert!(fence.is_none(), "{text}");
    assert_eq!(
        outside.matches("\n# not a heading\n\"'&amp;\u{1b}[31m\n```\n").count(),
        2,
        "the user's and the model's, and no output: {outside}"
    );
    assert!(text.starts_with("# T ") && text.contains("## You\n") && text.contains("## p/m · build\n") && !text.contains("SECRET CONTEXT"));
}

#[test]
fn in_json_it_can_be_read_again() {
    let value: Value = serde_json::from_str(&render(Format::Json, &session(), &talk())).unwrap();
    assert_eq!(serde_json::from_value::<Vec<MessageWithParts>>(value["messages"].clone()).unwrap(), talk());
    assert_eq!(value["info"]["id"], "ses_1");
}

#[test]
fn formats_have_names() {
    for (name, format) in [("json", Format::Json), ("md", Format::Markdown), ("markdown", Format::Markdown), ("html", Format::Html)] {
        assert_eq!(name.parse::<Format>(), Ok(format));
    }
    assert!("pdf".parse::<Format>().unwrap_err().contains("html"));
}
