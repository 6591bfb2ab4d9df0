//! `evaluate`: how good predictions are.

mod answers;
mod compare;
mod figures;
mod page;
mod plots;
mod report;
mod spelling;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;

use super::args::default_format;
use crate::cli::exit::Exit;
use crate::failure::Failure;
use crate::io::Sink;
use crate::io::Target;
use crate::metrics::{Labels, NO_CLASS, Row, Sample};
use crate::output;
use crate::progress::Progress;
use crate::runs::{self, Run};
use crate::stage::pool;
use crate::table::{Source, Table, column};
use crate::words::{rows, several};
use answers::{Answer, Columns};
use compare::Comparison;
use figures::{Figures, Format, Tally};
use spelling::Spelling;

/// Names of classes that a warning lists before it counts the rest.
const NAMED: usize = 5;

/// Say how good predictions are
///
/// Compares predictions with the truth: accuracy, precision, recall and F1 by class and on average, agreement beyond
/// chance, calibration, and what rejecting the unsure ones is worth, with 95 % bootstrap intervals. Reads the tables of
/// `pokedex classify`, and tables and CSVs of other programs whose columns --truth, --prediction and --score name. Rows
/// with an error are left out; rows without a truth are strangers, of which only the share that was accepted counts;
/// rows of classes that the classifier does not know count as wrong and are named. --format json has a key for every
/// figure, null where there is none; docs/tables.md explains them.
#[derive(Debug, Args)]
#[command(
    name = "evaluate",
    after_help = "\
Examples:
  pokedex evaluate predictions.parquet
  pokedex evaluate predictions.parquet --format json | jq .top1
  pokedex evaluate predictions.parquet -o figures.csv
  pokedex evaluate predictions.parquet --split test --report report/ --log runs.parquet
  pokedex evaluate new.parquet --compare old.parquet
  pokedex evaluate predictions.parquet --by style --format tsv
  pokedex evaluate theirs.csv --truth true --prediction predicted --score confidence"
)]
pub struct EvaluateArgs {
    /// A table with predictions and truth (Parquet, Arrow, CSV or TSV), or - for standard input
    #[arg(value_name = "PREDICTIONS")]
    predictions: PathBuf,

    /// The column that holds the true class
    #[arg(long, help_heading = "Input", default_value = column::LABEL, value_name = "COLUMN")]
    truth: String,

    /// The column that holds the best prediction [default: prediction_1; further ones are prediction_2, …]
    #[arg(long, help_heading = "Input", value_name = "COLUMN")]
    prediction: Option<String>,

    /// The column that holds its score, a probability [default: score_1, where there is one]
    #[arg(long, help_heading = "Input", value_name = "COLUMN")]
    score: Option<String>,

    /// One group of figures for every value of this column, then all
    #[arg(long, help_heading = "Figures", value_name = "COLUMN")]
    by: Option<String>,

    /// Look only at the rows of this split
    #[arg(long, help_heading = "Input", value_name = "SPLIT")]
    split: Option<String>,

    /// Write tables, figures and a page with plots and pictures to this folder
    #[arg(long, help_heading = "Output", value_name = "DIR")]
    report: Option<PathBuf>,

    /// Test against other predictions of the same keys, or list the runs of a log
    #[arg(long, help_heading = "Figures", value_name = "OTHER")]
    compare: Option<PathBuf>,

    /// Add the figures to this log of runs; its training curve goes into the report
    #[arg(long, help_heading = "Output", value_name = "RUNS")]
    log: Option<PathBuf>,

    /// How to show the figures [default: what the file's name says, else an aligned table on a terminal, else tsv]
    #[arg(long, help_heading = "Output", value_enum, value_name = "FORMAT")]
    format: Option<Format>,

    /// Write the figures to this file [default: standard output]
    #[arg(short, long, help_heading = "Output", value_name = "FILE")]
    output: Option<PathBuf>,

    /// Another number draws other resamples
    #[arg(long, help_heading = "Figures", default_value_t = 0, value_name = "N")]
    seed: u64,

    /// Resamples for the intervals; 0 gives none
    #[arg(long, help_heading = "Figures", default_value_t = 1000, value_name = "N", value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    bootstrap: u32,

    /// Number of threads [default: the number of processors]
    #[arg(short, long, help_heading = "Work", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
}

