//! Exact search over a table of vectors, streamed: the table may be larger than memory.

use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use arrow_array::{RecordBatch, RecordBatchOptions, UInt64Array};
use arrow_schema::SchemaRef;

use super::beside::Beside;
use super::best::{Best, Ranked};
use super::cosine::{cosine, norm};
use super::search::{Facts, Found, Hit, QueryVector, Search, Stored};
use super::unfit::{Unfit, one_model};
use super::{Error, Packed, Term};
use crate::filter::Filter;
use crate::model::short_id;
use crate::table::{self, Source, Table, column};

/// A table of vectors that can be read as often as needed.
pub struct Index {
    source: Source,
    column: String,
    /// What makes searching it quicker, and the model that its footer names.
    beside: Option<(Beside, Option<String>)>,
    /// The columns of the table, once somebody asked.
    schema: OnceLock<SchemaRef>,
}

impl Index {
    /// An index in a file, with what lies beside it, or in a pipe (`-` too); and what cannot be used of that, and why.
    ///
    /// # Errors
    /// It cannot be read or is no table.
    pub fn open(path: PathBuf, column: &str) -> Result<(Index, Vec<Error>), Error> {
        let source = Source::open_all(&path, &format!("pokedex embed {} -o embeddings.parquet", path.display()))?;
        let mut index = Index { source, column: column.into(), beside: None, schema: OnceLock::new() };
        if column != column::EMBEDDING || !path.is_file() {
            return Ok((index, Vec::new()));
        }
        let footer = index.source.table(Some(&|_: &str| false))?.provenance;
        let (beside, problems) = Beside::open(&path, &footer);
        let model = footer.get("model").filter(|id| *id != "unknown").map(short_id);
        index.beside = beside.map(|beside| (beside, model));
        Ok((index, problems))
    }

    /// An index in a packed file that was opened; `model` made its vectors.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub fn of_packed(name: &str, file: File, model: Option<&str>) -> Result<Index, Error> {
        let read = |source| table::Error::from(crate::io::Error::Read { path: name.into(), source });
        let packed = Packed::new(name.into(), crate::io::map_file(&file).map_err(read)?)?;
        let beside = Some((Beside { packed, approximate: None }, model.map(short_id)));
        Ok(Index {
            source: Source::of(name, file, "")?,
            column: column::EMBEDDING.into(),
            beside,
            schema: OnceLock::new(),
        })
    }

    pub(super) fn in_memory(name: &str, bytes: &'static [u8]) -> Index {
        Index {
            source: Source::own(name, bytes),
            column: column::EMBEDDING.into(),
            beside: None,
            schema: OnceLock::new(),
        }
    }

    /// What to call it in a message.
    pub fn name(&self) -> &str {
        &self.source.name
    }

    /// What lies beside the table.
    pub(super) fn beside(&self) -> Option<&Beside> {
        self.beside.as_ref().map(|(beside, _)| beside)
    }

    /// The packed copy of the rows.
    pub(super) fn packed(&self) -> Option<&Packed> {
        self.beside().map(|beside| &beside.packed)
    }

    /// Reads the columns that searching needs, and `more`.
    pub(super) fn scan(&self, more: &dyn Fn(&str) -> bool) -> Result<Table, Error> {
        let model = column::model_column(&self.column);
        let table = self.read(&|name: &str| {
            Facts::COLUMNS.contains(&name) || [self.column.as_str(), &model].contains(&name) || more(name)
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
    /// The columns of the table; its footer is read once.
    pub(super) fn table_schema(&self) -> Result<SchemaRef, Error> {
        match self.schema.get() {
            Some(schema) => Ok(schema.clone()),
            None => {
                let schema = self.read(&|_| true)?.schema;
                Ok(self.schema.get_or_init(|| schema).clone())
            }
        }
    }

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
        let all = self.table_schema()?;
        let place = |name: &String| all.index_of(name).map_err(|_| column::missing(&all, name, self.name()));
        let places = columns.iter().map(place).collect::<Result<Vec<_>, _>>()?;
        let schema = Arc::new(all.project(&places).map_err(|e| self.damaged(&e.to_string()))?);
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
        match self.packed().filter(|packed| columns.iter().all(|name| packed.columns().index_of(name).is_ok())) {
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

    pub(super) fn damaged(&self, problem: &str) -> Error {
        let source = arrow_schema::ArrowError::ComputeError(problem.into());
        table::Error::Arrow { name: self.source.name.clone(), source }.into()
    }

    fn ragged(&self, first: usize, other: usize) -> Error {
        table::Error::RaggedVectors { column: self.column.clone(), first, other }.into()
    }
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

fn into_hits(best: Best<Hit>) -> Vec<Hit> {
    best.into_sorted().map(|Ranked { score, row, what }| Hit { row, score, ..what }).collect()
}
