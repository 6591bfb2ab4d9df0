//! `scan`: image files to a manifest, one row a file.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::args::{ImageInputs, Part, TableOutput, Work};
use crate::cli::exit::Exit;
use crate::failure::Failure;
use crate::output::ensure_whole_in_place;
use crate::progress::Progress;
use crate::scan::{self, report_join};
use crate::stage::Stage;
use crate::table::{JoinOn, Metadata, OnDuplicate};

/// List image files in a table: key, path, id, label, size, content hash, error
///
/// One row a file, in bytewise order of their keys. The size comes from the file's header and is that of the upright
/// picture; --verify decodes every picture to find the damaged and truncated ones as well. With --meta the columns of a CSV are
/// joined: cells are trimmed, blank ones are null, and columns become numbers or booleans where every cell is one. With --exif
/// there are columns of what the camera and people wrote into a picture, and into the sidecar (.xmp) beside it: taken,
/// taken_offset, lat, lon, altitude, camera, lens, iso, exposure, f_number, focal_length, caption, keywords, rating.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pokedex scan artwork/ -o manifest.parquet
  pokedex scan artwork/ --meta pokemon.csv --on id -o manifest.parquet
  pokedex scan ~/Pictures --exif | pokedex embed - | pokedex index - --columns taken,lat,lon,keywords -o photos.parquet
  pokedex scan photos/ --quality | pokedex export - --where \"sharpness < 0.3\" --format csv --columns key,sharpness
  pokedex scan s3://bucket/photos/ --shard 3/100 -o shards/3.parquet
  find photos -name '*.jpg' -print0 | pokedex scan -0 - | pokedex export - --format csv")]
pub(super) struct Scan {
    #[command(flatten)]
    inputs: ImageInputs,

    #[command(flatten)]
    part: Part,

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

    /// Add columns of what is written in EXIF, XMP and IPTC: time, place, camera, keywords
    #[arg(long, help_heading = "Input")]
    exif: bool,

    /// Decode every image and add figures from 0 to 1 of how good it is to look at: sharpness, brightest, darkest, entropy,
    /// aspect, bars, subject
    #[arg(long, help_heading = "Input")]
    quality: bool,

    #[command(flatten)]
    output: TableOutput,

    #[command(flatten)]
    work: Work,
}

impl Scan {
    pub(super) fn run(self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        let mut metadata =
            self.meta.as_deref().map(|csv| Metadata::read(csv, self.on, self.on_duplicate)).transpose()?;
        let inputs = self.part.of(self.inputs.to_inputs());
        let table = inputs.images()?.with_unique_keys();
        let sink = self.output.open()?;
        let stage = Arc::new(scan::Scan { verify: self.verify, exif: self.exif, quality: self.quality });
        let schema = stage.schema(&table.schema);
        let schema = metadata.as_ref().map_or_else(|| Ok(schema.clone()), |m| m.join_schema(&schema))?;
        ensure_whole_in_place(self.output.output.as_deref(), &inputs.paths, &table.schema, &schema)?;
        let mut provenance = table.provenance.clone();
        stage.describe(&mut provenance);
        let mut writer = self.output.start(sink, &schema, &provenance)?;
        let tally = self.work.work().run(table, &stage, ui, |batch| match &mut metadata {
            Some(metadata) => Ok(writer.write(&metadata.join(&batch, &schema)?)?),
            None => Ok(writer.write(&batch)?),
        })?;
        writer.finish()?;
        if let (Some(csv), Some(metadata)) = (&self.meta, metadata) {
            report_join(csv, self.on_duplicate, &metadata, ui);
        }
        ui.note(&format!("scan: {tally}"));
        Ok(self.work.exit(&tally))
    }
}
