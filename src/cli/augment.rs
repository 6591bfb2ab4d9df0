//! `augment`: more pictures out of those of train.

mod earlier;
mod make;
mod rows;
mod sheet;
mod survey;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use arrow_array::RecordBatch;
use arrow_schema::{DataType, SchemaRef};
use clap::Args;

use super::args::{Size, Work, print};
use crate::augment::{Augmenter, BackgroundImages, Candidate, DEFAULT_RECIPE, Gathering, Partners, Plan, Recipe};
use crate::cli::exit::Exit;
use crate::failure::Failure;
use crate::image::{Colour, Encoding};
use crate::io::{self, Folder, Sink, Target, Within};
use crate::output::folder;
use crate::output::{ensure_extension, ensure_no_input, ensure_parquet, ensure_whole_in_place, open_beside};
use crate::progress::Progress;
use crate::stage::{Origin, Tally};
use crate::stage::{Skipped, in_order, pool, slices};
use crate::table::column;
use crate::table::dataset::{FOLDER, MANIFEST};
use crate::table::{Error, Images, Inputs, Provenance, StreamFormat, Table, Writer};
use crate::words;
use earlier::{COMMAND, Earlier, PICTURES};
use make::{Item, Maker, Planner};
use survey::{By, Classes, Survey};

/// Rows whose hashes one thread computes at a time.
const SLICE_ROWS: usize = 32;

/// Make more pictures of the train split: moved, recoloured, blurred, on other backgrounds
///
/// Reads a table with a column `split` and makes copies of its train pictures, each changed by chance as the recipe
/// says; boxes follow. All other rows pass through and are never augmented, nor are copies of an earlier run. A copy
/// depends on the seed, the recipe, the content of its parent and its number, not on other rows or on -j. Its row has
/// the id and label of its parent, parent_hash, and in augmentation what was drawn. --floor brings every class to N
/// pictures, from its own in turn; --copies makes N of every picture (1, where neither is given).
///
/// Into a folder (-o DIR/) it writes the pictures under augmented/ and manifest.parquet, which lists the originals where
/// they are; copies of an earlier run that this one did not make are removed, nothing else is. No source may lie there.
/// Into a table (-o FILE.parquet, or a pipe) the new pictures travel inside, in the column `image`.
#[derive(Debug, Args)]
#[command(
    name = "augment",
    after_help = "\
Examples:
  pokedex augment split.parquet --floor 20 --preview sheet.png
  pokedex augment split.parquet --floor 20 --size 416 -o train/
  pokedex augment --print-recipe > recipe.toml
  pokedex split artwork/ | pokedex augment - --copies 5 --recipe recipe.toml \
      | pokedex embed - --keep-images -o e.parquet"
)]
pub struct AugmentArgs {
    /// Tables with a column `split`, or - for standard input
    #[arg(required_unless_present = "print_recipe", value_name = "TABLE")]
    inputs: Vec<PathBuf>,

    /// Write to this table, or to this folder when it ends in / or exists [default: a table on standard output]
    #[arg(short, long, help_heading = "Output", value_name = "FILE|DIR/")]
    output: Option<PathBuf>,

    /// Format of a table on standard output; arrow (an IPC stream) never touches the disk
    #[arg(long, help_heading = "Output", value_enum, default_value_t, value_name = "FORMAT")]
    stdout_format: StreamFormat,

    /// Bring every class of train to at least N pictures
    #[arg(long, help_heading = "Copies", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    floor: Option<u32>,

    /// Make N copies of every picture of train [default: 1, or 0 with --floor]
    #[arg(long, help_heading = "Copies", value_name = "N", value_parser = clap::value_parser!(u32).range(0..=10_000))]
    copies: Option<u32>,

    /// What is done to pictures, as --print-recipe shows it
    #[arg(long, help_heading = "Copies", value_name = "FILE")]
    recipe: Option<PathBuf>,

    /// Print the default recipe, to be edited, and end
    #[arg(long, help_heading = "Output")]
    print_recipe: bool,

