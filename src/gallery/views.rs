//! Rows for which a condition holds, in an order, in groups: worked out once and kept for a while.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow_ord::sort::{SortColumn, SortOptions, lexsort_to_indices};
use serde::Serialize;
use serde_json::Value;

use super::recent::Recent;
use super::rows::Column;
use crate::failure::Failure;
use crate::filter::{self, Filter};
use crate::query::Session;
use crate::table::cells::{Cells, showable};

/// Where groups begin.
#[derive(Debug, Clone, Serialize)]
pub struct Groups {
    /// How many rows there are in all.
    pub total: u64,
    /// The groups, in order.
    pub groups: Vec<Section>,
}

/// Rows of one value.
#[derive(Debug, Clone, Serialize)]
pub struct Section {
    /// The value.
    pub value: Value,
    /// How many rows come before the first of them.
    pub from: u64,
    /// How many rows there are of it.
    pub count: u64,
}

/// Rows in an order.
pub(super) struct View {
    pub(super) total: u64,
    /// Their numbers; nothing where they are all, in the order of the table.
    order: Option<Vec<u32>>,
    pub(super) sections: Vec<Section>,
}

impl View {
    /// The numbers of some of the rows.
    pub(super) fn rows(&self, from: u64, count: usize) -> Vec<u64> {
        let from = from.min(self.total);
        let to = self.total.min(from.saturating_add(count as u64));
        match &self.order {
            None => (from..to).collect(),
            Some(order) => order[from as usize..to as usize].iter().map(|row| u64::from(*row)).collect(),
        }
    }
}

/// Condition, order and group of a view.
type Wish<'a> = [Option<&'a str>; 3];

/// More groups than these help nobody, and a page could not hold them.
const MOST_GROUPS: usize = 10_000;
/// Numbers of rows that are kept in all: a view of a million rows takes 4 MB.
const ROOM: usize = 16_000_000;

/// The views that were asked for lately.
pub(super) struct Views(Recent<String, Arc<View>>);

impl Default for Views {
    fn default() -> Views {
        Views(Recent::new(ROOM))
    }
}

impl Views {
    /// A view.
    ///
    /// # Errors
    /// The condition is none or does not suit the table, a column is not there or has no order, there are too many groups,
    /// or the table cannot be read.
    pub(super) fn get(
        &self,
        session: &Session,
        (columns, rows): (&[Column], u64),
        wish: Wish,
    ) -> Result<Arc<View>, Failure> {
        if wish == [None; 3] {
            return Ok(Arc::new(View { total: rows, order: None, sections: Vec::new() }));
        }
        let key = serde_json::to_string(&wish).expect("texts");
        if let Some(view) = self.0.get(&key) {
            return Ok(view);
        }
        let view = Arc::new(make(session, columns, rows, wish)?);
        self.0.put(key, view.clone(), 1000 + view.order.as_ref().map_or(0, Vec::len));
        Ok(view)
    }
}

fn make(session: &Session, columns: &[Column], count: u64, [condition, sort, group]: Wish) -> Result<View, Failure> {
    let rows: UInt32Array = match condition {
        Some(condition) => {
            let passing = session.passing(&Filter::parse(condition)?)?;
            passing.set_indices().map(|row| row as u32).collect()
        }
        None => (0..u32::try_from(count).unwrap_or(u32::MAX)).collect(),
    };
    let (descending, sort) = match sort {
        Some(sort) => match sort.strip_prefix('-') {
            Some(column) => (true, Some(column)),
            None => (false, Some(sort)),
        },
        None => (false, None),
    };
    let names: Vec<&str> = group.into_iter().chain(sort).collect();
    names.iter().try_for_each(|name| has_order(columns, name))?;
    let total = rows.len() as u64;
    if names.is_empty() {
        return Ok(View { total, order: Some(rows.values().to_vec()), sections: Vec::new() });
    }
    let read = session
        .read(&names.iter().copied().collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>())?;
    let column = |name: &str, descending| -> Result<SortColumn, Failure> {
        let options = SortOptions { descending, nulls_first: false };
        let values =
            arrow_select::take::take(&values(&read, name)?, &rows, None).map_err(|e| broken(&e.to_string()))?;
        Ok(SortColumn { values, options: Some(options) })
    };
    let mut keys = Vec::new();
    let grouped = group.map(|name| column(name, false)).transpose()?;
    keys.extend(grouped.clone());
    keys.extend(sort.map(|name| column(name, descending)).transpose()?);
    // Rows that are alike stay in the order of the table.
    keys.push(SortColumn { values: Arc::new(rows.clone()), options: None });
    let order = lexsort_to_indices(&keys, None).map_err(|e| broken(&e.to_string()))?;
    let sections = match grouped {
        Some(grouped) => sections(&grouped.values, &order)?,
        None => Vec::new(),
    };
    let order = order.values().iter().map(|&at| rows.value(at as usize)).collect();
    Ok(View { total, order: Some(order), sections })
}

/// The values of a column, as they can be compared.
fn values(read: &RecordBatch, name: &str) -> Result<ArrayRef, Failure> {
    let at = read.schema_ref().index_of(name).map_err(|e| broken(&e.to_string()))?;
    showable(read.column(at))
}

fn has_order(columns: &[Column], name: &str) -> Result<(), Failure> {
    let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
    match columns.iter().find(|column| column.name == name) {
        Some(column) if column.kind == "other" => {
            Err(Failure::usage(format!("{name}: a column of lists has no order"), "sort=key"))
        }
        Some(_) => Ok(()),
        None => {
            let hint = match filter::nearest(name, &names) {
                Some(meant) => format!("did you mean {meant}? The table has {}", names.join(", ")),
                None => format!("the table has {}", names.join(", ")),
            };
            Err(Failure::usage(format!("{name}: there is no such column"), hint))
        }
    }
}

fn sections(values: &ArrayRef, order: &UInt32Array) -> Result<Vec<Section>, Failure> {
    let sorted = arrow_select::take::take(values, order, None).map_err(|e| broken(&e.to_string()))?;
    let runs = arrow_ord::partition::partition(std::slice::from_ref(&sorted)).map_err(|e| broken(&e.to_string()))?;
    let runs = if sorted.is_empty() { Vec::new() } else { runs.ranges() };
    if runs.len() > MOST_GROUPS {
        let message = format!("there are {} groups, and more than {MOST_GROUPS} help nobody", runs.len());
        return Err(Failure::usage(message, "group by a column of fewer values, or sort by this one"));
    }
    let cells = Cells::of(&sorted)?;
    let section = |run: std::ops::Range<usize>| Section {
        value: cells.json(run.start),
        from: run.start as u64,
        count: run.len() as u64,
    };
    Ok(runs.into_iter().map(section).collect())
}

/// How many values a column has, missing ones counted as one.
pub(super) fn count_groups(session: &Session, name: &str) -> Result<usize, Failure> {
    let read = session.read(&[name])?;
    let values = values(&read, name)?;
    if values.is_empty() {
        return Ok(0);
    }
    let order = lexsort_to_indices(&[SortColumn { values: values.clone(), options: None }], None);
    let sorted = order.and_then(|order| arrow_select::take::take(&values, &order, None));
    let runs = sorted.and_then(|sorted| arrow_ord::partition::partition(&[sorted]));
    Ok(runs.map_err(|e| broken(&e.to_string()))?.len())
}

fn broken(problem: &str) -> Failure {
    Failure::failed(format!("the rows cannot be put in order: {problem}"), None)
}
