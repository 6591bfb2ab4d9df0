//! `index`: keeps what searching needs, checked and sorted.

use std::sync::Arc;

use arrow_array::builder::StringDictionaryBuilder;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, BooleanArray, FixedSizeListArray, Float32Array, RecordBatch, UInt32Array};
use arrow_schema::{DataType, Field, SchemaRef};
use clap::Args;

use super::args::{TableInputs, TableOutput};
use super::failure::{Exit, Failure};
use crate::index::Error;
use crate::model::{Model, normalise};
use crate::table::{Provenance, Table, column};
use crate::ui::Ui;

/// Columns that every index has, if the table does.
const ALWAYS: [&str; 4] = [column::KEY, column::ID, column::LABEL, column::PATH];

/// Make a searchable index of an embedding table
///
/// Keeps keys, ids, labels, paths, the vectors and the columns that --columns names; checks that every vector is
/// finite, not zero, and of one model, that no key occurs twice; scales vectors to length 1; sorts by key. Rows
/// without a vector are left out. The index is an ordinary Parquet table.
#[derive(Debug, Args)]
#[command(
    name = "index",
    after_help = "\
Examples:
  pokedex index embeddings.parquet -o photos.parquet
  pokedex embed photos/ | pokedex index - --columns split,width -o photos.parquet
  pokedex index from-pandas.parquet --vector-column vec --model unknown -o index.parquet"
)]
pub struct IndexArgs {
    #[command(flatten)]
    inputs: TableInputs,

    /// Columns to keep beside keys, ids, labels and paths: names separated by commas, or all
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    columns: Vec<String>,

    /// The column that holds the vectors
    #[arg(long, default_value = column::EMBEDDING, value_name = "NAME")]
    vector_column: String,

    /// The model that made the vectors, for tables that do not say; unknown: search by stored rows only
    #[arg(long, value_name = "NAME|unknown")]
    model: Option<String>,

    #[command(flatten)]
    output: TableOutput,
}

impl IndexArgs {
    pub fn run(self, ui: &mut Ui) -> Result<Exit, Failure> {
        let table =
            self.inputs.to_inputs().rows(|name| format!("pokedex embed {name} | pokedex index - -o index.parquet"))?;
        table.require(&self.vector_column)?;
        let table = table.with_keys()?;
        for name in self.columns.iter().filter(|name| *name != "all") {
            table.require(name)?;
        }
        let sink = self.output.open()?;

        ui.start("check", table.rows);
        let footer = table.provenance.clone();
        let mut check = Check { name: table.name.clone(), column: self.vector_column.clone(), ..Check::default() };
        let table = table.spool(|batch| {
            ui.advance(batch.num_rows() as u64);
            check.look(batch)
        })?;
        ui.finish();
        if check.rows == 0 {
            return Err(Error::NoVectors { name: check.name, column: check.column }.into());
        }
        let model = self.model(&check, &footer)?;

        let fields = self.fields(&table, check.dimension);
        let schema: SchemaRef = Arc::new(arrow_schema::Schema::new(fields));
        let provenance = provenance(&model, check.dimension);
        let (short, left_out) = (model.as_ref().map(|m| short_id(m)), check.without_vector);
        let dimension = check.dimension;
        let column = self.vector_column.clone();
        let name = check.name.clone();
        let pack = move |batch: &RecordBatch, schema: &SchemaRef| {
            pack(batch, schema, &column, &name, dimension, short.as_deref())
        };
        let mut writer = self.output.start(sink, &schema, &provenance)?;
        if check.sorted {
            for batch in table {
                writer.write(&pack(&batch?, &schema)?)?;
            }
        } else {
            for batch in sorted(table, &schema, pack)? {
                writer.write(&batch)?;
            }
        }
        writer.finish()?;
        if left_out > 0 {
            ui.warn(&format!("{}: {}", check.name, crate::ui::left_out(left_out)));
        }
        ui.note(&format!("index: {} vectors of {dimension} numbers", check.rows));
        Ok(Exit::Done)
    }

