//! `check`: what is wrong with a data set.

mod report;

use std::path::{Path, PathBuf};

use arrow_array::{Array, Int32Array, RecordBatch};
use clap::Args;

use super::args::{number, threads};
use crate::check::{Claims, Depth, Finding, Report, Row, Rows, Rule, Seen, Settings, Severity, look};
use crate::cli::exit::Exit;
use crate::duplicates::{MAX_REACH, PerceptualHash, REACH};
use crate::failure::Failure;
use crate::io::Sink;
use crate::io::Target;
use crate::output;
use crate::progress::Progress;
use crate::split::Ratios;
use crate::stage::{in_order, pool, slices};
use crate::table::boxes::{Bounds, Boxes};
use crate::table::column::{self, read_hashes};
use crate::table::layout::{self, Findings, Profile};
use crate::table::{Error, Images, Inputs, Table, dataset};
use report::Format;

/// Rows that one thread works on at a time, with their pictures and without.
const SLICE_ROWS: usize = 16;
const TABLE_SLICE_ROWS: usize = 1024;

/// When `check` ends with 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum FailOn {
    /// At an error
    #[default]
    Error,
    /// At a warning too
    Warning,
    /// Never
    Never,
}

/// Say what is wrong with a data set: damaged pictures, copies, leaks between splits, classes, labels
///
/// Every picture is decoded and compared with what its row says and with all others; identical pictures and near copies
/// in two splits are leaks, named in pairs. A folder is read in the layout that a training tool reads: its label files,
/// names and numbers are checked too. Ends with 4 where an error was found; a warning is worth a look.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pokedex check split.parquet
  pokedex check yolo/ --findings findings.csv
  pokedex check photos/ --layout imagefolder --fail-on warning
  pokedex check data/coco8.yaml
  pokedex scan photos/ | pokedex split - | pokedex check - --format json | jq .summary.splits")]
pub struct Check {
    /// Tables, image files, folders, a data set's folder or data.yaml, or - for standard input
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,

    /// How the folder is laid out [default: told by its files]
    #[arg(long, help_heading = "Input", value_enum, value_name = "LAYOUT", alias = "profile")]
    layout: Option<Profile>,

    /// Do not open pictures: hold only the table's columns against each other
    #[arg(long, help_heading = "Input")]
    no_pictures: bool,

    /// Do not look for near copies
    #[arg(long, help_heading = "Near copies", overrides_with = "near_duplicates")]
    no_near_duplicates: bool,

    /// Look for near copies, as it does anyway
    #[arg(long, hide = true)]
    near_duplicates: bool,

    /// In how many bits of 256 the perceptual hashes of near copies may differ, as for `split`
    #[arg(long, help_heading = "Near copies", default_value_t = REACH, value_name = "N", value_parser = clap::value_parser!(u32).range(..=i64::from(MAX_REACH)), conflicts_with = "no_near_duplicates")]
    hash_distance: u32,

    /// Warn of pictures with a side of fewer pixels
    #[arg(long, help_heading = "Findings", default_value_t = 32, value_name = "PIXELS", alias = "min-size")]
    warn_below: u32,

    /// Warn where the largest class has more than X times the pictures of the smallest
    #[arg(long, help_heading = "Findings", default_value_t = 10.0, value_name = "X", value_parser = imbalance)]
    max_imbalance: f64,

    /// Warn of classes that are not divided so [default: as `split` has noted in the table]
    #[arg(long, help_heading = "Findings", value_name = "T/V/T")]
    ratios: Option<Ratios>,

    /// Leave out these rules: names separated by commas
    #[arg(long, help_heading = "Findings", value_delimiter = ',', value_name = "RULES")]
    ignore: Vec<String>,

    /// What makes the exit code 4
    #[arg(long, help_heading = "Findings", value_enum, default_value_t, value_name = "SEVERITY")]
    fail_on: FailOn,

    /// How the report is written [default: what the file's name says, else text]
    #[arg(long, help_heading = "Output", value_enum, value_name = "FORMAT")]
    format: Option<Format>,

    /// How many findings of a rule the text shows
    #[arg(long, help_heading = "Output", default_value_t = 5, value_name = "N")]
    limit: usize,

    /// Write the report to this file [default: standard output]
    #[arg(short, long, help_heading = "Output", value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write all findings to this table as well: .csv, .tsv, .jsonl or .parquet
    #[arg(long, help_heading = "Output", value_name = "FILE")]
    findings: Option<PathBuf>,