    /// Another number draws other changes
    #[arg(long, help_heading = "Copies", default_value_t = 0, value_name = "N")]
    seed: u64,

    /// The column that holds the class [default: id where there is one, else label]
    #[arg(long, help_heading = "Copies", value_enum, value_name = "COLUMN")]
    by: Option<By>,

    /// The colour behind transparent pixels and around what was moved: white, black, grey or #rrggbb
    #[arg(long, help_heading = "Pictures", default_value = "white", value_name = "COLOUR")]
    background: Colour,

    /// Put pictures with transparency before pictures of this folder too
    #[arg(long, help_heading = "Copies", value_name = "DIR")]
    background_images: Option<PathBuf>,

    /// Make copies of N x N or W x H pixels [default: the size of their parents]
    #[arg(long, help_heading = "Pictures", value_name = "N|WxH")]
    size: Option<Size>,

    /// How copies are written
    #[arg(long, help_heading = "Pictures", value_enum, default_value = "jpeg", value_name = "FORMAT")]
    encode: Encoding,

    /// Leave out the rows that were read: write the copies alone
    #[arg(long, help_heading = "Output")]
    only_new: bool,

    /// Draw a contact sheet (PNG): the first pictures of train and their copies, with boxes; without -o nothing else
    #[arg(long, help_heading = "Output", value_name = "PNG")]
    preview: Option<PathBuf>,

    #[command(flatten)]
    work: Work,
}

impl AugmentArgs {
    pub fn run(self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        if self.print_recipe {
            print(DEFAULT_RECIPE.as_bytes())?;
            return Ok(Exit::Done);
        }
        let mut inputs = Inputs { paths: self.inputs.clone(), ..Inputs::default() };
        let target = Target::parse(self.output.as_deref());
        ensure_parquet(&target)?;
        self.preview.as_deref().map_or(Ok(()), |sheet| ensure_extension(sheet, "png"))?;
        let others: Vec<&PathBuf> = [&self.recipe, &self.background_images].into_iter().flatten().collect();
        let mut within = match &target {
            Target::Directory(folder) => Some(folder::refuse_inputs(&mut inputs, folder, &others, ui)?),
            _ => None,
        };
        let augmenter = self.augmenter(&inputs)?;
        let table = inputs.images()?.with_unique_keys();
        let (name, origin) = (table.name.clone(), Origin::of(&table));
        self.ensure_table_suits(&table, &augmenter.recipe)?;
        let ours = |start: &[u8]| start.windows(sheet::MARK.len()).any(|window| window == sheet::MARK);
        let sheet = self.preview.clone().map(|path| open_beside(path, ours)).transpose()?;
        let output = self.open(target, &table, &augmenter)?;

        let partners = if augmenter.recipe.needs_partners() { Some(Gathering::new()?) } else { None };
        let samples = if self.preview.is_some() { sheet::LINES } else { 0 };
        let mut survey = Survey::new(samples, partners);
        let (table, mut skipped) = self.look(table, &mut survey, within.as_mut(), ui)?;
        origin.report(ui);
        let classes = survey.classes(self.by)?;
        let copies = self.copies.unwrap_or(u32::from(self.floor.is_none()));
        let plan = Plan::new(&classes.rows, self.floor.unwrap_or(0).into(), copies, self.seed);
        if plan.classes.is_empty() {
            let hint = "pokedex split INPUT | pokedex augment -";
            return Err(Failure::failed(format!("{name}: no row of train has a picture"), Some(hint.into())));
        }
        let broken = survey.broken.iter().filter(|(row, _)| plan.shares[*row].count > 0);
        let broken: u64 = broken.map(|(_, boxes)| *boxes as u64).sum();
        if broken > 0 {
            let none = words::several(broken, "box is none and was", "boxes are none and were");
            let table = if inputs.is_stdin() { "TABLE" } else { &name };
            ui.warn(&format!("{name}: {none} left out of the copies; `pokedex check {table}` names them"));
        }
        let partners = Arc::new(survey.partners.take().map(Gathering::finish).transpose()?.unwrap_or_default());
        let augmenter = Arc::new(augmenter);

        if let (Some(path), Some(sheet)) = (&self.preview, sheet) {
            self.draw_preview((path, sheet), std::mem::take(&mut survey.samples), &augmenter, &partners, ui)?;
        }
        if let Some(output) = output {
            let keys = survey.keys.of_copies(&plan.shares, self.encode.extension(), &name)?;
            let maker = Maker { augmenter, partners, encoding: self.encode, folder: output.folder.clone() };
            skipped += self.write(table, output, maker, plan, (&classes, keys), ui)?;
        }
        Ok(self.work.exit(&Tally { skipped, ..Tally::default() }))
    }

