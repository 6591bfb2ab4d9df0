//! `convert-rgb`: any image to upright RGB over a background.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, RecordBatch, StringArray, StructArray, UInt32Array};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, SchemaRef};
use clap::Args;

use super::args::{ImageInputs, Size, Work};
use crate::cli::exit::Exit;
use crate::convert::{self, COMMAND, Known, Made, Recipe};
use crate::export;
use crate::failure::Failure;
use crate::image::{self, Colour, Encoding, Flaw};
use crate::io::Sink;
use crate::io::{self, Folder, Target};
use crate::names;
use crate::output::folder;
use crate::output::{ensure_no_input, ensure_parquet, ensure_whole_in_place};
use crate::progress::Progress;
use crate::stage::Origin;
use crate::stage::{Done, Skipped, slices};
use crate::table::boxes::{self, Bounds, Boxes};
use crate::table::column::{self, hashes};
use crate::table::dataset::{FOLDER, MANIFEST};
use crate::table::{Error, Images, StreamFormat, Table, Writer};
use crate::words;

/// Rows that one thread works on at a time.
const SLICE_ROWS: usize = 4;

/// Turn any image into upright RGB over a background
///
/// Reads 8 and 16 bits a channel, grey, palettes, transparency, CMYK; turns pictures upright as EXIF and XMP say; takes
/// the first frame of an animation. What is cut short or damaged is read as far as it goes, and named. Into a table
/// (-o FILE.parquet, or a pipe) the images travel inside, in the column `image`.
///
/// Into a folder (-o DIR/) it writes one file an image, of the same relative name with the extension of the encoding
/// (a_jpg.png and a_png.png of a.jpg and a.png), and manifest.parquet. On the next run files whose source has not changed
/// are left alone, and those whose source is gone are removed; nothing else is. A folder that lies in the one that is
/// read is not read itself; no other source may lie in it.
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
    #[arg(short, long, help_heading = "Output", value_name = "FILE|DIR/")]
    output: Option<PathBuf>,

    /// Format of a table on standard output; arrow (an IPC stream) never touches the disk
    #[arg(long, help_heading = "Output", value_enum, default_value_t, value_name = "FORMAT")]
    stdout_format: StreamFormat,

    /// The colour behind transparent pixels: white, black, grey or #rrggbb
    #[arg(long, help_heading = "Pictures", default_value = "white", value_name = "COLOUR")]
    background: Colour,

    /// Scale to fit N x N or W x H pixels; what is left over is background
    #[arg(long, help_heading = "Pictures", value_name = "N|WxH")]
    size: Option<Size>,

    /// How images are written
    #[arg(long, help_heading = "Pictures", value_enum, default_value_t, value_name = "FORMAT")]
    encode: Encoding,

    #[command(flatten)]
    work: Work,
}

impl ConvertRgb {
    pub fn run(self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        let size = self.size.map(|Size(width, height)| (width, height));
        let recipe = Recipe { background: self.background, size, encoding: self.encode };
        match Target::parse(self.output.as_deref()) {
            Target::Directory(folder) => self.to_folder(recipe, &folder, ui),
            target => self.to_table(recipe, &target, ui),
        }
    }

    fn to_table(&self, recipe: Recipe, target: &Target, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        ensure_parquet(target)?;
        let inputs = self.inputs.to_inputs();
        let table = inputs.images()?.with_unique_keys();
        let origin = Origin::of(&table);
        let schema = column::put_field(&output_schema(&table.schema, recipe), column::image_field());
        ensure_whole_in_place(self.output.as_deref(), &inputs.paths, &table.schema, &schema)?;
        if table.has(column::IMAGE) {
            // The pictures themselves may be nowhere else.
            let paths = inputs.paths.iter().map(|path| &**path);
            ensure_no_input(self.output.as_deref(), paths, "other pictures than it holds")?;
        }
        let sink = Sink::open(target, true)?;
        let mut provenance = table.provenance.clone();
        recipe.describe(&mut provenance);
        let format = if *target == Target::Stdout { self.stdout_format } else { StreamFormat::Parquet };
        let mut writer = Writer::new(sink, &schema, &provenance, format)?;

        ui.start("convert", table.rows);
        let work = move |batch: Result<RecordBatch, Error>| convert(&batch?, recipe, None, &schema);
        // One at a time: an Arrow array holds 2 GiB, and several large ones might not go into it.
        let tally = self.work.work().drive(slices(table, 1), work, ui, |batch| Ok(writer.write(&batch)?))?;
        writer.finish()?;
        origin.report(ui);
        Ok(self.work.exit(&tally))
    }

