//! All rows, read once, and what is measured of them.

use std::collections::BTreeSet;

use super::Options;
use super::answers::{self, Columns};
use super::figures::{Figures, Tally};
use crate::failure::Failure;
use crate::metrics::{Labels, NO_CLASS, Row, Sample};
use crate::progress::Progress;
use crate::stage::go_on;
use crate::table::{Table, column};
use crate::words::rows;

/// Names of classes that a warning lists before it counts the rest.
const NAMED: usize = 5;

/// The classes that the classifier knows, where the table says so.
///
/// # Errors
/// It says so, and is damaged.
pub(super) fn known_classes(table: &Table) -> Result<Option<BTreeSet<String>>, Failure> {
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
pub(crate) struct Rows {
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

/// What came of all rows.
pub(super) struct Measured {
    /// Names of the sample's classes by their numbers, in the order of their bytes.
    pub classes: Vec<String>,
    /// The figures of each group; none where nothing is grouped.
    pub groups: Vec<(String, Figures)>,
    /// Of all rows.
    pub figures: Figures,
    pub sample: Sample,
}

impl Rows {
    /// Reads all rows that have an answer; `known` are the classes that the classifier knows.
    ///
    /// # Errors
    /// As [`answers::each`].
    pub(super) fn read(
        table: Table,
        columns: &Columns,
        known: Option<&BTreeSet<String>>,
        progress: &mut dyn Progress,
    ) -> Result<Rows, Failure> {
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
            |rows| {
                progress.advance(rows);
                go_on(progress)
            },
        )?;
        let (names, places) = group_names.sorted();
        let mut sorted: Vec<(String, Group)> = names.iter().map(|name| (name.to_string(), Group::default())).collect();
        groups.into_iter().zip(places).for_each(|(group, place)| sorted[place as usize].1 = group);
        let apart = if roles.contains(&[true; 2]) { [None, None] } else { first };
        let apart = if let [Some(truth), Some(prediction)] = apart { Some([truth, prediction]) } else { None };
        Ok(Rows { labels, groups: sorted, unknown, learnt, apart })
    }

    /// Whether there is something to measure.
    ///
    /// # Errors
    /// There is not; the message says why.
    pub(super) fn check(&self, name: &str, truth: &str) -> Result<(), Failure> {
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

    /// What a person should know before believing the figures.
    pub(super) fn warn(
        &self,
        name: &str,
        columns: &Columns,
        known: Option<&BTreeSet<String>>,
        options: &Options,
        progress: &dyn Progress,
    ) {
        let count = |of: fn(&Tally) -> u64| self.groups.iter().map(|(_, group)| of(&group.tally)).sum::<u64>();
        let (failed, unknown) = (count(|tally| tally.failed), count(|tally| tally.unknown));
        if failed > 0 {
            let verb = if failed == 1 { "was" } else { "were" };
            progress.warn(&format!("{name}: {} with an error {verb} left out", rows(failed)));
        }
        if let Some([truth, prediction]) = &self.apart {
            progress.warn(&format!(
                "{name}: no class that a row has was predicted for any: `{truth}` is true, `{prediction}` was predicted"
            ));
            progress.hint("are the names of both columns from one list? --truth and --prediction name others");
        }
        if unknown > 0 {
            let mut classes: Vec<&str> = self.unknown.iter().take(NAMED).map(String::as_str).collect();
            let more = self.unknown.len().saturating_sub(NAMED);
            let more = if more > 0 { format!("{more} more") } else { String::new() };
            classes.extend(Some(more.as_str()).filter(|more| !more.is_empty()));
            let (verb, counts) = if unknown == 1 { ("is", "it counts") } else { ("are", "they count") };
            let classes = classes.join(", ");
            let what = "of a class that the classifier does not know";
            progress.warn(&format!("{name}: {} {verb} {what} ({classes}); {counts} as wrong", rows(unknown)));
        }
        if self.learnt > 0 && options.split.is_none() && options.by.as_deref() != Some(column::SPLIT) {
            let what = "of the split `train` count too: a head knows them; --split test leaves them out";
            progress.warn(&format!("{name}: {} {what}", rows(self.learnt)));
        }
        let answers = columns.predictions.len();
        let complete = known.is_some_and(|known| known.len() <= answers);
        if (2..5).contains(&answers) && !complete {
            progress.warn(&format!("{name}: has {answers} predictions a row; top5 counts those"));
        }
    }

    /// Computes the figures of every group, where rows are grouped, then of all.
    pub(super) fn measure(self, columns: &Columns, options: &Options, pool: &rayon::ThreadPool) -> Measured {
        let (names, places) = self.labels.sorted();
        let sample_of = |rows| Sample::new(rows, names.len(), columns.score.is_some());
        let figures_of = |sample: &Sample, tally: &Tally| {
            let intervals = sample.bootstrap(options.bootstrap, options.seed, pool);
            Figures::of(sample, tally, columns.has_top5(), intervals.as_ref())
        };
        let mut groups: Vec<(String, Figures)> = Vec::new();
        let mut all = Group::default();
        for (name, mut group) in self.groups {
            group.rows.iter_mut().for_each(|row| row.renumber(&places));
            if options.by.is_none() {
                all = group;
                break;
            }
            all.rows.extend_from_slice(&group.rows);
            all.tally.add(&group.tally);
            groups.push((name, figures_of(&sample_of(group.rows), &group.tally)));
        }
        let sample = sample_of(all.rows);
        let figures = figures_of(&sample, &all.tally);
        let classes = names.into_iter().map(str::to_string).collect();
        Measured { classes, groups, figures, sample }
    }
}
