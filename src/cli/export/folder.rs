//! A data set in a folder: all rows are looked at, then planned, then their pictures are made and written.

mod make;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{Array, RecordBatch};

use super::{Choice, Export, Fit, Format};
use crate::check;
use crate::cli::exit::Exit;
use crate::export::classes::Wanted;
use crate::export::coco::Coco;
use crate::export::edge::Edge;
use crate::export::huggingface::HuggingFace;
use crate::export::imagefolder::ImageFolder;
use crate::export::manifest::{self, Entry, Known, MANIFEST, Manifest};
use crate::export::webdataset::WebDataset;
use crate::export::yolo::{self, Yolo};
use crate::export::{self, Finished, Folder, Item, Layout, Plan, Recipe, Survey, Whereabouts};
use crate::failure::Failure;
use crate::filter::Filter;
use crate::image::{self, Colour, Encoding};
use crate::io::Target;
use crate::names;
use crate::output::folder;
use crate::progress::Progress;
use crate::split::{SPLITS, Split};
use crate::stage::Tally;
use crate::stage::{in_order, pool, slices};
use crate::table::dataset::FOLDER;
use crate::table::{self, Table, column, layout};
use crate::words;
use crate::words::rows;
use make::Job;

/// Rows that one thread works on at a time.
const SLICE_ROWS: usize = 4;
/// Side of a picture for YOLO.
const YOLO_SIDE: u32 = 416;
/// Bytes of a shard.
const SHARD_BYTES: u64 = 200_000_000;