    fn to_folder(&self, recipe: Recipe, path: &Path, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        let (table, files) = self.survey(recipe, path, ui)?;
        let mut provenance = table.provenance.clone();
        recipe.describe(&mut provenance);
        let mut known = Known::new(recipe);
        let folder = Arc::new(Folder::open(path, &format!("{COMMAND} {recipe}"), None, &mut known)?);
        folder.claim(&files, self.work.threads())?;
        folder.begin()?;
        provenance.set("schema", "manifest");
        provenance.set(FOLDER, COMMAND);
        let mut schema = column::drop_field(&output_schema(&table.schema, recipe), column::IMAGE);
        schema = column::put_field(&schema, column::field(column::PATH, DataType::Utf8));
        let mut writer = Writer::new(folder.create(MANIFEST)?, &schema, &provenance, StreamFormat::Parquet)?;

        ui.start("convert", table.rows);
        let (name, rows) = (table.name.clone(), files.len() as u64);
        let mut files = files.into_iter();
        let planned = slices(table, SLICE_ROWS).map(move |batch| {
            let batch = batch?;
            let files: Vec<Box<str>> = files.by_ref().take(batch.num_rows()).collect();
            if files.len() == batch.num_rows() { Ok((batch, files)) } else { Err(changed(&name)) }
        });
        let place = (folder.clone(), known);
        let work = move |planned: Result<(RecordBatch, Vec<Box<str>>), Failure>| {
            let (batch, files) = planned?;
            convert(&batch, recipe, Some((&*place.0, &place.1, &*files)), &schema)
        };
        let tally = self.work.work().drive(planned, work, ui, |batch| Ok(writer.write(&batch)?))?;
        if tally.rows != rows {
            return Err(changed(&path.display().to_string()));
        }
        let removed = folder.remove_stale()?;
        writer.finish()?;
        folder.complete();
        let removed = match removed {
            0 => String::new(),
            _ => format!("; {} removed", words::several(removed, "file of an earlier run", "files of an earlier run")),
        };
        ui.note(&format!("{}: {tally}{removed}", path.display()));
        Ok(self.work.exit(&tally))
    }

    /// Reads all rows once, gives them back to be read again, and the names of their files.
    fn survey(&self, recipe: Recipe, folder: &Path, ui: &mut dyn Progress) -> Result<(Table, Vec<Box<str>>), Failure> {
        let mut inputs = self.inputs.to_inputs();
        let mut within = folder::refuse_inputs(&mut inputs, folder, &[], ui)?;
        let mut keys: Vec<Box<str>> = Vec::new();
        let table = folder::read_twice(&inputs, None, ui, |batch| {
            let images = Images::of(batch)?;
            for row in 0..batch.num_rows() {
                keys.push(images.key(row).into());
                folder::refuse_row(&mut within, &images, row)?;
            }
            Ok(())
        })?;
        let extension = format!(".{}", recipe.encoding.extension());
        let files = names::beside(keys.iter().map(|key| &**key), &extension, 0);
        let files = files.map_err(|key| io::Error::Outside { file: key.into() })?;
        Ok((table, files))
    }
}

fn output_schema(schema: &SchemaRef, recipe: Recipe) -> SchemaRef {
    // Boxes move along with their pictures.
    let boxes = Some(boxes::field()).filter(|_| recipe.size.is_some() && schema.index_of(column::BOXES).is_ok());
    [
        column::field(column::WIDTH, DataType::UInt32),
        column::field(column::HEIGHT, DataType::UInt32),
        column::field(column::CONTENT_HASH, column::HASH_TYPE),
        column::field(column::SOURCE_HASH, column::HASH_TYPE),
        column::field(column::ERROR, DataType::Utf8),
    ]
    .into_iter()
    .chain(boxes)
    .fold(schema.clone(), |schema, field| column::put_field(&schema, field))
}

