//! A file's values with their places.
//!
//! **Invariant:** keys keep the order written; where a key stands twice, the last one counts, at its own place.

use jsonc_parser::ast;
use jsonc_parser::errors::{ParseError, ParseErrorKind};
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde_json::Value;

/// A value and where it starts (a byte offset in the text that was read).
pub(crate) struct Node {
    pub(crate) at: usize,
    pub(crate) kind: Kind,
}

pub(crate) enum Kind {
    /// Null, a boolean, a number or a string.
    Scalar(Value),
    Array(Vec<Node>),
    Object(Vec<Entry>),
}

pub(crate) struct Entry {
    /// Where the key starts.
    pub(crate) at: usize,
    pub(crate) key: String,
    pub(crate) value: Node,
}

impl Node {
    /// Reads JSON with comments and trailing commas. An empty text is an empty object.
    ///
    /// # Errors
    /// The offset of the first mistake, and what was expected there.
    pub(crate) fn parse(text: &str) -> Result<Self, (usize, String)> {
        let options = ParseOptions {
            allow_comments: true,
            allow_trailing_commas: true,
            allow_loose_object_property_names: false,
            allow_missing_commas: false,
            allow_single_quoted_strings: false,
            allow_hexadecimal_numbers: false,
            allow_unary_plus_numbers: false,
            allow_bare_decimal_point_numbers: false,
            allow_non_finite_numbers: false,
            allow_extended_string_escapes: false,
        };
        let parsed = parse_to_ast(text, &CollectOptions::default(), &options).map_err(|error| (error.range().start, expected(&error)))?;
        Ok(parsed.value.map_or_else(|| Self { at: 0, kind: Kind::Object(Vec::new()) }, Self::from_ast))
    }

    fn from_ast(value: ast::Value<'_>) -> Self {
        let scalar = |range: jsonc_parser::common::Range, value: Value| Self { at: range.start, kind: Kind::Scalar(value) };
        match value {
            ast::Value::StringLit(text) => scalar(text.range, Value::String(text.value.into_owned())),
            ast::Value::NumberLit(number) => scalar(number.range, serde_json::from_str(number.value).unwrap_or(Value::Null)),
            ast::Value::BooleanLit(flag) => scalar(flag.range, Value::Bool(flag.value)),
            ast::Value::NullKeyword(null) => scalar(null.range, Value::Null),
            ast::Value::Array(array) => {
                Self { at: array.range.start, kind: Kind::Array(array.elements.into_iter().map(Self::from_ast).collect()) }
            }
            ast::Value::Object(object) => {
                let entries = object.properties.into_iter().map(|property| Entry {
                    at: property.range.start,
                    key: property.name.into_string(),
                    value: Self::from_ast(property.value),
                });
                Self { at: object.range.start, kind: Kind::Object(entries.collect()) }
            }
        }
    }

    /// The keys of the object below these keys, and where they start.
    pub(crate) fn names_in(&self, path: &[&str]) -> Vec<(&str, usize)> {
        let Kind::Object(entries) = &self.kind else { return Vec::new() };
        match path.split_first() {
            Some((key, rest)) => entries.iter().filter(|entry| entry.key == *key).flat_map(|entry| entry.value.names_in(rest)).collect(),
            None => entries.iter().map(|entry| (entry.key.as_str(), entry.at)).collect(),
        }
    }

    /// Where a key of an object stands; the last, of several.
    pub(crate) fn key_at(&self, key: &str) -> Option<usize> {
        let Kind::Object(entries) = &self.kind else { return None };
        entries.iter().rfind(|entry| entry.key == key).map(|entry| entry.at)
    }

    /// A value all of whose parts stand at one place.
    pub(crate) fn at_one_place(value: Value, at: usize) -> Self {
        let kind = match value {
            Value::Array(values) => Kind::Array(values.into_iter().map(|value| Self::at_one_place(value, at)).collect()),
            Value::Object(map) => {
                Kind::Object(map.into_iter().map(|(key, value)| Entry { at, key, value: Self::at_one_place(value, at) }).collect())
            }
            scalar => Kind::Scalar(scalar),
        };
        Self { at, kind }
    }

    /// The value alone.
    pub(crate) fn into_value(self) -> Value {
        match self.kind {
            Kind::Scalar(value) => value,
            Kind::Array(nodes) => Value::Array(nodes.into_iter().map(Self::into_value).collect()),
            Kind::Object(entries) => Value::Object(entries.into_iter().map(|entry| (entry.key, entry.value.into_value())).collect()),
        }
    }
}

/// What the parser found, and what it wanted instead.
fn expected(error: &ParseError) -> String {
    match error.kind() {
        ParseErrorKind::ExpectedColonAfterObjectKey => "expected `:` after the key".into(),
        ParseErrorKind::ExpectedObjectValue => "expected a value after `:`".into(),
        ParseErrorKind::ExpectedStringObjectProperty => "expected a key in double quotes".into(),
        ParseErrorKind::ExpectedComma => "expected `,` or the end of the list or object".into(),
        ParseErrorKind::MultipleRootJsonValues => "expected the end of the file".into(),
        ParseErrorKind::UnexpectedComma => "unexpected `,`: expected a value, or a key in double quotes".into(),
        ParseErrorKind::UnexpectedCloseBrace => "unexpected `}`: expected a value".into(),
        ParseErrorKind::UnexpectedCloseBracket => "unexpected `]`: expected a value".into(),
        ParseErrorKind::UnexpectedColon => "unexpected `:`: expected a value".into(),
        ParseErrorKind::UnexpectedTokenInObject => "expected a key in double quotes, or `}`".into(),
        ParseErrorKind::UnexpectedToken | ParseErrorKind::UnexpectedWord => {
            "expected a value: text in double quotes, a number, true, false, null, a list or an object".into()
        }
        ParseErrorKind::UnterminatedArray => "this list is not closed: expected `]`".into(),
        ParseErrorKind::UnterminatedObject => "this object is not closed: expected `}`".into(),
        ParseErrorKind::UnterminatedCommentBlock => "this comment is not closed: expected `*/`".into(),
        ParseErrorKind::SingleQuotedStringsNotAllowed => "expected double quotes".into(),
        other => format!("not JSON: {}", other.to_string().to_lowercase()),
    }
}
