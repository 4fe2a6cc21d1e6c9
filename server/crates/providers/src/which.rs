//! Of which models a row of a table speaks.
//!
//! Owns the patterns. Must not know what the rows say.
//!
//! **Invariant:** pure, and a row without conditions speaks of every model.

use crate::{Api, ResolvedModel};

/// Conditions that all must hold. In each list one entry must fit; an empty list always fits. In an entry, `*` stands for anything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Which {
    pub(crate) apis: &'static [Api],
    /// Providers' ids, or packages by which OpenCode names protocols.
    pub(crate) from: &'static [&'static str],
    /// Names of models, lower case: as on the wire, without a vendor before a slash, or as the user names them.
    pub(crate) model: &'static [&'static str],
    /// Names of models that are not meant.
    pub(crate) but: &'static [&'static str],
    /// Only models that think.
    pub(crate) thinks: bool,
}

/// Every model.
pub(crate) const ALL: Which = Which { apis: &[], from: &[], model: &[], but: &[], thinks: false };

impl Which {
    /// Whether the row speaks of `model`.
    pub(crate) fn fits(&self, model: &ResolvedModel) -> bool {
        let wire = model.wire_id.to_ascii_lowercase();
        let names = [wire.as_str(), wire.rsplit('/').next().unwrap_or_default(), &model.model_id.to_ascii_lowercase()];
        let named = |patterns: &[&str]| patterns.iter().any(|pattern| names.iter().any(|name| matches(pattern, name)));
        (self.apis.is_empty() || self.apis.contains(&model.api))
            && (self.from.is_empty()
                || self.from.iter().any(|pattern| matches(pattern, &model.provider_id) || matches(pattern, &model.npm)))
            && (!self.thinks || model.capabilities.reasoning)
            && (self.model.is_empty() || named(self.model))
            && !named(self.but)
    }
}

/// Pieces between stars stand in their order, the first at the beginning and the last at the end.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let mut pieces = rest.split('*');
    let end = pieces.next_back().unwrap_or_default();
    for piece in pieces {
        let Some(at) = text.find(piece) else { return false };
        text = &text[at + piece.len()..];
    }
    text.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::model;

    #[test]
    fn conditions() {
        let check = |which: Which, expect: bool| {
            let mut model = model(Api::OpenAiChat, "mock", "Vendor/Model-5-mini", "http://h/v1");
            model.model_id = "mine".into();
            assert_eq!(which.fits(&model), expect, "{which:?}");
        };
        check(ALL, true);
        check(Which { apis: &[Api::Gemini, Api::OpenAiChat], ..ALL }, true);
        check(Which { apis: &[Api::Gemini], ..ALL }, false);
        check(Which { from: &["mo*"], ..ALL }, true);
        check(Which { from: &["@ai-sdk/openai-compatible"], ..ALL }, true);
        check(Which { from: &["mocks", "ock", "*x"], ..ALL }, false);
        check(Which { model: &["model-5*"], ..ALL }, true);
        check(Which { model: &["vendor/model*"], ..ALL }, true);
        check(Which { model: &["*5-mini"], ..ALL }, true);
        check(Which { model: &["*el-5*"], but: &["*-nano"], ..ALL }, true);
        check(Which { model: &["*el-5*"], but: &["*-mini*"], ..ALL }, false);
        check(Which { model: &["mine"], from: &["other"], ..ALL }, false);
        check(Which { model: &["model-5"], ..ALL }, false);
        check(Which { model: &["mo*-5*ni"], ..ALL }, true);
        check(Which { model: &["mo*-5*-5*"], ..ALL }, false);
        check(Which { model: &["*mini*mini"], ..ALL }, false);
    }
}
