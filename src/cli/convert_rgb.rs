//! `convert-rgb`: any image to upright RGB over a background.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, RecordBatch, StringArray, StructArray, UInt32Array};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, SchemaRef};
use clap::Args;

use super::args::{ImageInputs, Work, clean_up_when_interrupted, open_sink};
use super::failure::{Exit, Failure};
use crate::convert::{self, Known, Made, Output, OutputNames, Recipe};
use crate::image::{Colour, Encoding};
use crate::io::{self, Target};
use crate::stage::{Done, Skipped, slices};
use crate::table::column::{self, hashes};
use crate::table::{Error, Images, StreamFormat, Table, Writer};
use crate::ui::Ui;

/// Rows that one thread works on at a time.
const SLICE_ROWS: usize = 4;
/// The table that describes an output folder.
const MANIFEST: &str = "manifest.parquet";

/// Turn any image into upright RGB over a background
///
/// Reads 8 and 16 bits a channel, grey, palettes, transparency, CMYK; applies the EXIF orientation; takes the first
/// frame of an animation. Into a folder (-o DIR/) it writes one file an image, of the same relative name with the
/// extension of the encoding, and manifest.parquet; files whose source has not changed are left alone on the next
/// run. Into a table (-o FILE.parquet, or a pipe) the images travel inside, in the column `image`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pokedex convert-rgb artwork/ -o rgb/
  pokedex convert-rgb scans/ -o small/ --size 224 --encode jpeg --background '#e0e0e0'
  pokedex convert-rgb artwork/ | pokedex embed - -o embeddings.parquet")]
pub struct ConvertRgb {
    #[command(flatten)]
    inputs: ImageInputs,

    /// Write to this table, or to this folder when it ends in / or exists [default: a table on standard output]
    #[arg(short, long, value_name = "FILE|DIR/")]
    output: Option<PathBuf>,

    /// Format of a table on standard output; arrow (an IPC stream) never touches the disk
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    stdout_format: StreamFormat,

    /// The colour behind transparent pixels: white, black, grey or #rrggbb
    #[arg(long, default_value = "white", value_name = "COLOUR")]
    background: Colour,

    /// Scale to fit N x N or W x H pixels; what is left over is background
    #[arg(long, value_name = "N|WxH")]
    size: Option<Size>,

    /// How images are written
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    encode: Encoding,

    #[command(flatten)]
    work: Work,
}

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size(pub(super) u32, pub(super) u32);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Size, String> {
        let (width, height) = text.split_once(['x', 'X']).unwrap_or((text, text));
        let side = |text: &str| text.parse().ok().filter(|side| (1..=16384).contains(side));
        match (side(width), side(height)) {
            (Some(width), Some(height)) => Ok(Size(width, height)),
            _ => Err("expected N or WxH with sides from 1 to 16384".into()),
        }
    }
}

impl ConvertRgb {
    pub fn run(self, ui: &mut Ui) -> Result<Exit, Failure> {
        let table = self.inputs.to_inputs().images()?.with_unique_keys();
        let size = self.size.map(|Size(width, height)| (width, height));
        let recipe = Recipe { background: self.background, size, encoding: self.encode };
        match Target::parse(self.output.as_deref()) {
            Target::Directory(folder) => self.to_folder(table, recipe, &folder, ui),
            target => self.to_table(table, recipe, &target, ui),
        }
    }

    fn to_table(&self, table: Table, recipe: Recipe, target: &Target, ui: &mut Ui) -> Result<Exit, Failure> {
        let sink = open_sink(target, true)?;
        let schema = column::put_field(&output_schema(&table.schema), column::image_field());
        let mut provenance = table.provenance.clone();
        recipe.describe(&mut provenance);
        let format = if *target == Target::Stdout { self.stdout_format } else { StreamFormat::Parquet };
        let mut writer = Writer::new(sink, &schema, &provenance, format)?;

        ui.start("convert", table.rows);
        let nothing = Known::default();
        let work = move |batch: Result<RecordBatch, Error>| convert(&batch?, recipe, &[], &nothing, &schema);
        let tally = self.work.drive(slices(table, SLICE_ROWS), work, ui, |batch| Ok(writer.write(&batch)?))?;
        writer.finish()?;
        Ok(self.work.exit(&tally))
    }

    fn to_folder(&self, table: Table, recipe: Recipe, folder: &Path, ui: &mut Ui) -> Result<Exit, Failure> {
        clean_up_when_interrupted();
        std::fs::create_dir_all(folder).map_err(|source| io::Error::Write { path: folder.into(), source })?;
        let mut provenance = table.provenance.clone();
        recipe.describe(&mut provenance);
        provenance.set("schema", "manifest");
        let known = Known::read(&folder.join(MANIFEST), &provenance);
        let mut schema = column::drop_field(&output_schema(&table.schema), column::IMAGE);
        schema = column::put_field(&schema, column::field(column::PATH, DataType::Utf8));
        let sink = open_sink(&Target::File(folder.join(MANIFEST)), true)?;
        let mut writer = Writer::new(sink, &schema, &provenance, StreamFormat::Parquet)?;

        ui.start("convert", table.rows);
        let mut names = OutputNames::new(folder, recipe.encoding);
        let planned = slices(table, SLICE_ROWS).map(move |batch| {
            let batch = batch?;
            let images = Images::of(&batch)?;
            let outputs = (0..batch.num_rows()).map(|i| names.name(images.key(i), images.path(i)));
            let outputs = outputs.collect::<Result<Vec<_>, _>>()?;
            Ok::<_, Failure>((batch, outputs))
        });
        let work = move |planned: Result<(RecordBatch, Vec<Output>), Failure>| {
            let (batch, outputs) = planned?;
            convert(&batch, recipe, &outputs, &known, &schema)
        };
        let tally = self.work.drive(planned, work, ui, |batch| Ok(writer.write(&batch)?))?;
        writer.finish()?;
        ui.note(&format!("{}: {tally}", folder.display()));
        Ok(self.work.exit(&tally))
    }
}

