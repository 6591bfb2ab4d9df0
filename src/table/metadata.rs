//! A metadata CSV, joined to the rows of a table.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray, UInt32Array,
};
use arrow_schema::{Field, SchemaRef};

use super::limits::MOST_COLUMNS;
use super::split::Split;
use super::{Error, column};
use crate::notes;

/// The column of the table that a metadata CSV is joined on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
#[expect(missing_docs, reason = "the help shows a value's name, which says all")]
pub enum JoinOn {
    #[default]
    Id,
    Label,
    Key,
}

/// What to do where several rows of the CSV have the same join key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum OnDuplicate {
    /// Take the first of them
    #[default]
    First,
    /// Stop
    Error,
    /// Make a row for each; the keys of the further ones end in #2, #3, …
    All,
}

/// A CSV in memory, typed and ready to be joined.
#[derive(Debug)]
pub struct Metadata {
    path: PathBuf,
    on: JoinOn,
    columns: Vec<(Field, ArrayRef)>,
    /// The rows that are taken for each join key.
    rows_of: HashMap<String, Vec<u32>>,
    /// The ends of the CSV's paths, each with the one path that ends so.
    ends: HashMap<String, Option<String>>,
    duplicates: Vec<(String, usize)>,
    asked_for: HashMap<String, bool>,
    /// Rows of the table so far, those that a line was found for, and what one without looks like.
    rows: u64,
    matched: u64,
    example: Option<String>,
}

/// What a join did, for a message.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct MetadataReport {
    /// Join keys that several rows share, with their number of rows, in order.
    pub duplicates: Vec<(String, usize)>,
    /// Join keys of the CSV that no row of the table has.
    pub unused: usize,
    /// Rows of the table, and those of them that have a line.
    pub rows: u64,
    /// See `rows`.
    pub matched: u64,
    /// What stands in a row without a line, and in a line without a row.
    pub examples: (Option<String>, Option<String>),
}