/// The boxes of a picture of these bytes, moved along with it.
fn moved(bytes: &[u8], recipe: Recipe, drawn: &[Bounds]) -> Vec<Bounds> {
    let Recipe { background, size, .. } = recipe;
    let fit = image::Fit::Pad;
    let recipe = export::Recipe { size, fit, encoding: None, quality: image::JPEG_QUALITY, background };
    image::dimensions(bytes).map(|from| recipe.move_boxes(from, drawn)).unwrap_or_default()
}

/// What became of a row. `None`: it arrived with an error.
type Row = Option<Result<Converted, String>>;

/// A converted image: its facts, and its bytes where they go into a table.
struct Converted {
    made: Made,
    flaw: Option<Flaw>,
    bytes: Option<Vec<u8>>,
}

/// Where the images of a slice go: the folder, what is known of it, and the name of each row's file.
type Place<'a> = (&'a Folder, &'a Known, &'a [Box<str>]);

/// Converts the rows of a slice, into files where it has a place for them.
fn convert(batch: &RecordBatch, recipe: Recipe, place: Option<Place>, schema: &SchemaRef) -> Result<Done, Failure> {
    let images = Images::of(batch)?;
    let mut rows: Vec<Row> = Vec::with_capacity(batch.num_rows());
    let drawn = recipe.size.map(|_| Boxes::of(batch)).transpose()?.flatten();
    let mut boxes: Vec<Option<Vec<Bounds>>> = vec![None; batch.num_rows()];
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
        boxes[i] = drawn.as_ref().and_then(|drawn| drawn.get(i)).map(|drawn| moved(&bytes, recipe, &drawn));
        let converted = match place {
            None => recipe
                .apply(&bytes)
                .map(|(made, flaw, bytes)| Converted { made, flaw, bytes: Some(bytes) })
                .map_err(convert::Error::from),
            Some((folder, known, files)) => recipe
                .apply_to_file(&bytes, folder, &files[i], known)
                .map(|(made, flaw)| Converted { made, flaw, bytes: None }),
        };
        rows.push(match converted {
            Ok(converted) => Some(Ok(converted)),
            Err(convert::Error::Image(problem)) => Some(Err(problem.to_string())),
            Err(fatal) => return Err(fatal.into()),
        });
    }
    let boxes = drawn.map(|_| boxes::array(boxes.iter().map(Option::as_deref)));
    Ok(assemble(batch, &images, &rows, boxes, place, schema))
}

fn assemble(
    batch: &RecordBatch,
    images: &Images,
    rows: &[Row],
    boxes: Option<ArrayRef>,
    place: Option<Place>,
    schema: &SchemaRef,
) -> Done {
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
    let flawed = done.iter().enumerate().filter_map(|(i, done)| {
        let problem = done.as_ref()?.flaw.as_ref()?.to_string();
        Some(Skipped { key: images.key(i).into(), problem })
    });
    let flawed = flawed.collect();
    let mut new: Vec<(&str, ArrayRef)> = vec![
        (column::WIDTH, side(|made| made.width)),
        (column::HEIGHT, side(|made| made.height)),
        (column::CONTENT_HASH, digest(|made| made.content)),
        (column::SOURCE_HASH, digest(|made| made.source)),
        (column::ERROR, Arc::new(StringArray::from(problems))),
    ];
    new.extend(boxes.map(|boxes| (column::BOXES, boxes)));
    if let Some((folder, _, files)) = place {
        let path = |(i, file): (usize, &str)| match done[i] {
            Some(_) => Some(io::escape_bytes(folder.join(file).as_os_str().as_encoded_bytes())),
            None => images.path(i).map(str::to_string),
        };
        let paths: StringArray = files.iter().map(AsRef::as_ref).enumerate().map(path).collect();
        new.push((column::KEY, Arc::new(StringArray::from_iter_values(files))));
        new.push((column::PATH, Arc::new(paths)));
    } else {
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
    }
    Done { batch: column::put(batch, schema, &new), skipped, flawed }
}

/// The rows are not those that were looked at.
fn changed(name: &str) -> Failure {
    convert::Error::Changed { name: name.into() }.into()
}
