//! More vectors for the same keys, from another table.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::columns::{feature, keys};
use crate::failure::Failure;
use crate::head::Feature;
use crate::index::Check;
use crate::io;
use crate::table::{Table, column};

/// A table with more vectors for the same keys: they wait in a temporary file, of which memory knows where each row is.
pub(super) struct Beside {
    pub features: HashMap<String, Feature>,
    pub dimensions: HashMap<String, usize>,
    file: File,
    /// By the hash of a key: where its vectors lie. A column that a row lacks is a `NaN` there.
    places: HashMap<u64, u64>,
    columns: Vec<String>,
}

impl Beside {
    /// # Errors
    /// The table cannot be read, has none of the columns, or its vectors are no good.
    pub(super) fn read(path: &Path, wanted: &[&String]) -> Result<Beside, Failure> {
        let table = Table::open(path)?;
        let (name, provenance) = (table.name.clone(), table.provenance.clone());
        let columns: Vec<String> = wanted.iter().filter(|column| table.has(column)).map(|c| (*c).clone()).collect();
        if columns.is_empty() {
            return Err(Failure::failed(
                format!("{name}: has none of the columns that --vector-column still needs"),
                Some("name its vector column: --vector-column embedding,NAME (`embed --as NAME` makes one)".into()),
            ));
        }
        let file = tempfile::tempfile().map_err(io::Error::temporary)?;
        let mut checks: Vec<Check> = columns.iter().map(|column| Check::new(&name, column)).collect();
        let mut places = HashMap::new();
        let mut end = 0u64;
        for batch in table.with_unique_keys() {
            let batch = batch?;
            checks.iter_mut().try_for_each(|check| check.look(&batch))?;
            let keys = keys(&batch)?;
            let vectors = columns.iter().map(|column| column::vectors(&batch, column, &name));
            let vectors = vectors.collect::<Result<Vec<_>, _>>()?;
            let mut bytes = Vec::new();
            for row in 0..batch.num_rows() {
                let own: Option<Vec<&[f32]>> = vectors.iter().map(|vectors| vectors.get(row)).collect();
                if let Some(own) = own {
                    places.insert(hash(keys.value(row)), end + bytes.len() as u64);
                    own.iter().flat_map(|v| v.iter()).for_each(|x| bytes.extend(x.to_le_bytes()));
                }
            }
            file.write_all_at(&bytes, end).map_err(io::Error::temporary)?;
            end += bytes.len() as u64;
        }
        let features: HashMap<String, Feature> = columns
            .iter()
            .zip(&checks)
            .map(|(name, check)| (name.clone(), feature(name, check, &provenance)))
            .collect();
        let dimensions = features.iter().map(|(name, feature)| (name.clone(), feature.dimension)).collect();
        Ok(Beside { features, dimensions, file, places, columns })
    }

    /// The vectors of a key, column after column.
    pub(super) fn get(&self, key: &str) -> Result<Option<HashMap<&str, Vec<f32>>>, io::Error> {
        let Some(place) = self.places.get(&hash(key)) else { return Ok(None) };
        let length: usize = self.columns.iter().map(|column| self.dimensions[column]).sum();
        let mut bytes = vec![0; length * 4];
        self.file.read_exact_at(&mut bytes, *place).map_err(io::Error::temporary)?;
        let mut numbers = bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b));
        let mut take = |column: &String| numbers.by_ref().take(self.dimensions[column]).collect();
        Ok(Some(self.columns.iter().map(|column| (column.as_str(), take(column))).collect()))
    }
}

fn hash(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}
