//! Embeddings that have been computed once: appended as they are made, found again by content and model.
//!
//! A folder per model holds segments, one for each process that ever wrote at the same time as another: a writer locks
//! the first segment that nobody else has locked. So writers never wait for each other, and a process that is killed
//! loses at most the record it was writing. A record is the content's hash, the vector and a check; a torn or damaged
//! record is passed over.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Mutex;

use super::ModelId;

const HASH: usize = 32;
const CHECK: usize = 8;

/// A store of vectors of one model.
pub struct Cache {
    dimension: usize,
    segments: Vec<File>,
    /// First half of the content's hash → segment and record. 40 bytes a vector.
    found: HashMap<u128, (u32, u32)>,
    folder: PathBuf,
    writer: Mutex<Writer>,
}

/// The segment that this process appends to.
enum Writer {
    Unopened,
    Open(File),
    /// It could not be opened or written to: the disk is full, or the folder may only be read.
    GivenUp,
}

impl Cache {
    /// Opens the model's part of the user's cache (`$POKEDEX_CACHE`, else `pokedex` in the user's cache folder), or
    /// `None` where there is no such folder and none can be made: computing again is slower, not wrong. What the
    /// identity does not tell and yet shows in the last bits of a vector is the `variant`.
    pub fn open(model: &ModelId, dimension: usize, variant: &str) -> Option<Cache> {
        let root = match std::env::var_os("POKEDEX_CACHE") {
            Some(root) => PathBuf::from(root),
            None => dirs::cache_dir()?.join("pokedex"),
        };
        let name: String = format!("{}{variant}", model.full())
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || "@-_.".contains(c) { c } else { '_' })
            .collect();
        let folder = root.join("embeddings").join(name);
        std::fs::create_dir_all(&folder).ok()?;
        let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder)
            .ok()?
            .flatten()
            .map(|e| e.path())
            .filter(|p| p.extension().is_some_and(|e| e == "vectors"))
            .collect();
        paths.sort();
        let mut cache = Cache {
            dimension,
            segments: Vec::new(),
            found: HashMap::new(),
            folder,
            writer: Mutex::new(Writer::Unopened),
        };
        for path in paths {
            if let Ok(file) = File::open(path) {
                cache.index(file);
            }
        }
        Some(cache)
    }

    /// The vector of this content, if it was ever computed.
    pub fn get(&self, content: &[u8; 32]) -> Option<Vec<f32>> {
        let &(segment, record) = self.found.get(&short(content))?;
        let mut bytes = vec![0; self.record_len()];
        let offset = u64::from(record) * self.record_len() as u64;
        self.segments[segment as usize].read_exact_at(&mut bytes, offset).ok()?;
        let (hash, rest) = bytes.split_at(HASH);
        let (vector, check) = rest.split_at(4 * self.dimension);
        if hash != content || check != self::check(hash, vector) {
            return None;
        }
        Some(vector.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
    }

    /// Keeps vectors for the next run. A failure (a full disk) is no failure of the run.
    pub fn put(&self, vectors: &[([u8; 32], &[f32])]) {
        let mut bytes = Vec::with_capacity(vectors.len() * self.record_len());
        for (content, vector) in vectors {
            let vector: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
            bytes.extend_from_slice(content);
            bytes.extend_from_slice(&vector);
            bytes.extend_from_slice(&check(content, &vector));
        }
        let mut writer = self.writer.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Writer::Unopened = *writer {
            *writer = self.lock_segment().map_or(Writer::GivenUp, Writer::Open);
        }
        // One call, so that a killed process tears at most the end of it.
        if let Writer::Open(file) = &mut *writer
            && file.write_all(&bytes).is_err()
        {
            *writer = Writer::GivenUp;
        }
    }

    fn record_len(&self) -> usize {
        HASH + 4 * self.dimension + CHECK
    }

    fn index(&mut self, mut file: File) {
        let segment = u32::try_from(self.segments.len()).expect("fewer than 2^32 segments");
        let mut reader = std::io::BufReader::with_capacity(1 << 16, &mut file);
        let mut record = vec![0; self.record_len()];
        let mut number = 0;
        while reader.read_exact(&mut record).is_ok() {
            let content: &[u8; HASH] = record[..HASH].try_into().expect("the length of a hash");
            self.found.insert(short(content), (segment, number));
            number += 1;
        }
        self.segments.push(file);
    }

    /// The first segment that no other process writes to, without the torn record at its end if it has one.
    fn lock_segment(&self) -> Option<File> {
        for number in 0..1000 {
            let path = self.folder.join(format!("{number:03}.vectors"));
            let file = OpenOptions::new().create(true).append(true).open(path).ok()?;
            if file.try_lock().is_ok() {
                let length = file.metadata().ok()?.len();
                file.set_len(length - length % self.record_len() as u64).ok()?;
                return Some(file);
            }
        }
        None
    }
}

fn short(content: &[u8; 32]) -> u128 {
    u128::from_le_bytes(content[..16].try_into().expect("half of a hash"))
}

fn check(content: &[u8], vector: &[u8]) -> [u8; CHECK] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(content).update(vector);
    hasher.finalize().as_bytes()[..CHECK].try_into().expect("a digest is longer than the check")
}
