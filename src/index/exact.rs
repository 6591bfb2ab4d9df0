//! Exact search over a table of vectors, streamed: the table may be larger than memory.

use std::collections::BinaryHeap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{Array, RecordBatch, RecordBatchOptions, UInt64Array};

use super::beside::Beside;
use super::{Error, Packed, Term};
use crate::filter::Filter;
use crate::model::short_id;
use crate::table::{self, Source, Table, column};

/// A row that was found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Hit {
    /// Number of the row in the index.
    pub row: u64,
    /// Cosine, or the fused score of the built-in Pokédex.
    pub score: f32,
    pub key: String,
    pub id: Option<i32>,
    pub label: Option<String>,
    pub path: Option<String>,
    /// Its vector, of length 1; empty unless it was asked for.
    pub vector: Vec<f32>,
    /// What each term of the query adds to the score; empty unless somebody worked it out.
    pub parts: Vec<f32>,
}

/// A query of length 1.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryVector {
    pub vector: Vec<f32>,
    /// Numbers of rows that are not to be found, ascending.
    pub without: Vec<u32>,
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

/// What a search found.
#[derive(Debug, Default)]
pub struct Found {
    /// For each query its hits, best first.
    pub hits: Vec<Vec<Hit>>,
    /// Rows that cannot be compared.
    pub unfit: Unfit,
}

/// Rows whose vectors have no direction: they are left out, counted, and the first is named.
#[derive(Debug, Default)]
pub struct Unfit {
    pub count: u64,
    first: Option<(String, &'static str)>,
}

impl Unfit {
    /// What is wrong with a vector that has no direction.
    pub const ZERO: &str = "is zero";

    /// Why a vector cannot be compared, if it cannot.
    pub fn problem(vector: &[f32]) -> Option<&'static str> {
        match norm(vector) {
            _ if vector.is_empty() => Some("is empty"),
            norm if !norm.is_finite() => Some("holds a number that is not finite"),
            norm if norm < 1e-12 => Some(Unfit::ZERO),
            _ => None,
        }
    }

    /// Takes note of a row.
    pub fn add(&mut self, key: &str, problem: &'static str) {
        self.count += 1;
        self.first.get_or_insert_with(|| (key.into(), problem));
    }

    /// `2 rows were left out, the first is a.png: its vector is zero`, where there are any.
    pub fn message(&self) -> Option<String> {
        let (key, problem) = self.first.as_ref()?;
        Some(match self.count {
            1 => format!("1 row was left out: the vector of {key} {problem}"),
            count => format!("{count} rows were left out: the vector of the first, {key}, {problem}"),
        })
    }
}

/// A stored row's vector and the numbers of the rows that went into it, ascending.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    pub vector: Vec<f32>,
    pub rows: Vec<u32>,
}

/// A table of vectors that can be read as often as needed.
pub struct Index {
    source: Source,
    column: String,
    /// What makes searching it quicker, and the model that its footer names.
    beside: Option<(Beside, Option<String>)>,
}

impl Index {
    /// An index in a file, with what lies beside it, or in a pipe (`-` too); and what cannot be used of that, and why.
    ///
    /// # Errors
    /// It cannot be read or is no table.
    pub fn open(path: PathBuf, column: &str) -> Result<(Index, Vec<Error>), Error> {
        let source = Source::open(&path, &format!("pokedex embed {} -o embeddings.parquet", path.display()))?;
        let mut index = Index { source, column: column.into(), beside: None };
        if column != column::EMBEDDING || !path.is_file() {
            return Ok((index, Vec::new()));
        }
        let footer = index.source.table(Some(&|_: &str| false))?.provenance;
        let (beside, problems) = Beside::open(&path, &footer);
        let model = footer.get("model").filter(|id| *id != "unknown").map(short_id);
        index.beside = beside.map(|beside| (beside, model));
        Ok((index, problems))
    }

    pub(super) fn in_memory(name: &str, bytes: &'static [u8]) -> Index {
        Index { source: Source::own(name, bytes), column: column::EMBEDDING.into(), beside: None }
    }

    /// What to call it in a message.
    pub fn name(&self) -> &str {
        &self.source.name
    }

    /// Reads the columns that searching needs, and `more`.
    pub(super) fn scan(&self, more: &dyn Fn(&str) -> bool) -> Result<Table, Error> {
        let model = column::model_column(&self.column);
        let table = self.read(&|name: &str| {
            [column::KEY, column::ID, column::LABEL, column::PATH, &self.column, &model].contains(&name) || more(name)
        })?;
        table.require(&self.column)?;
        // An index was checked when it was made; other tables may lack keys.
        Ok(if table.has(column::KEY) { table } else { table.with_keys() })
    }