    /// Number of threads [default: the number of processors]
    #[arg(short, long, help_heading = "Work", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
}

impl Check {
    pub fn run(self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        let ignored = self.ignored()?;
        self.refuse_to_overwrite()?;
        let target = Target::parse(self.output.as_deref());
        let format = output::format(&target, self.format, Format::Text)?;
        let beside = match self.findings.as_deref() {
            Some(path) => {
                let (format, target) = (Format::of(path)?, Target::File(path.into()));
                Some((output::format(&target, Some(format), format)?, Sink::open(&target, true)?))
            }
            None => None,
        };
        let (table, layout) = self.open()?;
        let sink = Sink::open(&target, format == Format::Parquet)?;
        let (profile, findings) = layout;
        let what = What { name: table.name.clone(), profile, opened: self.opens(&table) };
        let depth = if what.opened { Depth::Pixels } else { Depth::Table };
        let settings = self.settings(&table);
        let mut report = look_at_all(table, settings, depth, threads(self.jobs), ui)?;
        report.findings.extend(findings.take().into_iter().map(Finding::in_folder));
        report.findings.sort_unstable();
        report.findings.dedup();
        report.findings.retain(|finding| !ignored.contains(&finding.rule));
        report::write(&report, &what, format, self.limit, sink)?;
        if let Some((format, sink)) = beside {
            report::write(&report, &what, format, 0, sink)?;
        }
        Ok(self.verdict(&report))
    }

    /// A report in the place of what it is about is a slip, and so is one in the place of a label file of its data set. Below
    /// a folder that is checked only what begins as a report does is replaced by another.
    fn refuse_to_overwrite(&self) -> Result<(), Failure> {
        let outputs = [self.output.as_deref(), self.findings.as_deref()];
        for output in outputs.into_iter().flatten() {
            let inputs = self.inputs.iter().map(|input| &**input);
            output::ensure_no_input(Some(output), inputs, "what is found in it")?;
            let Ok(place) = output.canonicalize() else { continue };
            let mut folders = self.inputs.iter().filter_map(|input| input.canonicalize().ok());
            if place.is_file() && folders.any(|folder| place.starts_with(folder)) && !report::is_report(&place) {
                let message = format!("{}: lies in what is to be checked, and is no report", output.display());
                return Err(Failure::usage(message, "write the report to another file"));
            }
        }
        output::ensure_apart(&outputs)
    }

    fn ignored(&self) -> Result<Vec<Rule>, Failure> {
        let rule = |name: &String| {
            let known = || Rule::ALL.iter().map(|rule| rule.name()).collect::<Vec<_>>().join(", ");
            let rule = Rule::ALL.iter().copied().find(|rule| rule.name() == name);
            rule.ok_or_else(|| {
                Failure::usage(format!("--ignore {name}: no such rule"), format!("rules are {}", known()))
            })
        };
        self.ignore.iter().map(rule).collect()
    }

    /// The rows, how the input is laid out where it is a data set's folder, and what is found there on the way.
    fn open(&self) -> Result<(Table, (Option<Profile>, Findings)), Failure> {
        let is_folder = |path: &&PathBuf| path.is_dir() || Profile::of(path).is_some();
        let folder = self.inputs.first().filter(|path| self.inputs.len() == 1 && is_folder(path));
        let profile = folder.and_then(|folder| self.layout.or_else(|| Profile::of(folder)));
        let findings = Findings::default();
        let passed_over = Some(findings.clone());
        let inputs = Inputs { paths: self.inputs.clone(), passed_over, ..Inputs::default() };
        let (Some(folder), Some(profile)) = (folder, profile) else {
            if let Some(profile) = self.layout {
                let name = profile.name();
                let hint = "give the data set's folder alone, or leave --layout out";
                return Err(Failure::usage(format!("--layout {name}: is for a folder"), hint));
            }
            return Ok((inputs.images_or_vectors()?, (None, findings)));
        };
        let (table, findings) = open_folder(folder, profile)?;
        Ok((table, (Some(profile), findings)))
    }

    fn settings(&self, table: &Table) -> Settings {
        Settings {
            min_size: self.warn_below,
            max_imbalance: self.max_imbalance,
            ratios: self.ratios.or_else(|| noted_ratios(table)),
            hash_distance: (!self.no_near_duplicates).then_some(self.hash_distance),
        }
    }

    fn opens(&self, table: &Table) -> bool {
        !self.no_pictures && (table.has(column::PATH) || table.has(column::IMAGE))
    }