fn output_schema(schema: &SchemaRef) -> SchemaRef {
    [
        column::field(column::WIDTH, DataType::UInt32),
        column::field(column::HEIGHT, DataType::UInt32),
        column::field(column::CONTENT_HASH, column::HASH_TYPE),
        column::field(column::SOURCE_HASH, column::HASH_TYPE),
        column::field(column::ERROR, DataType::Utf8),
    ]
    .into_iter()
    .fold(schema.clone(), |schema, field| column::put_field(&schema, field))
}

/// What became of a row. `None`: it arrived with an error.
type Row = Option<Result<Converted, String>>;

/// A converted image: its facts, and its bytes where they go into a table.
struct Converted {
    made: Made,
    bytes: Option<Vec<u8>>,
}

/// Converts the rows of a slice, into files where it has outputs.
fn convert(
    batch: &RecordBatch,
    recipe: Recipe,
    outputs: &[Output],
    known: &Known,
    schema: &SchemaRef,
) -> Result<Done, Failure> {
    let images = Images::of(batch)?;
    let mut rows: Vec<Row> = Vec::with_capacity(batch.num_rows());
    for i in 0..batch.num_rows() {
        if images.error(i).is_some() {
            rows.push(None);
            continue;
        }
        let bytes = match images.read(i) {
            Ok(bytes) => bytes,
            Err(problem) => {
                rows.push(Some(Err(problem)));
                continue;
            }
        };
        let converted = match outputs.get(i) {
            None => recipe
                .apply(&bytes)
                .map(|(made, bytes)| Converted { made, bytes: Some(bytes) })
                .map_err(convert::Error::from),
            Some(output) => recipe.apply_to_file(&bytes, output, known).map(|made| Converted { made, bytes: None }),
        };
        rows.push(match converted {
            Ok(converted) => Some(Ok(converted)),
            Err(convert::Error::Image(problem)) => Some(Err(problem.to_string())),
            Err(fatal) => return Err(fatal.into()),
        });
    }
    Ok(assemble(batch, &images, &rows, outputs, schema))
}

fn assemble(batch: &RecordBatch, images: &Images, rows: &[Row], outputs: &[Output], schema: &SchemaRef) -> Done {
    let done: Vec<Option<&Converted>> = rows.iter().map(|row| row.as_ref()?.as_ref().ok()).collect();
    let side = |side: fn(&Made) -> u32| -> ArrayRef {
        Arc::new(done.iter().map(|d| d.map(|d| side(&d.made))).collect::<UInt32Array>())
    };
    let digest =
        |digest: fn(&Made) -> [u8; 32]| hashes(&done.iter().map(|d| d.map(|d| digest(&d.made))).collect::<Vec<_>>());
    let problems: Vec<Option<&str>> = rows
        .iter()
        .enumerate()
        .map(|(i, row)| row.as_ref().map_or(images.error(i), |row| row.as_ref().err().map(String::as_str)))
        .collect();
    let skipped = rows.iter().enumerate().filter_map(|(i, row)| {
        let problem = row.as_ref()?.as_ref().err()?.clone();
        Some(Skipped { key: images.key(i).into(), problem })
    });
    let skipped = skipped.collect();
    let mut new: Vec<(&str, ArrayRef)> = vec![
        (column::WIDTH, side(|made| made.width)),
        (column::HEIGHT, side(|made| made.height)),
        (column::CONTENT_HASH, digest(|made| made.content)),
        (column::SOURCE_HASH, digest(|made| made.source)),
        (column::ERROR, Arc::new(StringArray::from(problems))),
    ];
    if outputs.is_empty() {
        let bytes: BinaryArray = done.iter().map(|d| d.and_then(|d| d.bytes.as_deref())).collect();
        let names: StringArray = done.iter().enumerate().map(|(i, d)| d.map(|_| images.key(i))).collect();
        let DataType::Struct(fields) = column::image_field().data_type().clone() else {
            unreachable!("it is a struct")
        };
        let valid = NullBuffer::from_iter(done.iter().map(Option::is_some));
        new.push((
            column::IMAGE,
            Arc::new(StructArray::new(fields, vec![Arc::new(bytes), Arc::new(names)], Some(valid))),
        ));
    } else {
        let path = |(i, output): (usize, &Output)| match done[i] {
            Some(_) => Some(io::escape_bytes(output.path.as_os_str().as_encoded_bytes())),
            None => images.path(i).map(str::to_string),
        };
        let paths: StringArray = outputs.iter().enumerate().map(path).collect();
        new.push((column::KEY, Arc::new(StringArray::from_iter_values(outputs.iter().map(|output| &output.key)))));
        new.push((column::PATH, Arc::new(paths)));
    }
    Done { batch: column::put(batch, schema, &new), skipped }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_parse() {
        assert_eq!("224".parse(), Ok(Size(224, 224)));
        assert_eq!("640x480".parse(), Ok(Size(640, 480)));
        for wrong in ["", "0", "1x0", "x", "99999", "-1", "1x2x3"] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
    }
}