    pub(super) fn read(&self, wanted: &dyn Fn(&str) -> bool) -> Result<Table, Error> {
        Ok(self.source.table(Some(wanted))?)
    }

    /// The model that made the vectors, as it stands in the rows or in the footer, and the vectors' length.
    ///
    /// # Errors
    /// The table cannot be read, has no vector, or names two models.
    pub fn model(&self) -> Result<(Option<String>, usize), Error> {
        if let Some((beside, model)) = &self.beside {
            return Ok((model.clone(), beside.packed.dimension()));
        }
        let model_column = column::model_column(&self.column);
        let table = self.read(&|name: &str| name == model_column)?;
        // A table that lost its model column still has its footer, unless another program rewrote it.
        let footer = table.provenance.get(&column::footer_key(&self.column, "model"));
        let footer = footer.filter(|id| *id != "unknown").map(short_id);
        let mut model = None;
        if table.has(&model_column) {
            for batch in table {
                for name in column::text(&batch?, &model_column)?.iter().flat_map(|names| names.iter().flatten()) {
                    match &model {
                        None => model = Some(name.to_string()),
                        Some(first) if first != name => {
                            let (first, other) = (first.clone(), name.to_string());
                            return Err(Error::TwoModels { name: self.source.name.clone(), first, other });
                        }
                        Some(_) => {}
                    }
                }
            }
        }
        for batch in self.scan(&|_| false)? {
            let dimension = column::vectors(&batch?, &self.column, &self.source.name)?.dimension;
            if dimension > 0 {
                return Ok((model.or(footer), dimension));
            }
        }
        Err(Error::NoVectors { name: self.source.name.clone(), column: self.column.clone() })
    }

    /// The vectors of stored rows; of an id, the normalised mean over its rows.
    ///
    /// # Errors
    /// A row does not exist or has no vector.
    pub fn stored(&self, terms: &[&Term]) -> Result<Vec<Stored>, Error> {
        let missing = |term: &Term| Error::NoSuchRow { name: self.source.name.clone(), what: term.to_string() };
        if let Some((beside, _)) = &self.beside {
            let stored = beside.stored(terms)?.into_iter().zip(terms);
            return stored.map(|(stored, term)| stored.ok_or_else(|| missing(term))).collect();
        }
        let mut sums: Vec<(Vec<f64>, Vec<u32>)> = vec![Default::default(); terms.len()];
        let mut row = 0;
        for batch in self.scan(&|_| false)? {
            let batch = batch?;
            let rows = Rows::of(&batch, &self.column, &self.source.name)?;
            for i in 0..batch.num_rows() {
                for (term, (sum, found)) in terms.iter().zip(&mut sums) {
                    let wanted = match term {
                        Term::Id(id) => rows.facts.id(i) == Some(*id),
                        Term::Key(key) => rows.facts.key(i) == Some(key),
                        Term::Text(_) | Term::Image(_) | Term::Vector(_) => false,
                    };
                    let fit = |vector: &&[f32]| wanted && Unfit::problem(vector).is_none();
                    if let Some(vector) = rows.vectors.get(i).filter(fit) {
                        if !sum.is_empty() && sum.len() != vector.len() {
                            return Err(self.ragged(sum.len(), vector.len()));
                        }
                        sum.resize(vector.len(), 0.0);
                        let norm = norm(vector);
                        sum.iter_mut().zip(vector).for_each(|(s, x)| *s += f64::from(*x) / norm);
                        found.push(row + i as u32);
                    }
                }
            }
            row += batch.num_rows() as u32;
        }
        let stored = terms.iter().zip(sums).map(|(term, (sum, rows))| {
            let mut vector: Vec<f32> = sum.iter().map(|x| *x as f32).collect();
            match crate::model::normalise(&mut vector) {
                true => Ok(Stored { vector, rows }),
                false => Err(missing(term)),
            }
        });
        stored.collect()
    }

