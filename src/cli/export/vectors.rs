//! The vectors of a table, as arrays of other programs.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Seek, Write};

use arrow_array::{Array, RecordBatch};
use serde_json::json;

use super::{Export, Format};
use crate::export::vectors::{faiss_header, npy_header};
use crate::failure::Failure;
use crate::index::one_model;
use crate::io::{Error, Sink, Target};
use crate::output::open_beside;
use crate::progress::Progress;
use crate::species;
use crate::table::{self, Table, column};
use crate::words::{left_out, rows};

/// Greater numbers are no classes.
const MOST_IDS: i32 = 1 << 20;

impl Export {
    /// The number of rows stands at the beginning of an array, and is known at its end: so the numbers go to a temporary
    /// file first.
    pub(super) fn array(
        &self,
        table: Table,
        target: &Target,
        mut sink: Sink,
        ui: &mut dyn Progress,
    ) -> Result<(), Failure> {
        let name = sink.name();
        let failed = sink.failure();
        const HEADER: [&str; 4] = ["row", "key", "id", "label"];
        let mut keys = match target {
            Target::File(path) => {
                let mut beside = path.clone().into_os_string();
                beside.push(".keys.csv");
                let sink = open_beside(beside.into(), |start| start.starts_with(HEADER.join(",").as_bytes()))?;
                let mut writer = csv::Writer::from_writer(sink);
                writer.write_record(HEADER).map_err(|e| failed(e.into()))?;
                Some(writer)
            }
            _ => None,
        };
        let (mut rows, mut dimension, mut unsound) = (0u64, 0, 0u64);
        let mut numbers = BufWriter::new(tempfile::tempfile().map_err(Error::temporary)?);
        let without = self.each_vector(table.with_keys(), ui, |row, vector| {
            if rows > 0 && vector.len() != dimension {
                let (first, other) = (dimension, vector.len());
                return Err(table::Error::RaggedVectors { column: self.vectors().into(), first, other }.into());
            }
            dimension = vector.len();
            unsound += u64::from(vector.iter().any(|x| !x.is_finite()));
            if let Some(keys) = &mut keys {
                let id = row.id.map(|id| id.to_string()).unwrap_or_default();
                let record = [&rows.to_string(), row.key, &id, row.label.unwrap_or_default()];
                keys.write_record(record).map_err(|e| failed(e.into()))?;
            }
            rows += 1;
            let full = |e| Failure::from(Error::temporary(e));
            vector.iter().try_for_each(|x| numbers.write_all(&x.to_le_bytes())).map_err(full)
        })?;
        let mut numbers: File = numbers.into_inner().map_err(|e| Error::temporary(e.into_error()))?;
        numbers.rewind().map_err(Error::temporary)?;
        let header = if self.format == Format::Faiss { faiss_header } else { npy_header };
        sink.write_all(&header(rows, dimension)).map_err(&failed)?;
        std::io::copy(&mut numbers, &mut sink).map_err(&failed)?;
        let keys = keys.map(|keys| keys.into_inner().map_err(|e| failed(e.into_error()))).transpose()?;
        Sink::finish_all(keys.into_iter().chain([sink]))?;
        if without > 0 {
            ui.warn(&format!("{name}: {}", left_out(without)));
        }
        if unsound > 0 {
            let vectors = if unsound == 1 { "vector has" } else { "vectors have" };
            ui.warn(&format!("{name}: {unsound} {vectors} numbers that are not finite (NaN or infinite)"));
        }
        Ok(())
    }

