//! Text: patterns, and the functions of text.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, Datum, Int64Array, StringArray, StringViewArray};
use arrow_schema::DataType;
use arrow_string::like;

use super::types::{Class, class, kind_of};
use super::{Binder, Typed, value};
use crate::filter::evaluate::{Binary, constant};
use crate::filter::parse::{Expr, Function, Kind};
use crate::filter::{Error, Span};

impl Binder<'_> {
    pub(super) fn same_text(&self, left: Typed, right: Typed) -> Result<(Typed, Typed), Error> {
        if constant(&right.plan).is_some() {
            let to = left.data_type.clone();
            return Ok((left, self.cast(right, to)));
        }
        if constant(&left.plan).is_some() {
            let to = right.data_type.clone();
            return Ok((self.cast(left, to), right));
        }
        if left.data_type == right.data_type {
            return Ok((left, right));
        }
        Ok((self.cast(left, DataType::Utf8View), self.cast(right, DataType::Utf8View)))
    }

    fn text(&self, typed: Typed, function: &str) -> Result<Typed, Error> {
        match class(&typed.data_type) {
            Class::Text => Ok(typed),
            Class::Null => Ok(self.cast(typed, DataType::Utf8)),
            _ => {
                let piece = self.piece(&typed.span);
                let problem = format!("`{function}` wants text, and `{piece}` is {}", kind_of(&typed.data_type));
                let hint = typed.data_type.is_list().then(|| format!("what can be asked of lists: 'beach' in {piece}"));
                Err(self.wrong(problem, &typed.span, hint))
            }
        }
    }

    pub(super) fn like(
        &self,
        inner: Typed,
        pattern: &Expr,
        escape: Option<char>,
        any_case: bool,
        span: &Span,
    ) -> Result<Typed, Error> {
        let name = if any_case { "ilike" } else { "like" };
        let inner = self.text(inner, name)?;
        let text = match &pattern.kind {
            Kind::Text(text) => text,
            Kind::Null => return Ok(value(Arc::new(BooleanArray::from(vec![None])), span)),
            _ => {
                let problem = format!("`{name}` wants a pattern in quotes, found `{}`", self.piece(&pattern.span));
                let hint = Some(format!("{} {name} 'C%'", self.piece(&inner.span)));
                return Err(self.wrong(problem, &pattern.span, hint));
            }
        };
        let Some(text) = plain_pattern(text, escape) else {
            let problem = "the pattern ends where an escaped character should follow".into();
            return Err(self.wrong(problem, &pattern.span, None));
        };
        let pattern = value(Arc::new(StringArray::from(vec![text])), &pattern.span);
        let (inner, pattern) = self.same_text(inner, pattern)?;
        let kernel: Binary = match any_case {
            true => |a, b| Ok(Arc::new(like::ilike(a, b)?)),
            false => |a, b| Ok(Arc::new(like::like(a, b)?)),
        };
        self.binary(kernel, inner, pattern, span)
    }

    pub(super) fn of_text(
        &self,
        function: Function,
        name: &str,
        args: Vec<Typed>,
        span: &Span,
    ) -> Result<Typed, Error> {
        let texts = args.into_iter().map(|arg| self.text(arg, name));
        let mut texts = texts.collect::<Result<Vec<_>, _>>()?.into_iter();
        let mut next = || texts.next().expect("the arguments were counted");
        let views = |typed: Typed| self.cast(typed, DataType::Utf8View);
        match function {
            Function::Lower => self.unary(|a| Ok(map_text(a, lower)), views(next()), span),
            Function::Upper => self.unary(|a| Ok(map_text(a, upper)), views(next()), span),
            Function::Length => self.unary(|a| Ok(length(a)), views(next()), span),
            Function::StartsWith | Function::EndsWith | Function::Contains => {
                let (text, part) = self.same_text(next(), next())?;
                let kernel: Binary = match function {
                    Function::StartsWith => |a, b| Ok(Arc::new(like::starts_with(a, b)?)),
                    Function::EndsWith => |a, b| Ok(Arc::new(like::ends_with(a, b)?)),
                    _ => |a, b| Ok(Arc::new(like::contains(a, b)?)),
                };
                self.binary(kernel, text, part, span)
            }
            Function::HasWord => {
                let (text, word) = (views(next()), views(next()));
                self.binary(|a, b| Ok(has_word(a, b)), text, word, span)
            }
            _ => {
                let (text, item) = (views(next()), views(next()));
                self.binary(|a, b| Ok(has_item(a, b)), text, item, span)
            }
        }
    }
}

/// For each text whether a word stands in it by itself, in any case, in the singular or with an `s`.
fn has_word(texts: &dyn Datum, words: &dyn Datum) -> ArrayRef {
    let bare = |word: &str| word.strip_suffix('s').unwrap_or(word).to_string();
    pairs(texts, words, |text, word| {
        let (text, word) = (text.to_lowercase(), bare(&word.to_lowercase()));
        text.split(|c: char| !(c.is_alphanumeric() || c == '\'')).any(|own| bare(own) == word)
    })
}

/// For each text whether it is a list, of parts between commas, that has a part: alone, or as its first or last words.
fn has_item(texts: &dyn Datum, items: &dyn Datum) -> ArrayRef {
    pairs(texts, items, |text, item| {
        text.split(',').map(str::trim).any(|own| {
            let rest = own.strip_prefix(item).map(|rest| rest.starts_with(' '));
            own == item || rest == Some(true) || own.strip_suffix(item).is_some_and(|rest| rest.ends_with(' '))
        })
    })
}

/// What holds of pairs of texts; null where one of them is.
fn pairs(left: &dyn Datum, right: &dyn Datum, holds: impl Fn(&str, &str) -> bool) -> ArrayRef {
    let ((left, one_left), (right, one_right)) = (left.get(), right.get());
    let (left, right) = (left.as_string_view(), right.as_string_view());
    let count = if one_left { right.len() } else { left.len() };
    let truth = |i: usize| {
        let (a, b) = (if one_left { 0 } else { i }, if one_right { 0 } else { i });
        (left.is_valid(a) && right.is_valid(b)).then(|| holds(left.value(a), right.value(b)))
    };
    Arc::new((0..count).map(truth).collect::<BooleanArray>())
}

/// A pattern for Arrow's kernels, where `\` escapes; in SQL nothing does, unless `escape` says so.
fn plain_pattern(pattern: &str, escape: Option<char>) -> Option<String> {
    let mut plain = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    while let Some(c) = characters.next() {
        let (c, is_escaped) = if Some(c) == escape { (characters.next()?, true) } else { (c, false) };
        if c == '\\' || (is_escaped && "%_".contains(c)) {
            plain.push('\\');
        }
        plain.push(c);
    }
    Some(plain)
}

fn map_text(array: &ArrayRef, map: fn(char) -> char) -> ArrayRef {
    let texts = array.as_string_view().iter();
    Arc::new(texts.map(|text| text.map(|text| text.chars().map(map).collect::<String>())).collect::<StringViewArray>())
}

/// Characters, not bytes.
fn length(array: &ArrayRef) -> ArrayRef {
    let count = |text: &str| i64::try_from(text.chars().count()).expect("a text in memory");
    Arc::new(array.as_string_view().iter().map(|text| text.map(count)).collect::<Int64Array>())
}

/// One character for each, as in DuckDB.
fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

fn upper(c: char) -> char {
    let mut characters = c.to_uppercase();
    match (characters.next(), characters.next()) {
        _ if c == 'ß' => 'ẞ',
        (Some(one), None) => one,
        _ => c,
    }
}
