//! Labels that are probably wrong, by what heads say of rows that they did not learn from: confident learning (Northcutt, Jiang
//! and Chuang, JAIR 2021).
//!
//! A class's threshold is the mean probability that rows of this label have of it. A row is confidently of the class that is
//! most probable among those above their thresholds; where that is another than its label, the label is doubtful.

use std::collections::HashMap;
use std::path::Path;

use arrow_array::RecordBatch;

use super::{Finding, Report, Rule, Subject};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::table::Source;
use crate::table::column::{self, PROBABILITIES, PROBABILITIES_CLASSES};
use crate::words;

/// As much below a threshold is at it.
const ROUNDING: f64 = 1e-6;

/// A label that is doubtful.
#[derive(Debug, Clone, PartialEq)]
struct Doubtful {
    key: String,
    /// The probability of the label, and of the class that it should rather be.
    own: f32,
    other: f32,
    class: String,
}

/// Adds a finding for every row whose label is doubtful, the most doubtful first.
///
/// # Errors
/// The predictions cannot be read, or are none that `train --cross-predict` wrote.
pub(super) fn find(report: &mut Report, predictions: &Path, progress: &dyn Progress) -> Result<(), Failure> {
    let doubtful = doubtful(predictions)?;
    let rows: HashMap<&str, u32> = (0..report.rows()).rev().map(|row| (report.key(row), row)).collect();
    let mut found = Vec::new();
    let mut elsewhere = 0;
    for Doubtful { key, own, other, class } in doubtful {
        match rows.get(key.as_str()) {
            Some(&row) => {
                let detail = format!("its label has a probability of {own:.3}, {class} has {other:.3}");
                found.push(Finding::new(Rule::DoubtfulLabel, Subject::Row(row), detail));
            }
            None => elsewhere += 1,
        }
    }
    if elsewhere > 0 {
        let rows = words::rows(elsewhere);
        progress.warn(&format!("{}: {rows} with doubtful labels are not in the data set", predictions.display()));
    }
    report.findings.extend(found);
    Ok(())
}

fn doubtful(predictions: &Path) -> Result<Vec<Doubtful>, Failure> {
    let hint = "pokedex train EMBEDDINGS --cross-predict 5 -o predictions.parquet";
    let source = Source::open(predictions, hint)?;
    let wanted = |name: &str| [column::KEY, column::LABEL, PROBABILITIES].contains(&name);
    let table = || source.table(Some(&wanted));
    let first = table()?;
    let name = first.name.clone();
    let classes: Option<Vec<String>> =
        first.provenance.get(PROBABILITIES_CLASSES).and_then(|classes| serde_json::from_str(classes).ok());
    let Some(classes) = classes.filter(|_| first.has(PROBABILITIES)) else {
        let message = format!("{name}: has no probabilities of all classes by heads that did not learn from the rows");
        return Err(Failure::usage(message, hint));
    };
    [column::KEY, column::LABEL].into_iter().try_for_each(|column| first.require(column))?;
    let numbers: HashMap<&str, usize> = classes.iter().map(String::as_str).zip(0..).collect();

    let mut sums = vec![(0.0f64, 0u64); classes.len()];
    for batch in first {
        each(&batch?, &name, &numbers, |_, label, probabilities| {
            sums[label].0 += f64::from(probabilities[label]);
            sums[label].1 += 1;
        })?;
    }
    let thresholds: Vec<f64> =
        sums.iter().map(|&(sum, rows)| if rows > 0 { sum / rows as f64 } else { f64::INFINITY }).collect();
    let mut found = Vec::new();
    for batch in table()? {
        each(&batch?, &name, &numbers, |key, label, probabilities| {
            let confident = |class: &usize| f64::from(probabilities[*class]) >= thresholds[*class] - ROUNDING;
            let best = (0..classes.len())
                .filter(confident)
                .reduce(|best, class| if probabilities[class] > probabilities[best] { class } else { best });
            if let Some(best) = best.filter(|&best| best != label) {
                let (own, other) = (probabilities[label], probabilities[best]);
                found.push(Doubtful { key: key.into(), own, other, class: words::printable(&classes[best]) });
            }
        })?;
    }
    found.sort_by(|a, b| a.own.total_cmp(&b.own).then(b.other.total_cmp(&a.other)).then_with(|| a.key.cmp(&b.key)));
    Ok(found)
}

/// Shows the key, the number of the label and the probabilities of every row that has them.
fn each(
    batch: &RecordBatch,
    name: &str,
    numbers: &HashMap<&str, usize>,
    mut show: impl FnMut(&str, usize, &[f32]),
) -> Result<(), Failure> {
    let (keys, labels) = (column::text(batch, column::KEY)?, column::text(batch, column::LABEL)?);
    let probabilities = column::vectors(batch, PROBABILITIES, name)?;
    for row in 0..batch.num_rows() {
        let label = column::cell(labels.as_ref(), row).and_then(|label| numbers.get(label));
        let (Some(key), Some(&label)) = (column::cell(keys.as_ref(), row), label) else { continue };
        if let Some(probabilities) = probabilities.get(row).filter(|p| p.len() == numbers.len()) {
            show(key, label, probabilities);
        }
    }
    Ok(())
}