impl Export {
    /// Writes the pictures of a table as a data set.
    pub(super) fn to_folder(&self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        let out = self.folder()?;
        let filter = self.condition.as_deref().map(Filter::parse).transpose()?;
        let (table, survey) = self.survey(filter.as_ref(), &out, ui)?;
        let name = table.name.clone();
        self.require_split(&table, ui)?;
        let mut plan = survey.plan(self.wanted_classes()?);
        report_left_out(&name, &plan, ui);
        if !plan.strange.is_empty() {
            let (some, more) = (plan.strange.iter().take(5).map(String::as_str), plan.strange.len().saturating_sub(5));
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let message = format!("{name}: is in no list of classes: {}{more}", some.collect::<Vec<_>>().join(", "));
            return Err(Failure::failed(message, Some("add a line for each, or use --classes all".into())));
        }
        let device = self.device.model.as_deref().map(|model| self.device(model, &mut plan, ui)).transpose()?;
        let plan = Arc::new(plan);
        if plan.exported == 0 {
            let hint = format!("pokedex export {name} --format csv | head");
            return Err(Failure::failed(format!("{name}: no row can be exported"), Some(hint)));
        }

        let recipe = device
            .as_ref()
            .map_or_else(|| self.recipe(), |device| device.recipe(self.pictures.encode, self.pictures.quality));
        let mut settings = self.settings(&recipe, &plan);
        if let Some(device) = &device {
            settings.push_str(&format!(" model={}", device.digest()));
        }
        let force = self.pictures.force;
        let mut known = Known::new(&settings);
        let run = format!("{} {settings}", manifest::EXPORT);
        let folder = Arc::new(Folder::open(&out, &run, Some(force), &mut known)?);
        if !force {
            folder.require_alone(is_harmless, self.work.threads())?;
        }
        let layout: Arc<dyn Layout> = match device {
            Some(device) => Arc::new(device),
            None => self.layout(&plan).into(),
        };
        let parent = |place| layout.file(place, "png").and_then(|file| Some(file.rsplit_once('/')?.0.to_string()));
        let parents: BTreeSet<String> = plan.places().filter_map(parent).collect();
        parents.into_iter().chain(layout.folders()).try_for_each(|parent| folder.refuse_links(&parent))?;
        folder.begin()?;
        let kept = manifest::kept(&table.schema);
        let numbered = self.naming().boxes;
        let job = Job { plan: plan.clone(), folder, known, layout, recipe, kept, numbered };
        let made = self.write(table, job, settings, ui)?;

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

    /// Reads all rows once, and gives them back to be read again. None may lie in the folder `out`.
    fn survey(&self, filter: Option<&Filter>, out: &Path, ui: &mut dyn Progress) -> Result<(Table, Survey), Failure> {
        let mut inputs = self.inputs.to_inputs();
        let classes = match &self.pictures.classes {
            Some(Choice::File(path)) => Some(path),
            _ => None,
        };
        let others = [self.device.model.as_ref(), self.device.anchors.as_ref(), classes];
        let others: Vec<_> = others.into_iter().flatten().collect();
        let within = folder::refuse_inputs(&mut inputs, out, &others, ui)?;
        let mut survey = Survey::new(self.naming(), within);
        let table = folder::read_twice(&inputs, filter, ui, |batch| Ok(survey.look(batch)?))?;
        Ok((table, survey))
    }

    /// A detector must not be trained on what it is tested with; other data sets may be divided later.
    fn require_split(&self, table: &Table, ui: &dyn Progress) -> Result<(), Failure> {
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
    fn found_wrong(&self, out: &Path, ui: &mut dyn Progress) -> Result<bool, Failure> {
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
    fn device(&self, model: &Path, plan: &mut Plan, ui: &dyn Progress) -> Result<Edge, Failure> {
        const CALIBRATION: usize = 200;
        let wanted = self.device.calibration.map_or(CALIBRATION, |n| n as usize);
        plan.sample(wanted);
        if (plan.exported as usize) < wanted && plan.exported > 0 {
            let pictures = words::several(plan.exported, "picture", "pictures");
            ui.warn(&format!("{pictures} to calibrate with, not {wanted}: there are no more"));
        }
        let edge = Edge::open(model, self.device.anchors.as_deref())?;
        for note in edge.note().into_iter().chain(edge.lacks()) {
            ui.warn(&format!("{}: {note}", model.display()));
        }
        Ok(edge)
    }

    /// Which classes the data set has.
    fn wanted_classes(&self) -> Result<Wanted, Failure> {
        match &self.pictures.classes {
            None => Ok(Wanted::Usual),
            Some(Choice::Present) => Ok(Wanted::Present),
            Some(Choice::All) => Ok(Wanted::All),
            Some(Choice::File(path)) => {
                let names = layout::class_names(path).map_err(|problem| {
                    let hint = "a name a line, as classes.txt has them, or a data.yaml; else: present, all";
                    Failure::failed(format!("{}: {problem}", path.display()), Some(hint.into()))
                })?;
                Ok(Wanted::Named(names))
            }
        }
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
        self.pictures.val_name.as_deref().map_or(Split::Validation.name().into(), names::safe)
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
    fn settings(&self, recipe: &Recipe, plan: &Plan) -> String {
        let mut settings = format!("{} {}", self.format.name(), recipe.describe());
        if self.format == Format::Yolo {
            settings.push_str(&format!(" val-name={}", self.validation()));
        }
        match &self.pictures.classes {
            Some(Choice::Present) => settings.push_str(" classes=present"),
            Some(Choice::All) => settings.push_str(" classes=all"),
            Some(Choice::File(_)) => {
                let names = plan.classes.names().join("\n");
                settings.push_str(&format!(" classes={}", &blake3::hash(names.as_bytes()).to_hex()[..16]));
            }
            None => {}
        }
        if let Some(size) = self.pictures.shard_size {
            settings.push_str(&format!(" shard-size={}", size.0));
        }
        settings
    }

    /// Makes and writes all pictures, and what goes with them; the manifest last.
    fn write(&self, table: Table, job: Job, settings: String, ui: &mut dyn Progress) -> Result<Outcome, Failure> {
        let job = Arc::new(job);
        let (plan, folder) = (&job.plan, &job.folder);
        let (name, mut provenance) = (table.name.clone(), table.provenance.clone());
        let has_files = job.layout.file(plan.places().next().expect("a row is exported"), "png").is_some();
        let has_labels = self.format == Format::Yolo;
        let mut manifest = Manifest::new(&table.schema, !has_files, has_labels)?;
        let mut packer = job.layout.packer(folder, plan, &job.kept);

        ui.start("export", Some(plan.rows() as u64));
        let mut first = 0;
        let counted = slices(table, SLICE_ROWS).map(move |batch| {
            let from = first;
            first += batch.as_ref().map_or(0, RecordBatch::num_rows);
            (from, batch)
        });
        let mut outcome = Outcome::default();
        let maker = job.clone();
        let work = move |(from, batch): (usize, Result<RecordBatch, table::Error>)| maker.slice(from, &batch?);
        let mut seen = 0;
        for slice in in_order(pool(self.work.threads())?, counted, work) {
            let slice = slice?;
            self.work.work().report(&slice.skipped, ui)?;
            outcome.tally.skipped += slice.skipped.len() as u64;
            outcome.tally.report_flaws(&slice.flawed, ui);
            outcome.vanished += slice.vanished;
            outcome.classless.extend(slice.classless);
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
        outcome.tally.report_other_flaws(ui);
        if seen != plan.rows() {
            return Err(export::Error::Changed { name }.into());
        }
        if outcome.tally.rows == 0 {
            return Err(export::Error::NothingRead { name }.into());
        }
        let Finished { renamed, notes } = packer.finish()?;
        outcome.notes = notes;
        outcome.removed = folder.remove_stale()?;
        provenance.set("schema", "manifest");
        provenance.set(FOLDER, manifest::EXPORT);
        provenance.set(manifest::EXPORT, settings);
        provenance.set(manifest::FILES, manifest::list(&folder.others()));
        manifest.finish(folder.create(MANIFEST)?, &provenance, &renamed)?;
        folder.complete();
        Ok(outcome)
    }

    fn report(&self, name: &str, out: &Path, plan: &Plan, outcome: &Outcome, ui: &dyn Progress) {
        if outcome.vanished > 0 {
            let boxes = if outcome.vanished == 1 { "box lies" } else { "boxes lie" };
            ui.warn(&format!("{name}: {} {boxes} outside of what is shown of a picture", outcome.vanished));
        }
        if outcome.classless.count > 0 {
            ui.warn(&format!("{name}: {}", outcome.classless));
        }
        if plan.whole > 0 && matches!(self.format, Format::Yolo | Format::Coco) {
            let pictures = words::several(plan.whole, "picture has", "pictures have");
            ui.warn(&format!("{name}: {pictures} no boxes: the box of its class is the whole picture"));
        }
        for note in &outcome.notes {
            ui.warn(&format!("{name}: {note}"));
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
    classless: Classless,
    /// Files of an earlier export that were removed.
    removed: u64,
    /// What readers stumble over.
    notes: Vec<String>,
}

/// Boxes that are left out because they are of no class.
#[derive(Debug, Default)]
struct Classless {
    count: u64,
    /// What the first of them are called, each once; one more than is said.
    names: Vec<String>,
}

impl Classless {
    const SAID: usize = 3;

    fn extend(&mut self, labels: Vec<String>) {
        self.count += labels.len() as u64;
        for label in labels {
            if self.names.len() <= Self::SAID && !self.names.contains(&label) {
                self.names.push(label);
            }
        }
    }
}

impl std::fmt::Display for Classless {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let boxes = if self.count == 1 { "box is" } else { "boxes are" };
        let said = &self.names[..self.names.len().min(Self::SAID)];
        let more = if self.names.len() > said.len() { ", …" } else { "" };
        write!(f, "{} {boxes} of no class of the data set: {}{more}", self.count, said.join(", "))
    }
}

fn report_left_out(name: &str, plan: &Plan, ui: &dyn Progress) {
    let total: u64 = plan.left.values().sum();
    if !plan.unknown.is_empty() {
        let values: Vec<&str> = plan.unknown.iter().map(String::as_str).collect();
        ui.warn(&format!("{name}: column `split` holds {}; {}", values.join(", "), table::split::KNOWN));
    }
    if total > 0 {
        let reasons: Vec<String> = plan.left.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        let were = if total == 1 { "was" } else { "were" };
        ui.warn(&format!("{name}: {} {were} left out: {}", rows(total), reasons.join(", ")));
    }
}

/// Files that others leave in a data set and that are in nobody's way: Ultralytics' lists of labels, file managers' notes.
fn is_harmless(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or_default();
    name.ends_with(".cache") || ["Thumbs.db", "desktop.ini"].contains(&name)
}

/// ImageFolder numbers the classes of every split by the folders that it has.
fn warn_of_absent_classes(name: &str, plan: &Plan, ui: &dyn Progress) {
    let counts = plan.counts();
    for (at, split) in SPLITS.into_iter().enumerate() {
        let absent = counts.values().filter(|counts| counts[at] == 0).count();
        if absent > 0 && counts.values().any(|counts| counts[at] > 0) {
            ui.warn(&format!(
                "{name}: {absent} of {} classes {} no picture in {}, where torchvision will number them otherwise",
                counts.len(),
                if absent == 1 { "has" } else { "have" },
                split.name()
            ));
        }
    }
}
