//! A data set that is checked: from its files to what is wrong with it.

use std::path::{Path, PathBuf};

use super::finding::sentence;
use super::survey::look_at_all;
use super::{Depth, Finding, Report, Rule, Settings, Severity, labels};
use crate::duplicates::REACH;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::split::Ratios;
use crate::stage::processors;
use crate::table::layout::{self, Findings, Profile};
use crate::table::{Inputs, Table, column, dataset};

/// What is checked, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// What is held against what; without ratios those count that `split` has noted in the table.
    pub settings: Settings,
    /// Open pictures, and do not only hold the table's columns against each other.
    pub pictures: bool,
    /// A table by `train --cross-predict`, by which labels are doubted.
    pub labels: Option<PathBuf>,
    /// Rules that are left out.
    pub ignored: Vec<Rule>,
    /// At least one; what is found does not depend on it.
    pub threads: usize,
}

impl Default for Options {
    /// Every picture is opened, and held against all rules.
    fn default() -> Options {
        let settings =
            Settings { min_size: 32, max_imbalance: 10.0, ratios: None, hash_distance: Some(REACH), quality: None };
        Options { settings, pictures: true, labels: None, ignored: Vec::new(), threads: processors() }
    }
}

/// What was checked, and what was found.
#[derive(Debug)]
pub struct Checked {
    /// What to call the data set in a message.
    pub name: String,
    /// How its folder is laid out, where it is a data set's folder.
    pub layout: Option<Profile>,
    /// Whether pictures were opened.
    pub opened: bool,
    /// What was found, and the data set in figures.
    pub report: Report,
}

impl Checked {
    /// How bad the worst finding is; `None` where there is none.
    pub fn worst(&self) -> Option<Severity> {
        self.report.findings.iter().map(|finding| finding.rule.severity()).min()
    }
}

/// Says what is wrong with a data set: tables, image files, folders, a data set's folder or its data.yaml.
///
/// # Errors
/// As [`DataSet::open`] and [`DataSet::check`].
pub fn check(
    inputs: &[PathBuf],
    layout: Option<Profile>,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<Checked, Failure> {
    DataSet::open(inputs, layout)?.check(options, progress)
}

/// The rows of a data set, how it is laid out where it is a folder, and what is found there while they are read.
#[derive(Debug)]
pub struct DataSet {
    table: Table,
    layout: Option<Profile>,
    findings: Findings,
}

impl DataSet {
    /// Opens it, as its files tell or as `layout` says.
    ///
    /// # Errors
    /// It cannot be read, or a layout is given for what is no folder.
    pub fn open(inputs: &[PathBuf], layout: Option<Profile>) -> Result<DataSet, Failure> {
        let is_folder = |path: &&PathBuf| path.is_dir() || Profile::of(path).is_some();
        let folder = inputs.first().filter(|path| inputs.len() == 1 && is_folder(path));
        if let Some(folder) = folder
            && let Some(profile) = layout.or_else(|| Profile::of(folder))
        {
            let (table, findings) = open_folder(folder, profile)?;
            return Ok(DataSet { table, layout: Some(profile), findings });
        }
        if let Some(profile) = layout {
            let name = profile.name();
            let hint = "give the data set's folder alone, or leave --layout out";
            return Err(Failure::usage(format!("--layout {name}: is for a folder"), hint));
        }
        let findings = Findings::default();
        let passed_over = Some(findings.clone());
        let inputs = Inputs { paths: inputs.into(), passed_over, ..Inputs::default() };
        Ok(DataSet { table: inputs.images_or_vectors()?, layout: None, findings })
    }

    /// Looks at all rows and their pictures, and holds them against each other.
    ///
    /// # Errors
    /// The rows cannot be read.
    pub fn check(self, options: &Options, progress: &mut dyn Progress) -> Result<Checked, Failure> {
        let DataSet { table, layout, findings } = self;
        let name = table.name.clone();
        let opened = options.pictures && (table.has(column::PATH) || table.has(column::IMAGE));
        let depth = if opened { Depth::Pixels } else { Depth::Table };
        let ratios = options.settings.ratios.or_else(|| noted_ratios(&table));
        let settings = Settings { ratios, ..options.settings };
        let mut report = look_at_all(table, settings, depth, options.threads, progress)?;
        report.findings.extend(findings.take().into_iter().map(Finding::in_folder));
        report.findings.sort_unstable();
        report.findings.dedup();
        if let Some(predictions) = &options.labels {
            labels::find(&mut report, predictions, progress)?;
            // Of a rule's findings these alone have an order of their own.
            report.findings.sort_by_key(|finding| finding.rule);
        }
        report.findings.retain(|finding| !options.ignored.contains(&finding.rule));
        Ok(Checked { name, layout, opened, report })
    }
}

/// What is wrong with a data set that was just written, whose pictures need not be decoded again: the rules that it breaks,
/// and how.
///
/// # Errors
/// It cannot be read.
pub fn of_export(folder: &Path, threads: usize, progress: &mut dyn Progress) -> Result<Vec<(Rule, String)>, Failure> {
    let inputs = Inputs { paths: vec![folder.into()], ..Inputs::default() };
    let (table, findings) = match Profile::of(folder) {
        Some(profile) => open_folder(folder, profile)?,
        None => (inputs.images()?, Findings::default()),
    };
    let settings =
        Settings { min_size: 0, max_imbalance: f64::INFINITY, ratios: None, hash_distance: None, quality: None };
    let mut report = look_at_all(table, settings, Depth::Bytes, threads, progress)?;
    report.findings.extend(findings.take().into_iter().map(Finding::in_folder));
    report.findings.sort_unstable();
    let errors = report.findings.iter().filter(|finding| finding.rule.severity() == Severity::Error);
    Ok(errors.map(|finding| (finding.rule, sentence(&report, finding))).collect())
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