    fn augmenter(&self, inputs: &Inputs) -> Result<Augmenter, Failure> {
        let recipe = match &self.recipe {
            None => Recipe::default(),
            Some(path) => {
                let text = std::fs::read_to_string(path);
                let text = text.map_err(|source| io::Error::Read { path: path.clone(), source })?;
                Recipe::parse(&text, &path.display().to_string())?
            }
        };
        if recipe.needs_background_images() && self.background_images.is_none() {
            let name = self.recipe.as_ref().map_or("recipe".into(), |path| path.display().to_string());
            let message = format!("{name}: background.kinds: only `picture`, and there are no pictures to choose from");
            let hint =
                "name a folder of them with --background-images DIR, or add \"solid\", \"gradient\" or \"noise\"";
            return Err(Failure::failed(message, Some(hint.into())));
        }
        let background_images = self.background_images.as_deref();
        let background_images =
            background_images.map(|folder| BackgroundImages::of(folder, inputs.except.as_deref())).transpose()?;
        Ok(Augmenter {
            recipe,
            seed: self.seed,
            size: self.size.map(|Size(width, height)| (width, height)),
            background: self.background,
            background_images: background_images.unwrap_or_default(),
        })
    }

    /// Without a split nobody could tell what must not be augmented.
    fn ensure_table_suits(&self, table: &Table, recipe: &Recipe) -> Result<(), Failure> {
        let input = self.inputs.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ");
        if table.schema.index_of(column::SPLIT).is_err() {
            let message =
                format!("{}: has no column `{}`, and only pictures of train are augmented", table.name, column::SPLIT);
            return Err(Failure::failed(message, Some(format!("pokedex split {input} | pokedex augment -"))));
        }
        if recipe.needs_partners() && table.schema.index_of(column::BOXES).is_err() {
            let message = format!("{}: has no column `{}`, and mosaic and mixup need it", table.name, column::BOXES);
            let hint = "pictures that show several things need boxes; set the probability of [mosaic] and [mixup] to 0";
            return Err(Failure::failed(message, Some(hint.into())));
        }
        Ok(())
    }

    /// Opens the output before any work is done; `None` where only a preview is wanted.
    fn open(&self, target: Target, table: &Table, augmenter: &Augmenter) -> Result<Option<Output>, Failure> {
        if self.output.is_none() && self.preview.is_some() {
            return Ok(None);
        }
        let described = self.described(augmenter);
        let mut provenance = table.provenance.clone();
        if provenance.get("schema").is_none() {
            provenance.set("schema", "manifest");
        }
        provenance.set("augment", &*described);
        let schema = rows::schema(&table.schema, matches!(target, Target::Directory(_)));
        ensure_whole_in_place(self.output.as_deref(), &self.inputs, &table.schema, &schema)?;
        if self.only_new {
            ensure_no_input(self.output.as_deref(), self.inputs.iter().map(|path| &**path), "the copies alone")?;
        }
        let (sink, folder) = match &target {
            Target::Directory(path) => {
                provenance.set(FOLDER, COMMAND);
                (None, Some(Arc::new(Folder::open(path, &format!("{COMMAND} {described}"), None, &mut Earlier)?)))
            }
            target => (Some(Sink::open(target, true)?), None),
        };
        let format = if target == Target::Stdout { self.stdout_format } else { StreamFormat::Parquet };
        Ok(Some(Output { sink, folder, schema, provenance, format }))
    }