impl Metadata {
    /// Reads a CSV with a header. Cells are trimmed, and blank ones are null; a column is `int64`, `float64` or
    /// `bool` where every value is one, else text. Column names become snake_case; one that would replace a
    /// column of the program's own gets the prefix `meta_`.
    ///
    /// # Errors
    /// The file is no CSV, has no column to join on, or (`OnDuplicate::Error`) a join key repeats.
    pub fn read(path: &Path, on: JoinOn, on_duplicate: OnDuplicate) -> Result<Metadata, Error> {
        let fail = |problem: String, hint: &str| Error::Metadata {
            path: path.to_path_buf(),
            problem,
            hint: (!hint.is_empty()).then(|| hint.to_string()),
        };
        let broken = |e: csv::Error| {
            fail(e.to_string(), "a CSV has a header line, commas (or tabs), and as many cells in every line")
        };
        let text = crate::io::read_text(path)?;
        let header = text.lines().next().unwrap_or_default();
        let delimiter = match (header.contains('\t'), header.contains(','), header.contains(';')) {
            (true, ..) => b'\t',
            // What spreadsheets write where the comma is in the numbers.
            (_, false, true) => b';',
            _ => b',',
        };
        let mut reader =
            csv::ReaderBuilder::new().delimiter(delimiter).trim(csv::Trim::All).from_reader(text.as_bytes());
        let raw: Vec<String> = reader.headers().map_err(broken)?.iter().map(plain_name).collect();
        if raw.len() > MOST_COLUMNS {
            let problem = format!("it has {} columns, and more than {MOST_COLUMNS} are not read", raw.len());
            return Err(fail(
                problem,
                "columns that one wants: duckdb -c \"copy (select key, a, b from 'META.csv') to 'few.csv'\"",
            ));
        }
        let join = on.candidates().iter().find_map(|c| raw.iter().position(|n| n == c)).ok_or_else(|| {
            let problem = format!("has no column `{}` to join on (it has {})", on.candidates()[0], raw.join(", "));
            fail(problem, "--on id, --on label or --on key chooses another column")
        })?;
        let names = unique_names(raw, join);

        let mut cells: Vec<Vec<Option<String>>> = vec![Vec::new(); names.len()];
        let mut rows_of: HashMap<String, Vec<u32>> = HashMap::new();
        let mut wrong: Vec<String> = Vec::new();
        for (row, record) in (0..).zip(reader.records()) {
            let record = record.map_err(broken)?;
            for (column, cell) in cells.iter_mut().zip(&record) {
                column.push((!cell.is_empty()).then(|| cell.to_string()));
            }
            let line = record.position().map_or(0, csv::Position::line);
            if let Some(key) = record.get(join).filter(|key| !key.is_empty()) {
                match on.normalise(key) {
                    Some(key) => rows_of.entry(key).or_default().push(row),
                    None => wrong.push(format!("`{key}` in line {line}")),
                }
            }
        }
        if let (Some(first), true) = (wrong.first(), rows_of.is_empty()) {
            return Err(fail(format!("its ids are no whole numbers: {first}"), "--on label or --on key joins on text"));
        }
        if !wrong.is_empty() {
            let (lines, named) = (wrong.len(), notes::named(&wrong));
            let have = if lines == 1 { "1 line has" } else { &format!("{lines} lines have") };
            notes::say("meta ids", format!("{}: {have} no whole number for an id: {named}", path.display()));
        }

        let mut duplicates: Vec<(String, usize)> =
            rows_of.iter().filter(|(_, rows)| rows.len() > 1).map(|(key, rows)| (key.clone(), rows.len())).collect();
        duplicates.sort_by_key(|(key, _)| (key.parse::<i64>().unwrap_or(i64::MAX), key.clone()));
        match (on_duplicate, duplicates.first()) {
            (OnDuplicate::Error, Some((key, rows))) => {
                let problem = format!("{rows} rows have the {} {key}", on.candidates()[0]);
                return Err(fail(problem, "--on-duplicate first takes the first of them, all makes a row for each"));
            }
            (OnDuplicate::First, _) => rows_of.values_mut().for_each(|rows| rows.truncate(1)),
            _ => {}
        }

        let mut columns = Vec::new();
        for (index, (name, cells)) in names.into_iter().zip(cells).enumerate() {
            if index == join {
                continue;
            }
            let array = match name.as_str() {
                column::ID => whole_numbers(&cells)
                    .ok_or_else(|| fail("column `id` holds something else than whole numbers".into(), ""))?,
                column::LABEL => Arc::new(StringArray::from(cells)),
                column::SPLIT => Arc::new(cells.iter().map(|cell| cell.as_deref().map(split)).collect::<StringArray>()),
                _ => typed(cells),
            };
            columns.push((column::field(&name, array.data_type().clone()), array));
        }
        let asked_for = rows_of.keys().map(|key| (key.clone(), false)).collect();
        let ends = if on == JoinOn::Key { ends(rows_of.keys()) } else { HashMap::new() };
        let path = path.to_path_buf();
        Ok(Metadata { path, on, columns, rows_of, ends, duplicates, asked_for, rows: 0, matched: 0, example: None })
    }

    /// The schema of a joined table.
    ///
    /// # Errors
    /// The table has a column of the same name and another type, which the CSV's would replace.
    pub fn join_schema(&self, schema: &SchemaRef) -> Result<SchemaRef, Error> {
        for (field, _) in &self.columns {
            if let Ok(own) = schema.field_with_name(field.name())
                && own.data_type() != field.data_type()
            {
                let (name, csv, table) = (field.name(), field.data_type(), own.data_type());
                let problem = format!("its column `{name}` is {csv}, and that of the table is {table}");
                let hint = Some(format!("rename `{name}` in the CSV"));
                return Err(Error::Metadata { path: self.path.clone(), problem, hint });
            }
        }
        Ok(self.columns.iter().fold(schema.clone(), |schema, (field, _)| column::put_field(&schema, field.clone())))
    }

