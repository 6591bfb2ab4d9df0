//! What is kept of every row while the table is read.

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, RecordBatch, StringArray};
use arrow_buffer::ScalarBuffer;
use arrow_schema::DataType;

use super::already::{Already, unit};
use super::{By, Options};
use crate::failure::Failure;
use crate::head::Keeper;
use crate::index::{Check, Unfit};
use crate::numbered::Numbered;
use crate::progress::Progress;
use crate::stage::Survey;
use crate::table::{Table, column};
use crate::words::rows;

/// What is needed of the rows.
pub(super) struct Needs {
    /// Whether vectors are, and of which column.
    pub(super) vectors: bool,
    column: String,
    margins: bool,
    class: Option<String>,
    seed: u64,
}

impl Needs {
    /// # Errors
    /// The table does not have it.
    pub(super) fn new(options: &Options, table: &Table, class: Option<&str>) -> Result<Needs, Failure> {
        let vectors = [By::Diverse, By::Typical, By::Rare].into_iter().any(|by| options.has(by));
        if vectors {
            table.require(&options.vectors)?;
        }
        let margins = options.has(By::Uncertain);
        if margins && !table.has(&column::score(1)) {
            let message = format!("{}: has no column `{}` to be uncertain by", table.name, column::score(1));
            return Err(Failure::usage(message, "pokedex classify TABLE | pokedex sample - --by uncertain -n 100"));
        }
        let (column, class) = (options.vectors.clone(), class.map(str::to_string));
        Ok(Needs { vectors, column, margins, class, seed: options.seed })
    }
}

/// Vectors of one length, one after the other, each of length 1.
pub(super) struct Matrix {
    numbers: ScalarBuffer<f32>,
    pub(super) dimension: usize,
}

impl Matrix {
    #[cfg(test)]
    pub(super) fn of(numbers: Vec<f32>, dimension: usize) -> Matrix {
        Matrix { numbers: numbers.into(), dimension }
    }

    pub(super) fn len(&self) -> usize {
        self.numbers.len() / self.dimension.max(1)
    }

    pub(super) fn row(&self, row: u32) -> &[f32] {
        self.rows(row as usize, row as usize + 1)
    }

    /// Those from one row to before another.
    pub(super) fn rows(&self, start: usize, end: usize) -> &[f32] {
        &self.numbers[start * self.dimension..end * self.dimension]
    }
}

/// What was kept. A candidate is a row that may be chosen; they are numbered in the table's order.
pub(super) struct Gathered {
    /// The row of each candidate.
    pub(super) candidates: Vec<u32>,
    /// Decides between equals: it follows from seed and key.
    pub(super) lots: Vec<u64>,
    /// By how much the first prediction's score is above the second's.
    pub(super) margins: Vec<f32>,
    /// The class of each, where classes count, and their names.
    pub(super) strata: Vec<u32>,
    pub(super) names: Numbered,
    pub(super) vectors: Matrix,
    /// The vectors of rows that were chosen before.
    pub(super) chosen_before: Vec<f32>,
    /// Rows of the table, and of those that were chosen before.
    pub(super) count: u64,
    pub(super) before: u64,
}

/// Looks at all rows.
pub(super) struct Rows {
    needs: Needs,
    already: Option<Already>,
    name: String,
    check: Check,
    vectors: Keeper,
    gathered: Gathered,
    failed: u64,
    without: u64,
}

impl Rows {
    pub(super) fn new(needs: Needs, already: Option<Already>, name: &str) -> Rows {
        let gathered = Gathered {
            candidates: Vec::new(),
            lots: Vec::new(),
            margins: Vec::new(),
            strata: Vec::new(),
            names: Numbered::default(),
            vectors: Matrix { numbers: Vec::new().into(), dimension: 0 },
            chosen_before: Vec::new(),
            count: 0,
            before: 0,
        };
        Rows {
            check: Check::new(name, &needs.column),
            needs,
            already,
            name: name.into(),
            vectors: Keeper::default(),
            gathered,
            failed: 0,
            without: 0,
        }
    }

    /// What was kept, after what is to be said of it.
    ///
    /// # Errors
    /// Vectors are of another model than those of the rows that were chosen before, or could not be kept.
    pub(super) fn finish(mut self, progress: &dyn Progress) -> Result<Gathered, Failure> {
        for (count, what) in
            [(self.failed, "an error or a reason in `excluded`"), (self.without, "none of what they are chosen by")]
        {
            if count > 0 {
                progress.note(&format!("sample: {} with {what} are not chosen", rows(count)));
            }
        }
        if let Some(message) = self.check.unfit.message() {
            progress.warn(&format!("{}: {message}", self.name));
        }
        if let Some(already) = &mut self.already {
            already.ensure_same_model(&self.name, &self.check)?;
            self.gathered.before = already.count;
            if self.gathered.chosen_before.is_empty() {
                self.gathered.chosen_before = std::mem::take(&mut already.vectors);
            }
        }
        let dimension = if self.needs.vectors { self.check.dimension } else { 0 };
        let numbers = self.vectors.finish()?;
        Ok(Gathered { vectors: Matrix { numbers, dimension }, ..self.gathered })
    }
}