    /// The full identity of the model, or `None` where it is unknown on purpose.
    fn model(&self, check: &Check, footer: &Provenance) -> Result<Option<String>, Failure> {
        let footer = footer.get("model").filter(|full| check.model.as_ref().is_none_or(|rows| short_id(full) == *rows));
        let found = check.model.clone().map(|rows| footer.map_or(rows, str::to_string)).or(footer.map(str::to_string));
        match (&self.model, found) {
            (None, None) => Err(Error::NoModel { name: check.name.clone() }.into()),
            (None, found) => Ok(found),
            (Some(name), None) if name == "unknown" => Ok(None),
            (Some(name), found) => {
                let model = Model::find(name)?;
                let named = model.id().clone();
                match found {
                    Some(found) if short_id(&found) != named.to_string() => Err(Error::OtherModel {
                        name: check.name.clone(),
                        index: short_id(&found),
                        query: named.to_string(),
                    }
                    .into()),
                    _ if model.dimension() != check.dimension => Err(Error::OtherDimension {
                        name: check.name.clone(),
                        index: check.dimension,
                        query: named.to_string(),
                        dimension: model.dimension(),
                    }
                    .into()),
                    _ => Ok(Some(named.full())),
                }
            }
        }
    }

    fn fields(&self, table: &Table, dimension: usize) -> Vec<Field> {
        let all = self.columns.iter().any(|name| name == "all");
        let model = format!("{}{}", self.vector_column, column::MODEL_SUFFIX);
        let special =
            [self.vector_column.as_str(), &model, column::EMBEDDING, "embedding_model", column::ERROR, column::IMAGE];
        let keep = |name: &str| {
            ALWAYS.contains(&name) || !special.contains(&name) && (all || self.columns.iter().any(|c| c == name))
        };
        let mut fields: Vec<Field> = vec![column::key_field()];
        let kept = table.schema.fields().iter().filter(|f| f.name() != column::KEY && keep(f.name()));
        fields.extend(kept.map(|f| f.as_ref().clone()));
        fields.push(column::vector_field(column::EMBEDDING, dimension));
        fields.push(column::field("embedding_model", column::model_type()));
        fields
    }
}

fn provenance(model: &Option<String>, dimension: usize) -> Provenance {
    let mut provenance = Provenance::default();
    provenance.set("schema", "index");
    provenance.set("schema_version", "1");
    provenance.set("model", model.as_deref().unwrap_or("unknown"));
    provenance.set("dimension", dimension.to_string());
    provenance.set("metric", "cosine");
    provenance
}

/// `name@` and 16 of 64 digits.
fn short_id(full: &str) -> String {
    match full.split_once('@') {
        Some((name, digest)) => format!("{name}@{}", &digest[..digest.len().min(16)]),
        None => full.to_string(),
    }
}

/// What is learnt of a table before anything is written.
#[derive(Default)]
struct Check {
    name: String,
    column: String,
    model: Option<String>,
    dimension: usize,
    rows: u64,
    without_vector: u64,
    sorted: bool,
    last_key: Option<String>,
}

impl Check {
    fn look(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        crate::index::one_model(batch, &self.column, &self.name, &mut self.model)?;
        let vectors = column::vectors(batch, &self.column, &self.name)?;
        let keys = column::text(batch, column::KEY)?
            .ok_or_else(|| column::missing(&batch.schema(), column::KEY, &self.name))?;
        for i in 0..batch.num_rows() {
            let Some(vector) = vectors.get(i) else {
                self.without_vector += 1;
                continue;
            };
            let key = keys.value(i);
            let problem = match vector {
                [] => Some("is empty"),
                v if v.iter().any(|x| !x.is_finite()) => Some("holds a number that is not finite"),
                v if v.iter().all(|x| *x == 0.0) => Some("is zero"),
                _ => None,
            };
            if let Some(problem) = problem {
                let (name, column) = (self.name.clone(), self.column.clone());
                return Err(Error::BadVector { name, key: key.into(), column, problem }.into());
            }
            if self.rows > 0 && vector.len() != self.dimension {
                let (column, first, other) = (self.column.clone(), self.dimension, vector.len());
                return Err(crate::table::Error::RaggedVectors { column, first, other }.into());
            }
            self.dimension = vector.len();
            self.sorted = self.rows == 0 || self.sorted && self.last_key.as_deref() < Some(key);
            match &mut self.last_key {
                Some(last) => key.clone_into(last),
                None => self.last_key = Some(key.into()),
            }
            self.rows += 1;
        }
        Ok(())
    }
}