    /// Joins a batch; every row of it comes out at least once, with nulls where the CSV says nothing. An `id` or
    /// `label` of the CSV wins over one from the file's name, which stays where the CSV is blank.
    ///
    /// # Errors
    /// The column to join on has another type.
    pub fn join(&mut self, batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, Error> {
        let keys = self.keys(batch)?;
        let (mut ours, mut theirs, mut copies) = (Vec::new(), Vec::new(), Vec::new());
        for (row, key) in (0..).zip(&keys) {
            self.rows += 1;
            let found = key.as_ref().and_then(|key| {
                let whole = || self.rows_of.get_key_value(self.ends.get(key)?.as_ref()?);
                self.rows_of.get_key_value(key).or_else(whole)
            });
            match found {
                None => {
                    if self.example.is_none() {
                        self.example.clone_from(key);
                    }
                    ours.push(row);
                    theirs.push(None);
                    copies.push(0);
                }
                Some((key, rows)) => {
                    self.matched += 1;
                    *self.asked_for.get_mut(key).expect("it has the same keys") = true;
                    ours.extend(rows.iter().map(|_| row));
                    theirs.extend(rows.iter().copied().map(Some));
                    copies.extend(0..rows.len());
                }
            }
        }
        let (ours, theirs) = (UInt32Array::from(ours), UInt32Array::from(theirs));
        let schema_of_batch = batch.schema();
        let names = schema_of_batch.fields().iter().map(|field| field.name().as_str());
        let own: HashMap<&str, &ArrayRef> = names.zip(batch.columns()).collect();
        let joined: HashMap<&str, &ArrayRef> =
            self.columns.iter().map(|(f, array)| (f.name().as_str(), array)).collect();
        let columns = schema.fields().iter().map(|field| {
            let own = own.get(field.name().as_str()).map(|array| take(array, &ours));
            let joined = joined.get(field.name().as_str()).map(|array| take(array, &theirs));
            match (own, joined) {
                (Some(own), _) if field.name() == column::KEY => number_copies(batch, &ours, &copies).unwrap_or(own),
                (Some(own), Some(joined)) => first_of(&joined, &own),
                (None, Some(joined)) => joined,
                (Some(own), None) => own,
                (None, None) => {
                    unreachable!("the schema has the fields of the batch and of the CSV")
                }
            }
        });
        Ok(RecordBatch::try_new(schema.clone(), columns.collect()).expect("columns of the joined schema"))
    }

    /// What happened, after the last batch.
    pub fn report(&self) -> MetadataReport {
        let unused = self.asked_for.iter().filter(|(_, asked)| !**asked).map(|(key, _)| key);
        MetadataReport {
            duplicates: self.duplicates.clone(),
            unused: unused.clone().count(),
            rows: self.rows,
            matched: self.matched,
            examples: (self.example.clone(), unused.min().cloned()),
        }
    }

    fn keys(&self, batch: &RecordBatch) -> Result<Vec<Option<String>>, Error> {
        let text = match self.on {
            JoinOn::Id => {
                let ids = column::ints(batch, column::ID)?;
                return Ok(match ids {
                    Some(ids) => ids.iter().map(|id| id.map(|id| id.to_string())).collect(),
                    None => vec![None; batch.num_rows()],
                });
            }
            JoinOn::Label => column::text(batch, column::LABEL)?,
            JoinOn::Key => column::text(batch, column::KEY)?,
        };
        Ok(match text {
            Some(text) => text.iter().map(|t| t.and_then(|t| self.on.normalise(t))).collect(),
            None => vec![None; batch.num_rows()],
        })
    }
}

impl JoinOn {
    /// Names of the CSV's column, the best first.
    fn candidates(self) -> &'static [&'static str] {
        match self {
            JoinOn::Id => &["id", "dex_id", "number", "species_id"],
            JoinOn::Label => &["label", "name"],
            JoinOn::Key => &["key", "file", "file_name", "filename", "path"],
        }
    }