    /// What the copies follow from, for the table's footer.
    fn described(&self, augmenter: &Augmenter) -> String {
        let size = augmenter.size.map_or("original".into(), |(width, height)| format!("{width}x{height}"));
        let recipe = blake3::hash(format!("{:?}", augmenter.recipe).as_bytes()).to_hex();
        let number = |number: Option<u32>| number.map_or("none".into(), |number| number.to_string());
        format!(
            "seed={} floor={} copies={} recipe={} size={size} background={} encode={}",
            self.seed,
            number(self.floor),
            number(self.copies),
            &recipe[..16],
            self.background,
            self.encode.extension(),
        )
    }

    /// Reads the whole table once, hashes what has no hash, and gives it back to be read again.
    fn look(
        &self,
        table: Table,
        survey: &mut Survey,
        mut within: Option<&mut Within>,
        ui: &mut dyn Progress,
    ) -> Result<(Table, u64), Failure> {
        ui.start("read", table.rows);
        let schema = column::put_field(&table.schema, column::field(column::CONTENT_HASH, column::HASH_TYPE));
        let schema = column::put_field(&schema, column::field(column::ERROR, DataType::Utf8));
        let (name, rows, provenance, hashed) =
            (table.name.clone(), table.rows, table.provenance.clone(), schema.clone());
        let failed: Arc<Mutex<Vec<Skipped>>> = Arc::default();
        let told = failed.clone();
        let work = move |batch: Result<RecordBatch, Error>| survey::with_hashes(&batch?, &hashed);
        let batches = in_order(pool(self.work.threads())?, slices(table, SLICE_ROWS), work).map(move |done| {
            let done = done?;
            told.lock().expect("no thread panics with this lock").extend(done.skipped);
            Ok(done.batch)
        });
        let mut table = Table::new(name, schema, rows, Box::new(batches));
        table.provenance = provenance;
        let mut skipped = 0;
        let table = table.spool(|batch| {
            let failed = std::mem::take(&mut *failed.lock().expect("no thread panics with this lock"));
            self.work.work().report(&failed, ui)?;
            skipped += failed.len() as u64;
            ui.advance(batch.num_rows() as u64);
            if let Some(within) = &mut within {
                let images = Images::of(batch)?;
                (0..batch.num_rows()).try_for_each(|row| folder::refuse_row(within, &images, row))?;
            }
            survey.look(batch)
        })?;
        ui.finish();
        Ok((table, skipped))
    }

    fn draw_preview(
        &self,
        (path, mut sheet): (&Path, Sink),
        samples: Vec<RecordBatch>,
        augmenter: &Arc<Augmenter>,
        partners: &Arc<Partners>,
        ui: &mut dyn Progress,
    ) -> Result<(), Failure> {
        ui.start("preview", Some(samples.len() as u64));
        let (augmenter, partners) = (augmenter.clone(), partners.clone());
        let drawn = in_order(pool(self.work.threads())?, samples.into_iter(), move |sample| {
            sheet::line(&sample, &augmenter, &partners)
        });
        let mut lines = Vec::new();
        for line in drawn {
            ui.advance(1);
            lines.extend(line?);
        }
        ui.finish();
        if lines.is_empty() {
            return Err(Failure::failed("no picture of train can be read", Some("pokedex scan --verify INPUT".into())));
        }
        let fail = |source| io::Error::Write { path: path.into(), source };
        sheet.write_all(&sheet::sheet(&lines)?).map_err(fail)?;
        sheet.finish()?;
        ui.done(&format!("{}: {} pictures and their copies", path.display(), lines.len()));
        Ok(())
    }

