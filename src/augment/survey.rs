//! What `augment` must know of the whole table before it makes the first copy: classes, contents, names.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use arrow_array::{Array, RecordBatch};
use clap::ValueEnum;

use super::geometry::is_box;
use super::hash::train;
use super::partners::{Gathering, Known};
use super::plan::{Candidate, Share};
use crate::failure::Failure;
use crate::io::{self, Within};
use crate::names;
use crate::output::folder::refuse_row;
use crate::stage;
use crate::table::boxes::Boxes;
use crate::table::column::{self, read_hashes};
use crate::table::soft_labels::Shows;
use crate::table::{Error, Images};

/// Which column holds the class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the help shows a value's name, which says all")]
pub enum By {
    Id,
    Label,
}

/// Facts about every row: some hundred bytes each, and no longer than needed.
pub(super) struct Survey {
    /// Their classes are not settled yet.
    rows: Vec<Candidate>,
    ids: Vec<Option<i32>>,
    labels: Vec<Option<u32>>,
    numbers: HashMap<String, u32>,
    pub keys: Keys,
    /// The first parents, for the preview.
    pub samples: Vec<RecordBatch>,
    most_samples: usize,
    /// Pictures that others may be mixed with, where that is wanted.
    pub partners: Option<Gathering>,
    /// Rows of parents with boxes that are none, and how many of these.
    pub broken: Vec<(usize, usize)>,
    /// The folder that is to be written, in which no picture may lie.
    within: Option<Within>,
}

/// The classes: what is counted, and what each is called.
pub(super) struct Classes {
    pub rows: Vec<Candidate>,
    pub names: Vec<String>,
}

impl Survey {
    /// Keeps the first parents, so many, and puts all away where others may be mixed with them.
    pub(super) fn new(samples: usize, partners: Option<Gathering>, within: Option<Within>) -> Survey {
        Survey {
            rows: Vec::new(),
            ids: Vec::new(),
            labels: Vec::new(),
            numbers: HashMap::new(),
            keys: Keys::default(),
            samples: Vec::new(),
            most_samples: samples,
            partners,
            broken: Vec::new(),
            within,
        }
    }

    /// Settles the classes, as `split` does: ids where there are any, else labels.
    ///
    /// # Errors
    /// No row has what they are to be settled by.
    pub(super) fn classes(&mut self, by: Option<By>) -> Result<Classes, Failure> {
        let has = |by: By| match by {
            By::Id => self.ids.iter().any(Option::is_some),
            By::Label => self.labels.iter().any(Option::is_some),
        };
        if let Some(by) = by.filter(|&by| !has(by)) {
            let name = if by == By::Id { column::ID } else { column::LABEL };
            let hint = "without --by all pictures are one class; `pokedex scan --meta CSV` adds ids and labels";
            return Err(Failure::failed(format!("no row has a value in column `{name}`"), Some(hint.into())));
        }
        let by = by.or_else(|| [By::Id, By::Label].into_iter().find(|&by| has(by)));
        let mut labels = vec![""; self.numbers.len()];
        self.numbers.iter().for_each(|(label, &number)| labels[number as usize] = label);
        let (ids, own_labels) = (std::mem::take(&mut self.ids), std::mem::take(&mut self.labels));
        let (mut numbers, mut names) = (HashMap::new(), Vec::new());
        let mut settled = |row: usize| {
            let (value, name) = match by {
                Some(By::Id) => (ids[row].map(i64::from), ids[row].map(|id| id.to_string())),
                Some(By::Label) => {
                    (own_labels[row].map(i64::from), own_labels[row].map(|label| labels[label as usize].to_string()))
                }
                None => (None, None),
            };
            *numbers.entry(value).or_insert_with(|| {
                names.push(name.unwrap_or_else(|| "(none)".into()));
                names.len() as u32 - 1
            })
        };
        let mut rows = std::mem::take(&mut self.rows);
        for (row, candidate) in rows.iter_mut().enumerate() {
            match candidate {
                Candidate::Other => {}
                Candidate::Copy { class, .. } | Candidate::Parent { class, .. } => *class = settled(row),
            }
        }
        Ok(Classes { rows, names })
    }
}

impl stage::Survey for Survey {
    const NAME: &'static str = "read";