    /// Join keys as they are compared: numbers without leading zeros, labels without regard to case, paths as keys are
    /// written.
    fn normalise(self, key: &str) -> Option<String> {
        match self {
            JoinOn::Id => whole_number(key).map(|id| id.to_string()),
            JoinOn::Label => Some(key.to_lowercase()),
            JoinOn::Key => {
                let parts = key.split(['/', '\\']).filter(|part| !["", "."].contains(part));
                Some(parts.collect::<Vec<_>>().join("/"))
            }
        }
    }
}

/// A split by its name here, whatever another tool calls it.
fn split(cell: &str) -> &str {
    match Split::named(cell) {
        Some(split) => split.name(),
        None => cell,
    }
}

/// The ends of paths, each with the path if there is but one: keys are relative to the folder that was given, and the CSV's
/// paths may be absolute, or relative to another.
fn ends<'a>(keys: impl Iterator<Item = &'a String>) -> HashMap<String, Option<String>> {
    let mut ends: HashMap<String, Option<String>> = HashMap::new();
    for key in keys {
        for (at, _) in key.match_indices('/') {
            let end = ends.entry(key[at + 1..].to_string());
            end.and_modify(|whole| *whole = None).or_insert_with(|| Some(key.clone()));
        }
    }
    ends
}

/// A whole number of any width; also as pandas writes one beside blank cells, `25.0`.
fn whole_number(cell: &str) -> Option<i32> {
    let digits =
        cell.split_once('.').filter(|(_, rest)| rest.bytes().all(|b| b == b'0')).map_or(cell, |(digits, _)| digits);
    digits.parse().ok()
}

/// Columns of the program's own that a CSV must not replace.
fn is_taken(name: &str) -> bool {
    ![column::ID, column::LABEL, column::SPLIT].contains(&name)
        && (column::RESERVED.contains(&name) || [column::EMBEDDING, "embedding_model"].contains(&name))
}

fn take(array: &ArrayRef, rows: &UInt32Array) -> ArrayRef {
    arrow_select::take::take(array, rows, None).expect("the row numbers are those of the array")
}

/// `key`, `key#2`, `key#3` where a row came out several times, or `None` where none did.
fn number_copies(batch: &RecordBatch, rows: &UInt32Array, copies: &[usize]) -> Option<ArrayRef> {
    if copies.iter().all(|&copy| copy == 0) {
        return None;
    }
    let keys = column::text(batch, column::KEY).ok()??;
    let numbered = rows.values().iter().zip(copies).map(|(&row, &copy)| {
        let key = keys.value(row as usize);
        if copy == 0 { key.to_string() } else { format!("{key}#{}", copy + 1) }
    });
    Some(Arc::new(StringArray::from_iter_values(numbered)))
}

/// The values of `a`, and those of `b` where `a` is null.
fn first_of(a: &ArrayRef, b: &ArrayRef) -> ArrayRef {
    let has = BooleanArray::from_iter((0..a.len()).map(|i| Some(a.is_valid(i))));
    arrow_select::zip::zip(&has, a, b).expect("two columns of one type and length")
}

/// A cell of the header in snake_case.
fn plain_name(cell: &str) -> String {
    snake_case(cell.trim_start_matches('\u{feff}'))
}

/// Blank names are numbered, those of the program's own get a prefix (but for the column to join on, which is not
/// carried over), repeated ones a number.
fn unique_names(raw: Vec<String>, join: usize) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut taken: HashSet<String> = HashSet::new();
    for (index, name) in raw.into_iter().enumerate() {
        let base = match name {
            name if name.is_empty() => format!("column_{}", index + 1),
            name if index != join && is_taken(&name) => format!("meta_{name}"),
            name => name,
        };
        let name = std::iter::once(base.clone())
            .chain((2..).map(|n| format!("{base}_{n}")))
            .find(|name| !taken.contains(name));
        let name = name.expect("one of endlessly many names is free");
        taken.insert(name.clone());
        names.push(name);
    }
    names
}