    /// The rows with the greatest cosine to each query, best first, ties in the order of the table.
    ///
    /// # Errors
    /// The table cannot be read, its vectors have another length than a query, some of them were not made by the model
    /// (`None`: of no known model) that made the others, or the filter does not suit it.
    pub fn search(&self, queries: &[QueryVector], model: Option<&str>, search: &Search) -> Result<Found, Error> {
        if let Some((beside, _)) = &self.beside {
            let other = queries.iter().find(|query| query.vector.len() != beside.packed.dimension());
            return match other {
                Some(query) => Err(self.ragged(query.vector.len(), beside.packed.dimension())),
                None => Ok(Found { hits: beside.search(queries, search)?, unfit: Unfit::default() }),
            };
        }
        let mut best: Vec<Best<Hit>> = queries.iter().map(|_| Best::new(search.top)).collect();
        let table = self.scan(&|name| search.filter.is_some_and(|filter| filter.needs(name)))?;
        let filter = search.filter.map(|filter| self.bind(filter)).transpose()?;
        let mut unfit = Unfit::default();
        let mut row = 0;
        for batch in table {
            let batch = batch?;
            let passes = filter.as_ref().map(|filter| filter.evaluate(&batch)).transpose()?;
            let rows = Rows::of(&batch, &self.column, &self.source.name)?;
            let mut made_by = model.map(|model| Some(model.to_string()));
            one_model(&batch, &rows.vectors, &self.column, self.name(), &mut made_by)?;
            let dimension = rows.vectors.dimension;
            if let Some(query) = queries.iter().find(|query| ![0, query.vector.len()].contains(&dimension)) {
                return Err(self.ragged(query.vector.len(), dimension));
            }
            for i in (0..batch.num_rows()).filter(|&i| passes.as_ref().is_none_or(|passes| passes.value(i))) {
                let Some(vector) = rows.vectors.get(i) else {
                    continue;
                };
                if let Some(problem) = Unfit::problem(vector) {
                    unfit.add(rows.facts.key(i).unwrap_or_default(), problem);
                    continue;
                }
                let norm = norm(vector);
                for (query, best) in queries.iter().zip(&mut best) {
                    let score = cosine(&query.vector, vector, norm);
                    let is_in_query = || query.without.binary_search(&(row as u32 + i as u32)).is_ok();
                    if best.worst().is_none_or(|worst| score > worst) && !is_in_query() {
                        best.offer(score, row + i as u64, || {
                            let scaled = |x: &f32| (f64::from(*x) / norm) as f32;
                            let vector = if search.vectors { vector.iter().map(scaled).collect() } else { Vec::new() };
                            Hit { vector, ..rows.facts.hit(i) }
                        });
                    }
                }
            }
            row += batch.num_rows() as u64;
        }
        Ok(Found { hits: best.into_iter().map(into_hits).collect(), unfit })
    }

    /// A filter bound to all columns of the table, so that what it says of them is true.
    pub(super) fn bind(&self, filter: &Filter) -> Result<crate::filter::Bound, Error> {
        let table = self.read(&|_| true)?;
        let table = if table.has(column::KEY) { table } else { table.with_keys() };
        Ok(filter.bind(&table.schema)?)
    }

    /// How many rows there are, as far as the table says.
    ///
    /// # Errors
    /// The table cannot be read.
    pub fn rows(&self) -> Result<Option<u64>, Error> {
        match &self.beside {
            Some((beside, _)) => Ok(Some(beside.packed.len() as u64)),
            None => Ok(self.read(&|_| false)?.rows),
        }
    }

    /// The cells of these columns in rows of these numbers, in the orders that are given.
    ///
    /// # Errors
    /// There is no such column, or the table cannot be read.
    pub fn cells(&self, columns: &[String], rows: &[u64]) -> Result<RecordBatch, Error> {
        let all = self.read(&|_| true)?;
        columns.iter().try_for_each(|name| all.require(name))?;
        let places = columns.iter().map(|name| all.schema.index_of(name).expect("it was required")).collect::<Vec<_>>();
        let schema = Arc::new(all.schema.project(&places).map_err(|e| self.damaged(&e.to_string()))?);
        let wanted = |name: &str| columns.iter().any(|column| column == name);
        let mut sorted = rows.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        // Those that are wanted of a batch that begins with the row `first`, as its columns in their order.
        let pick = |batch: &RecordBatch, first: u64| -> Result<Option<RecordBatch>, Error> {
            let from = sorted.partition_point(|&row| row < first);
            let to = sorted.partition_point(|&row| row < first + batch.num_rows() as u64);
            if from == to {
                return Ok(None);
            }
            let at: UInt64Array = sorted[from..to].iter().map(|row| row - first).collect();
            let arrays = schema.fields().iter().map(|field| {
                let column = batch.column_by_name(field.name()).ok_or("a column is gone")?;
                let column = arrow_select::take::take(column, &at, None).map_err(|e| e.to_string())?;
                arrow_cast::cast(&column, field.data_type()).map_err(|e| e.to_string())
            });
            let arrays = arrays.collect::<Result<Vec<_>, String>>().map_err(|e| self.damaged(&e))?;
            let options = RecordBatchOptions::new().with_row_count(Some(at.len()));
            let batch = RecordBatch::try_new_with_options(schema.clone(), arrays, &options);
            Ok(Some(batch.map_err(|e| self.damaged(&e.to_string()))?))
        };
        let mut picked = Vec::new();
        let packed = self.beside.as_ref().map(|(beside, _)| &beside.packed);
        match packed.filter(|packed| columns.iter().all(|name| packed.columns().index_of(name).is_ok())) {
            Some(packed) => {
                let mut numbers: Vec<usize> = sorted.iter().map(|&row| Packed::batch_number(row as usize)).collect();
                numbers.dedup();
                let names: Vec<&str> = columns.iter().map(String::as_str).collect();
                for number in numbers {
                    picked.extend(pick(&packed.batch(number, &names)?, Packed::first_row(number) as u64)?);
                }
            }
            None => {
                let mut first = 0;
                for batch in self.read(&wanted)? {
                    let batch = batch?;
                    picked.extend(pick(&batch, first)?);
                    first += batch.num_rows() as u64;
                }
            }
        }
        let picked =
            arrow_select::concat::concat_batches(&schema, &picked).map_err(|e| self.damaged(&e.to_string()))?;
        let order: Option<UInt64Array> =
            rows.iter().map(|row| Some(Some(sorted.binary_search(row).ok()? as u64))).collect();
        let order = order.filter(|_| picked.num_rows() == sorted.len()).ok_or_else(|| self.damaged("it changed"))?;
        arrow_select::take::take_record_batch(&picked, &order).map_err(|e| self.damaged(&e.to_string()))
    }

