//! `convert-rgb`: any image to upright RGB over a background.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, RecordBatch, StringArray, StructArray, UInt32Array};
use arrow_schema::{DataType, SchemaRef};
use clap::Args;

use super::args::{ImageInputs, Work, clean_up_when_interrupted, open_sink};
use super::failure::{Exit, Failure};
use crate::image::{self, Colour, Encoding, Fit, Rgb};
use crate::io::{self, Target};
use crate::stage::{Done, Skipped, in_order, pool, slices};
use crate::table::column::{self, hashes, read_hashes};
use crate::table::{Error, Images, Provenance, StreamFormat, Table, Writer};
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
struct Size(u32, u32);

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

/// What is done to every image.
#[derive(Debug, Clone, Copy)]
struct Recipe {
    background: Colour,
    size: Option<Size>,
    encode: Encoding,
}

impl Recipe {
    fn apply(self, bytes: &[u8]) -> Result<(Rgb, Vec<u8>), image::Error> {
        let mut rgb = image::decode(bytes, self.background)?;
        if let Some(Size(width, height)) = self.size {
            rgb = rgb.resize(width, height, Fit::Pad, self.background);
        }
        let encoded = image::encode(&rgb, self.encode)?;
        Ok((rgb, encoded))
    }

    fn describe(self, provenance: &mut Provenance) {
        let size = self.size.map_or("original".into(), |Size(w, h)| format!("{w}x{h}"));
        let recipe = format!("background={} size={size} encode={}", self.background, self.encode.extension());
        provenance.set("convert_rgb", recipe);
        provenance.set("version", env!("CARGO_PKG_VERSION"));
    }
}

impl ConvertRgb {
    pub fn run(self, ui: &mut Ui) -> Result<Exit, Failure> {
        let table = self.inputs.to_inputs().images()?.with_keys()?;
        let recipe = Recipe { background: self.background, size: self.size, encode: self.encode };
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
        let work = move |batch: Result<RecordBatch, Error>| {
            let batch = batch?;
            let images = Images::of(&batch)?;
            let rows = (0..batch.num_rows()).map(|i| convert(&images, i, recipe, None)).collect();
            Ok::<_, Error>(assemble(&batch, &images, rows, &schema, &[]))
        };
        let mut skipped = 0;
        for done in in_order(pool(self.work.threads())?, slices(table, SLICE_ROWS), work) {
            let done = done?;
            self.work.report(&done.skipped, ui)?;
            skipped += done.skipped.len() as u64;
            writer.write(&done.batch)?;
            ui.advance(done.batch.num_rows() as u64);
        }
        writer.finish()?;
        Ok(self.work.exit(skipped))
    }

