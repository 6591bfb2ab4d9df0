//! Filters: which rows of a table pass a condition in SQL.
//!
//! Hides: SQL's grammar (the parser is DataFusion's `sqlparser`), the types of Arrow and how they are brought to one
//! another, and which kernel compares them. Promises: what is wrong with a condition is said once, before the first row
//! is read, with its place; types are never guessed, so that a number is not compared with text; a row passes where
//! the condition is true, not where it is false or unknown (null); no condition overflows the stack; and where DuckDB
//! knows a condition too, the same rows pass as there.
//!
//! Departures from DuckDB, all of them towards caution: text and numbers do not mix, nor do truth values and numbers;
//! whole numbers are added, subtracted and multiplied in 64 bits whatever their width; `x % 0` is null; binary columns
//! are compared with hexadecimal text; a date that is written with a time of day is an error; time zones are UTC; what is
//! looked for in a list is of the kind of its items. `x in (list)`, which DuckDB refuses, is `x in list`. `has_word`, `has_item` and
//! `near` are this program's own.

mod bind;
mod evaluate;
mod parse;

use std::ops::Range;

use arrow_array::{BooleanArray, RecordBatch};
use arrow_buffer::BooleanBuffer;
use arrow_schema::Schema;
use parse::{Expr, Name};

/// Other names of a column, for tables that have none of that name.
const SYNONYMS: &[(&str, &str)] = &[("name", "label")];

/// A condition on the rows of a table, of which only the grammar is known to be right.
#[derive(Debug, Clone)]
pub struct Filter {
    text: String,
    root: Expr,
    names: Vec<Name>,
}

/// A condition whose columns and types are known.
#[derive(Debug, Clone)]
pub struct Bound {
    text: String,
    root: evaluate::Plan,
}

impl Filter {
    /// Parses `type1 = 'fire' and generation < 3`.
    ///
    /// # Errors
    /// It is no SQL expression, or one that is not supported here.
    pub fn parse(text: &str) -> Result<Filter, Error> {
        let (root, names) = parse::parse(text)?;
        Ok(Filter { text: text.into(), root, names })
    }

    /// The columns as they are named in the condition, in order, each once.
    pub fn columns(&self) -> Vec<String> {
        let mut columns: Vec<String> = Vec::new();
        for name in &self.names {
            let name = name.to_string();
            if !columns.contains(&name) {
                columns.push(name);
            }
        }
        columns
    }

    /// Whether a table's column of this name may be needed to decide: so readers can leave out the others.
    pub fn needs(&self, column: &str) -> bool {
        let means = |name: &str| {
            let is = |other: &str| name.to_lowercase() == other.to_lowercase();
            is(column) || SYNONYMS.iter().any(|(from, to)| is(from) && column == *to)
        };
        self.names.iter().any(|name| means(&name.parts[0]) || means(&name.to_string()))
    }

    /// Looks up the columns and checks the types. `name` means `label` in a table without a column `name`.
    ///
    /// # Errors
    /// A column is missing, or something is compared with what it cannot be compared with.
    pub fn bind(&self, schema: &Schema) -> Result<Bound, Error> {
        let root = bind::bind(&self.text, &self.root, schema)?;
        Ok(Bound { text: self.text.clone(), root })
    }
}

impl Bound {
    /// For every row whether it passes: whether the condition is true, rather than false or unknown. The batch has the
    /// columns, in any order, of the schema that this was bound to.
    ///
    /// # Errors
    /// A sum or product of whole numbers is too large, or the batch is one of another table.
    pub fn evaluate(&self, batch: &RecordBatch) -> Result<BooleanBuffer, Error> {
        let truth: BooleanArray = evaluate::evaluate(&self.text, &self.root, batch)?;
        let (values, nulls) = truth.into_parts();
        Ok(match nulls {
            Some(nulls) => &values & nulls.inner(),
            None => values,
        })
    }

    /// The rows that pass.
    ///
    /// # Errors
    /// As [`Bound::evaluate`].
    pub fn select(&self, batch: &RecordBatch) -> Result<RecordBatch, Error> {
        let passing = BooleanArray::new(self.evaluate(batch)?, None);
        arrow_select::filter::filter_record_batch(batch, &passing).map_err(|source| Error::Rows { source })
    }
}