    fn damaged(&self, problem: &str) -> Error {
        let source = arrow_schema::ArrowError::ComputeError(problem.into());
        table::Error::Arrow { name: self.source.name.clone(), source }.into()
    }

    fn ragged(&self, first: usize, other: usize) -> Error {
        table::Error::RaggedVectors { column: self.column.clone(), first, other }.into()
    }
}

/// Fails where a row with a vector names another model than the rows before it. `None`: no row was seen yet;
/// `Some(None)`: the rows so far name no model.
pub fn one_model(
    batch: &RecordBatch,
    vectors: &table::Vectors,
    column: &str,
    name: &str,
    model: &mut Option<Option<String>>,
) -> Result<(), Error> {
    let names = column::text(batch, &column::model_column(column))?;
    let Some(names) = names else { return Ok(()) };
    for i in (0..batch.num_rows()).filter(|&i| vectors.get(i).is_some()) {
        let own = names.is_valid(i).then(|| names.value(i));
        match model {
            None => *model = Some(own.map(str::to_string)),
            Some(first) if first.as_deref() != own => {
                let say = |id: Option<&str>| id.unwrap_or("unknown").to_string();
                return Err(Error::TwoModels { name: name.into(), first: say(first.as_deref()), other: say(own) });
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// The columns of a batch that a search looks at.
struct Rows {
    facts: Facts,
    vectors: table::Vectors,
}

impl Rows {
    fn of(batch: &RecordBatch, column: &str, name: &str) -> Result<Rows, Error> {
        Ok(Rows { facts: Facts::of(batch)?, vectors: column::vectors(batch, column, name)? })
    }
}

/// What a hit says of its row.
pub(super) struct Facts {
    keys: Option<arrow_array::StringArray>,
    ids: Option<arrow_array::Int32Array>,
    labels: Option<arrow_array::StringArray>,
    paths: Option<arrow_array::StringArray>,
}

impl Facts {
    /// Their columns.
    pub(super) const COLUMNS: [&str; 4] = [column::KEY, column::ID, column::LABEL, column::PATH];

    pub(super) fn of(batch: &RecordBatch) -> Result<Facts, Error> {
        Ok(Facts {
            keys: column::text(batch, column::KEY)?,
            ids: column::ints(batch, column::ID)?,
            labels: column::text(batch, column::LABEL)?,
            paths: column::text(batch, column::PATH)?,
        })
    }

    pub(super) fn key(&self, i: usize) -> Option<&str> {
        value(&self.keys, i)
    }

    fn id(&self, i: usize) -> Option<i32> {
        self.ids.as_ref().filter(|ids| ids.is_valid(i)).map(|ids| ids.value(i))
    }

    pub(super) fn hit(&self, i: usize) -> Hit {
        let text = |column| value(column, i).map(str::to_string);
        let key = text(&self.keys).unwrap_or_default();
        let (label, path) = (text(&self.labels), text(&self.paths));
        Hit { key, id: self.id(i), label, path, ..Hit::default() }
    }
}

fn value(column: &Option<arrow_array::StringArray>, i: usize) -> Option<&str> {
    column.as_ref().filter(|c| c.is_valid(i)).map(|c| c.value(i))
}

/// The best rows so far, each with what is worth knowing of it: a heap whose top is the worst of them.
pub(super) struct Best<T> {
    top: usize,
    heap: BinaryHeap<Ranked<T>>,
}

struct Ranked<T> {
    score: f32,
    row: u64,
    what: T,
}

impl<T> Ord for Ranked<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // The greatest is the worst: the lowest score, and among equals the last row.
        other.score.total_cmp(&self.score).then(self.row.cmp(&other.row))
    }
}

impl<T> PartialOrd for Ranked<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Ranked<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Ranked<T> {}

impl<T> Best<T> {
    pub(super) fn new(top: usize) -> Best<T> {
        Best { top, heap: BinaryHeap::new() }
    }

    /// The lowest score, once there are as many rows as are wanted.
    pub(super) fn worst(&self) -> Option<f32> {
        self.heap.peek().filter(|_| self.heap.len() >= self.top).map(|worst| worst.score)
    }

    /// Takes a row in if it is among the best.
    pub(super) fn offer(&mut self, score: f32, row: u64, what: impl FnOnce() -> T) {
        if self.heap.len() < self.top {
            self.heap.push(Ranked { score, row, what: what() });
        } else if let Some(mut worst) = self.heap.peek_mut()
            && (score > worst.score || (score == worst.score && row < worst.row))
        {
            *worst = Ranked { score, row, what: what() };
        }
    }

    pub(super) fn merge(&mut self, other: Best<T>) {
        for Ranked { score, row, what } in other.heap {
            self.offer(score, row, || what);
        }
    }

    fn into_sorted(self) -> impl Iterator<Item = Ranked<T>> {
        self.heap.into_sorted_vec().into_iter()
    }

    /// The numbers of the rows and their scores, best first.
    pub(super) fn into_rows(self) -> Vec<(u32, f32)> {
        self.into_sorted().map(|ranked| (ranked.row as u32, ranked.score)).collect()
    }
}

fn into_hits(best: Best<Hit>) -> Vec<Hit> {
    best.into_sorted().map(|Ranked { score, row, what }| Hit { row, score, ..what }).collect()
}

/// Length of a vector, in double precision: the squares of large and small numbers leave the range of single.
#[multiversion::multiversion(targets("x86_64+avx2"))]
pub fn norm(vector: &[f32]) -> f64 {
    let (chunks, rest) = vector.as_chunks::<8>();
    let mut sums = [0.0f64; 8];
    for chunk in chunks {
        for lane in 0..8 {
            sums[lane] += f64::from(chunk[lane]) * f64::from(chunk[lane]);
        }
    }
    let rest: f64 = rest.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
    (sums.iter().sum::<f64>() + rest).sqrt()
}

/// Cosine of a query of length 1 and a vector of length `norm`.
pub(super) fn cosine(query: &[f32], vector: &[f32], norm: f64) -> f32 {
    let dot = if (1e-6..1e6).contains(&norm) {
        f64::from(dot(query, vector))
    } else {
        query.iter().zip(vector).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    ((dot / norm) as f32).clamp(-1.0, 1.0)
}

/// Dot product in sixteen running sums: the compiler makes vector instructions of it, and the order of additions,
/// so the result to the last bit, is the same on every machine.
#[multiversion::multiversion(targets("x86_64+avx2"))]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_chunks, a_rest) = a.as_chunks::<16>();
    let (b_chunks, b_rest) = b.as_chunks::<16>();
    let mut sums = [0.0f32; 16];
    for (x, y) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..16 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_come_first_and_ties_keep_the_order_of_the_table() {
        let mut best = Best::new(3);
        for (row, score) in [(0, 0.5), (1, 0.9), (2, 0.5), (3, 0.1), (5, 0.5), (4, 0.9)] {
            best.offer(score, row, || ());
        }
        assert_eq!(best.worst(), Some(0.5));
        assert_eq!(best.into_rows(), [(1, 0.9), (4, 0.9), (0, 0.5)]);
    }

    #[test]
    fn dot_products_agree_with_the_plain_sum() {
        for length in [0, 1, 15, 16, 17, 100, 512] {
            let a: Vec<f32> = (0..length).map(|i| (i as f32 * 0.37).sin()).collect();
            let b: Vec<f32> = (0..length).map(|i| (i as f32 * 0.91).cos()).collect();
            let plain: f64 = a.iter().zip(&b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
            assert!((f64::from(dot(&a, &b)) - plain).abs() < 1e-4, "{length}");
        }
    }
}