impl EvaluateArgs {
    pub fn run(self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        let started = Instant::now();
        let target = Target::parse(self.output.as_deref());
        let format = output::format(&target, self.format, default_format(&target, Format::Table, Format::Tsv))?;
        let inputs = [Some(&self.predictions), self.compare.as_ref()];
        output::ensure_no_input(self.output.as_deref(), inputs.into_iter().flatten().map(|path| &**path), "figures")?;
        output::ensure_apart(&[self.output.as_deref(), self.log.as_deref()])?;
        self.log.as_ref().map_or(Ok(()), |log| output::ensure_parquet(&Target::File(log.clone())))?;
        let source = self.open(&self.predictions)?;
        let mut columns = Columns::find(&source.table(None)?, &self.wishes())?;
        let sink = Sink::open(&target, format == Format::Parquet)?;
        let inputs: Vec<&Path> = inputs.into_iter().flatten().map(|path| &**path).collect();
        let beside: Vec<&Path> = self.log.iter().chain(&self.output).map(|path| &**path).collect();
        let report = self.report.as_deref().map(|path| report::Folder::open(path, &inputs, &beside)).transpose()?;
        let earlier = self.log.as_deref().map(runs::earlier).transpose()?.unwrap_or_default();
        let against = self.compare.as_deref().map(|other| self.open_other(other)).transpose()?;
        let mut spelling = Spelling::of(&source, &columns)?;
        let against = match against {
            Some(Other::Predictions(other, mut theirs)) => {
                spelling = spelling.and(Spelling::of(&other, &theirs)?);
                theirs.spelled = spelling.compared();
                Some(Other::Predictions(other, theirs))
            }
            against => against,
        };
        columns.spelled = spelling.compared();

        let table = source.table(Some(&|name| columns.wants(name)))?;
        let head = table.provenance.get("head").map(str::to_string);
        let mut known = known_classes(&table)?;
        known = known.map(|known| known.iter().map(|name| columns.spelled.name(name)).collect());
        ui.start("read", table.rows);
        let seen = Seen::read(table, &columns, known.as_ref(), ui)?;
        ui.finish();
        seen.check(&source.name, &self.truth)?;
        self.warn(&source.name, &columns, known.as_ref(), &seen, ui);

        let pool = match self.jobs {
            Some(jobs) => pool(jobs.into())?,
            None => pool(std::thread::available_parallelism().map_or(1, usize::from))?,
        };
        let Seen { labels, groups, .. } = seen;
        let (names, places) = labels.sorted();
        let mut group_figures: Vec<(String, Figures)> = Vec::new();
        let mut all = Group::default();
        for (name, mut group) in groups {
            group.rows.iter_mut().for_each(|row| row.renumber(&places));
            if self.by.is_none() {
                all = group;
                break;
            }
            all.rows.extend_from_slice(&group.rows);
            all.tally.add(&group.tally);
            let sample = Sample::new(group.rows, names.len(), columns.score.is_some());
            let intervals = sample.bootstrap(self.bootstrap, self.seed, &pool);
            group_figures.push((name, Figures::of(&sample, &group.tally, columns.has_top5(), intervals.as_ref())));
        }
        let sample = Sample::new(all.rows, names.len(), columns.score.is_some());
        let intervals = sample.bootstrap(self.bootstrap, self.seed, &pool);
        let mut figures = Figures::of(&sample, &all.tally, columns.has_top5(), intervals.as_ref());

        let comparison = match against {
            None => None,
            Some(Other::Runs(runs)) => Some(Comparison::Runs(runs)),
            Some(Other::Predictions(other, other_columns)) => {
                let test = compare::predictions((&source, &columns), (&other, &other_columns), &self.truth)?;
                Some(test.into_comparison(other.name.clone(), self.bootstrap, self.seed, &pool))
            }
        };
        if let Some(comparison) = &comparison {
            comparison.add_to(&mut figures);
        }
        if let Some(folder) = report {
            let contents = report::Contents {
                source: &source,
                columns: &columns,
                sample: &sample,
                names: &names,
                figures: &figures,
                by: self.by.as_deref(),
                groups: &group_figures,
                comparison: comparison.as_ref(),
                curve: curve(&earlier, head.as_deref()),
                head: head.as_deref(),
            };
            folder.write(&contents, ui)?;
        }
        if let Some(log) = &self.log {
            let number = runs::append(log, &self.logged(head, &figures, started))?;
            ui.note(&format!("evaluate: run {number} of {}", log.display()));
        }
        let by = self.by.as_deref();
        figures::write(format, &source.name, by, &group_figures, &figures, comparison.as_ref(), sink)?;
        let classes = several(names.len() as u64, "class", "classes");
        ui.note(&format!("evaluate: {} of {classes}", rows(sample.len() as u64)));
        Ok(Exit::Done)
    }

