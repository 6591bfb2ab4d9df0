//! From tables to what a head learns from: rows of features with classes, those to learn from and those to choose by.

mod gather;

use std::collections::BTreeMap;

use super::Options;
use super::beside::Beside;
use super::columns::feature;
use crate::failure::Failure;
use crate::head::{Class, Feature, Method, Rows};
use crate::index::Check;
use crate::progress::Progress;
use crate::table::{Table, column};
use crate::words::{left_out, printable, rows};
use gather::Gather;
pub(super) use gather::{Facts, not_finite};

/// Rows to learn from and rows to choose by, and what was met on the way.
pub(super) struct Sample {
    pub features: Vec<Feature>,
    pub classes: Vec<Class>,
    pub train: Rows,
    pub validation: Rows,
    /// Classes of the validation or the test that no row to learn from has, and how many rows they have.
    unseen: BTreeMap<String, u64>,
    /// Rows of the validation whose class is among those to learn from.
    seen: u64,
    without_vector: u64,
    without_class: u64,
    /// Rows of several classes that were left out, and those a share of which is of a class that is not learnt.
    mixtures: u64,
    unknown_shares: u64,
    /// Whether the validation was taken from the rows to learn from.
    set_aside: bool,
}

impl Sample {
    /// Reads a table and those beside it.
    ///
    /// # Errors
    /// A column is missing, vectors are no good or of two models, nothing is there to learn from.
    pub(super) fn read(table: Table, options: &Options, progress: &mut dyn Progress) -> Result<Sample, Failure> {
        let columns = &options.columns;
        let name = table.name.clone();
        table.require(&options.target.column())?;
        let mut beside = Vec::new();
        for path in &options.with {
            let wanted: Vec<&String> = columns.iter().filter(|column| !table.has(column)).collect();
            beside.push(Beside::read(path, &wanted)?);
        }
        for name in columns {
            if !table.has(name) && !beside.iter().any(|other| other.dimensions.contains_key(name)) {
                table.require(name)?;
            }
        }
        if let Some(twice) = columns.iter().enumerate().find_map(|(i, c)| columns[..i].contains(c).then_some(c)) {
            return Err(Failure::usage(format!("--vector-column names `{twice}` twice"), "name each column once"));
        }
        let has_split = table.has(column::SPLIT);
        let provenance = table.provenance.clone();
        let own: Vec<&String> = columns.iter().filter(|column| table.has(column)).collect();
        let mut checks: Vec<Check> = own.iter().map(|column| Check::new(&name, column)).collect();
        let mut gather = Gather::new(options.target, options.plan.method == Method::Linear);
        progress.start("read", table.rows);
        for batch in table.with_unique_keys() {
            let batch = batch?;
            if progress.is_cancelled() {
                return Err(Failure::cancelled());
            }
            checks.iter_mut().try_for_each(|check| check.look(&batch))?;
            gather.batch(&batch, columns, &beside, &name)?;
            progress.advance(batch.num_rows() as u64);
        }
        progress.finish();
        let mut features = Vec::new();
        for name in columns {
            let feature = match own.iter().position(|column| *column == name) {
                Some(at) => feature(name, &checks[at], &provenance),
                None => {
                    let other = beside.iter().find(|other| other.dimensions.contains_key(name));
                    other.expect("it was looked for above").features[name].clone()
                }
            };
            features.push(feature);
        }
        gather.finish(features, has_split, (options.validation, options.seed), &name)
    }

    /// Says what would otherwise go unnoticed.
    ///
    /// # Errors
    /// No validation row has a class that could have been learnt: the classes were divided instead of the images.
    pub(super) fn report(&self, name: &str, progress: &dyn Progress) -> Result<(), Failure> {
        if self.without_vector > 0 {
            progress.warn(&format!("{name}: {}", left_out(self.without_vector)));
        }
        if self.without_class > 0 {
            progress.warn(&format!("{name}: {} without a class left out", rows(self.without_class)));
        }
        if self.mixtures > 0 {
            let mixtures = rows(self.mixtures);
            progress.warn(&format!(
                "{name}: {mixtures} of several classes left out: only a linear head learns from `soft_labels`"
            ));
        }
        if self.unknown_shares > 0 {
            let mixtures = rows(self.unknown_shares);
            progress.warn(&format!(
                "{name}: {mixtures} also of classes that no row of train has; their other classes count"
            ));
        }
        if !self.unseen.is_empty() {
            let names: Vec<String> = self.unseen.keys().take(5).map(|name| printable(name)).collect();
            let more = if self.unseen.len() > 5 { ", …" } else { "" };
            let count: u64 = self.unseen.values().sum();
            let what = format!(
                "{name}: {} of validation and test have {} classes that no row of train has: {}{more}",
                rows(count),
                self.unseen.len(),
                names.join(", ")
            );
            if self.seen == 0 {
                let hint = "were the classes divided, and not the images of each? `pokedex split` divides every class";
                return Err(Failure::failed(format!("{what}; none has one that can be learnt"), Some(hint.into())));
            }
            progress.warn(&format!("{what}; they can only be judged wrongly"));
        }
        for feature in self.features.iter().filter(|feature| feature.model.is_none()) {
            let what = "does not say which model made it: nobody can tell later whether other vectors fit this head";
            progress.warn(&format!("{name}: column `{}` {what}", feature.column));
        }
        if self.set_aside {
            let (train, validation) = (self.train.len(), self.validation.len());
            let what = format!("learns from {train} rows and sets {validation} aside to choose by");
            progress.warn(&format!("{name}: has no validation rows; {what}"));
        } else if self.validation.is_empty() {
            progress.warn(&format!("{name}: no rows to choose by: scores are not calibrated"));
        }
        Ok(())
    }
}
