//! What is wrong with the files of a folder that a table is made from, as it comes up.

use std::sync::{Arc, Mutex};

/// What is wrong with a file of a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The layout wants it otherwise.
    Layout,
    /// Its tools read it otherwise than a person does.
    Misread,
    /// Nobody reads it.
    Stray,
    /// It cannot be read.
    Unreadable,
    /// Classes have other numbers than in train.
    Numbering,
    /// A picture without labels.
    LabelMissing,
    /// Labels without a picture.
    LabelOrphan,
    /// A line of labels that cannot be read.
    LabelSyntax,
    /// A box outside the picture, for which a tool leaves the picture out.
    LabelRange,
    /// A box that reaches beyond the picture, or is none, which a tool takes.
    LabelBeyond,
    /// A class in labels that there is not.
    LabelClass,
    /// A line of labels that stands there twice.
    LabelRepeated,
    /// A number in a name, and another in the labels.
    LabelAndId,
    /// A box that is none.
    Box,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What kind of wrong it is.
    pub fault: Fault,
    /// The file, named from the data set's folder.
    pub file: String,
    /// What exactly is wrong.
    pub detail: String,
}

/// Findings that come up while a table is read.
#[derive(Debug, Clone, Default)]
pub struct Findings(Arc<Mutex<Vec<Found>>>);

impl Findings {
    /// Adds one about a file, named from the data set's folder.
    pub(super) fn file(&self, fault: Fault, file: impl Into<String>, detail: impl Into<String>) {
        let found = Found { fault, file: file.into(), detail: detail.into() };
        self.0.lock().expect("no thread panics with this lock").push(found);
    }

    /// Whether nothing was found so far.
    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().expect("no thread panics with this lock").is_empty()
    }

    /// How many things are wrong that change what the rows say, and the first of them.
    pub fn serious(&self) -> Option<(usize, Found)> {
        use Fault::{LabelBeyond, LabelMissing, LabelRepeated, Numbering, Stray};
        let all = self.0.lock().expect("no thread panics with this lock");
        let passes =
            |found: &&Found| ![LabelBeyond, LabelMissing, LabelRepeated, Numbering, Stray].contains(&found.fault);
        let mut serious = all.iter().filter(passes);
        let first = serious.next()?.clone();
        Some((1 + serious.count(), first))
    }

    /// What was found since the last time.
    pub fn take(&self) -> Vec<Found> {
        std::mem::take(&mut *self.0.lock().expect("no thread panics with this lock"))
    }
}
