//! What is wrong with a data set: pictures, classes, splits, copies, and the files of other tools' layouts.
//!
//! Hides: how copies are found, what each layout promises its readers. Promises: a finding says which rule is broken
//! by which row or file; every rule is named, so that scripts can tell and leave out; memory is some hundred bytes a
//! row, whatever the pictures.
//!
//! [`check()`] does all of it; a [`DataSet`] is opened first and checked then. [`write()`] shows what was found to people and programs.
//!
//! ```
//! use pokedex::check::{Options, Rule, check};
//! use pokedex::image::{Encoding, Rgb, encode};
//! use pokedex::progress::Silent;
//!
//! let folder = tempfile::tempdir()?;
//! let grey = encode(&Rgb { width: 40, height: 40, pixels: vec![128; 3 * 40 * 40] }, Encoding::Png)?;
//! std::fs::write(folder.path().join("a.png"), &grey)?;
//! std::fs::write(folder.path().join("b.png"), &grey)?;
//!
//! let checked = check(&[folder.path().into()], None, &Options::default(), &mut Silent)?;
//! assert_eq!((checked.report.summary.rows, checked.report.summary.copies.identical), (2, 1));
//! let twice = checked.report.findings.iter().find(|finding| finding.rule == Rule::Duplicate);
//! assert!(twice.is_some_and(|finding| finding.other.is_some()), "b.png, and a.png as its other row");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bursts;
mod classes;
mod copies;
mod dataset;
mod finding;
mod formats;
mod labels;
mod picture;
mod report;
mod rows;
mod summary;
mod survey;

pub use dataset::{Checked, DataSet, Options, check, of_export};
pub use formats::{Format, refuse_to_overwrite, write};
pub use report::Report;
pub use summary::{Class, Copies, Span, Summary};

use picture::{Claims, Depth, Looking, Seen, look};
use rows::{Row, Rows};

use crate::quality::{Defect, Limits};
use crate::table::layout::{Fault, Found};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Training on it, or believing its test, would be a mistake.
    Error,
    /// Worth a look.
    Warning,
    /// Good to know.
    Note,
}

impl Severity {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

macro_rules! rules {
    ($($variant:ident $severity:ident $name:literal $meaning:literal)*) => {
        /// What a data set is held against.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $(#[doc = $meaning] $variant,)*
        }

        impl Rule {
            /// All rules, in the order in which they are reported.
            pub const ALL: &'static [Rule] = &[$(Rule::$variant,)*];

            /// Its name in reports and on the command line.
            pub fn name(self) -> &'static str {
                match self { $(Rule::$variant => $name,)* }
            }

            /// How bad it is to break it.
            pub fn severity(self) -> Severity {
                match self { $(Rule::$variant => Severity::$severity,)* }
            }

            /// What those are that break it.
            pub fn meaning(self) -> &'static str {
                match self { $(Rule::$variant => $meaning,)* }
            }
        }
    };
}

rules! {
    Layout           Error   "layout"             "files that the layout wants otherwise"
    Missing          Error   "missing"            "pictures that are not where the table says"
    Unreadable       Error   "unreadable"         "pictures and folders that cannot be read"
    Changed          Error   "changed"            "pictures that are no longer what the table says"
    DuplicateKey     Error   "duplicate-key"      "keys of several rows"
    Leak             Error   "leak"               "identical pictures in two splits"
    NearLeak         Error   "near-leak"          "near copies in two splits"
    AugmentedLeak    Error   "augmented-leak"     "augmented pictures outside train, or of a picture outside train"
    UnknownSplit     Error   "unknown-split"      "splits other than train, validation and test"
    NotInTrain       Error   "not-in-train"       "classes that train has no picture of"
    TwoClasses       Error   "two-classes"        "identical pictures of different classes"
    LabelAndId       Error   "label-and-id"       "labels and ids that contradict each other"
    Box              Error   "box"                "boxes that are none, or lie outside their picture"
    LabelOrphan      Error   "label-orphan"       "label files without a picture"
    LabelSyntax      Error   "label-syntax"       "lines of label files that cannot be read"
    LabelRange       Error   "label-range"        "coordinates outside 0 to 1"
    LabelClass       Error   "label-class"        "classes of label files that there are not"
    Misread          Warning "misread"            "files that tools read otherwise than it seems"
    LabelMissing     Warning "label-missing"      "pictures without a label file"
    LabelBeyond      Warning "label-beyond"       "boxes that reach beyond their picture, or are none"
    Stray            Warning "stray"              "files that nobody reads"
    Failed           Warning "failed"             "rows that an earlier stage could not process"
    Format           Warning "format"             "pictures of another format than their name says"
    Truncated        Warning "truncated"          "pictures that end early or are damaged, and were read as far as they go"
    Small            Warning "small"              "pictures with a very short side"
    DoubtfulLabel    Warning "doubtful-label"     "labels that heads which did not learn from the rows would not give"
    NearTwoClasses   Warning "near-two-classes"   "near copies of different classes"
    NoClass          Warning "no-class"           "pictures without a class among others with one"
    NoSplit          Warning "no-split"           "pictures in no split among others in one"
    Ratio            Warning "ratio"              "classes that are not divided by the ratios"
    Imbalance        Warning "imbalance"          "classes of very different size"
    Numbering        Warning "numbering"          "splits in which classes have other numbers than in train"
    Blurred          Warning "blurred"            "pictures that are blurred (--quality)"
    Dark             Warning "dark"               "pictures that are dark all over (--quality)"
    Pale             Warning "pale"               "pictures that are pale all over (--quality)"
    Empty            Warning "empty"              "pictures that show next to nothing (--quality)"
    OddAspect        Warning "odd-aspect"         "pictures that are far longer than broad, or broader than long (--quality)"
    Bars             Warning "bars"               "pictures with bars above and below or on both sides (--quality)"
    TinySubject      Warning "tiny-subject"       "pictures of something small before a background of one colour (--quality)"
    Strip            Warning "strip"              "pictures with a strip of one colour and writing in it along an edge (--quality)"
    Burst            Warning "burst"              "pictures of a moment of which another, sharper one looks alike (--quality)"
    LabelRepeated    Warning "label-repeated"     "lines of label files that stand there twice"
    Duplicate        Note    "duplicate"          "identical pictures"
    NearDuplicate    Note    "near-duplicate"     "near copies"
}