    fn wishes(&self) -> answers::Wishes<'_> {
        answers::Wishes {
            truth: &self.truth,
            prediction: self.prediction.as_deref(),
            score: self.score.as_deref(),
            by: self.by.as_deref(),
            split: self.split.as_deref(),
        }
    }

    fn open(&self, path: &Path) -> Result<Source, Failure> {
        let hint = format!("pokedex classify {} --format parquet | pokedex evaluate -", path.display());
        Ok(Source::open_or_csv(path, &hint)?)
    }

    fn open_other(&self, path: &Path) -> Result<Other, Failure> {
        if path == Path::new("-") && self.predictions == Path::new("-") {
            let hint = "give one of them as a file";
            return Err(Failure::usage("both tables cannot come from standard input", hint));
        }
        let source = self.open(path)?;
        let table = source.table(None)?;
        Ok(match runs::is_log(&table) {
            true => Other::Runs(runs::read_table(table)?),
            false => {
                let columns = Columns::find_other(&table, &self.wishes())?;
                Other::Predictions(Box::new(source), columns)
            }
        })
    }

    /// What a person should know before believing the figures.
    fn warn(&self, name: &str, columns: &Columns, known: Option<&BTreeSet<String>>, seen: &Seen, ui: &dyn Progress) {
        let count = |of: fn(&Tally) -> u64| seen.groups.iter().map(|(_, group)| of(&group.tally)).sum::<u64>();
        let (failed, unknown) = (count(|t| t.failed), count(|t| t.unknown));
        if failed > 0 {
            let verb = if failed == 1 { "was" } else { "were" };
            ui.warn(&format!("{name}: {} with an error {verb} left out", rows(failed)));
        }
        if let Some([truth, prediction]) = &seen.apart {
            ui.warn(&format!(
                "{name}: no class that a row has was predicted for any: `{truth}` is true, `{prediction}` was predicted"
            ));
            ui.hint("are the names of both columns from one list? --truth and --prediction name others");
        }
        if unknown > 0 {
            let mut classes: Vec<&str> = seen.unknown.iter().take(NAMED).map(String::as_str).collect();
            let more = seen.unknown.len().saturating_sub(NAMED);
            let more = if more > 0 { format!("{more} more") } else { String::new() };
            classes.extend(Some(more.as_str()).filter(|more| !more.is_empty()));
            let (verb, counts) = if unknown == 1 { ("is", "it counts") } else { ("are", "they count") };
            let classes = classes.join(", ");
            let what = "of a class that the classifier does not know";
            ui.warn(&format!("{name}: {} {verb} {what} ({classes}); {counts} as wrong", rows(unknown)));
        }
        if seen.learnt > 0 && self.split.is_none() && self.by.as_deref() != Some(column::SPLIT) {
            let what = "of the split `train` count too: a head knows them; --split test leaves them out";
            ui.warn(&format!("{name}: {} {what}", rows(seen.learnt)));
        }
        let answers = columns.predictions.len();
        let complete = known.is_some_and(|known| known.len() <= answers);
        if (2..5).contains(&answers) && !complete {
            ui.warn(&format!("{name}: has {answers} predictions a row; top5 counts those"));
        }
    }

    fn logged(&self, head: Option<String>, figures: &Figures, started: Instant) -> Run {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let settings = serde_json::json!({
            "truth": self.truth, "prediction": self.prediction, "score": self.score, "by": self.by,
            "split": self.split, "compare": path(&self.compare), "seed": self.seed, "bootstrap": self.bootstrap,
        });
        Run {
            command: "evaluate".into(),
            head,
            input: self.predictions.display().to_string(),
            settings,
            figures: figures.to_json().into(),
            top1: figures.get("top1"),
            top5: figures.get("top5"),
            macro_f1: figures.get("macro_f1"),
            ece: figures.get("ece"),
            aurc: figures.get("aurc"),
            loss: None,
            seconds: Some(started.elapsed().as_secs_f64()),
            curve: None,
        }
    }
}

/// The training curve of a log, and the number of its run: that of this head, else the latest.
fn curve<'a>(runs: &'a [(i32, Run)], head: Option<&str>) -> Option<(i32, &'a [runs::Point])> {
    let curves = || runs.iter().rev().filter_map(|(number, run)| Some((*number, run, run.curve.as_deref()?)));
    let own = curves().find(|(_, run, _)| head.is_some() && run.head.as_deref() == head);
    own.or_else(|| curves().next()).map(|(number, _, points)| (number, points))
}

/// What --compare names.
enum Other {
    Predictions(Box<Source>, Columns),
    Runs(Vec<(i32, Run)>),
}

