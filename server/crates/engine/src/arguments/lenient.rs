//! JSON as models write it when they do not write JSON.
//!
//! Owns a reader that takes trailing commas, Python's words and quotes, bare keys, raw line ends in texts, brackets too many or too few at the end.
//!
//! **Invariant:** it ends, however deep and long the text; a text, number or word that is not whole is `Cut`, never completed. Nor are brackets, where
//! the answer is known to be cut.

use serde_json::{Map, Value};

/// Deeper is refused.
const DEEPEST: usize = 64;

/// Why it cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It ends too early.
    Cut,
    /// Another object follows.
    Several,
    /// An escape that there is not, at this byte.
    Escape(usize),
    /// Something else, at this byte.
    Unexpected(usize),
}

/// Reads a text that is no JSON. `cut`: the answer reached its limit, so nothing at its end is left out by mistake.
pub(super) fn read(text: &str, cut: bool) -> Result<Value, Fault> {
    let mut reader = Reader { text, at: 0, cut };
    let mut value = reader.value(DEEPEST)?;
    let rest = reader.rest();
    // Some servers begin the arguments with an empty object.
    if rest.starts_with('{') && value == Value::Object(Map::new()) {
        value = reader.value(DEEPEST)?;
    }
    let rest = reader.rest();
    if rest.starts_with('{') {
        return Err(Fault::Several);
    }
    if rest.contains(|c: char| !c.is_whitespace() && !matches!(c, '}' | ']' | ')' | '`' | ';')) {
        return Err(Fault::Unexpected(reader.at));
    }
    Ok(value)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    cut: bool,
}

impl<'a> Reader<'a> {
    /// What follows, after white space.
    fn rest(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let trimmed = rest.trim_start();
        self.at += rest.len() - trimmed.len();
        trimmed
    }

    fn next(&mut self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip(&mut self, c: char) -> bool {
        let found = self.next() == Some(c);
        if found {
            self.at += c.len_utf8();
        }
        found
    }

    fn value(&mut self, depth: usize) -> Result<Value, Fault> {
        let depth = depth.checked_sub(1).ok_or(Fault::Unexpected(self.at))?;
        match self.next().ok_or(Fault::Cut)? {
            '{' => self.object(depth),
            '[' => self.array(depth),
            '"' | '\'' => self.string().map(Value::String),
            _ => self.word(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, Fault> {
        self.at += 1;
        let mut object = Map::new();
        let mut goes_on = true;
        loop {
            match self.next() {
                Some('}') => {
                    self.at += 1;
                    return Ok(Value::Object(object));
                }
                // What there is, is whole.
                None if !goes_on && !self.cut => return Ok(Value::Object(object)),
                None => return Err(Fault::Cut),
                Some(_) if !goes_on => return Err(Fault::Unexpected(self.at)),
                Some(_) => {}
            }
            let key = match self.next() {
                Some('"' | '\'') => self.string()?,
                _ => self.bare_key()?,
            };
            if !self.skip(':') {
                return Err(if self.next().is_none() { Fault::Cut } else { Fault::Unexpected(self.at) });
            }
            let value = self.value(depth)?;
            object.insert(key, value);
            goes_on = self.skip(',');
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, Fault> {
        self.at += 1;
        let mut items = Vec::new();
        let mut goes_on = true;
        loop {
            match self.next() {
                Some(']') => {
                    self.at += 1;
                    return Ok(Value::Array(items));
                }
                None if !goes_on && !self.cut => return Ok(Value::Array(items)),
                None => return Err(Fault::Cut),
                Some(_) if !goes_on => return Err(Fault::Unexpected(self.at)),
                Some(_) => {}
            }
            items.push(self.value(depth)?);
            goes_on = self.skip(',');
        }
    }

    fn bare_key(&mut self) -> Result<String, Fault> {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-').ok_or(Fault::Cut)?;
        if end == 0 {
            return Err(Fault::Unexpected(self.at));
        }
        self.at += end;
        Ok(rest[..end].to_owned())
    }

    /// A number or a word. One at the end of everything may be half of a longer one.
    fn word(&mut self) -> Result<Value, Fault> {
        let start = self.at;
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '-' | '.' | '_')).unwrap_or(rest.len());
        self.at += end;
        let value = match &rest[..end] {
            "true" | "True" => Value::Bool(true),
            "false" | "False" => Value::Bool(false),
            "null" | "None" => Value::Null,
            _ if end == rest.len() => return Err(Fault::Cut),
            word => serde_json::from_str(word).ok().filter(Value::is_number).ok_or(Fault::Unexpected(start))?,
        };
        Ok(value)
    }

    fn string(&mut self) -> Result<String, Fault> {
        let quote = self.next().ok_or(Fault::Cut)?;
        self.at += 1;
        let mut out = String::new();
        loop {
            let at = self.at;
            let c = self.text[at..].chars().next().ok_or(Fault::Cut)?;
            self.at += c.len_utf8();
            match c {
                _ if c == quote => return Ok(out),
                '\\' => out.push(self.escape(at)?),
                _ => out.push(c),
            }
        }
    }

    /// What stands behind a backslash at `at`.
    fn escape(&mut self, at: usize) -> Result<char, Fault> {
        let c = self.text[self.at..].chars().next().ok_or(Fault::Cut)?;
        self.at += c.len_utf8();
        Ok(match c {
            '"' | '\\' | '/' | '\'' => c,
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'u' => {
                let first = self.hex(at)?;
                let code = if (0xd800..0xdc00).contains(&first) && self.text[self.at..].starts_with("\\u") {
                    self.at += 2;
                    let second = self.hex(at)?;
                    let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400).ok_or(Fault::Escape(at))?;
                    0x10000 + ((first - 0xd800) << 10) + low
                } else {
                    first
                };
                char::from_u32(code).ok_or(Fault::Escape(at))?
            }
            _ => return Err(Fault::Escape(at)),
        })
    }

    fn hex(&mut self, at: usize) -> Result<u32, Fault> {
        let rest = &self.text[self.at..];
        let digits = rest.get(..4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let digits = digits.ok_or(if rest.len() < 4 { Fault::Cut } else { Fault::Escape(at) })?;
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| Fault::Escape(at))
    }
}