    fn look(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        let images = Images::of(batch)?;
        if let Some(within) = &mut self.within {
            (0..batch.num_rows()).try_for_each(|row| refuse_row(within, &images, row))?;
        }
        let (ids, labels) = (column::ints(batch, column::ID)?, column::text(batch, column::LABEL)?);
        let (contents, parents) = (read_hashes(batch, column::CONTENT_HASH)?, read_hashes(batch, column::PARENT_HASH)?);
        let drawn = column::text(batch, column::AUGMENTATION)?;
        let (boxes, shows) = (Boxes::of(batch)?, Shows::of(batch)?);
        for (row, is_train) in train(batch)?.into_iter().enumerate() {
            let key = images.key(row);
            self.keys.all.insert(hash(key));
            self.ids.push(ids.as_ref().filter(|ids| ids.is_valid(row)).map(|ids| ids.value(row)));
            let label = labels.as_ref().filter(|labels| labels.is_valid(row)).map(|labels| {
                let next = self.numbers.len() as u32;
                *self.numbers.entry(labels.value(row).into()).or_insert(next)
            });
            let is_sound = is_train && images.error(row).is_none();
            let candidate = match (parents[row], contents[row]) {
                _ if !is_sound => Candidate::Other,
                (Some(parent), _) => {
                    let drawn = drawn.as_ref().filter(|drawn| drawn.is_valid(row)).map(|drawn| drawn.value(row));
                    Candidate::Copy { class: 0, parent, number: drawn.and_then(number).unwrap_or(1) }
                }
                (None, Some(content)) => Candidate::Parent { class: 0, content, key: hash(key) },
                (None, None) => Candidate::Other,
            };
            self.labels.push(label);
            self.rows.push(candidate);
            let Candidate::Parent { content, .. } = candidate else { continue };
            self.keys.parents.push((self.rows.len() - 1, key.into()));
            if self.samples.len() < self.most_samples {
                self.samples.push(batch.slice(row, 1));
            }
            let own = boxes.as_ref().and_then(|boxes| boxes.get(row));
            let broken = own.iter().flatten().filter(|bounds| !is_box(bounds)).count();
            if broken > 0 {
                self.broken.push((self.rows.len() - 1, broken));
            }
            if let Some(partners) = &mut self.partners {
                let has_class = !shows.get(row).is_empty();
                let known = [own.map(|_| Known::Boxes), has_class.then_some(Known::Class)];
                let known: Vec<Known> = known.into_iter().flatten().collect();
                if !known.is_empty() {
                    partners.add(batch, row, content, &known)?;
                }
            }
        }
        Ok(())
    }
}

/// The number of a copy, from what was drawn for it.
fn number(drawn: &str) -> Option<u32> {
    let drawn: serde_json::Value = serde_json::from_str(drawn).ok()?;
    // A number that nobody counted to was not written here.
    drawn.get("copy")?.as_u64()?.try_into().ok().filter(|&number: &u32| number < 1 << 30)
}

/// The keys of the table, and those of the copies.
#[derive(Default)]
pub(super) struct Keys {
    all: HashSet<u64>,
    /// The rows of parents, and their keys.
    parents: Vec<(usize, Box<str>)>,
}

impl Keys {
    /// The keys of all copies, in their order: that of the parent with the number before the extension, and with more
    /// where it takes more to tell two parents apart ([`names::beside`]).
    ///
    /// # Errors
    /// A row of the table has it, or it leaves the folder.
    pub(super) fn of_copies(
        mut self,
        shares: &[Share],
        extension: &str,
        table: &str,
    ) -> Result<Vec<Box<str>>, Failure> {
        // Where a number of two digits is longer, there is room.
        const ROOM: usize = 8;
        let (before, after) = ("_aug", format!(".{extension}"));
        let end = format!("{before}{after}");
        let named = names::beside(self.parents.iter().map(|(_, key)| &**key), &end, ROOM);
        let named = named.map_err(|key| io::Error::Outside { file: key.into() })?;
        let mut keys = Vec::new();
        for ((row, _), name) in self.parents.iter().zip(&named) {
            let stem = name.strip_suffix(&end).expect("every name ends so");
            let Share { first, count } = shares[*row];
            for copy in first..first + count {
                let key = format!("{stem}{before}{copy:02}{after}");
                if !self.all.insert(hash(&key)) {
                    return Err(Error::DuplicateKey { name: table.into(), key }.into());
                }
                keys.push(key.into());
            }
        }
        Ok(keys)
    }
}

fn hash(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}