/// The classes that the classifier knows, where the table says so.
fn known_classes(table: &Table) -> Result<Option<BTreeSet<String>>, Failure> {
    let Some(json) = table.provenance.get("classes") else { return Ok(None) };
    serde_json::from_str(json).map(Some).map_err(|e| {
        let hint = "make the predictions again: pokedex classify";
        Failure::failed(format!("{}: its footer's list of classes is damaged: {e}", table.name), Some(hint.into()))
    })
}

/// Rows that belong together.
#[derive(Default)]
struct Group {
    rows: Vec<Row>,
    tally: Tally,
}

/// All rows, read once: twenty bytes each, and four where the time that they took is known.
struct Seen {
    labels: Labels,
    /// In the order of their names' bytes; one group without a name where nothing is grouped.
    groups: Vec<(String, Group)>,
    /// True classes that the classifier does not know.
    unknown: BTreeSet<String>,
    /// Rows of the split `train`.
    learnt: u64,
    /// A true class and a predicted one, where none is both: two lists of classes, or nothing was learnt.
    apart: Option<[String; 2]>,
}

impl Seen {
    fn read(
        table: Table,
        columns: &Columns,
        known: Option<&BTreeSet<String>>,
        ui: &mut dyn Progress,
    ) -> Result<Seen, Failure> {
        let mut labels = Labels::default();
        let mut group_names = Labels::default();
        let mut groups: Vec<Group> = Vec::new();
        let mut unknown = BTreeSet::new();
        let mut learnt = 0;
        // Of each class whether a row has it, and whether it was predicted.
        let mut roles: Vec<[bool; 2]> = Vec::new();
        let mut first: [Option<String>; 2] = [None, None];
        answers::each(
            table,
            columns,
            |answer| {
                let number = group_names.number(answer.group.unwrap_or_default()) as usize;
                if number == groups.len() {
                    groups.push(Group::default());
                }
                let Group { rows, tally } = &mut groups[number];
                learnt += u64::from(answer.learnt);
                let Some(answer) = answer.sound() else {
                    tally.failed += 1;
                    return Ok(());
                };
                tally.seconds.extend(answer.seconds.map(|seconds| seconds as f32));
                let Some(truth) = answer.truth else {
                    tally.strangers += 1;
                    tally.strangers_accepted += u64::from(!answer.rejected);
                    return Ok(());
                };
                if known.is_some_and(|known| !known.contains(truth)) {
                    tally.unknown += 1;
                    unknown.insert(truth.to_string());
                }
                let prediction = answer.best.map_or(NO_CLASS, |best| labels.number(best));
                let score = answer.score.unwrap_or(0.0);
                let true_class = labels.number(truth);
                for (role, class, name) in [(0, true_class, Some(truth)), (1, prediction, answer.best)] {
                    let Some(name) = name else { continue };
                    first[role].get_or_insert_with(|| name.to_string());
                    roles.resize(roles.len().max(class as usize + 1), [false; 2]);
                    roles[class as usize][role] = true;
                }
                rows.push(Row::new(true_class, prediction, score, answer.rank, !answer.rejected));
                Ok(())
            },
            |rows| ui.advance(rows),
        )?;
        let (names, places) = group_names.sorted();
        let mut sorted: Vec<(String, Group)> = names.iter().map(|name| (name.to_string(), Group::default())).collect();
        groups.into_iter().zip(places).for_each(|(group, place)| sorted[place as usize].1 = group);
        let apart = if roles.contains(&[true; 2]) { [None, None] } else { first };
        let apart = if let [Some(truth), Some(prediction)] = apart { Some([truth, prediction]) } else { None };
        Ok(Seen { labels, groups: sorted, unknown, learnt, apart })
    }

    /// Fails where there is nothing to measure.
    fn check(&self, name: &str, truth: &str) -> Result<(), Failure> {
        let count = |of: fn(&Group) -> u64| self.groups.iter().map(|(_, group)| of(group)).sum::<u64>();
        if count(|group| group.rows.len() as u64) > 0 {
            return Ok(());
        }
        let (strangers, failed) = (count(|group| group.tally.strangers), count(|group| group.tally.failed));
        let (problem, hint) = if strangers > 0 {
            let hint = "--truth COLUMN names another; strangers are measured beside rows that have one";
            (format!("no row has a true class in column `{truth}`"), hint)
        } else if failed > 0 {
            ("every row has an error".into(), "`pokedex export TABLE --format csv --columns key,error` shows them")
        } else {
            ("has no rows".into(), "did the command that made it fail?")
        };
        Err(Failure::failed(format!("{name}: {problem}"), Some(hint.into())))
    }
}

impl<'a> Answer<'a> {
    /// The answer, unless an earlier stage could not process the row.
    fn sound(self) -> Option<Answer<'a>> {
        (!self.failed).then_some(self)
    }
}
