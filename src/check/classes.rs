//! Classes: how many pictures each has, in which splits, and whether ids and labels agree.

use std::collections::{BTreeMap, HashMap};

use super::rows::{LEFT_OUT, NO_CLASS, NO_SPLIT, Rows, SPLITS, TRAIN};
use super::{Finding, Rule, Subject, several};
use crate::species;
use crate::split::{Ratios, quotas};

/// Pictures of a class, or of all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Class {
    /// Its label.
    pub name: String,
    /// Its number, where rows have one.
    pub id: Option<i32>,
    /// In no split, train, validation, test, and in a split of another name.
    pub counts: [u64; 5],
    /// Those of train that were drawn from others.
    pub augmented: u64,
}

impl Class {
    /// Its pictures, whatever their splits.
    pub fn pictures(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// Holds the classes against each other and against the ratios; gives them by id, else by name.
pub(super) fn find(rows: &mut Rows, ratios: Option<Ratios>, max_imbalance: f64) -> Vec<Class> {
    let mut found = Vec::new();
    let by_id = rows.by_id();
    contradictions(rows, &mut found);
    let mut classes: HashMap<u32, Class> = HashMap::new();
    let augmented = rows.augmented();
    let (mut first_without, mut without) = (None, 0u64);
    for (row, augmented) in augmented.into_iter().enumerate() {
        // Of a picture with boxes the boxes' classes count.
        if rows.boxed[row] {
            continue;
        }
        let class = rows.class(by_id, row);
        if class == NO_CLASS {
            first_without.get_or_insert(row as u32);
            without += 1;
            continue;
        }
        let known = classes.entry(class).or_insert_with(|| Class {
            name: name(rows, by_id, row, class),
            id: by_id.then_some(class.cast_signed()),
            counts: [0; 5],
            augmented: 0,
        });
        if rows.splits[row] != LEFT_OUT {
            known.counts[rows.splits[row] as usize] += 1;
        }
        known.augmented += u64::from(augmented && rows.splits[row] == TRAIN);
    }
    let mut by_name: HashMap<String, u32> =
        classes.iter().map(|(number, class)| (class.name.clone(), *number)).collect();
    for &(row, label) in &rows.inside {
        let (name, split) = (&rows.names[label], rows.splits[row as usize]);
        let next = u32::MAX - 1 - by_name.len() as u32;
        let number = *by_name.entry(name.into()).or_insert(next);
        let known = classes.entry(number).or_insert_with(|| Class { name: name.into(), ..Class::default() });
        if split != LEFT_OUT {
            known.counts[split as usize] += 1;
        }
    }
    let mut classes: Vec<Class> = classes.into_values().collect();
    classes.sort_by(|a, b| (a.id, &a.name).cmp(&(b.id, &b.name)));
    if let (Some(row), false) = (first_without, classes.is_empty()) {
        found.push(Finding::new(Rule::NoClass, Subject::Row(row), format!("{}, this the first", several(without))));
    }
    if rows.are_divided() {
        undivided(rows, &mut found);
        // What has no train at all is a part of a data set, to be tested with.
        let is_trained = rows.splits.contains(&TRAIN);
        for class in &classes {
            let subject = || Subject::Class(class.name.clone());
            let [_, train, validation, test, other] = class.counts;
            if is_trained && train == 0 && validation + test + other > 0 {
                found.push(Finding::new(Rule::NotInTrain, subject(), in_splits(class)));
            }
            let train = train - class.augmented;
            let divided = train + validation + test;
            let Some(ratios) = ratios.filter(|_| divided > 0) else { continue };
            let wanted = quotas(divided as usize, ratios).map(|n| n.max(0) as u64);
            if wanted.iter().zip([train, validation, test]).any(|(wanted, is)| wanted.abs_diff(is) > 1) {
                let [a, b, c] = wanted;
                let detail = format!("{train}/{validation}/{test}, and {ratios} of {divided} are {a}/{b}/{c}");
                found.push(Finding::new(Rule::Ratio, subject(), detail));
            }
        }
    }
    // What is trained on counts, where it is known what that is.
    let place = |class: &Class| if rows.are_divided() { class.counts[TRAIN as usize] } else { class.pictures() };
    let trained = || classes.iter().filter(|class| place(class) > 0);
    let (least, most) = (trained().min_by_key(|c| place(c)), trained().rev().max_by_key(|c| place(c)));
    if let (Some(least), Some(most)) = (least, most)
        && place(most) as f64 > max_imbalance * place(least) as f64
    {
        let detail = format!("{} has {}, {} has {}", most.name, place(most), least.name, place(least));
        found.push(Finding::new(Rule::Imbalance, Subject::Set, detail));
    }
    rows.findings.append(&mut found);
    classes
}

fn name(rows: &Rows, by_id: bool, row: usize, class: u32) -> String {
    match rows.labels[row] {
        NO_CLASS if by_id => species::name(class.cast_signed()).map_or_else(|| class.to_string(), str::to_string),
        NO_CLASS => String::new(),
        label => rows.names[label].to_string(),
    }
}

fn in_splits(class: &Class) -> String {
    let counts = (1..).zip(&class.counts[1..]).filter(|(_, count)| **count > 0);
    counts.map(|(split, count)| format!("{count} in {}", SPLITS[split])).collect::<Vec<_>>().join(", ")
}

/// Rows in no split although they have not failed and nobody excluded them.
fn undivided(rows: &Rows, found: &mut Vec<Finding>) {
    let mut left = (0u32..).zip(&rows.splits).filter(|(_, split)| **split == NO_SPLIT).map(|(row, _)| row);
    if let Some(first) = left.next() {
        let detail = format!("{}, this the first", several(left.count() as u64 + 1));
        found.push(Finding::new(Rule::NoSplit, Subject::Row(first), detail));
    }
}

/// An id with two labels, a label with two ids, and a species under another's number.
fn contradictions(rows: &Rows, found: &mut Vec<Finding>) {
    let mut first: BTreeMap<(i32, u32), u32> = BTreeMap::new();
    for (row, (id, &label)) in (0u32..).zip(rows.ids.iter().zip(&rows.labels)) {
        if let (Some(id), true) = (id, label != NO_CLASS) {
            first.entry((*id, label)).or_insert(row);
        }
    }
    let label = |label: u32| &rows.names[label];
    let pairs: Vec<((i32, u32), u32)> = first.into_iter().collect();
    for same in pairs.chunk_by(|a, b| a.0.0 == b.0.0) {
        let ((id, one), other_row) = same[0];
        for &((_, other), row) in &same[1..] {
            let detail = format!("id {id} is both {} and {}", label(one), label(other));
            found.push(Finding::pair(Rule::LabelAndId, row, other_row, detail));
        }
    }
    let mut by_label = pairs;
    by_label.sort_unstable_by_key(|&((id, label), _)| (label, id));
    for same in by_label.chunk_by(|a, b| a.0.1 == b.0.1) {
        let ((one, name), other_row) = same[0];
        for &((other, _), row) in &same[1..] {
            let detail = format!("{} is both id {one} and id {other}", label(name));
            found.push(Finding::pair(Rule::LabelAndId, row, other_row, detail));
        }
    }
    let numbers: HashMap<&str, i32> = species::names().zip(1..).collect();
    for ((id, name), row) in by_label {
        if let Some(&number) = numbers.get(label(name)).filter(|&&number| number != id) {
            let detail = format!("id {id} and label {}, whose number is {number}", label(name));
            found.push(Finding::new(Rule::LabelAndId, Subject::Row(row), detail));
        }
    }
}