/// What can be wrong with a condition. Places count characters from 1.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "a variant's message says what it is")]
pub enum Error {
    #[error("--where: the condition is empty")]
    Empty,
    #[error("--where: {problem} at character {at}")]
    Syntax { problem: String, at: usize },
    #[error("--where: {what} at character {at} is not supported")]
    Unsupported { what: String, at: usize },
    #[error("--where: {problem}")]
    TooLarge { problem: String },
    #[error("--where: no column `{name}` at character {at}")]
    NoColumn { name: String, at: usize, meant: Option<String>, columns: Vec<String> },
    #[error("--where: `{name}` at character {at} may be any of the columns {}", columns.join(", "))]
    AmbiguousColumn { name: String, at: usize, columns: Vec<String> },
    #[error("--where: {problem} at character {at}")]
    Type { problem: String, at: usize, hint: Option<String> },
    #[error("--where: `{piece}` at character {at}: {source}")]
    Evaluate { piece: String, at: usize, source: arrow_schema::ArrowError },
    #[error("--where: {source}")]
    Rows { source: arrow_schema::ArrowError },
}

crate::failure::hinted!(Error, is_usage);

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Empty => Some("--where \"type1 = 'fire' and generation < 3\"".into()),
            Error::Syntax { .. } => Some(
                "text goes in single quotes ('fire'), and a column whose name is no plain word in double ones (\"sp. atk\")"
                    .into(),
            ),
            Error::Unsupported { .. } => Some(
                "there are: = <> < <= > >=, and, or, not, in, between, like, ilike, is null, + - * / %, lower, upper, \
                 length, starts_with, ends_with, contains, has_word, has_item, 'beach' in keywords, year, month, day, hour, \
                 near(lat, lon, 48.2, 16.4, 5)"
                    .into(),
            ),
            Error::TooLarge { .. } => Some("a list is shorter: id in (1, 4, 7)".into()),
            Error::NoColumn { name, meant, columns, .. } => {
                let columns = columns.join(", ");
                Some(match meant {
                    Some(meant) => format!("did you mean `{meant}`? The table has {columns}"),
                    None if ["width", "height"].contains(&&**name) => {
                        format!("pictures are measured by scan: `pokedex scan FOLDER | pokedex embed -`. The table has {columns}")
                    }
                    None => format!("text goes in single quotes: '{name}'. The table has {columns}"),
                })
            }
            Error::AmbiguousColumn { .. } => Some("write the name as it is in the table, in double quotes".into()),
            Error::Type { hint, .. } => hint.clone(),
            Error::Evaluate { .. } => Some("1.0 * x computes in decimals, 1e0 * x in floating point".into()),
            Error::Rows { .. } => None,
        }
    }

    /// Whether the condition is wrong whatever the table.
    pub fn is_usage(&self) -> bool {
        matches!(self, Error::Empty | Error::Syntax { .. } | Error::Unsupported { .. } | Error::TooLarge { .. })
    }
}

/// A place in the condition's text, in bytes.
type Span = Range<usize>;

/// The character, from 1, at which a place begins.
fn character(text: &str, span: &Span) -> usize {
    text[..span.start].chars().count() + 1
}

/// The text at a place, made short and put on one line.
fn piece(text: &str, span: &Span) -> String {
    const LONGEST: usize = 40;
    let words = text[span.clone()].split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(LONGEST) {
        None => words,
        Some((end, _)) => format!("{}…", &words[..end]),
    }
}

/// The column that was probably meant by a name that no column has.
pub fn nearest<'a>(name: &str, columns: &'a [String]) -> Option<&'a String> {
    let lower = name.to_lowercase();
    let slips = |column: &String| strsim::osa_distance(&lower, &column.to_lowercase());
    // A third of the letters may be wrong, but not most of a short name.
    let most = (lower.chars().count() / 3).clamp(1, 3);
    let nearest = columns.iter().map(|column| (slips(column), column)).min_by_key(|(slips, _)| *slips);
    nearest.filter(|(slips, _)| *slips <= most).map(|(_, column)| column)
}

#[cfg(test)]
mod tests;