    fn verdict(&self, report: &Report) -> Exit {
        let worst = report.findings.iter().map(|finding| finding.rule.severity()).min();
        match (self.fail_on, worst) {
            (FailOn::Error | FailOn::Warning, Some(Severity::Error)) => Exit::Found,
            (FailOn::Warning, Some(Severity::Warning)) => Exit::Found,
            _ => Exit::Done,
        }
    }
}

fn imbalance(text: &str) -> Result<f64, String> {
    number(text, |x: &f64| *x >= 1.0 && x.is_finite(), "a number of 1 or more")
}

/// What is wrong with a data set that was just written, whose pictures need not be decoded again.
pub(super) fn of_export(folder: &Path, threads: usize, ui: &mut dyn Progress) -> Result<Vec<(Rule, String)>, Failure> {
    let inputs = Inputs { paths: vec![folder.into()], ..Inputs::default() };
    let (table, findings) = match Profile::of(folder) {
        Some(profile) => open_folder(folder, profile)?,
        None => (inputs.images()?, Findings::default()),
    };
    let settings = Settings { min_size: 0, max_imbalance: f64::INFINITY, ratios: None, hash_distance: None };
    let mut report = look_at_all(table, settings, Depth::Bytes, threads, ui)?;
    report.findings.extend(findings.take().into_iter().map(Finding::in_folder));
    report.findings.sort_unstable();
    let errors = report.findings.iter().filter(|finding| finding.rule.severity() == Severity::Error);
    Ok(errors.map(|finding| (finding.rule, report::sentence(&report, finding))).collect())
}

/// The rows of a data set's folder, and what is found in it while they are read.
fn open_folder(folder: &Path, profile: Profile) -> Result<(Table, Findings), Failure> {
    let layout = layout::open(folder, profile)?;
    if !dataset::is_one(folder) {
        return Ok((layout.table, layout.findings));
    }
    // What wrote the folder says more of its rows than the files do; the files are looked through all the same.
    for batch in layout.table {
        batch?;
    }
    Ok((Inputs { paths: vec![folder.into()], ..Inputs::default() }.images()?, layout.findings))
}

/// The ratios that `split` has noted in the table.
fn noted_ratios(table: &Table) -> Option<Ratios> {
    let settings = table.provenance.get("split")?;
    // Units that stay together, and what was assigned before, leave classes where they are.
    if ["group=", "hash_distance=", "min_cosine=", "keep="].iter().any(|unit| settings.contains(unit)) {
        return None;
    }
    settings.split_whitespace().find_map(|word| word.strip_prefix("ratios=")?.parse().ok())
}

/// Looks at all rows, then holds them against each other.
fn look_at_all(
    table: Table,
    settings: Settings,
    depth: Depth,
    threads: usize,
    ui: &mut dyn Progress,
) -> Result<Report, Failure> {
    let table = table.with_keys();
    let looking = Looking { depth, near: settings.hash_distance.is_some(), min_size: settings.min_size };
    let mut rows = Rows::new(settings);
    ui.start("check", table.rows);
    let slice = if depth == Depth::Table { TABLE_SLICE_ROWS } else { SLICE_ROWS };
    let work = move |batch: Result<RecordBatch, Error>| {
        let batch = batch?;
        let seen = looking.at(&batch)?;
        Ok::<_, Error>((batch, seen))
    };
    for done in in_order(pool(threads)?, slices(table, slice), work) {
        let (batch, seen) = done?;
        push(&mut rows, &batch, seen)?;
        ui.advance(batch.num_rows() as u64);
    }
    ui.finish();
    Ok(rows.finish())
}

/// What was checked.
struct What {
    name: String,
    profile: Option<Profile>,
    /// Whether pictures were opened.
    opened: bool,
}

/// How a picture is looked at.
#[derive(Clone, Copy)]
struct Looking {
    depth: Depth,
    near: bool,
    min_size: u32,
}

