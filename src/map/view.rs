//! A map that a table holds, for a page: where its rows are, and how they are coloured by the words of a column.

use std::collections::BTreeMap;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Schema};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;

use super::plot::{self, Group, Label, Point};
use super::rows::Words;
use super::{CLUSTER, CLUSTER_LABEL, X, Y};
use crate::failure::Failure;
use crate::table::column;

/// Points that a page draws; of more it gets each second, or third, and so on.
const MOST_POINTS: usize = 500_000;
/// Clusters that a page tells apart.
const MOST_CLUSTERS: usize = 1000;
/// Columns that are offered for colours.
const MOST_COLOURS: usize = 30;

/// What is on a map.
#[derive(Debug, Clone, Serialize)]
pub struct Places {
    /// How many rows have a place.
    pub total: usize,
    /// How many of them are here.
    pub points: usize,
    /// Their numbers in base64, 32 bits each, little-endian; `None`: they are all rows of the table, in its order.
    pub rows: Option<String>,
    /// Their places in base64: x and y, each a number of 32 bits, little-endian.
    pub places: String,
}

/// How the points of a map are coloured.
#[derive(Debug, Clone, Serialize)]
pub struct Colours {
    /// The column; `None`: there is none to colour by.
    pub by: Option<String>,
    /// What points in no group are called.
    pub rest: &'static str,
    /// The groups, the largest first.
    pub groups: Vec<Group>,
    /// The number of each point's group in base64, 16 bits each, little-endian; 65535 for none.
    pub group: String,
    /// Names of clusters, to be written where these are.
    pub labels: Vec<Label>,
}

/// The rows of a table that holds a map.
pub struct View {
    rows: usize,
    points: Vec<Point>,
    has_clusters: bool,
    /// Of each cluster's number that was seen, its place among the clusters, in the order of their appearance, and its name.
    clusters: BTreeMap<i64, (u32, Option<String>)>,
    words: Vec<Words>,
    /// A column of more words than these is not kept.
    most_words: usize,
}

impl View {
    /// Whether a table holds a map: columns `x` and `y` of numbers that are not whole.
    pub fn is_in(schema: &Schema) -> bool {
        [X, Y].iter().all(|name| schema.field_with_name(name).is_ok_and(|field| field.data_type().is_floating()))
    }

    /// The columns that its points can be coloured by: clusters, and those of texts, truths and whole numbers.
    pub fn colours(schema: &Schema) -> Vec<String> {
        let others = [column::KEY, column::PATH, column::ERROR, CLUSTER, CLUSTER_LABEL, column::WIDTH, column::HEIGHT];
        let suits = |kind: &DataType| match kind {
            DataType::Dictionary(_, values) => values.is_string(),
            DataType::Boolean => true,
            kind => kind.is_string() || kind.is_integer(),
        };
        let own = schema.fields().iter().filter(|field| field.name() == CLUSTER && suits(field.data_type()));
        let models: Vec<String> = schema.fields().iter().map(|field| column::model_column(field.name())).collect();
        let rest = schema.fields().iter().filter(|field| {
            suits(field.data_type()) && !others.contains(&field.name().as_str()) && !models.contains(field.name())
        });
        own.chain(rest).map(|field| field.name().clone()).take(MOST_COLOURS).collect()
    }

    /// Of no rows yet, with these columns to colour by; of columns of more than `most_words` words nothing is kept.
    pub fn new(colours: &[String], most_words: usize) -> View {
        View {
            rows: 0,
            points: Vec::new(),
            has_clusters: colours.iter().any(|name| name == CLUSTER),
            clusters: BTreeMap::new(),
            words: colours.iter().filter(|name| *name != CLUSTER).map(|name| Words::new(name)).collect(),
            most_words,
        }
    }