    fn to_folder(&self, table: Table, recipe: Recipe, folder: &Path, ui: &mut Ui) -> Result<Exit, Failure> {
        clean_up_when_interrupted();
        std::fs::create_dir_all(folder).map_err(|source| io::Error::Write { path: folder.into(), source })?;
        let mut provenance = table.provenance.clone();
        recipe.describe(&mut provenance);
        provenance.set("schema", "manifest");
        let known = Arc::new(Known::read(&folder.join(MANIFEST), &provenance));
        let mut schema = column::drop_field(&output_schema(&table.schema), column::IMAGE);
        schema = column::put_field(&schema, column::field(column::PATH, DataType::Utf8));
        let sink = open_sink(&Target::File(folder.join(MANIFEST)), true)?;
        let mut writer = Writer::new(sink, &schema, &provenance, StreamFormat::Parquet)?;

        ui.start("convert", table.rows);
        let mut names =
            OutputNames { folder: folder.into(), extension: recipe.encode.extension(), taken: HashMap::new() };
        let planned = slices(table, SLICE_ROWS).map(move |batch| {
            let batch = batch?;
            let targets = names.of(&batch)?;
            Ok::<_, Failure>((batch, targets))
        });
        let work = move |planned: Result<(RecordBatch, Vec<OutputName>), Failure>| {
            let (batch, targets) = planned?;
            let images = Images::of(&batch)?;
            let rows = targets
                .iter()
                .enumerate()
                .map(|(i, target)| convert(&images, i, recipe, Some((target, &known))))
                .collect();
            Ok::<_, Failure>(assemble(&batch, &images, rows, &schema, &targets))
        };
        let (mut rows, mut skipped) = (0, 0);
        for done in in_order(pool(self.work.threads())?, planned, work) {
            let done = done?;
            self.work.report(&done.skipped, ui)?;
            skipped += done.skipped.len() as u64;
            rows += done.batch.num_rows();
            writer.write(&done.batch)?;
            ui.advance(done.batch.num_rows() as u64);
        }
        writer.finish()?;
        ui.finish();
        ui.note(&format!("{}: {rows} rows, {skipped} skipped", folder.display()));
        Ok(self.work.exit(skipped))
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

/// The name of an image's output.
struct OutputName {
    key: String,
    path: PathBuf,
}

/// Names outputs, and refuses to give one name twice or to write outside the folder.
struct OutputNames {
    folder: PathBuf,
    extension: &'static str,
    /// Hash of the output's key → extension of the source's, which is all that they differ in.
    taken: HashMap<u64, Box<str>>,
}

impl OutputNames {
    fn of(&mut self, batch: &RecordBatch) -> Result<Vec<OutputName>, Failure> {
        let images = Images::of(batch)?;
        (0..batch.num_rows()).map(|i| self.name(images.key(i), images.path(i))).collect()
    }

    fn name(&mut self, key: &str, source: Option<&str>) -> Result<OutputName, Failure> {
        if !Path::new(key).components().all(|c| matches!(c, Component::Normal(_))) || key.is_empty() {
            let hint = "keys are relative paths without `..`; rename the row";
            return Err(Failure::failed(format!("{key}: would be written outside the folder"), Some(hint.into())));
        }
        let (stem, extension) = match key.rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() && !stem.ends_with('/') && !extension.contains('/') => {
                (stem, extension)
            }
            _ => (key, ""),
        };
        let output = format!("{stem}.{}", self.extension);
        let mut hasher = DefaultHasher::new();
        output.hash(&mut hasher);
        if let Some(other) = self.taken.insert(hasher.finish(), extension.into()) {
            let first = if other.is_empty() { stem.to_string() } else { format!("{stem}.{other}") };
            let hint = "convert them into folders of their own, or rename one";
            return Err(Failure::failed(
                format!("{output}: would be made from both {first} and {key}"),
                Some(hint.into()),
            ));
        }
        let path = self.folder.join(&output);
        let same = |source: &str| Some(Path::new(source).canonicalize().ok()? == path.canonicalize().ok()?);
        if source.and_then(same) == Some(true) {
            let hint = "choose another folder with -o";
            return Err(Failure::failed(
                format!("{}: would replace its own source", path.display()),
                Some(hint.into()),
            ));
        }
        Ok(OutputName { key: output, path })
    }
}

/// What the manifest of an earlier run says of files that were made in the same way.
#[derive(Default)]
struct Known(HashMap<u64, Made>);

#[derive(Clone, Copy)]
struct Made {
    source: [u8; 32],
    content: [u8; 32],
    size: (u32, u32),
}

impl Known {
    /// An unreadable or differently made manifest is one that knows nothing.
    fn read(manifest: &Path, provenance: &Provenance) -> Known {
        let recipe = |p: &Provenance| (p.get("convert_rgb").map(str::to_string), p.get("version").map(str::to_string));
        let table = match Table::open(manifest) {
            Ok(table) if recipe(&table.provenance) == recipe(provenance) => table,
            _ => return Known::default(),
        };
        let mut known = HashMap::new();
        for batch in table.flatten() {
            let (Ok(Some(keys)), sources, contents) = (
                column::text(&batch, column::KEY),
                read_hashes(&batch, column::SOURCE_HASH),
                read_hashes(&batch, column::CONTENT_HASH),
            ) else {
                continue;
            };
            let side = |name| column::ints(&batch, name).ok().flatten();
            let (Some(widths), Some(heights)) = (side(column::WIDTH), side(column::HEIGHT)) else {
                continue;
            };
            for i in 0..batch.num_rows() {
                if let (Some(source), Some(content)) = (sources[i], contents[i]) {
                    let size = (widths.value(i) as u32, heights.value(i) as u32);
                    known.insert(Self::name(keys.value(i)), Made { source, content, size });
                }
            }
        }
        Known(known)
    }

    fn name(key: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        hasher.finish()
    }

