//! Small open models, by their names: those that are known to be weak at tools. The rule is data, beside the catalogue.
//!
//! **Invariant:** a name that says nothing of its size, and is not listed, is not taken for a small one.

use std::sync::LazyLock;

use serde::Deserialize;

#[derive(Deserialize)]
struct Rule {
    /// The largest that counts as small, in billions of parameters.
    billions: f64,
    /// Names that say nothing of their size.
    names: Vec<String>,
}

static RULE: LazyLock<Option<Rule>> = LazyLock::new(|| serde_json::from_str(include_str!("small.json")).ok());

/// Whether a model's name is that of a small open model.
#[must_use]
pub fn is_small(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let Some(rule) = RULE.as_ref() else { return false };
    match billions(&name) {
        Some(size) => size <= rule.billions,
        None => rule.names.iter().any(|known| name.contains(known.as_str())),
    }
}

/// The parameters that a name tells, in billions; the most if it tells several, as `30b-a3b` does.
fn billions(name: &str) -> Option<f64> {
    let sizes = name.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').filter_map(|word| {
        // `e2b`: as large as that in effect.
        let word = word.strip_prefix('e').unwrap_or(word);
        let (number, unit) = word.split_at_checked(word.len().checked_sub(1)?)?;
        let scale = match unit {
            "b" => 1.0,
            "m" => 0.001,
            _ => return None,
        };
        number.starts_with(|c: char| c.is_ascii_digit()).then(|| number.parse::<f64>().ok()).flatten().map(|size| size * scale)
    });
    sizes.reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert!(RULE.is_some());
        let check = |small: bool, names: &[&str]| names.iter().for_each(|name| assert_eq!(is_small(name), small, "{name}"));
        check(true, &["qwen2.5-coder:1.5b", "Qwen2.5-Coder-1.5B-Instruct", "llama3.2:3b", "smollm2-360M", "gemma-3n-E2B-it", "tinyllama"]);
        check(true, &["google/gemma-3-1b-it", "deepseek-coder:1.3b-instruct-q4_0", "gemma3:270m"]);
        check(
            false,
            &["qwen3-coder:30b-a3b", "qwen2.5-coder:7b", "gemma-3n-e4b", "gpt-5-mini", "claude-haiku-4-5", "local", "mixtral-8x7b", "o3"],
        );
        check(false, &["qwen2.5-coder", "llama-4-scout-17b-16e", "glm-4.5-air", "gemini-2.5-flash-lite-b", ""]);
    }
}
