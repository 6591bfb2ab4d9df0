//! A data set in a folder: all rows are looked at, then planned, then their pictures are made and written.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{Array, BooleanArray, RecordBatch};
use arrow_schema::SchemaRef;

use super::super::args::{Tally, clean_up_when_interrupted};
use super::super::check;
use super::super::failure::{Exit, Failure};
use super::{Export, Fit, Format};
use crate::export::coco::Coco;
use crate::export::edge::Edge;
use crate::export::huggingface::HuggingFace;
use crate::export::imagefolder::ImageFolder;
use crate::export::manifest::{self, Entry, MANIFEST, Manifest};
use crate::export::webdataset::WebDataset;
use crate::export::yolo::{self, Yolo, class_of};
use crate::export::{self, Folder, Item, Layout, Made, Place, Plan, Recipe, Survey, Whereabouts};
use crate::filter::Filter;
use crate::image::{self, Colour, Encoding};
use crate::io::Target;
use crate::split::{SPLITS, Split};
use crate::stage::{Skipped, in_order, pool, slices};
use crate::table::boxes::{Bounds, Boxes};
use crate::table::{self, Images, Table, column};
use crate::ui::{Ui, rows};

/// Rows that one thread works on at a time.
const SLICE_ROWS: usize = 4;
/// Side of a picture for YOLO.
const YOLO_SIDE: u32 = 416;
/// Bytes of a shard.
const SHARD_BYTES: u64 = 200_000_000;

impl Export {
    /// Writes the pictures of a table as a data set.
    pub(super) fn to_folder(&self, ui: &mut Ui) -> Result<Exit, Failure> {
        let out = self.folder()?;
        let filter = self.condition.as_deref().map(Filter::parse).transpose()?;
        let (table, survey) = self.survey(filter.as_ref(), ui)?;
        let name = table.name.clone();
        self.require_split(&table, ui)?;
        let mut plan = survey.plan();
        report_left_out(&name, &plan, ui);
        let device = self.device.model.as_deref().map(|model| self.device(model, &mut plan, ui)).transpose()?;
        let plan = Arc::new(plan);
        if plan.exported == 0 {
            let hint = format!("pokedex export {name} --format csv | head");
            return Err(Failure::failed(format!("{name}: no row can be exported"), Some(hint)));
        }

        clean_up_when_interrupted();
        let recipe = device
            .as_ref()
            .map_or_else(|| self.recipe(), |device| device.recipe(self.pictures.encode, self.pictures.quality));
        let mut settings = self.settings(&recipe);
        if let Some(device) = &device {
            settings.push_str(&format!(" model={}", device.digest()));
        }
        let folder = Arc::new(Folder::open(&out, &settings, self.pictures.force)?);
        let layout: Arc<dyn Layout> = match device {
            Some(device) => Arc::new(device),
            None => self.layout(&plan).into(),
        };
        let made = self.write(table, plan.clone(), folder.clone(), layout, recipe, settings, ui)?;

        self.report(&name, &out, &plan, &made, ui);
        if !self.pictures.no_check && self.found_wrong(&out, ui)? {
            return Ok(Exit::Found);
        }
        Ok(self.work.exit(&made.tally))
    }

    /// The folder to write.
    fn folder(&self) -> Result<std::path::PathBuf, Failure> {
        let hint = format!("--format {} -o OUT/", self.format.name());
        match self.output.as_deref() {
            Some(out) if out != Path::new("-") => match Target::parse(Some(out)) {
                Target::File(path) if path.exists() => {
                    Err(Failure::usage(format!("{}: is a file, and a data set is a folder", path.display()), hint))
                }
                _ => Ok(out.to_path_buf()),
            },
            _ => Err(Failure::usage("a data set is a folder, and none was named", hint)),
        }
    }

