//! `index`: keeps what searching needs, checked and sorted.

use clap::Args;

use super::args::{TableInputs, TableOutput};
use super::failure::{Exit, Failure};
use crate::index::{Check, Error, Packer};
use crate::model::{Engine, Model, short_id};
use crate::table::{Provenance, column};
use crate::ui::{Ui, left_out};

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
        let table = table.with_keys();
        for name in self.columns.iter().filter(|name| *name != "all") {
            table.require(name)?;
        }
        let sink = self.output.open()?;

        ui.start("check", table.rows);
        let footer = table.provenance.clone();
        let mut check = Check::new(&table.name, &self.vector_column);
        let table = table.spool(|batch| {
            ui.advance(batch.num_rows() as u64);
            check.look(batch).map_err(Failure::from)
        })?;
        ui.finish();
        if check.rows == 0 {
            return Err(check.no_vectors().into());
        }
        let name = table.name.clone();
        let model = self.model(&name, &check, &footer)?;

        let all = self.columns.iter().any(|column| column == "all");
        let more = |name: &str| all || self.columns.iter().any(|column| column == name);
        let packer = Packer::new(&table, &self.vector_column, check.dimension, model.as_deref().map(short_id), more);
        let mut writer = self.output.start(sink, &packer.schema, &provenance(&model, check.dimension))?;
        packer.pack(table, check.sorted, |batch| writer.write(&batch).map_err(Failure::from))?;
        writer.finish()?;
        if check.without_vector > 0 {
            ui.warn(&format!("{name}: {}", left_out(check.without_vector)));
        }
        ui.note(&format!("index: {} vectors of {} numbers", check.rows, check.dimension));
        Ok(Exit::Done)
    }

    /// The full identity of the model, or `None` where it is unknown on purpose.
    fn model(&self, name: &str, check: &Check, footer: &Provenance) -> Result<Option<String>, Failure> {
        let footer = footer.get(&column::footer_key(&self.vector_column, "model"));
        // The rows know better than the footer, which another program may have carried over from somewhere else.
        let footer = footer.filter(|full| check.model().is_none_or(|rows| short_id(full) == rows));
        let found = footer.or(check.model()).filter(|id| *id != "unknown");
        match (&self.model, found) {
            (None, Some(found)) => Ok(Some(found.into())),
            (None, None) => Err(Error::NoModel { name: name.into() }.into()),
            (Some(given), None) if given == "unknown" => Ok(None),
            (Some(given), found) => {
                let model = Model::find(given, Engine::Auto)?;
                let query = model.id().to_string();
                if let Some(index) = found.map(short_id).filter(|index| *index != query) {
                    return Err(Error::OtherModel { name: name.into(), index, query }.into());
                }
                if model.dimension() != check.dimension {
                    let (index, dimension) = (check.dimension, model.dimension());
                    return Err(Error::OtherDimension { name: name.into(), index, query, dimension }.into());
                }
                Ok(Some(model.id().full()))
            }
        }
    }
}

fn provenance(model: &Option<String>, dimension: usize) -> Provenance {
    let mut provenance = Provenance::default();
    provenance.set("schema", "index");
    provenance.set("model", model.as_deref().unwrap_or("unknown"));
    provenance.set("dimension", dimension.to_string());
    provenance.set("metric", "cosine");
    provenance
}
