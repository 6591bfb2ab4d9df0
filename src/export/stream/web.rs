//! Vectors as web pages look them up: by Pokédex number.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::json;

use super::Selection;
use super::vectors::each_vector;
use crate::failure::Failure;
use crate::io::{Sink, Target};
use crate::output::open_beside;
use crate::progress::Progress;
use crate::species;
use crate::table::{Table, column};
use crate::words::rows;

/// Greater numbers are no classes.
const MOST_IDS: i32 = 1 << 20;

/// An array of arrays, of which the first is the vector of id 1, as web pages look them up; and beside a file what
/// there is in it.
pub(super) fn write(
    table: Table,
    selection: &Selection,
    target: &Target,
    mut sink: Sink,
    progress: &mut dyn Progress,
) -> Result<(), Failure> {
    let (input, name) = (table.name.clone(), sink.name());
    let failed = sink.failure();
    const DESCRIPTION: &str = "vectors of length 1; the one of an id is embeddings[id - 1], zeros where there is none";
    let mut about = match target {
        Target::File(path) => {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let beside = path.with_file_name(format!("{stem}_metadata.json"));
            Some(open_beside(beside, |start| String::from_utf8_lossy(start).contains(DESCRIPTION))?)
        }
        _ => None,
    };
    let wrong = |problem: String| {
        let hint = "ids come from names that begin with a Pokédex number, or from `pokedex scan --meta CSV`";
        Failure::failed(format!("{input}: {problem}"), Some(hint.into()))
    };
    table.require(column::ID).map_err(|_| wrong("has no column `id`, by which vectors are looked up".into()))?;
    let mut sums: BTreeMap<i32, Vec<f64>> = BTreeMap::new();
    let mut nameless = 0u64;
    let mut model = None;
    let without = each_vector(table.with_keys(), &selection.vectors, progress, |row, vector| {
        let Some(id) = row.id else {
            nameless += 1;
            return Ok(());
        };
        if !(1..=MOST_IDS).contains(&id) {
            return Err(wrong(format!("{}: id {id} is not from 1 to {MOST_IDS}", row.key)));
        }
        let sum = sums.entry(id).or_insert_with(|| vec![0.0; vector.len()]);
        if sum.len() != vector.len() || vector.iter().any(|x| !x.is_finite()) {
            return Err(wrong(format!("{}: its vector is not like the others", row.key)));
        }
        sum.iter_mut().zip(vector).for_each(|(sum, x)| *sum += f64::from(*x));
        model = model.take().or_else(|| row.model.map(str::to_string));
        Ok(())
    })?;
    let Some((&last, any)) = sums.last_key_value() else {
        return Err(wrong("has no vector with an id".into()));
    };
    let dimension = any.len();
    let count = if last <= species::COUNT { species::COUNT } else { last };
    sink.write_all(b"[").map_err(&failed)?;
    for id in 1..=count {
        let zeros = vec![0.0; dimension];
        let sum = sums.get(&id).unwrap_or(&zeros);
        let length = sum.iter().map(|x| x * x).sum::<f64>().sqrt();
        let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
        let numbers: Vec<String> = sum.iter().map(|x| ((x * scale) as f32).to_string()).collect();
        let end = if id == count { "]\n" } else { ",\n" };
        write!(sink, "[{}]{end}", numbers.join(",")).map_err(&failed)?;
    }
    if let Some(about) = &mut about {
        let facts = json!({
            "count": count, "dimensions": dimension, "with_vector": sums.len(), "model": model,
            "description": DESCRIPTION,
        });
        writeln!(about, "{facts:#}").map_err(about.failure())?;
    }
    Sink::finish_all(about.into_iter().chain([sink]))?;
    let missing = count as usize - sums.len();
    if missing > 0 {
        let ids = if missing == 1 {
            "ids has no vector; zeros stand in for it"
        } else {
            "ids have no vector; zeros stand in for them"
        };
        progress.warn(&format!("{name}: {missing} of {count} {ids}"));
    }
    if without + nameless > 0 {
        let were = if without + nameless == 1 { "was" } else { "were" };
        progress.warn(&format!("{name}: {} without a vector or an id {were} left out", rows(without + nameless)));
    }
    Ok(())
}