    /// Reads all rows once, and gives them back to be read again.
    fn survey(&self, filter: Option<&Filter>, ui: &mut Ui) -> Result<(Table, Survey), Failure> {
        let inputs = self.inputs.to_inputs();
        let open = || -> Result<Table, Failure> {
            let table = inputs.images()?.with_unique_keys();
            Ok(match filter {
                Some(filter) => table.filtered(filter)?,
                None => table,
            })
        };
        let mut survey = Survey::new(self.naming());
        let table = open()?;
        ui.start("read", table.rows);
        let mut look = |batch: &RecordBatch| -> Result<(), Failure> {
            ui.advance(batch.num_rows() as u64);
            Ok(survey.look(batch)?)
        };
        let table = if inputs.is_stdin() {
            table.spool(look)?
        } else {
            for batch in table {
                look(&batch?)?;
            }
            open()?
        };
        ui.finish();
        Ok((table, survey))
    }

    /// A detector must not be trained on what it is tested with; other data sets may be divided later.
    fn require_split(&self, table: &Table, ui: &Ui) -> Result<(), Failure> {
        if table.has(column::SPLIT) {
            return Ok(());
        }
        let hint = format!("pokedex split {} | pokedex export - --format {} -o OUT/", table.name, self.format.name());
        if self.format == Format::Yolo {
            return Err(Failure::failed(format!("{}: has no column `split`", table.name), Some(hint)));
        }
        ui.warn(&format!("{}: has no column `split`, so all rows are for training ({hint})", table.name));
        Ok(())
    }

    /// Checks what was written, as `check` does, and says what is wrong.
    fn found_wrong(&self, out: &Path, ui: &mut Ui) -> Result<bool, Failure> {
        const SHOWN: usize = 3;
        let errors = check::of_export(out, self.work.threads(), ui)?;
        for same in errors.chunk_by(|a, b| a.0 == b.0) {
            for (rule, sentence) in same.iter().take(SHOWN) {
                ui.warn(&format!("{}: {}: {}", out.display(), rule.name(), sentence));
            }
            if same.len() > SHOWN {
                ui.warn(&format!("{}: {}: and {} more", out.display(), same[0].0.name(), same.len() - SHOWN));
            }
        }
        if !errors.is_empty() {
            ui.hint(&format!("pokedex check {}", out.display()));
        }
        Ok(!errors.is_empty())
    }

    /// The model of a bundle for a device, whose pictures are chosen.
    fn device(&self, model: &Path, plan: &mut Plan, ui: &Ui) -> Result<Edge, Failure> {
        const CALIBRATION: usize = 200;
        let wanted = self.device.calibration.map_or(CALIBRATION, |n| n as usize);
        plan.sample(wanted);
        if (plan.exported as usize) < wanted && plan.exported > 0 {
            ui.warn(&format!("{} pictures to calibrate with, not {wanted}: there are no more", plan.exported));
        }
        let edge = Edge::open(model, self.device.anchors.as_deref())?;
        if let Some(note) = edge.note() {
            ui.warn(&format!("{}: {note}", model.display()));
        }
        Ok(edge)
    }

    fn naming(&self) -> export::plan::Naming {
        match self.format {
            Format::Imagefolder => export::imagefolder::NAMING,
            Format::Coco => export::coco::NAMING,
            Format::Webdataset => export::webdataset::NAMING,
            Format::Huggingface => export::huggingface::NAMING,
            Format::Edge => export::edge::NAMING,
            _ => yolo::NAMING,
        }
    }

    fn layout(&self, plan: &Plan) -> Box<dyn Layout> {
        let shard_bytes = self.pictures.shard_size.map_or(SHARD_BYTES, |size| size.0);
        match self.format {
            Format::Imagefolder => Box::new(ImageFolder::new(plan)),
            Format::Coco => Box::new(Coco),
            Format::Webdataset => Box::new(WebDataset { shard_bytes }),
            Format::Huggingface => Box::new(HuggingFace { shard_bytes }),
            _ => Box::new(Yolo { validation: self.validation() }),
        }
    }

    fn validation(&self) -> String {
        self.pictures.val_name.as_deref().map_or(Split::Validation.name().into(), export::names::safe)
    }

    fn recipe(&self) -> Recipe {
        let flags = &self.pictures;
        let yolo = self.format == Format::Yolo;
        Recipe {
            size: flags.size.map(|size| (size.0, size.1)).or(yolo.then_some((YOLO_SIDE, YOLO_SIDE))),
            fit: Fit::into(flags.fit.unwrap_or_default()),
            encoding: if yolo { Some(Encoding::Jpeg) } else { flags.encode },
            quality: flags.quality.unwrap_or(image::JPEG_QUALITY),
            background: flags.background.unwrap_or(Colour::WHITE),
        }
    }