impl Looking {
    /// Looks at the pictures of a slice; what the table says already is not computed again.
    fn at(self, batch: &RecordBatch) -> Result<Vec<Seen>, Error> {
        let contents = read_hashes(batch, column::CONTENT_HASH)?;
        let looks = read_looks(batch)?;
        let sides = (column::ints(batch, column::WIDTH)?, column::ints(batch, column::HEIGHT)?);
        let side = |side: &Option<Int32Array>, i: usize| {
            side.as_ref().filter(|side| side.is_valid(i)).map(|side| side.value(i).cast_unsigned())
        };
        let size = |i: usize| side(&sides.0, i).zip(side(&sides.1, i));
        let boxes = Boxes::of(batch)?;
        let images = (self.depth != Depth::Table).then(|| Images::of(batch)).transpose()?;
        let look_at = |i: usize| {
            let claims = Claims { name: "", content: contents[i], size: size(i) };
            let mut seen = match &images {
                None => Seen { content: claims.content, size: claims.size, ..Seen::default() },
                Some(images) if images.error(i).is_some() => Seen::default(),
                Some(images) => match images.read(i) {
                    Ok(bytes) => {
                        let name = images.path(i).unwrap_or(images.key(i));
                        let near = self.near && looks[i].is_none();
                        look(&bytes, Claims { name, ..claims }, self.depth, self.min_size, near)
                    }
                    Err(problem) => Seen { problems: vec![(Rule::Missing, problem)], ..Seen::default() },
                },
            };
            // A changed picture looks as it does now.
            let changed = seen.problems.iter().any(|(rule, _)| *rule == Rule::Changed);
            seen.looks = seen.looks.or(looks[i].filter(|_| self.near && !changed));
            for bounds in boxes.as_ref().and_then(|boxes| boxes.get(i)).unwrap_or_default() {
                seen.problems.extend(outside(&bounds, seen.size).map(|problem| (Rule::Box, problem)));
            }
            seen
        };
        Ok((0..batch.num_rows()).map(look_at).collect())
    }
}

fn read_looks(batch: &RecordBatch) -> Result<Vec<Option<PerceptualHash>>, Error> {
    let hashes = read_hashes(batch, column::PERCEPTUAL_HASH)?;
    Ok(hashes.into_iter().map(|hash| hash.map(PerceptualHash::from_bytes)).collect())
}

/// What is wrong with a box in a picture of this size.
fn outside(bounds: &Bounds, size: Option<(u32, u32)>) -> Option<String> {
    const ROUNDING: f32 = 0.01;
    let [x1, y1, x2, y2] = bounds.xyxy;
    let is_one = x1 < x2 && y1 < y2 && bounds.xyxy.iter().all(|side| side.is_finite());
    if !is_one {
        return Some(format!("[{x1}, {y1}, {x2}, {y2}] is no box"));
    }
    let (width, height) = size?;
    let inside = x1 >= -ROUNDING && y1 >= -ROUNDING;
    let inside = inside && x2 <= width as f32 + ROUNDING && y2 <= height as f32 + ROUNDING;
    (!inside).then(|| format!("the box [{x1}, {y1}, {x2}, {y2}] leaves {width} x {height} pixels"))
}

/// Hands the rows of a slice on.
fn push(rows: &mut Rows, batch: &RecordBatch, seen: Vec<Seen>) -> Result<(), Error> {
    let text = |name| column::text(batch, name);
    let keys = text(column::KEY)?.expect("a table with keys");
    let (labels, splits, errors) = (text(column::LABEL)?, text(column::SPLIT)?, text(column::ERROR)?);
    let excluded = text(column::EXCLUDED)?;
    let ids = column::ints(batch, column::ID)?;
    let parents = read_hashes(batch, column::PARENT_HASH)?;
    let boxes = Boxes::of(batch)?;
    for (i, seen) in seen.into_iter().enumerate() {
        rows.push(Row {
            key: keys.value(i),
            id: ids.as_ref().filter(|ids| ids.is_valid(i)).map(|ids| ids.value(i)),
            label: column::cell(labels.as_ref(), i),
            split: column::cell(splits.as_ref(), i),
            excluded: column::cell(excluded.as_ref(), i).is_some(),
            error: column::cell(errors.as_ref(), i),
            parent: parents[i],
            inside: inside(boxes.as_ref(), column::cell(labels.as_ref(), i), i),
            seen,
        });
    }
    Ok(())
}

/// The classes of a picture's boxes; `None` where the whole picture is of the row's class.
fn inside(boxes: Option<&Boxes>, label: Option<&str>, i: usize) -> Option<Vec<String>> {
    let boxes = boxes?.get(i)?;
    // A box without a label is of the row's class.
    let inside: Vec<String> = boxes.into_iter().map(|bounds| bounds.label).collect::<Option<_>>()?;
    let is_all = label.is_some_and(|label| !inside.is_empty() && inside.iter().all(|inside| inside == label));
    Some(inside).filter(|_| !is_all)
}