    /// An array of arrays, of which the first is the vector of id 1, as web pages look them up; and beside a file what
    /// there is in it.
    pub(super) fn web_json(
        &self,
        table: Table,
        target: &Target,
        mut sink: Sink,
        ui: &mut dyn Progress,
    ) -> Result<(), Failure> {
        let (input, name) = (table.name.clone(), sink.name());
        let failed = sink.failure();
        const DESCRIPTION: &str =
            "vectors of length 1; the one of an id is embeddings[id - 1], zeros where there is none";
        let mut about = match target {
            Target::File(path) => {
                let stem = path.file_stem().unwrap_or_default().to_string_lossy();
                let beside = path.with_file_name(format!("{stem}_metadata.json"));
                Some(open_beside(beside, |start| String::from_utf8_lossy(start).contains(DESCRIPTION))?)
            }
            _ => None,
        };
        let wrong = |problem: String| {
            let hint = "ids come from names that begin with a Pokédex number, or from `pokedex scan --meta CSV`";
            Failure::failed(format!("{input}: {problem}"), Some(hint.into()))
        };
        table.require(column::ID).map_err(|_| wrong("has no column `id`, by which vectors are looked up".into()))?;
        let mut sums: BTreeMap<i32, Vec<f64>> = BTreeMap::new();
        let mut nameless = 0u64;
        let mut model = None;
        let without = self.each_vector(table.with_keys(), ui, |row, vector| {
            let Some(id) = row.id else {
                nameless += 1;
                return Ok(());
            };
            if !(1..=MOST_IDS).contains(&id) {
                return Err(wrong(format!("{}: id {id} is not from 1 to {MOST_IDS}", row.key)));
            }
            let sum = sums.entry(id).or_insert_with(|| vec![0.0; vector.len()]);
            if sum.len() != vector.len() || vector.iter().any(|x| !x.is_finite()) {
                return Err(wrong(format!("{}: its vector is not like the others", row.key)));
            }
            sum.iter_mut().zip(vector).for_each(|(sum, x)| *sum += f64::from(*x));
            model = model.take().or_else(|| row.model.map(str::to_string));
            Ok(())
        })?;
        let Some((&last, any)) = sums.last_key_value() else {
            return Err(wrong("has no vector with an id".into()));
        };
        let dimension = any.len();
        let count = if last <= species::COUNT { species::COUNT } else { last };
        sink.write_all(b"[").map_err(&failed)?;
        for id in 1..=count {
            let zeros = vec![0.0; dimension];
            let sum = sums.get(&id).unwrap_or(&zeros);
            let length = sum.iter().map(|x| x * x).sum::<f64>().sqrt();
            let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
            let numbers: Vec<String> = sum.iter().map(|x| ((x * scale) as f32).to_string()).collect();
            let end = if id == count { "]\n" } else { ",\n" };
            write!(sink, "[{}]{end}", numbers.join(",")).map_err(&failed)?;
        }
        if let Some(about) = &mut about {
            let facts = json!({
                "count": count, "dimensions": dimension, "with_vector": sums.len(), "model": model,
                "description": DESCRIPTION,
            });
            writeln!(about, "{facts:#}").map_err(about.failure())?;
        }
        Sink::finish_all(about.into_iter().chain([sink]))?;
        let missing = count as usize - sums.len();
        if missing > 0 {
            let ids = if missing == 1 {
                "ids has no vector; zeros stand in for it"
            } else {
                "ids have no vector; zeros stand in for them"
            };
            ui.warn(&format!("{name}: {missing} of {count} {ids}"));
        }
        if without + nameless > 0 {
            let were = if without + nameless == 1 { "was" } else { "were" };
            ui.warn(&format!("{name}: {} without a vector or an id {were} left out", rows(without + nameless)));
        }
        Ok(())
    }

    fn vectors(&self) -> &str {
        self.vector_column.as_deref().unwrap_or(column::EMBEDDING)
    }

    /// Shows every row that has a vector; gives the number of those that have none.
    fn each_vector(
        &self,
        table: Table,
        ui: &mut dyn Progress,
        mut see: impl FnMut(&Row, &[f32]) -> Result<(), Failure>,
    ) -> Result<u64, Failure> {
        let mut without = 0;
        // Vectors of two models have nothing to do with each other, and an array does not say which is whose.
        let (name, mut model) = (table.name.clone(), None);
        for batch in table {
            let batch: RecordBatch = batch?;
            let vectors = column::vectors(&batch, self.vectors(), &name)?;
            one_model(&batch, &vectors, self.vectors(), &name, &mut model)?;
            let keys = column::text(&batch, column::KEY)?.expect("a table with keys");
            let labels = column::text(&batch, column::LABEL)?;
            let models = column::text(&batch, &column::model_column(self.vectors()))?;
            let ids = column::ints(&batch, column::ID)?;
            for i in 0..batch.num_rows() {
                let row = Row {
                    key: keys.value(i),
                    id: ids.as_ref().filter(|ids| ids.is_valid(i)).map(|ids| ids.value(i)),
                    label: column::cell(labels.as_ref(), i),
                    model: column::cell(models.as_ref(), i),
                };
                match vectors.get(i) {
                    Some(vector) => see(&row, vector)?,
                    None => without += 1,
                }
            }
            ui.advance(batch.num_rows() as u64);
        }
        Ok(without)
    }
}

/// What is said of a vector beside its numbers.
struct Row<'a> {
    key: &'a str,
    id: Option<i32>,
    label: Option<&'a str>,
    model: Option<&'a str>,
}