    /// What makes the same files again, for the footer.
    fn settings(&self, recipe: &Recipe) -> String {
        let mut settings = format!("{} {}", self.format.name(), recipe.describe());
        if self.format == Format::Yolo {
            settings.push_str(&format!(" val-name={}", self.validation()));
        }
        if let Some(size) = self.pictures.shard_size {
            settings.push_str(&format!(" shard-size={}", size.0));
        }
        settings
    }

    /// Makes and writes all pictures, and what goes with them; the manifest last.
    #[expect(clippy::too_many_arguments, reason = "each is settled by now, and used here only")]
    fn write(
        &self,
        table: Table,
        plan: Arc<Plan>,
        folder: Arc<Folder>,
        layout: Arc<dyn Layout>,
        recipe: Recipe,
        settings: String,
        ui: &mut Ui,
    ) -> Result<Outcome, Failure> {
        let (name, mut provenance) = (table.name.clone(), table.provenance.clone());
        let kept = manifest::kept(&table.schema);
        let has_files = layout.file(plan.places().next().expect("a row is exported"), "png").is_some();
        let has_labels = self.format == Format::Yolo;
        let mut manifest = Manifest::new(&table.schema, !has_files, has_labels)?;
        let mut packer = layout.packer(&folder, &plan, &kept);

        ui.start("export", Some(plan.rows() as u64));
        let mut first = 0;
        let counted = slices(table, SLICE_ROWS).map(move |batch| {
            let from = first;
            first += batch.as_ref().map_or(0, RecordBatch::num_rows);
            (from, batch)
        });
        let job = Job {
            plan: plan.clone(),
            folder: folder.clone(),
            layout: layout.clone(),
            recipe,
            kept: kept.clone(),
            numbered: self.naming().boxes,
        };
        let mut outcome = Outcome::default();
        let work = move |(from, batch): (usize, Result<RecordBatch, table::Error>)| job.slice(from, &batch?);
        let mut seen = 0;
        for slice in in_order(pool(self.work.threads())?, counted, work) {
            let slice = slice?;
            self.work.report(&slice.skipped, ui)?;
            outcome.tally.skipped += slice.skipped.len() as u64;
            outcome.vanished += slice.vanished;
            outcome.found += slice.found;
            outcome.tally.rows += slice.pictures.len() as u64;
            seen += slice.seen;
            ui.advance(slice.seen as u64);
            let keys = column::text(&slice.rows, column::KEY)?.expect("every table has keys by now");
            let labels = column::text(&slice.rows, column::LABEL)?;
            let ids = column::ints(&slice.rows, column::ID)?;
            let mut entries = Vec::with_capacity(slice.pictures.len());
            for (i, picture) in slice.pictures.into_iter().enumerate() {
                let place = plan.place(picture.row).expect("it was planned");
                let item = Item {
                    place,
                    key: keys.value(i),
                    id: ids.as_ref().filter(|ids| ids.is_valid(i)).map(|ids| ids.value(i)),
                    label: labels.as_ref().filter(|labels| labels.is_valid(i)).map(|labels| labels.value(i)),
                    made: &picture.made,
                    file: picture.file.as_deref(),
                    boxes: picture.boxes.as_deref(),
                };
                let packed = packer.take(&item, &picture.bytes, &slice.rows.slice(i, 1))?;
                let file = picture.file.clone().map(|file| Whereabouts { file, member: None });
                outcome.counts[place.split as usize] += 1;
                entries.push(Entry {
                    made: picture.made,
                    split: place.split.name(),
                    whereabouts: packed.or(file).unwrap_or_default(),
                    label_file: picture.label_file,
                    boxes: picture.boxes,
                });
            }
            manifest.write(&slice.rows, &entries)?;
        }
        ui.finish();
        if seen != plan.rows() {
            return Err(export::Error::Changed { name }.into());
        }
        let finished = packer.finish()?;
        outcome.removed = folder.remove_stale()?;
        provenance.set("schema", "manifest");
        provenance.set(manifest::EXPORT, settings);
        provenance.set(manifest::FILES, finished.files.join("\n"));
        manifest.finish(&folder.join(MANIFEST), &provenance, &finished.renamed)?;
        folder.complete();
        Ok(outcome)
    }