    /// Writes the rows with their copies; how many pictures could not be read.
    fn write(
        &self,
        table: Table,
        output: Output,
        maker: Maker,
        plan: Plan,
        (classes, keys): (&Classes, Vec<Box<str>>),
        ui: &mut dyn Progress,
    ) -> Result<u64, Failure> {
        let Output { sink, folder, schema, provenance, format } = output;
        let sink = match (&folder, sink) {
            (Some(folder), _) => {
                let files: Vec<String> = keys.iter().map(|key| format!("{PICTURES}/{key}")).collect();
                folder.claim(&files, self.work.threads())?;
                folder.begin()?;
                folder.create(MANIFEST)?
            }
            (None, sink) => sink.expect("what goes into no folder has a sink"),
        };
        let mut writer = Writer::new(sink, &schema, &provenance, format)?;
        let copies: u64 = plan.shares.iter().map(|share| u64::from(share.count)).sum();
        let old = if self.only_new { 0 } else { plan.shares.len() as u64 };
        ui.start("augment", Some(old + copies));
        let Plan { shares, classes: mut counts } = plan;
        let lost: Arc<Mutex<Vec<usize>>> = Arc::default();
        let planner = Planner { keys: keys.into_iter(), keep: !self.only_new };
        let shares = Arc::new(shares);
        let items = planner.items(table, shares.clone());
        let told = lost.clone();
        let work = move |item: Result<Item, Failure>| {
            let item = item?;
            let done = maker.make(&item, &schema)?;
            if !done.skipped.is_empty() {
                told.lock().expect("no thread panics with this lock").push(item.row);
            }
            Ok(done)
        };
        let tally = self.work.work().drive(items, work, ui, |batch| Ok(writer.write(&batch)?))?;
        let stale = folder.as_ref().map_or(Ok(0), |folder| folder.remove_stale())?;
        writer.finish()?;
        if let Some(folder) = folder {
            folder.complete();
        }
        for row in lost.lock().expect("no thread panics with this lock").iter() {
            if let Candidate::Parent { class, .. } = classes.rows[*row] {
                let (before, after) = &mut counts[class as usize];
                *before -= 1;
                *after -= 1 + u64::from(shares[*row].count);
            }
        }
        self.report(&counts, &classes.names, stale, ui);
        Ok(tally.skipped)
    }

    /// What became of the classes.
    fn report(&self, counts: &[(u64, u64)], names: &[String], stale: u64, ui: &dyn Progress) {
        const MOST: usize = 40;
        for (name, (before, after)) in names.iter().zip(counts).take(MOST) {
            ui.note(&format!("class {name}: {before} -> {after}"));
        }
        if names.len() > MOST {
            ui.note(&format!("… and {} more", words::several((names.len() - MOST) as u64, "class", "classes")));
        }
        let floor = u64::from(self.floor.unwrap_or(0));
        let short = names.iter().zip(counts).filter(|(_, (_, after))| *after < floor);
        let short: Vec<String> = short.map(|(name, (_, after))| format!("{name} ({after})")).collect();
        if !short.is_empty() {
            let more = if short.len() > 5 { ", …" } else { "" };
            let first = short.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
            let classes = words::several(short.len() as u64, "class stays", "classes stay");
            ui.warn(&format!("augment: {classes} below {floor}, of {}: {first}{more}", names.len()));
        }
        let sum = |of: fn(&(u64, u64)) -> u64| counts.iter().map(of).sum::<u64>();
        let least = |of: fn(&(u64, u64)) -> u64| counts.iter().map(of).min().unwrap_or(0);
        let (before, after) = (sum(|c| c.0), sum(|c| c.1));
        let removed = match stale {
            0 => String::new(),
            _ => format!("; {} removed", words::several(stale, "stale copy", "stale copies")),
        };
        ui.done(&format!(
            "augment: train {before} -> {after} pictures; the smallest of {} {} -> {}{removed}",
            words::several(names.len() as u64, "class", "classes"),
            least(|c| c.0),
            least(|c| c.1)
        ));
    }
}

/// An opened output: a file, or a folder.
struct Output {
    sink: Option<Sink>,
    /// Where pictures go; `None` puts them into the table.
    folder: Option<Arc<Folder>>,
    schema: SchemaRef,
    provenance: Provenance,
    format: StreamFormat,
}