    /// Takes the next rows.
    ///
    /// # Errors
    /// Columns that were there are not, or of another type.
    pub fn look(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        let cast = |name: &str, kind: &DataType| -> Result<Option<arrow_array::ArrayRef>, Failure> {
            let Some(found) = batch.column_by_name(name) else { return Ok(None) };
            let broken = |problem| Failure::failed(format!("the map cannot be read: column {name}: {problem}"), None);
            arrow_cast::cast(found, kind).map(Some).map_err(broken)
        };
        let place = |name| cast(name, &DataType::Float32);
        let (Some(x), Some(y)) = (place(X)?, place(Y)?) else { return Ok(()) };
        let (x, y) = (x.as_primitive::<Float32Type>(), y.as_primitive::<Float32Type>());
        let clusters = if self.has_clusters { cast(CLUSTER, &DataType::Int64)? } else { None };
        let names = if self.has_clusters { cast(CLUSTER_LABEL, &DataType::Utf8)? } else { None };
        for row in 0..batch.num_rows() {
            let place = [x, y].map(|axis| if axis.is_valid(row) { axis.value(row) } else { f32::NAN });
            let cluster = clusters.as_ref().filter(|clusters| clusters.is_valid(row));
            let cluster = cluster.and_then(|clusters| {
                let number = clusters.as_primitive::<Int64Type>().value(row);
                let next = self.clusters.len();
                if !self.clusters.contains_key(&number) && next == MOST_CLUSTERS {
                    return None;
                }
                let (own, name) = self.clusters.entry(number).or_insert((next as u32, None));
                if name.is_none() {
                    let names = names.as_ref().map(|names| names.as_string::<i32>());
                    *name = names.filter(|names| names.is_valid(row)).map(|names| names.value(row).to_string());
                }
                Some(*own)
            });
            if place.iter().all(|along| along.is_finite()) {
                self.points.push(Point { row: self.rows + row, place, cluster });
            }
        }
        let most = self.most_words;
        for words in &mut self.words {
            let cells = cast(&words.column, &DataType::Utf8)?;
            let cells = cells.as_ref().map(|cells| cells.as_string::<i32>());
            for row in 0..batch.num_rows() {
                if words.values.len() > most {
                    break;
                }
                words.take(cells.filter(|cells| cells.is_valid(row)).map(|cells| cells.value(row)));
            }
        }
        self.words.retain(|words| words.values.len() <= most);
        self.rows += batch.num_rows();
        Ok(())
    }

    /// The columns of which something was kept.
    pub fn kept(&self) -> Vec<String> {
        let own = self.has_clusters.then(|| CLUSTER.to_string());
        own.into_iter().chain(self.words.iter().map(|words| words.column.clone())).collect()
    }

    /// Where the points are.
    pub fn places(&self) -> Places {
        let points = self.shown();
        let whole = points.len() == self.rows;
        let rows = || base64(points.iter().flat_map(|point| (point.row as u32).to_le_bytes()));
        Places {
            total: self.points.len(),
            points: points.len(),
            rows: (!whole).then(rows),
            places: base64(points.iter().flat_map(|point| point.place).flat_map(f32::to_le_bytes)),
        }
    }

    /// How they are coloured by a column that was kept, by themselves the first of these.
    pub fn coloured(&self, by: Option<&str>) -> Colours {
        let points = self.shown();
        let mut clusters: Vec<(u32, String, Option<String>)> = self
            .clusters
            .iter()
            .map(|(number, (own, name))| (*own, format!("cluster {number}"), name.clone()))
            .collect();
        clusters.sort();
        let labels = plot::labels(&points, &clusters.iter().map(|(.., name)| name.clone()).collect::<Vec<_>>());
        let by = by.map(str::to_string).or_else(|| self.kept().into_iter().next());
        let words = self.words.iter().find(|words| Some(&words.column) == by.as_ref());
        let (groups, of_point) = match words {
            Some(words) => plot::by_words(&points, words),
            None => {
                let names: Vec<String> = clusters.into_iter().map(|(_, number, name)| name.unwrap_or(number)).collect();
                plot::by_cluster(&points, &names)
            }
        };
        let number = |group: &Option<u32>| group.and_then(|n| u16::try_from(n).ok()).unwrap_or(u16::MAX);
        Colours {
            rest: if words.is_some() { "others" } else { "in none" },
            group: base64(of_point.iter().flat_map(|group| number(group).to_le_bytes())),
            by,
            groups,
            labels,
        }
    }

    /// The points that a page gets.
    fn shown(&self) -> std::borrow::Cow<'_, [Point]> {
        let step = self.points.len().div_ceil(MOST_POINTS);
        match step {
            0 | 1 => self.points.as_slice().into(),
            step => self.points.iter().step_by(step).copied().collect::<Vec<_>>().into(),
        }
    }
}

fn base64(bytes: impl Iterator<Item = u8>) -> String {
    BASE64_STANDARD.encode(bytes.collect::<Vec<u8>>())
}
