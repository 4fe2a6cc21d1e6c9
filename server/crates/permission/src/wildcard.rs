//! OpenCode's wildcards.
//!
//! **Invariant:** linear in the product of both lengths at worst; no pattern can make it hang.

/// Whether the whole of `value` is what `pattern` describes.
///
/// `*` is any run of characters, `/` and line ends included; `?` is one character; all else is literal and case counts. A pattern that ends in ` *`
/// also matches without that end (`git status *` matches `git status`). A backslash is a `/` on both sides.
#[must_use]
pub fn matches(value: &str, pattern: &str) -> bool {
    if let Some(head) = pattern.strip_suffix(" *")
        && glob(value, head)
    {
        return true;
    }
    glob(value, pattern)
}

fn slash(c: char) -> char {
    if c == '\\' { '/' } else { c }
}

/// Goes back to the last `*` alone: an earlier one never needs to take more.
fn glob(value: &str, pattern: &str) -> bool {
    let (mut v, mut p) = (value.chars(), pattern.chars());
    let mut star: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let at_value = v.clone();
        match (v.next(), p.next()) {
            (None, None) => return true,
            (_, Some('*')) => {
                v = at_value;
                star = Some((v.clone(), p.clone()));
            }
            (Some(_), Some('?')) => {}
            (Some(a), Some(b)) if slash(a) == slash(b) => {}
            (None, Some(_)) => return false,
            (Some(_), _) => {
                let Some((from, rest)) = &mut star else { return false };
                from.next();
                v = from.clone();
                p = rest.clone();
            }
        }
    }
}
