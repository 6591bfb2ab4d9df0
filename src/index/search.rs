//! What is searched for, and what there is to say of the rows that are found.

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};

use super::Error;
use super::unfit::Unfit;
use crate::filter::Filter;
use crate::table::column;

/// A query of length 1.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryVector {
    /// As long as those of the index.
    pub vector: Vec<f32>,
    /// Numbers of rows that are not to be found, ascending.
    pub without: Vec<u32>,
}

/// In which order rows come: by the cells of a column; those without one last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The name of the column.
    pub column: String,
    /// Whether the greatest comes first.
    pub descending: bool,
}

impl std::str::FromStr for Order {
    type Err = String;

    /// Reads `speed`, `speed:asc` and `speed:desc`.
    fn from_str(text: &str) -> Result<Order, String> {
        let (column, descending) = match text.rsplit_once(':') {
            Some((column, "desc")) => (column, true),
            Some((column, "asc")) => (column, false),
            _ => (text, false),
        };
        match column.trim() {
            "" => Err("is no column; say speed or speed:desc".into()),
            column => Ok(Order { column: column.into(), descending }),
        }
    }
}

impl std::fmt::Display for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.column, if self.descending { ":desc" } else { "" })
    }
}

impl Order {
    /// For each cell its place: the smallest comes first, equal ones have the same.
    ///
    /// # Errors
    /// Cells of this kind have no order.
    pub fn places(&self, cells: &dyn Array) -> Result<Vec<u32>, Error> {
        let options = arrow_schema::SortOptions { descending: self.descending, nulls_first: false };
        let failed = |problem: arrow_schema::ArrowError| Error::Order {
            column: self.column.clone(),
            problem: problem.to_string(),
        };
        // Of words what a dictionary holds counts, and not where it stands there.
        let plain = match cells.data_type() {
            arrow_schema::DataType::Dictionary(_, values) => arrow_cast::cast(cells, values).map_err(failed)?,
            _ => arrow_array::make_array(cells.to_data()),
        };
        arrow_ord::rank::rank(&plain, Some(options)).map_err(failed)
    }
}

/// What a search is to find, and how.
#[derive(Debug, Clone, Copy, Default)]
pub struct Search<'a> {
    /// How many rows.
    pub top: usize,
    /// Which rows may be found.
    pub filter: Option<&'a Filter>,
    /// Whether trees and graphs are left aside.
    pub exact: bool,
    /// How many candidates trees are asked for, or how many rows a graph keeps in sight.
    pub effort: Option<usize>,
    /// Whether hits carry their vectors.
    pub vectors: bool,
}

/// A row that was found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Hit {
    /// Number of the row in the index.
    pub row: u64,
    /// Cosine, or the fused score of the built-in Pokédex.
    pub score: f32,
    /// The row's key.
    pub key: String,
    /// The number of its class, where it has one.
    pub id: Option<i32>,
    /// Its class, where it has one.
    pub label: Option<String>,
    /// Its file, where it has one.
    pub path: Option<String>,
    /// Where its picture was taken from, if it is a still of a film or one of a file's pages.
    pub still: Option<StillOf>,
    /// Its vector, of length 1; empty unless it was asked for.
    pub vector: Vec<f32>,
    /// What each term of the query adds to the score; empty unless somebody worked it out.
    pub parts: Vec<f32>,
    /// How its text was found, if it was.
    pub worded: Option<Worded>,
}

/// What a still was taken from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StillOf {
    /// The film's file, or that of the pages.
    pub path: String,
    /// In seconds on the film's own clock; pages have none.
    pub time: Option<f64>,
    /// The number of the frame or page.
    pub number: Option<i64>,
}

impl StillOf {
    /// That of a row, if it is one.
    ///
    /// # Errors
    /// The columns that say so hold something else.
    pub fn row(batch: &RecordBatch, i: usize) -> Result<Option<StillOf>, Error> {
        Ok(Stills::of(batch)?.get(i))
    }
}

/// What a table says of its stills.
struct Stills {
    paths: Option<arrow_array::StringArray>,
    times: Option<arrow_array::Float64Array>,
    numbers: Option<arrow_array::Int64Array>,
}

impl Stills {
    fn of(batch: &RecordBatch) -> Result<Stills, Error> {
        let column = |name: &str| batch.column_by_name(name);
        Ok(Stills {
            paths: column::text(batch, column::VIDEO_PATH)?,
            times: column(column::TIMESTAMP).and_then(|times| times.as_primitive_opt().cloned()),
            numbers: column(column::FRAME).and_then(|numbers| numbers.as_primitive_opt().cloned()),
        })
    }

    fn get(&self, i: usize) -> Option<StillOf> {
        let path = value(&self.paths, i)?.to_string();
        let time = self.times.as_ref().filter(|times| times.is_valid(i)).map(|times| times.value(i));
        let number = self.numbers.as_ref().filter(|numbers| numbers.is_valid(i)).map(|numbers| numbers.value(i));
        Some(StillOf { path, time, number })
    }
}

/// How a row was found by the words in its text.
#[derive(Debug, Clone, PartialEq)]
pub struct Worded {
    /// Those of the question's words that stand there.
    pub words: Vec<String>,
    /// Its rank among rows that have them.
    pub rank: u32,
    /// Its rank by its looks; `None` where that was not looked for so far, or not at all.
    pub by_looks: Option<u32>,
}

/// What a search found.
#[derive(Debug, Default)]
pub struct Found {
    /// For each query its hits, best first.
    pub hits: Vec<Vec<Hit>>,
    /// Rows that cannot be compared.
    pub unfit: Unfit,
}

/// A stored row's vector and the numbers of the rows that went into it, ascending.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Of length 1.
    pub vector: Vec<f32>,
    /// Not to be found by a query that this is a part of.
    pub rows: Vec<u32>,
}

/// What a hit says of its row.
pub(super) struct Facts {
    keys: Option<arrow_array::StringArray>,
    ids: Option<arrow_array::Int32Array>,
    labels: Option<arrow_array::StringArray>,
    paths: Option<arrow_array::StringArray>,
    stills: Stills,
}

impl Facts {
    /// Their columns.
    pub(super) const COLUMNS: [&str; 7] =
        [column::KEY, column::ID, column::LABEL, column::PATH, column::VIDEO_PATH, column::TIMESTAMP, column::FRAME];

    pub(super) fn of(batch: &RecordBatch) -> Result<Facts, Error> {
        Ok(Facts {
            keys: column::text(batch, column::KEY)?,
            ids: column::ints(batch, column::ID)?,
            labels: column::text(batch, column::LABEL)?,
            paths: column::text(batch, column::PATH)?,
            stills: Stills::of(batch)?,
        })
    }

    pub(super) fn key(&self, i: usize) -> Option<&str> {
        value(&self.keys, i)
    }

    pub(super) fn id(&self, i: usize) -> Option<i32> {
        self.ids.as_ref().filter(|ids| ids.is_valid(i)).map(|ids| ids.value(i))
    }

    pub(super) fn hit(&self, i: usize) -> Hit {
        let text = |column| value(column, i).map(str::to_string);
        let key = text(&self.keys).unwrap_or_default();
        let (label, path) = (text(&self.labels), text(&self.paths));
        Hit { key, id: self.id(i), label, path, still: self.stills.get(i), ..Hit::default() }
    }
}

fn value(column: &Option<arrow_array::StringArray>, i: usize) -> Option<&str> {
    column.as_ref().filter(|c| c.is_valid(i)).map(|c| c.value(i))
}