/// The rows of a batch that have a vector, as they stand in an index.
fn pack(
    batch: &RecordBatch,
    schema: &SchemaRef,
    column: &str,
    name: &str,
    dimension: usize,
    model: Option<&str>,
) -> Result<RecordBatch, Failure> {
    let vectors = column::vectors(batch, column, name)?;
    let mut numbers = Vec::with_capacity(batch.num_rows() * dimension);
    let mut models = StringDictionaryBuilder::<Int32Type>::new();
    let has: BooleanArray = (0..batch.num_rows()).map(|i| Some(vectors.get(i).is_some())).collect();
    for i in 0..batch.num_rows() {
        if let Some(vector) = vectors.get(i) {
            let start = numbers.len();
            numbers.extend_from_slice(vector);
            normalise(&mut numbers[start..]);
            models.append_option(model);
        }
    }
    let DataType::FixedSizeList(item, size) = column::vector_type(dimension) else { unreachable!("it is a list") };
    let packed: ArrayRef = Arc::new(FixedSizeListArray::new(item, size, Arc::new(Float32Array::from(numbers)), None));
    let models: ArrayRef = Arc::new(models.finish());
    let columns = schema.fields().iter().map(|field| match field.name().as_str() {
        column::EMBEDDING => packed.clone(),
        "embedding_model" => models.clone(),
        other => {
            let own = batch.column_by_name(other).expect("the schema was made from the table's");
            let own = arrow_cast::cast(own, field.data_type()).expect("a key is text");
            arrow_select::filter::filter(&own, &has).expect("as many flags as rows")
        }
    });
    Ok(RecordBatch::try_new(schema.clone(), columns.collect()).expect("columns of the schema"))
}

/// The packed rows in order of their keys. This is the one place that holds all vectors: tables made by this program
/// are sorted already and never come here.
fn sorted(
    table: Table,
    schema: &SchemaRef,
    pack: impl Fn(&RecordBatch, &SchemaRef) -> Result<RecordBatch, Failure>,
) -> Result<Vec<RecordBatch>, Failure> {
    const ROWS: usize = 1024;
    let name = table.name.clone();
    let batches: Vec<RecordBatch> = table.map(|batch| pack(&batch?, schema)).collect::<Result<_, Failure>>()?;
    let all = arrow_select::concat::concat_batches(schema, &batches)
        .map_err(|source| crate::table::Error::Arrow { name: name.clone(), source })?;
    drop(batches);
    let keys = column::text(&all, column::KEY)?.expect("an index has keys");
    let mut order: Vec<u32> = (0..u32::try_from(keys.len()).expect("fewer than 2^32 rows")).collect();
    order.sort_by_key(|&row| keys.value(row as usize));
    if let Some(pair) = order.windows(2).find(|pair| keys.value(pair[0] as usize) == keys.value(pair[1] as usize)) {
        return Err(Error::DuplicateKey { name, key: keys.value(pair[0] as usize).into() }.into());
    }
    let take = |rows: &[u32]| {
        let rows = UInt32Array::from(rows.to_vec());
        arrow_select::take::take_record_batch(&all, &rows).expect("rows of the table")
    };
    Ok(order.chunks(ROWS).map(take).collect())
}
