//! Cells of rows, by the numbers of the rows.

use std::sync::{Arc, OnceLock};

use arrow_array::{Array, RecordBatch, UInt64Array};
use arrow_schema::DataType;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::index::StillOf;
use crate::query::Session;
use crate::table::cells::{self, showable};
use crate::table::{Images, column};

/// A column that can be shown.
#[derive(Debug, Clone, Serialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What its cells are in JSON: `text`, `number`, `boolean` or `other`.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

impl Column {
    fn of(name: &str, kind: &DataType) -> Column {
        let kind = match kind {
            DataType::Boolean => "boolean",
            t if t.is_numeric() => "number",
            DataType::List(_)
            | DataType::LargeList(_)
            | DataType::FixedSizeList(..)
            | DataType::Struct(_)
            | DataType::Map(..) => "other",
            _ => "text",
        };
        Column { name: name.into(), kind }
    }
}

/// Which rows are wanted.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// How many of the rows are passed over.
    pub from: u64,
    /// How many are wanted at most.
    pub count: usize,
    /// Only rows for which this holds, in SQL.
    pub condition: Option<String>,
    /// The column to sort by, with `-` before it from the greatest down; without one the order of the table.
    pub sort: Option<String>,
    /// The column to group by.
    pub group: Option<String>,
}

/// Rows, each an object with its number and its cells.
#[derive(Debug, Clone, Serialize)]
pub struct Rows {
    /// How many there are in all.
    pub total: u64,
    /// How many of them come before these.
    pub from: u64,
    /// These.
    pub rows: Vec<Map<String, Value>>,
}

/// What names a row, and says where its picture is.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    pub(super) key: String,
    pub(super) path: Option<String>,
    pub(super) id: Option<i32>,
    pub(super) still: Option<StillOf>,
}

/// The cells that can be shown.
pub(super) struct Cells {
    session: Arc<Session>,
    columns: Vec<Column>,
    names: Vec<String>,
    has_image: bool,
    has_path: bool,
    /// All rows, where single ones cannot be read.
    whole: OnceLock<RecordBatch>,
}

impl Cells {
    pub(super) fn open(session: Arc<Session>) -> Result<Cells, Failure> {
        let schema = session.schema()?;
        let is_vector = |t: &DataType| match t {
            DataType::List(f) | DataType::LargeList(f) | DataType::FixedSizeList(f, _) => f.data_type().is_floating(),
            _ => false,
        };
        let vectors = schema.fields().iter().filter(|field| is_vector(field.data_type()));
        let models: Vec<String> = vectors.map(|field| column::model_column(field.name())).collect();
        let shown = schema.fields().iter().filter(|field| {
            let t = field.data_type();
            !is_vector(t) && !column::holds_binary(t) && !models.contains(field.name())
        });
        let columns: Vec<Column> = shown.map(|field| Column::of(field.name(), field.data_type())).collect();
        let names = columns.iter().map(|column| column.name.clone()).collect();
        let has = |name: &str| schema.index_of(name).is_ok();
        let (has_image, has_path) = (has(column::IMAGE), has(column::PATH) || has(column::VIDEO_PATH));
        Ok(Cells { session, columns, names, has_image, has_path, whole: OnceLock::new() })
    }

    pub(super) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Whether rows say themselves where their pictures are.
    pub(super) fn have_pictures(&self) -> bool {
        self.has_image || self.has_path
    }

    /// The cells of rows, in the order of the numbers.
    ///
    /// # Errors
    /// The table cannot be read.
    pub(super) fn of(&self, rows: &[u64]) -> Result<Vec<Map<String, Value>>, Failure> {
        let batch = self.batch(rows)?;
        let shown = batch.columns().iter().map(showable).collect::<Result<Vec<_>, _>>()?;
        let shown = shown.iter().map(cells::Cells::of).collect::<Result<Vec<_>, _>>()?;
        let row =
            |at: usize| self.names.iter().zip(&shown).map(|(name, cells)| (name.clone(), cells.json(at))).collect();
        Ok((0..batch.num_rows()).map(row).collect())
    }

    /// What names a row.
    ///
    /// # Errors
    /// The table cannot be read.
    pub(super) fn names(&self, row: u64) -> Result<Names, Failure> {
        let batch = self.batch(&[row])?;
        let text = |name: &str| -> Result<Option<String>, Failure> {
            Ok(column::cell(column::text(&batch, name)?.as_ref(), 0).map(str::to_string))
        };
        let ids = column::ints(&batch, column::ID)?;
        let id = ids.filter(|ids| ids.is_valid(0)).map(|ids| ids.value(0));
        let still = StillOf::row(&batch, 0)?;
        Ok(Names { key: text(column::KEY)?.unwrap_or_default(), path: text(column::PATH)?, id, still })
    }

    /// The picture inside the table, where the row has one.
    ///
    /// # Errors
    /// The table cannot be read.
    pub(super) fn picture(&self, row: u64) -> Result<Option<Vec<u8>>, Failure> {
        if !self.has_image {
            return Ok(None);
        }
        let batch = self.session.rows_of(&[column::KEY.into(), column::IMAGE.into()], &[row])?;
        Ok(Images::of(&batch)?.bytes(0).map(<[u8]>::to_vec))
    }

    fn batch(&self, rows: &[u64]) -> Result<RecordBatch, Failure> {
        if self.session.is_packed()? {
            return self.session.rows_of(&self.names, rows);
        }
        let whole = match self.whole.get() {
            Some(whole) => whole,
            None => {
                let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
                let whole = self.session.read(&names)?;
                self.whole.get_or_init(|| whole)
            }
        };
        let taken = arrow_select::take::take_record_batch(whole, &UInt64Array::from(rows.to_vec()));
        taken.map_err(|e| Failure::failed(format!("the table changed while it was read: {e}"), None))
    }
}
