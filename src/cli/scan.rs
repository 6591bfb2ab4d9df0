//! `scan`: image files to a manifest, one row a file.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray, UInt32Array};
use arrow_schema::{DataType, SchemaRef};
use clap::Args;

use super::args::{ImageInputs, TableOutput, Work};
use crate::cli::exit::Exit;
use crate::failure::Failure;
use crate::image::{self, Colour};
use crate::output::ensure_whole_in_place;
use crate::progress::Progress;
use crate::stage::Origin;
use crate::stage::{Done, Skipped, slices};
use crate::table::column::{self, hashes};
use crate::table::{Error, Images, JoinOn, Metadata, OnDuplicate};
use crate::words::{rows, several};

/// Rows that one thread works on at a time.
const SLICE_ROWS: usize = 32;

/// List image files in a table: key, path, id, label, size, content hash, error
///
/// One row a file, in bytewise order of their keys. The size comes from the file's header and is that of the upright
/// picture; --verify decodes every picture to find the damaged and truncated ones as well. With --meta the columns of a CSV are
/// joined: cells are trimmed, blank ones are null, and columns become numbers or booleans where every cell is one.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pokedex scan artwork/ -o manifest.parquet
  pokedex scan artwork/ --meta pokemon.csv --on id -o manifest.parquet
  find photos -name '*.jpg' -print0 | pokedex scan -0 - | pokedex export - --format csv")]
pub struct Scan {
    #[command(flatten)]
    inputs: ImageInputs,

    /// Join the columns of this CSV, or TSV
    #[arg(long, help_heading = "Input", value_name = "CSV")]
    meta: Option<PathBuf>,

    /// The column that the CSV is joined on
    #[arg(long, help_heading = "Input", value_enum, default_value_t, value_name = "COLUMN", requires = "meta")]
    on: JoinOn,

    /// What to do where several lines of the CSV have the same join key
    #[arg(long, help_heading = "Input", value_enum, default_value_t, value_name = "RULE", requires = "meta")]
    on_duplicate: OnDuplicate,

    /// Decode every image instead of reading its header
    #[arg(long, help_heading = "Input")]
    verify: bool,

    #[command(flatten)]
    output: TableOutput,

    #[command(flatten)]
    work: Work,
}

impl Scan {
    pub fn run(self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        let mut metadata =
            self.meta.as_deref().map(|csv| Metadata::read(csv, self.on, self.on_duplicate)).transpose()?;
        let inputs = self.inputs.to_inputs();
        let table = inputs.images()?.with_unique_keys();
        let origin = Origin::of(&table);
        let sink = self.output.open()?;
        let schema = [
            column::field(column::WIDTH, DataType::UInt32),
            column::field(column::HEIGHT, DataType::UInt32),
            column::field(column::CONTENT_HASH, column::HASH_TYPE),
            column::field(column::ERROR, DataType::Utf8),
        ]
        .into_iter()
        .fold(table.schema.clone(), |schema, field| column::put_field(&schema, field));
        let joined = metadata.as_ref().map_or_else(|| Ok(schema.clone()), |m| m.join_schema(&schema))?;
        ensure_whole_in_place(self.output.output.as_deref(), &inputs.paths, &table.schema, &joined)?;
        let mut provenance = table.provenance.clone();
        provenance.set("schema", "manifest");
        let mut writer = self.output.start(sink, &joined, &provenance)?;

        ui.start("scan", table.rows);
        let verify = self.verify;
        let work = move |batch: Result<RecordBatch, Error>| Ok(look_at(&batch?, &schema, verify)?);
        let tally = self.work.work().drive(slices(table, SLICE_ROWS), work, ui, |batch| match &mut metadata {
            Some(metadata) => Ok(writer.write(&metadata.join(&batch, &joined)?)?),
            None => Ok(writer.write(&batch)?),
        })?;
        writer.finish()?;
        origin.report(ui);
        if let Some(metadata) = metadata {
            self.report_join(&metadata, ui);
        }
        ui.note(&format!("scan: {tally}"));
        Ok(self.work.exit(&tally))
    }

