//! What came of an export, and what is said of it.

use std::path::Path;

use super::options::DataSet;
use super::plan::Plan;
use crate::progress::Progress;
use crate::split::{SPLITS, Split};
use crate::stage::Tally;
use crate::table;
use crate::words::{self, rows};

/// What a run came to.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub tally: Tally,
    /// Pictures of each split.
    pub counts: [u64; 3],
    /// Pictures that an earlier run had made.
    pub found: u64,
    /// Boxes that are not seen any more.
    pub vanished: u64,
    pub classless: Classless,
    /// Files of an earlier export that were removed.
    pub removed: u64,
    /// What readers stumble over.
    pub notes: Vec<String>,
}

impl Outcome {
    /// Says what came of the rows of the table of this name, and what tools will stumble over.
    pub(super) fn report(&self, name: &str, out: &Path, plan: &Plan, format: DataSet, progress: &dyn Progress) {
        if self.vanished > 0 {
            let boxes = if self.vanished == 1 { "box lies" } else { "boxes lie" };
            progress.warn(&format!("{name}: {} {boxes} outside of what is shown of a picture", self.vanished));
        }
        if self.classless.count > 0 {
            progress.warn(&format!("{name}: {}", self.classless));
        }
        if plan.whole > 0 && matches!(format, DataSet::Yolo | DataSet::Coco) {
            let pictures = words::several(plan.whole, "picture has", "pictures have");
            progress.warn(&format!("{name}: {pictures} no boxes: the box of its class is the whole picture"));
        }
        for note in &self.notes {
            progress.warn(&format!("{name}: {note}"));
        }
        if plan.places().all(|place| place.split != Split::Validation) && format == DataSet::Yolo {
            progress.warn(&format!("{name}: no row is for validation, so data.yaml validates with what it trains on"));
        }
        if format == DataSet::Imagefolder {
            warn_of_absent_classes(name, plan, progress);
        }
        let splits = SPLITS.map(|split| format!("{} {}", self.counts[split as usize], split.name()));
        let removed = match self.removed {
            0 => String::new(),
            1 => "; 1 file of an earlier export removed".into(),
            files => format!("; {files} files of an earlier export removed"),
        };
        let found = if self.found > 0 { format!("; {} were there", self.found) } else { String::new() };
        progress.done(&format!("{}: {}{found}{removed}", out.display(), splits.join(", ")));
    }
}

/// Boxes that are left out because they are of no class.
#[derive(Debug, Default)]
pub(super) struct Classless {
    count: u64,
    /// What the first of them are called, each once; one more than is said.
    names: Vec<String>,
}

impl Classless {
    const SAID: usize = 3;

    /// Counts boxes of these labels.
    pub(super) fn extend(&mut self, labels: Vec<String>) {
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

/// Says which rows of the table of this name are left out.
pub(super) fn report_left_out(name: &str, plan: &Plan, progress: &dyn Progress) {
    let total: u64 = plan.left.values().sum();
    if !plan.unknown.is_empty() {
        let values: Vec<&str> = plan.unknown.iter().map(String::as_str).collect();
        progress.warn(&format!("{name}: column `split` holds {}; {}", values.join(", "), table::split::KNOWN));
    }
    if total > 0 {
        let reasons: Vec<String> = plan.left.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        let were = if total == 1 { "was" } else { "were" };
        progress.warn(&format!("{name}: {} {were} left out: {}", rows(total), reasons.join(", ")));
    }
}

/// ImageFolder numbers the classes of every split by the folders that it has.
fn warn_of_absent_classes(name: &str, plan: &Plan, progress: &dyn Progress) {
    let counts = plan.counts();
    for (at, split) in SPLITS.into_iter().enumerate() {
        let absent = counts.values().filter(|counts| counts[at] == 0).count();
        if absent > 0 && counts.values().any(|counts| counts[at] > 0) {
            progress.warn(&format!(
                "{name}: {absent} of {} classes {} no picture in {}, where torchvision will number them otherwise",
                counts.len(),
                if absent == 1 { "has" } else { "have" },
                split.name()
            ));
        }
    }
}