/// `Sp. Atk` → `sp_atk`, `Type1` → `type1`, `CatchRate` → `catch_rate`.
fn snake_case(name: &str) -> String {
    let mut out = String::new();
    let mut previous = ' ';
    for c in name.chars() {
        if c.is_alphanumeric() {
            let word_starts = c.is_uppercase() && (previous.is_lowercase() || previous.is_numeric());
            if word_starts && !out.ends_with('_') {
                out.push('_');
            }
            out.extend(c.to_lowercase());
        } else if !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
        previous = c;
    }
    out.trim_end_matches('_').to_string()
}

/// The narrowest of `int64`, `float64`, `bool` and text that holds every cell as it stands; `007`, `+1` and numbers
/// too long for their type are text.
fn typed(cells: Vec<Option<String>>) -> ArrayRef {
    fn plain(cell: &str) -> bool {
        let digits = cell.strip_prefix('-').unwrap_or(cell);
        !digits.starts_with('+') && (!digits.starts_with('0') || digits.len() == 1 || digits.starts_with("0."))
    }
    let every =
        |test: fn(&str) -> bool| cells.iter().flatten().next().is_some() && cells.iter().flatten().all(|c| test(c));
    let is_int = |c: &str| plain(c) && c.parse::<i64>().is_ok();
    let is_float = |c: &str| {
        let has_digits_to_spare = c.bytes().filter(u8::is_ascii_digit).count() <= 15;
        plain(c)
            && c.bytes().any(|b| b.is_ascii_digit())
            && has_digits_to_spare
            && c.parse::<f64>().is_ok_and(f64::is_finite)
    };
    let is_bool = |c: &str| c.eq_ignore_ascii_case("true") || c.eq_ignore_ascii_case("false");
    if every(is_int) {
        Arc::new(cells.iter().map(|c| c.as_ref().and_then(|c| c.parse().ok())).collect::<Int64Array>())
    } else if every(is_float) {
        Arc::new(cells.iter().map(|c| c.as_ref().and_then(|c| c.parse().ok())).collect::<Float64Array>())
    } else if every(is_bool) {
        Arc::new(cells.iter().map(|c| c.as_ref().map(|c| c.eq_ignore_ascii_case("true"))).collect::<BooleanArray>())
    } else {
        Arc::new(StringArray::from(cells))
    }
}

