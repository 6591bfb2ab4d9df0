//! A part of the rows of an input: one of several runs that share it without talking to each other.

use std::str::FromStr;

use arrow_array::{Array, BooleanArray};

use super::{Error, Table, column};

/// The rows of one of `of` runs, by their keys alone: whoever adds or removes rows moves no other.
///
/// The shard of a key is one more than the first eight bytes of its BLAKE3, read as a little-endian number, modulo the number
/// of shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    number: u64,
    of: u64,
}

/// More shards than there are machines in the world.
const MOST: u64 = 1_000_000;

impl Shard {
    /// Whether a row of this key is among them.
    pub fn has(self, key: &str) -> bool {
        let hash = blake3::hash(key.as_bytes());
        let (first, _) = hash.as_bytes().split_first_chunk().expect("it has 32 bytes");
        u64::from_le_bytes(*first) % self.of == self.number - 1
    }

    /// The rows of a table that are among them.
    pub(super) fn of(self, table: Table) -> Table {
        let table = table.with_keys();
        let (schema, name, provenance, findings) =
            (table.schema.clone(), table.name.clone(), table.provenance.clone(), table.findings.clone());
        let shown = name.clone();
        let batches = table.map(move |batch| {
            let batch = batch?;
            let keys = column::text(&batch, column::KEY)?.expect("every row has a key now");
            let mine: BooleanArray = (0..keys.len()).map(|row| Some(self.has(keys.value(row)))).collect();
            let name = name.clone();
            arrow_select::filter::filter_record_batch(&batch, &mine).map_err(|source| Error::Arrow { name, source })
        });
        let mut shard = Table::new(shown, schema, None, Box::new(batches));
        (shard.provenance, shard.findings) = (provenance, findings);
        shard
    }
}

impl FromStr for Shard {
    type Err = String;

    /// Reads `3/100`: the third of a hundred.
    fn from_str(text: &str) -> Result<Shard, String> {
        let (number, of) = text.split_once('/').ok_or("is no I/N, as 3/100")?;
        let (number, of) = (number.trim().parse::<u64>().ok(), of.trim().parse::<u64>().ok());
        match number.zip(of) {
            Some((0, _)) => Err("counts from 0: the first of N is 1/N".into()),
            Some((number, of)) if number <= of && of <= MOST => Ok(Shard { number, of }),
            _ => Err("is no I/N with I from 1 to N".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_disjoint_complete_and_balanced_and_keep_their_rows() {
        let keys: Vec<String> = (0..100_000).map(|n| format!("folder/{n:06}.png")).collect();
        let shards: Vec<Shard> = (1..=200).map(|n| format!("{n}/200").parse().expect("a shard")).collect();
        let mut sizes = vec![0usize; 200];
        for key in &keys {
            let mine: Vec<usize> = (0..200).filter(|&n| shards[n].has(key)).collect();
            assert_eq!(mine.len(), 1, "{key}");
            sizes[mine[0]] += 1;
        }
        // 500 each, and chance: four of its deviations are 18 %.
        assert!(sizes.iter().all(|&size| (410..=590).contains(&size)), "{sizes:?}");
    }

    #[test]
    fn what_is_no_shard_is_refused() {
        for wrong in ["", "1", "0/4", "5/4", "1/0", "-1/4", "1/2/3", "1/1000001", "a/b"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
        assert_eq!(" 3 / 4".parse(), Ok(Shard { number: 3, of: 4 }));
    }
}
