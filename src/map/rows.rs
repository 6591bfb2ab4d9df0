//! The vectors of a table, each once, in an order that is theirs.

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use rayon::prelude::*;

use crate::failure::Failure;
use crate::index::{Check, Unfit};
use crate::numbered::Numbered;
use crate::stage::Survey;
use crate::table::column;

/// What is kept of a table's rows.
pub(super) struct Rows {
    column: String,
    pub name: String,
    pub check: Check,
    /// Vectors of length 1 of the rows that have one.
    vectors: Vec<f32>,
    /// Which of them is each row's.
    pub of_row: Vec<Option<u32>>,
    pub keys: Vec<String>,
    /// Columns of words by which clusters may be told apart or points coloured.
    pub words: Vec<Words>,
}

/// A column of words, each word once.
pub(super) struct Words {
    pub column: String,
    pub values: Numbered,
    pub of_row: Vec<Option<u32>>,
}

impl Words {
    pub(super) fn new(column: &str) -> Words {
        Words { column: column.into(), values: Numbered::default(), of_row: Vec::new() }
    }

    pub(super) fn take(&mut self, word: Option<&str>) {
        self.of_row.push(word.map(|word| self.values.number(word)));
    }
}

impl Rows {
    /// Of a table of this name, with these columns of words.
    pub(super) fn new(name: &str, column: &str, words: &[String]) -> Rows {
        Rows {
            column: column.into(),
            name: name.into(),
            check: Check::new(name, column),
            vectors: Vec::new(),
            of_row: Vec::new(),
            keys: Vec::new(),
            words: words.iter().map(|column| Words::new(column)).collect(),
        }
    }

    /// The vectors, each once and by their numbers, and for each vector of a row which of those it is.
    pub(super) fn distinct(&mut self) -> (Vec<f32>, Vec<u32>) {
        distinct(&std::mem::take(&mut self.vectors), self.check.dimension.max(1))
    }
}

/// Vectors, each once and by their numbers, and which of those each is.
pub(super) fn distinct(vectors: &[f32], dimension: usize) -> (Vec<f32>, Vec<u32>) {
    let vector = |at: u32| &vectors[at as usize * dimension..(at as usize + 1) * dimension];
    let compare = |a: &u32, b: &u32| {
        let pairs = vector(*a).iter().zip(vector(*b));
        pairs.map(|(a, b)| a.total_cmp(b)).find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
    };
    let mut order: Vec<u32> = (0..(vectors.len() / dimension) as u32).collect();
    order.par_sort_by(compare);
    let (mut distinct, mut numbers) = (Vec::with_capacity(vectors.len()), vec![0; order.len()]);
    for (number, equal) in (0..).zip(order.chunk_by(|a, b| compare(a, b).is_eq())) {
        distinct.extend_from_slice(vector(equal[0]));
        equal.iter().for_each(|at| numbers[*at as usize] = number);
    }
    (distinct, numbers)
}

impl Survey for Rows {
    const NAME: &'static str = "read";

    fn look(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        self.check.look(batch)?;
        let vectors = column::vectors(batch, &self.column, &self.name)?;
        let keys = column::text(batch, column::KEY)?;
        for row in 0..batch.num_rows() {
            let vector = vectors.get(row).filter(|vector| Unfit::problem(vector).is_none());
            self.of_row.push(vector.map(|vector| {
                let number = (self.vectors.len() / vector.len()) as u32;
                let scale = 1.0 / crate::matrix::dot(vector, vector).sqrt();
                // Positive zeros, which are equal to negative ones.
                self.vectors.extend(vector.iter().map(|x| (f64::from(*x) * scale) as f32 + 0.0));
                number
            }));
            self.keys.push(keys.as_ref().map(|keys| keys.value(row).to_string()).unwrap_or_default());
        }
        for words in &mut self.words {
            let cells = match batch.column_by_name(&words.column) {
                Some(column) => arrow_cast::cast(column, &arrow_schema::DataType::Utf8).ok(),
                None => None,
            };
            let cells = cells.as_ref().map(|cells| cells.as_string::<i32>());
            for row in 0..batch.num_rows() {
                words.take(cells.filter(|cells| cells.is_valid(row)).map(|cells| cells.value(row)));
            }
        }
        Ok(())
    }
}