fn whole_numbers(cells: &[Option<String>]) -> Option<ArrayRef> {
    let number = |cell: &Option<String>| match cell {
        None => Some(None),
        Some(cell) => whole_number(cell).map(Some),
    };
    let numbers: Option<Vec<Option<i32>>> = cells.iter().map(number).collect();
    numbers.map(|numbers| Arc::new(Int32Array::from(numbers)) as ArrayRef)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::cast::AsArray;
    use arrow_schema::{DataType, Schema};

    fn csv(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), text).expect("writable");
        file
    }

    fn rows() -> (SchemaRef, RecordBatch) {
        let fields =
            vec![column::key_field(), column::field("id", DataType::Int32), column::field("label", DataType::Utf8)];
        let schema = Arc::new(Schema::new(fields));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from(vec!["a.png", "b.png", "c.png"])),
            Arc::new(Int32Array::from(vec![Some(3), Some(1), Some(9)])),
            Arc::new(StringArray::from(vec![Some("Venusaur"), Some("Bulbasaur"), None])),
        ];
        (schema.clone(), RecordBatch::try_new(schema, columns).expect("a batch"))
    }

    #[test]
    fn blanks_are_null_and_columns_are_typed() {
        let file = csv(
            "ID,Name,Type2,Sp. Atk,Rate,Code,Path\n1, Bulbasaur ,poison,65,0.5,007,x\n3,Venusaur,\" \",100,1,010,y\n",
        );
        let mut metadata = Metadata::read(file.path(), JoinOn::Id, OnDuplicate::First).expect("read");
        let (schema, batch) = rows();
        let schema = metadata.join_schema(&schema).expect("joinable");
        let joined = metadata.join(&batch, &schema).expect("joined");
        let names: Vec<_> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        assert_eq!(names, ["key", "id", "label", "name", "type2", "sp_atk", "rate", "code", "meta_path"]);
        assert_eq!(joined["sp_atk"].data_type(), &DataType::Int64);
        assert_eq!(joined["rate"].data_type(), &DataType::Float64);
        assert_eq!(joined["code"].data_type(), &DataType::Utf8);
        let type2: Vec<_> = joined["type2"].as_string::<i32>().iter().collect();
        assert_eq!(type2, [None, Some("poison"), None]);
        let report = metadata.report();
        assert_eq!((report.duplicates, report.unused, report.rows, report.matched), (vec![], 0, 3, 2));
    }

    #[test]
    fn splits_of_a_csv_get_their_names_here() {
        let file = csv("id,split\n3,VAL\n1,Training\n9,holdout\n");
        let mut metadata = Metadata::read(file.path(), JoinOn::Id, OnDuplicate::First).expect("read");
        let (schema, batch) = rows();
        let joined = metadata.join(&batch, &metadata.join_schema(&schema).expect("joinable")).expect("joined");
        let splits: Vec<_> = joined["split"].as_string::<i32>().iter().flatten().collect();
        assert_eq!(splits, ["validation", "train", "holdout"]);
    }

    #[test]
    fn rows_that_share_an_id_never_multiply_silently() {
        let file = csv("id,form\n3,\n3,mega\n1,\n7,\n");
        let (schema, batch) = rows();
        let mut first = Metadata::read(file.path(), JoinOn::Id, OnDuplicate::First).expect("read");
        let joined = first.join(&batch, &first.join_schema(&schema).expect("joinable")).expect("joined");
        assert_eq!(joined.num_rows(), 3);
        let report = first.report();
        assert_eq!((report.duplicates, report.unused), (vec![("3".into(), 2)], 1));
        let mut all = Metadata::read(file.path(), JoinOn::Id, OnDuplicate::All).expect("read");
        let joined = all.join(&batch, &all.join_schema(&schema).expect("joinable")).expect("joined");
        let keys: Vec<_> = joined["key"].as_string::<i32>().iter().flatten().collect();
        assert_eq!(keys, ["a.png", "a.png#2", "b.png", "c.png"]);
        let error = Metadata::read(file.path(), JoinOn::Id, OnDuplicate::Error).expect_err("3 repeats");
        assert!(error.to_string().contains("2 rows have the id 3"), "{error}");
    }

    #[test]
    fn a_label_of_the_csv_wins_and_a_blank_one_does_not() {
        let file = csv("id,label\n3,Big Plant\n1,\n");
        let (schema, batch) = rows();
        let mut metadata = Metadata::read(file.path(), JoinOn::Id, OnDuplicate::First).expect("read");
        let joined = metadata.join(&batch, &metadata.join_schema(&schema).expect("joinable")).expect("joined");
        let labels: Vec<_> = joined["label"].as_string::<i32>().iter().collect();
        assert_eq!(labels, [Some("Big Plant"), Some("Bulbasaur"), None]);
    }

    #[test]
    fn names_become_snake_case_and_unique() {
        let header = csv::StringRecord::from(vec!["\u{feff}ID", "Sp. Atk", "CatchRate", "Type 1", "type_1", "", "#"]);
        assert_eq!(
            unique_names(header.iter().map(plain_name).collect(), 0),
            ["id", "sp_atk", "catch_rate", "type_1", "type_1_2", "column_6", "column_7"]
        );
        let own = ["key", "path", "meta_path"].map(str::to_string).to_vec();
        assert_eq!(unique_names(own, 0), ["key", "meta_path", "meta_path_2"]);
    }
}