    fn report(&self, name: &str, out: &Path, plan: &Plan, outcome: &Outcome, ui: &Ui) {
        if outcome.vanished > 0 {
            let boxes = if outcome.vanished == 1 { "box lies" } else { "boxes lie" };
            ui.warn(&format!("{name}: {} {boxes} outside of what is shown of a picture", outcome.vanished));
        }
        if plan.places().all(|place| place.split != Split::Validation) && self.format == Format::Yolo {
            ui.warn(&format!("{name}: no row is for validation, so data.yaml validates with what it trains on"));
        }
        if self.format == Format::Imagefolder {
            warn_of_absent_classes(name, plan, ui);
        }
        let splits = SPLITS.map(|split| format!("{} {}", outcome.counts[split as usize], split.name()));
        let removed = match outcome.removed {
            0 => String::new(),
            1 => "; 1 file of an earlier export removed".into(),
            files => format!("; {files} files of an earlier export removed"),
        };
        let found = if outcome.found > 0 { format!("; {} were there", outcome.found) } else { String::new() };
        ui.done(&format!("{}: {}{found}{removed}", out.display(), splits.join(", ")));
    }
}

/// What a run came to.
#[derive(Debug, Default)]
struct Outcome {
    tally: Tally,
    /// Pictures of each split.
    counts: [u64; 3],
    /// Pictures that an earlier run had made.
    found: u64,
    /// Boxes that are not seen any more.
    vanished: u64,
    /// Files of an earlier export that were removed.
    removed: u64,
}

fn report_left_out(name: &str, plan: &Plan, ui: &Ui) {
    let total: u64 = plan.left.values().sum();
    if total > 0 {
        let reasons: Vec<String> = plan.left.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        let were = if total == 1 { "was" } else { "were" };
        ui.warn(&format!("{name}: {} {were} left out: {}", rows(total), reasons.join(", ")));
    }
}

/// ImageFolder numbers the classes of every split by the folders that it has.
fn warn_of_absent_classes(name: &str, plan: &Plan, ui: &Ui) {
    let counts = plan.counts();
    for (at, split) in SPLITS.into_iter().enumerate() {
        let absent = counts.values().filter(|counts| counts[at] == 0).count();
        if absent > 0 && counts.values().any(|counts| counts[at] > 0) {
            ui.warn(&format!(
                "{name}: {absent} of {} classes have no picture in {}, where torchvision will number them otherwise",
                counts.len(),
                split.name()
            ));
        }
    }
}

/// What every thread needs.
struct Job {
    plan: Arc<Plan>,
    folder: Arc<Folder>,
    layout: Arc<dyn Layout>,
    recipe: Recipe,
    kept: SchemaRef,
    /// Whether boxes have the numbers of classes.
    numbered: bool,
}

/// What became of a slice of rows.
struct Slice {
    /// The rows whose pictures were made, without what no export keeps.
    rows: RecordBatch,
    pictures: Vec<Picture>,
    skipped: Vec<Skipped>,
    seen: usize,
    vanished: u64,
    found: u64,
}

/// A picture that was made.
struct Picture {
    /// Number of its row.
    row: usize,
    made: Made,
    /// Empty where it is in its file.
    bytes: Vec<u8>,
    file: Option<String>,
    label_file: Option<String>,
    boxes: Option<Vec<Bounds>>,
}

