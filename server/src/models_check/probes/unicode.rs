//! Every character of an argument arrives as it was meant.

use serde_json::Value;

use super::{Found, fails, first_call};
use crate::models_check::ask::Asker;

/// Escapes of JSON within escapes of code, scripts, an astral character, a joined emoji, a tab.
const CONTENT: &str = "let path = \"C:\\\\new\\\\table\";\nlet quote = 'it\\'s \"here\"';\nlet re = /^\\s*\\d+\\.(\\w+)\\/$/;\n\tlet name = \"Ærøskøbing, Łódź, Ελλάδα, Київ\";\nlet east = \"日本語 中文 한국어 עברית\";\nlet signs = \"€ → ≤ 𝒳 🦀 👩‍💻 <&>\";";

pub(super) async fn ask(asker: &mut Asker) -> Found {
    let request = asker.request(&format!(
        "Write the file `signs.js` with one call of the write tool. Its content is exactly what stands between the tags, character by character, without the tags:\n<content>\n{CONTENT}\n</content>"
    ));
    let answer = asker.ask(&request).await?;
    let arguments = first_call(&answer, "write")?;
    let content = arguments.get("content").and_then(Value::as_str).unwrap_or_default();
    difference(content)
}

fn difference(content: &str) -> Found {
    // A last line end, or none, was not asked for.
    let content = content.strip_prefix('\n').unwrap_or(content);
    let content = content.strip_suffix('\n').unwrap_or(content);
    if content == CONTENT {
        return Ok(format!("{} characters, exact", CONTENT.chars().count()));
    }
    let mut line = 1;
    let (mut wanted, mut got) = (CONTENT.chars(), content.chars());
    loop {
        let (want, have) = (wanted.next(), got.next());
        if want != have {
            return fails(format!("line {line}: {} where {} was asked for", named(have), named(want)));
        }
        if want == Some('\n') {
            line += 1;
        }
    }
}

fn named(c: Option<char>) -> String {
    match c {
        Some(c) if c.is_ascii_graphic() => format!("`{c}`"),
        Some(c) => format!("U+{:04X}", u32::from(c)),
        None => "the end".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences() {
        let check = |content: &str, expect: Result<(), &str>| {
            let got = difference(content);
            match (&got, expect) {
                (Ok(_), Ok(())) => {}
                (Err(super::super::Fault::Fails(why)), Err(expect)) => assert_eq!(why, expect),
                _ => panic!("{content}: {got:?}"),
            }
        };
        check(CONTENT, Ok(()));
        check(&format!("{CONTENT}\n"), Ok(()));
        check(&CONTENT.replace("\\\\", "\\"), Err("line 1: `n` where `\\` was asked for"));
        check(&CONTENT.replace('Æ', "AE"), Err("line 4: `A` where U+00C6 was asked for"));
        check(&CONTENT.replace('\t', "    "), Err("line 4: U+0020 where U+0009 was asked for"));
        check(&CONTENT.replace('🦀', "\u{fffd}"), Err("line 6: U+FFFD where U+1F980 was asked for"));
        check("let path", Err("line 1: the end where U+0020 was asked for"));
    }
}
