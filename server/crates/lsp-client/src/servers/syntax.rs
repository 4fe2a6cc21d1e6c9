//! How servers mark errors of syntax.
//!
//! Pure. **Invariant:** only an error that is marked as one of syntax for certain counts.

use crate::{Diagnostic, Severity};

/// Whether one of the marks fits. A mark is `SOURCE CODE`; the code is a word, the beginning of words (`expected*`), a range of numbers (`1000-1999`), `none` or `any`.
pub(super) fn is_marked(marks: &[&str], item: &Diagnostic) -> bool {
    let fits = |mark: &str| {
        let Some((source, code)) = mark.rsplit_once(' ') else { return false };
        item.source.as_deref() == Some(source) && fits_code(code, item.code.as_deref())
    };
    item.severity == Severity::Error && marks.iter().any(|mark| fits(mark))
}

fn fits_code(wanted: &str, code: Option<&str>) -> bool {
    let number = |text: &str| text.parse::<u32>().ok();
    match (wanted, code) {
        ("any", _) => true,
        ("none", code) => code.is_none(),
        (_, None) => false,
        (wanted, Some(code)) => match (wanted.strip_suffix('*'), wanted.split_once('-')) {
            (Some(beginning), _) => code.starts_with(beginning),
            (None, Some((first, last))) if let (Some(first), Some(last)) = (number(first), number(last)) => {
                number(code).is_some_and(|code| (first..=last).contains(&code))
            }
            _ => code == wanted,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Point;

    #[test]
    fn marks() {
        fn check(mark: &str, source: Option<&str>, code: Option<&str>, expect: bool) {
            let at = Point::default();
            let [source, code] = [source, code].map(|text| text.map(str::to_owned));
            let mut item =
                Diagnostic { start: at, end: at, severity: Severity::Error, code, source, message: "m".to_owned(), related: Vec::new() };
            assert_eq!(is_marked(&["other any", mark], &item), expect, "{mark} {item:?}");
            item.severity = Severity::Warning;
            assert!(!is_marked(&[mark], &item), "a warning stands in nobody's way");
        }
        check("rust-analyzer syntax-error", Some("rust-analyzer"), Some("syntax-error"), true);
        check("rust-analyzer syntax-error", Some("rust-analyzer"), Some("E0308"), false);
        check("rust-analyzer syntax-error", Some("rustc"), Some("syntax-error"), false);
        check("rust-analyzer syntax-error", None, Some("syntax-error"), false);
        check("typescript 1000-1999", Some("typescript"), Some("1005"), true);
        check("typescript 1000-1999", Some("typescript"), Some("2322"), false);
        check("typescript 1000-1999", Some("typescript"), Some("word"), false);
        check("typescript 1000-1999", Some("typescript"), None, false);
        check("clang expected*", Some("clang"), Some("expected_semi_declaration"), true);
        check("clang expected*", Some("clang"), Some("undeclared_var_use"), false);
        check("Pyright none", Some("Pyright"), None, true);
        check("Pyright none", Some("Pyright"), Some("reportCallIssue"), false);
        check("syntax any", Some("syntax"), None, true);
        check("syntax any", Some("compiler"), None, false);
    }
}