impl Survey for Rows {
    const NAME: &'static str = "read";

    fn look(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        let first = self.gathered.count;
        self.gathered.count += batch.num_rows() as u64;
        let keys = column::text(batch, column::KEY)?;
        let troubles = [column::text(batch, column::ERROR)?, column::text(batch, column::EXCLUDED)?];
        let hashes = match batch.column_by_name(column::CONTENT_HASH) {
            Some(_) => column::read_hashes(batch, column::CONTENT_HASH)?,
            None => Vec::new(),
        };
        let vectors = match self.needs.vectors {
            true => {
                self.check.look(batch)?;
                Some(column::vectors(batch, &self.needs.column, &self.name)?)
            }
            false => None,
        };
        let margins = if self.needs.margins { Some(margins(batch)?) } else { None };
        let classes = self.needs.class.as_ref().map(|class| texts(batch, class)).transpose()?;
        for i in 0..batch.num_rows() {
            let key = column::cell(keys.as_ref(), i).unwrap_or_default();
            let vector = vectors.as_ref().and_then(|vectors| vectors.get(i)).filter(|v| Unfit::problem(v).is_none());
            let vector = vector.map(unit);
            if let Some(already) = &self.already
                && already.has(key, hashes.get(i).copied().flatten())
            {
                if already.vectors.is_empty() {
                    self.gathered.chosen_before.extend(vector.unwrap_or_default());
                }
                continue;
            }
            if troubles.iter().any(|column| column::cell(column.as_ref(), i).is_some()) {
                self.failed += 1;
                continue;
            }
            let margin = margins.as_ref().map(|margins| margins[i]);
            let class = classes.as_ref().map(|classes| classes.is_valid(i).then(|| classes.value(i)));
            if vectors.is_some() && vector.is_none() || margin == Some(None) || class == Some(None) {
                self.without += 1;
                continue;
            }
            if let Some(vector) = vector {
                self.vectors.push(&vector)?;
            }
            let (row, seed) = (first + i as u64, self.needs.seed);
            let gathered = &mut self.gathered;
            gathered.candidates.push(u32::try_from(row).map_err(|_| too_many(&self.name))?);
            gathered.lots.push(lot(seed, key));
            gathered.margins.extend(margin.flatten());
            if let Some(class) = class.flatten() {
                gathered.strata.push(gathered.names.number(class));
            }
        }
        Ok(())
    }
}

fn too_many(name: &str) -> Failure {
    Failure::failed(format!("{name}: more than four thousand million rows"), Some("sample its parts first".into()))
}

fn lot(seed: u64, key: &str) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes()).update(key.as_bytes());
    u64::from_le_bytes(*hasher.finalize().as_bytes().first_chunk().expect("a digest is longer"))
}

/// A column of any kind, as text.
fn texts(batch: &RecordBatch, name: &str) -> Result<StringArray, Failure> {
    let column = batch.column_by_name(name).expect("the table has it");
    let text = arrow_cast::cast(column, &DataType::Utf8);
    let text = text.map_err(|_| {
        Failure::usage(
            format!("column `{name}` has no values that could be classes"),
            "name a column of text or numbers",
        )
    })?;
    Ok(text.as_string::<i32>().clone())
}

/// By how much the first score is above the second; of one alone how far it is from certain.
fn margins(batch: &RecordBatch) -> Result<Vec<Option<f32>>, Failure> {
    let scores = |place| {
        let name = column::score(place);
        let Some(column) = batch.column_by_name(&name) else { return Ok(None) };
        let numbers = arrow_cast::cast(column, &DataType::Float64);
        let numbers = numbers.ok().filter(|_| column.data_type().is_numeric()).ok_or_else(|| {
            let hint = "`pokedex classify` writes scores";
            Failure::usage(format!("column `{name}` holds no numbers"), hint)
        })?;
        Ok::<_, Failure>(Some(numbers.as_primitive::<Float64Type>().clone()))
    };
    let (first, second) = (scores(1)?, scores(2)?);
    let value = |column: &Option<arrow_array::Float64Array>, i: usize| {
        column.as_ref().filter(|column| column.is_valid(i)).map(|column| column.value(i)).filter(|x| x.is_finite())
    };
    Ok((0..batch.num_rows()).map(|i| Some((value(&first, i)? - value(&second, i).unwrap_or(0.0)) as f32)).collect())
}