impl Job {
    fn slice(&self, from: usize, batch: &RecordBatch) -> Result<Slice, Failure> {
        let images = Images::of(batch)?;
        let boxes = Boxes::of(batch)?;
        let labels = column::text(batch, column::LABEL)?;
        let ids = column::ints(batch, column::ID)?;
        let mut slice = Slice {
            rows: RecordBatch::new_empty(self.kept.clone()),
            pictures: Vec::new(),
            skipped: Vec::new(),
            seen: batch.num_rows(),
            vanished: 0,
            found: 0,
        };
        for i in 0..batch.num_rows() {
            let Some(place) = self.plan.place(from + i) else { continue };
            if let Some(path) = images.path(i).filter(|path| self.folder.holds(path)) {
                return Err(export::Error::SourceInside { path: path.into() }.into());
            }
            let row = Row {
                number: from + i,
                place,
                key: images.key(i),
                id: ids.as_ref().filter(|ids| ids.is_valid(i)).map(|ids| ids.value(i)),
                label: labels.as_ref().filter(|labels| labels.is_valid(i)).map(|labels| labels.value(i)),
                boxes: boxes.as_ref().and_then(|boxes| boxes.get(i)),
            };
            let bytes = match images.read(i) {
                Ok(bytes) => bytes,
                Err(problem) => {
                    slice.skipped.push(Skipped { key: row.key.into(), problem });
                    continue;
                }
            };
            match self.picture(&row, &bytes, &mut slice) {
                Ok(picture) => slice.pictures.push(picture),
                Err(export::Error::Image(problem)) => {
                    slice.skipped.push(Skipped { key: row.key.into(), problem: problem.to_string() });
                }
                Err(fatal) => return Err(fatal.into()),
            }
        }
        self.folder.made(slice.pictures.iter().map(|p| (p.file.as_deref().unwrap_or("-"), &p.made)))?;
        let mut made = vec![false; batch.num_rows()];
        slice.pictures.iter().for_each(|picture| made[picture.row - from] = true);
        let kept = column::put(batch, &self.kept, &[]);
        let rows = arrow_select::filter::filter_record_batch(&kept, &BooleanArray::from(made));
        slice.rows = rows.expect("as many marks as rows");
        Ok(slice)
    }

    /// Makes one picture, and its files where it has some of its own.
    fn picture(&self, row: &Row, bytes: &[u8], slice: &mut Slice) -> Result<Picture, export::Error> {
        let source = *blake3::hash(bytes).as_bytes();
        let file = self.layout.file(row.place, self.recipe.extension(bytes)?);
        let known = file.as_ref().and_then(|file| self.folder.up_to_date(file, &source));
        let sound = self.folder.sound(&source).filter(|_| known.is_none());
        let (made, new, from) = match known {
            None if sound.is_some() && self.recipe.keeps(bytes)? => {
                slice.found += 1;
                let (width, height) = sound.unwrap_or_default();
                let made = Made { source, content: source, width, height, length: bytes.len() as u64 };
                (made, Some(Cow::Borrowed(bytes)), (width, height))
            }
            Some(made) => {
                slice.found += 1;
                let from = if row.boxes.is_some() { image::dimensions(bytes)? } else { (made.width, made.height) };
                (made, None, from)
            }
            None => {
                let picture = self.recipe.apply(bytes, source)?;
                (picture.made, Some(picture.bytes), picture.from)
            }
        };
        let boxes = row.boxes.as_ref().map(|boxes| {
            let mut moved = self.recipe.move_boxes(from, boxes);
            slice.vanished += (boxes.len() - moved.len()) as u64;
            for bounds in moved.iter_mut().filter(|_| self.numbered) {
                bounds.class = class_of(bounds.label.as_deref(), row.place.class, &self.plan.classes);
            }
            moved
        });
        let item = Item {
            place: row.place,
            key: row.key,
            id: row.id,
            label: row.label,
            made: &made,
            file: file.as_deref(),
            boxes: boxes.as_deref(),
        };
        let label = self.layout.beside(&item, &self.plan.classes).filter(|_| file.is_some());
        self.folder.begin(file.as_deref().into_iter().chain(label.as_ref().map(|(name, _)| name.as_str())))?;
        let mut bytes = Vec::new();
        match (&file, new) {
            (Some(file), Some(new)) => crate::io::write_file(&self.folder.join(file), &new)?,
            (None, Some(new)) => bytes = new.into_owned(),
            (_, None) => {}
        }
        if let Some((name, text)) = &label {
            self.folder.write_begun(name, text.as_bytes())?;
        }
        let label_file = label.map(|(name, _)| name);
        Ok(Picture { row: row.number, made, bytes, file, label_file, boxes })
    }
}

/// A row that is exported.
struct Row<'a> {
    number: usize,
    place: &'a Place,
    key: &'a str,
    id: Option<i32>,
    label: Option<&'a str>,
    boxes: Option<Vec<Bounds>>,
}