impl From<Defect> for Rule {
    fn from(defect: Defect) -> Rule {
        match defect {
            Defect::Blurred => Rule::Blurred,
            Defect::Dark => Rule::Dark,
            Defect::Pale => Rule::Pale,
            Defect::Empty => Rule::Empty,
            Defect::OddAspect => Rule::OddAspect,
            Defect::Bars => Rule::Bars,
            Defect::TinySubject => Rule::TinySubject,
            Defect::Strip => Rule::Strip,
        }
    }
}

impl From<Fault> for Rule {
    fn from(fault: Fault) -> Rule {
        match fault {
            Fault::Layout => Rule::Layout,
            Fault::Misread => Rule::Misread,
            Fault::Stray => Rule::Stray,
            Fault::Unreadable => Rule::Unreadable,
            Fault::Numbering => Rule::Numbering,
            Fault::LabelMissing => Rule::LabelMissing,
            Fault::LabelOrphan => Rule::LabelOrphan,
            Fault::LabelSyntax => Rule::LabelSyntax,
            Fault::LabelRange => Rule::LabelRange,
            Fault::LabelBeyond => Rule::LabelBeyond,
            Fault::LabelClass => Rule::LabelClass,
            Fault::LabelRepeated => Rule::LabelRepeated,
            Fault::LabelAndId => Rule::LabelAndId,
            Fault::Box => Rule::Box,
        }
    }
}

/// `1 row`, `2 rows`.
fn several(rows: u64) -> String {
    format!("{rows} {}", if rows == 1 { "row" } else { "rows" })
}

/// What breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The row of this number.
    Row(u32),
    /// A file, by its name below the data set's folder.
    File(String),
    /// A class.
    Class(String),
    /// All of it.
    Set,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The rule that is broken, which says how bad that is.
    pub rule: Rule,
    /// What breaks it.
    pub subject: Subject,
    /// The other row of a pair.
    pub other: Option<u32>,
    /// What exactly is wrong, where the rule and the rows do not say it.
    pub detail: String,
}

impl Finding {
    /// A finding about one subject.
    fn new(rule: Rule, subject: Subject, detail: impl Into<String>) -> Finding {
        Finding { rule, subject, other: None, detail: detail.into() }
    }

    /// What was found in a data set's folder.
    fn in_folder(found: Found) -> Finding {
        Finding::new(found.fault.into(), Subject::File(found.file), found.detail)
    }

    /// A finding about two rows.
    fn pair(rule: Rule, row: u32, other: u32, detail: impl Into<String>) -> Finding {
        Finding { rule, subject: Subject::Row(row), other: Some(other), detail: detail.into() }
    }
}

/// What is held against what.
#[derive(Debug, Clone)]
pub struct Settings {
    /// A shorter side of fewer pixels is worth a warning.
    pub min_size: u32,
    /// The largest class may have so many times the pictures of the smallest.
    pub max_imbalance: f64,
    /// What every class should be divided by.
    pub ratios: Option<crate::split::Ratios>,
    /// Perceptual hashes of this distance or less are near copies; `None`: near copies are not looked for.
    pub hash_distance: Option<u32>,
    /// From which figures on pictures are poor; `None`: nothing is measured, nor are bursts looked for.
    pub quality: Option<Limits>,
}