    /// The file as it was made, if it was made from these bytes and is still what it was.
    fn up_to_date(&self, target: &OutputName, source: &[u8; 32]) -> Option<Made> {
        let made = self.0.get(&Self::name(&target.key)).filter(|made| made.source == *source)?;
        let bytes = std::fs::read(&target.path).ok()?;
        (*blake3::hash(&bytes).as_bytes() == made.content).then_some(*made)
    }
}

/// A converted image: its facts, and its bytes where they go into a table.
struct Converted {
    made: Made,
    bytes: Option<Vec<u8>>,
}

/// Converts one row, and writes it where it goes into a folder. `None`: the row arrived with an error.
fn convert(
    images: &Images,
    i: usize,
    recipe: Recipe,
    target: Option<(&OutputName, &Known)>,
) -> Option<Result<Converted, String>> {
    if images.error(i).is_some() {
        return None;
    }
    let convert = || {
        let bytes = images.read(i)?;
        let source = *blake3::hash(&bytes).as_bytes();
        if let Some(made) = target.and_then(|(target, known)| known.up_to_date(target, &source)) {
            return Ok(Converted { made, bytes: None });
        }
        let (rgb, encoded) = recipe.apply(&bytes).map_err(|e| e.to_string())?;
        let made = Made { source, content: *blake3::hash(&encoded).as_bytes(), size: (rgb.width, rgb.height) };
        match target {
            None => Ok(Converted { made, bytes: Some(encoded) }),
            Some((target, _)) => {
                io::write_file(&target.path, &encoded).map_err(|e| e.to_string())?;
                Ok(Converted { made, bytes: None })
            }
        }
    };
    Some(convert())
}

fn assemble(
    batch: &RecordBatch,
    images: &Images,
    rows: Vec<Option<Result<Converted, String>>>,
    schema: &SchemaRef,
    targets: &[OutputName],
) -> Done {
    let done: Vec<Option<&Converted>> = rows.iter().map(|row| row.as_ref().and_then(|r| r.as_ref().ok())).collect();
    let side = |side: fn((u32, u32)) -> u32| -> ArrayRef {
        Arc::new(done.iter().map(|d| d.map(|d| side(d.made.size))).collect::<UInt32Array>())
    };
    let digest =
        |digest: fn(&Made) -> [u8; 32]| hashes(&done.iter().map(|d| d.map(|d| digest(&d.made))).collect::<Vec<_>>());
    let problem = |(i, row): (usize, &Option<Result<Converted, String>>)| match row {
        None => images.error(i).map(str::to_string),
        Some(result) => result.as_ref().err().cloned(),
    };
    let errors: StringArray = rows.iter().enumerate().map(problem).collect();
    let skipped = rows.iter().enumerate().filter_map(|(i, row)| {
        let problem = row.as_ref()?.as_ref().err()?.clone();
        Some(Skipped { key: images.key(i).into(), problem })
    });
    let skipped = skipped.collect();
    let mut new: Vec<(&str, ArrayRef)> = vec![
        (column::WIDTH, side(|(width, _)| width)),
        (column::HEIGHT, side(|(_, height)| height)),
        (column::CONTENT_HASH, digest(|made| made.content)),
        (column::SOURCE_HASH, digest(|made| made.source)),
        (column::ERROR, Arc::new(errors)),
    ];
    if targets.is_empty() {
        let bytes: BinaryArray = done.iter().map(|d| d.and_then(|d| d.bytes.as_deref())).collect();
        let names: StringArray = (0..done.len()).map(|i| done[i].map(|_| images.key(i))).collect();
        let DataType::Struct(fields) = column::image_field().data_type().clone() else {
            unreachable!("it is a struct")
        };
        let valid = arrow_buffer::NullBuffer::from_iter(done.iter().map(Option::is_some));
        new.push((
            column::IMAGE,
            Arc::new(StructArray::new(fields, vec![Arc::new(bytes), Arc::new(names)], Some(valid))),
        ));
    } else {
        let keys = StringArray::from_iter_values(targets.iter().map(|t| &t.key));
        let path = |i: usize| match done[i] {
            Some(_) => Some(io::escape_bytes(targets[i].path.as_os_str().as_encoded_bytes())),
            None => images.path(i).map(str::to_string),
        };
        let paths: StringArray = (0..targets.len()).map(path).collect();
        new.push((column::KEY, Arc::new(keys)));
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