    fn report_join(&self, metadata: &Metadata, ui: &dyn Progress) {
        let csv = self.meta.as_ref().map(|csv| csv.display().to_string()).unwrap_or_default();
        let report = metadata.report();
        if !report.duplicates.is_empty() {
            let lines: usize = report.duplicates.iter().map(|(_, rows)| rows).sum();
            let first: Vec<&str> = report.duplicates.iter().take(5).map(|(key, _)| key.as_str()).collect();
            let settled = match self.on_duplicate {
                OnDuplicate::All => "there is a row for each",
                _ => "the first line of each was taken (--on-duplicate)",
            };
            let keys = several(report.duplicates.len() as u64, "join key", "join keys");
            let more = if report.duplicates.len() > 5 { ", …" } else { "" };
            ui.warn(&format!("{csv}: {lines} lines share {keys} ({}{more}); {settled}", first.join(", ")));
        }
        let (own, theirs) = &report.examples;
        let like = |example: &Option<String>| example.as_ref().map(|e| format!(" (`{e}`)")).unwrap_or_default();
        if report.matched < report.rows {
            let missing = report.rows - report.matched;
            let what = if report.matched == 0 {
                "no line matches a row".to_string()
            } else {
                format!("{missing} of {} {} no line", rows(report.rows), if missing == 1 { "matches" } else { "match" })
            };
            ui.warn(&format!(
                "{csv}: {what}{}; {} no row{}",
                like(own),
                several(report.unused as u64, "line matches", "lines match"),
                like(theirs)
            ));
            if report.matched == 0 {
                ui.hint("--on id, --on label or --on key says which column is compared with the CSV's");
            }
        } else if report.unused > 0 {
            let keys = several(report.unused as u64, "join key matches", "join keys match");
            ui.note(&format!("{csv}: {keys} no row"));
        }
    }
}

/// Hash and size of every image in a slice.
fn look_at(batch: &RecordBatch, schema: &SchemaRef, verify: bool) -> Result<Done, Error> {
    let images = Images::of(batch)?;
    let (mut skipped, mut flawed) = (Vec::new(), Vec::new());
    let (mut sizes, mut contents, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..batch.num_rows() {
        if let Some(error) = images.error(i) {
            sizes.push(None);
            contents.push(None);
            errors.push(Some(error.to_string()));
            continue;
        }
        let bytes = images.read(i);
        contents.push(bytes.as_ref().ok().map(|bytes| *blake3::hash(bytes).as_bytes()));
        let size = bytes.and_then(|bytes| {
            if verify {
                let decoded = image::decode_with_flaw(&bytes, Colour::WHITE, None);
                let (image, flaw) = decoded.map_err(|e| e.to_string())?;
                flawed.extend(flaw.map(|flaw| Skipped { key: images.key(i).into(), problem: flaw.to_string() }));
                return Ok((image.width, image.height));
            }
            image::dimensions(&bytes).map_err(|e| e.to_string())
        });
        sizes.push(size.as_ref().ok().copied());
        errors.push(size.as_ref().err().cloned());
        if let Err(problem) = size {
            skipped.push(Skipped { key: images.key(i).into(), problem });
        }
    }
    let widths: UInt32Array = sizes.iter().map(|size| size.map(|(width, _)| width)).collect();
    let heights: UInt32Array = sizes.iter().map(|size| size.map(|(_, height)| height)).collect();
    let new: [(&str, ArrayRef); 4] = [
        (column::WIDTH, Arc::new(widths)),
        (column::HEIGHT, Arc::new(heights)),
        (column::CONTENT_HASH, hashes(&contents)),
        (column::ERROR, Arc::new(StringArray::from(errors))),
    ];
    Ok(Done { batch: column::put(batch, schema, &new), skipped, flawed })
}
