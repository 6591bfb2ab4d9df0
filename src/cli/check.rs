//! `check`: what is wrong with a data set.

use std::path::PathBuf;

use clap::Args;

use super::args::{number, threads};
use crate::check::{self, Checked, DataSet, Format, Options, Rule, Settings, Severity};
use crate::cli::exit::Exit;
use crate::duplicates::{MAX_REACH, REACH};
use crate::failure::Failure;
use crate::io::{Sink, Target};
use crate::output;
use crate::progress::Progress;
use crate::quality::{Defect, Limits};
use crate::split::Ratios;
use crate::table::layout::Profile;

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
  pokedex check photos/ --quality --limits blurred=0.25 --findings poor.csv
  pokedex check embeddings.parquet --labels predictions.parquet --no-pictures
  pokedex scan photos/ | pokedex split - | pokedex check - --format json | jq .summary.splits")]
pub(crate) struct Check {
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

    /// Doubt labels by this table of `train --cross-predict`: by confident learning, the most doubtful first
    #[arg(long, help_heading = "Findings", value_name = "PREDICTIONS")]
    labels: Option<PathBuf>,

    /// Measure pictures as well: blurred, dark, pale, empty ones, odd shapes, bars, tiny subjects, strips of writing, bursts
    #[arg(long, help_heading = "Findings", conflicts_with = "no_pictures")]
    quality: bool,

    /// From which figure on a picture is poor, as blurred=0.25,dark=0.2 [default: blurred=0.45, dark=0.3, pale=0.95, empty=0.15,
    /// odd-aspect=0.35, bars=0.08, tiny-subject=0.05, strip=0.01]
    #[arg(long, help_heading = "Findings", value_delimiter = ',', value_name = "WHAT=FIGURE", value_parser = limit, requires = "quality")]
    limits: Vec<(String, f32)>,

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
    pub(super) fn run(self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        let options = self.options()?;
        check::refuse_to_overwrite(&self.inputs, &[self.output.as_deref(), self.findings.as_deref()])?;
        let target = Target::parse(self.output.as_deref());
        let format = output::format(&target, self.format, Format::Text)?;
        let beside = match self.findings.as_deref() {
            Some(path) => {
                let (format, target) = (Format::of(path)?, Target::File(path.into()));
                Some((output::format(&target, Some(format), format)?, Sink::open(&target, true)?))
            }
            None => None,
        };
        let set = DataSet::open(&self.inputs, self.layout)?;
        let sink = Sink::open(&target, format == Format::Parquet)?;
        let checked = set.check(&options, ui)?;
        check::write(&checked, format, self.limit, sink)?;
        if let Some((format, sink)) = beside {
            check::write(&checked, format, 0, sink)?;
        }
        Ok(self.verdict(&checked))
    }

    fn options(&self) -> Result<Options, Failure> {
        let settings = Settings {
            min_size: self.warn_below,
            max_imbalance: self.max_imbalance,
            ratios: self.ratios,
            hash_distance: (!self.no_near_duplicates).then_some(self.hash_distance),
            quality: self.quality.then(|| self.limits()),
        };
        let (pictures, ignored) = (!self.no_pictures, self.ignored()?);
        Ok(Options { settings, pictures, labels: self.labels.clone(), ignored, threads: threads(self.jobs) })
    }

    fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        for (name, value) in &self.limits {
            limits.set(name, *value);
        }
        limits
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

    fn verdict(&self, checked: &Checked) -> Exit {
        match (self.fail_on, checked.worst()) {
            (FailOn::Error | FailOn::Warning, Some(Severity::Error)) => Exit::Found,
            (FailOn::Warning, Some(Severity::Warning)) => Exit::Found,
            _ => Exit::Done,
        }
    }
}

fn limit(text: &str) -> Result<(String, f32), String> {
    let known = || Defect::ALL.map(|(_, name, ..)| name).join(", ");
    let (name, value) = text.split_once('=').ok_or("expected a name and a figure, as blurred=0.25")?;
    if !Limits::default().set(name, 0.0) {
        return Err(format!("there is no `{name}`: expected one of {}", known()));
    }
    let value = number(value, |x: &f64| (0.0..=1.0).contains(x), "a figure from 0 to 1")?;
    Ok((name.into(), value as f32))
}

fn imbalance(text: &str) -> Result<f64, String> {
    number(text, |x: &f64| *x >= 1.0 && x.is_finite(), "a number of 1 or more")
}
