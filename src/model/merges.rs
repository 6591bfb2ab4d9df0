//! Byte-pair encoding (Gage 1994; Sennrich et al. 2016) as CLIP has it: the pairs of a vocabulary, sorted once and kept, so that
//! a question does not wait for fifty thousand of them to be read.
//!
//! Promises: the pieces of a word are those that the crate `tokenizers` makes; what is kept is used only if it is whole.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io::Read;
use std::path::Path;

use super::cache::own::Kind;
use super::configuration;
use super::digest;
use crate::io::write_file;

/// Lines of OpenAI's file that count; behind them stand others.
const MOST: usize = 49152 - 256 - 2;
/// Bytes of a text that no vocabulary reaches.
const LIMIT: u64 = 1 << 26;
/// What is kept has changed so often.
const FORMAT: u8 = 1;
const HASH: usize = blake3::OUT_LEN;
/// A pair, how early it is merged, what it becomes.
const ENTRY: usize = 16;

/// Which pairs of pieces become one, the first first.
#[derive(Debug, PartialEq)]
pub(super) struct Merges {
    /// The left piece in the upper half, the right one in the lower; ascending.
    pairs: Vec<u64>,
    /// For each pair its rank, and the piece that it becomes.
    merged: Vec<(u32, u32)>,
    /// How many pieces there are.
    pub pieces: u32,
}

impl Merges {
    /// Of OpenAI's `bpe_simple_vocab_16e6.txt.gz`.
    ///
    /// # Errors
    /// What is wrong with it, for a message.
    pub(super) fn open(path: &Path) -> Result<Merges, String> {
        let place = || {
            let mut hasher = blake3::Hasher::new();
            hasher.update(&[FORMAT]).update(&digest::of_file(path).ok()?);
            Some(Kind::Vocabularies.folder()?.join(Kind::Vocabularies.entry(&hasher.finalize())))
        };
        let place = place();
        let kept =
            place.as_ref().and_then(|place| std::fs::read(place).ok()).and_then(|bytes| Merges::from_bytes(&bytes));
        if let Some(merges) = kept {
            return Ok(merges);
        }
        let merges = Merges::read(&configuration::read(path).map_err(|e| e.to_string())?)?;
        if let Some(place) = place
            && Kind::Vocabularies.make().is_ok()
        {
            // Not keeping it is slower, not wrong.
            let _ = write_file(&place, &merges.to_bytes());
        }
        Ok(merges)
    }

    /// Of the bytes of such a file: a line of no meaning, then a pair a line. First come the 256 bytes as pieces, then those
    /// that end a word, then what the pairs become.
    pub(super) fn read(gz: &[u8]) -> Result<Merges, String> {
        let mut text = String::new();
        flate2::read::GzDecoder::new(gz).take(LIMIT).read_to_string(&mut text).map_err(|e| e.to_string())?;
        let lines = text.split('\n').skip(1).take(MOST).filter_map(|line| line.split_once(' '));
        let lines: Vec<(&str, &str)> = lines.map(|(left, right)| (left, right.trim())).collect();
        let letters = letters();
        let bytes = letters.iter().map(char::to_string).chain(letters.iter().map(|letter| format!("{letter}</w>")));
        let pieces = bytes.chain(lines.iter().map(|(left, right)| format!("{left}{right}")));
        let ids: HashMap<String, u32> = pieces.zip(0..).collect();
        let id =
            |piece: &str| ids.get(piece).copied().ok_or_else(|| format!("joins `{piece}`, which is no piece of it"));
        let mut merges: HashMap<u64, (u32, u32)> = HashMap::with_capacity(lines.len());
        for ((left, right), rank) in lines.iter().zip(0..) {
            merges.insert(pair(id(left)?, id(right)?), (rank, id(&format!("{left}{right}"))?));
        }
        let mut sorted: Vec<_> = merges.into_iter().collect();
        sorted.sort_unstable();
        let (pairs, merged) = sorted.into_iter().unzip();
        let pieces = u32::try_from(2 * letters.len() + lines.len()).map_err(|_| "has too many lines")?;
        Ok(Merges { pairs, merged, pieces })
    }

    /// Adds the pieces of a word, whose end is one.
    pub(super) fn encode(&self, word: &str, places: &[u8; 256], pieces: &mut Vec<i32>) {
        let mut symbols: Vec<Symbol> =
            word.bytes().enumerate().map(|(at, byte)| Symbol::new(at, places[byte as usize])).collect();
        let Some(last) = symbols.last_mut() else { return };
        (last.piece, last.next) = (last.piece + 256, None);
        let mut next = BinaryHeap::new();
        for at in 1..symbols.len() {
            next.extend(self.step(&symbols, at - 1));
        }
        while let Some(Reverse(Step { at, pair, becomes, .. })) = next.pop() {
            // Since it was seen, one of the two may have become part of another.
            let Some(right) = symbols[at].next.filter(|_| symbols[at].is_there) else { continue };
            if self::pair(symbols[at].piece, symbols[right].piece) != pair {
                continue;
            }
            symbols[right].is_there = false;
            (symbols[at].piece, symbols[at].next) = (becomes, symbols[right].next);
            if let Some(after) = symbols[at].next {
                symbols[after].before = Some(at);
            }
            next.extend(symbols[at].before.and_then(|before| self.step(&symbols, before)));
            next.extend(self.step(&symbols, at));
        }
        pieces.extend(symbols.iter().filter(|symbol| symbol.is_there).map(|symbol| symbol.piece as i32));
    }

    /// How a symbol may join the next.
    fn step(&self, symbols: &[Symbol], at: usize) -> Option<Reverse<Step>> {
        let pair = pair(symbols[at].piece, symbols[symbols[at].next?].piece);
        let (rank, becomes) = self.merged[self.pairs.binary_search(&pair).ok()?];
        Some(Reverse(Step { rank, at, pair, becomes }))
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; HASH];
        bytes.extend(self.pieces.to_le_bytes());
        for (pair, (rank, becomes)) in self.pairs.iter().zip(&self.merged) {
            bytes.extend(pair.to_le_bytes());
            bytes.extend(rank.to_le_bytes());
            bytes.extend(becomes.to_le_bytes());
        }
        let hash = blake3::hash(&bytes[HASH..]);
        bytes[..HASH].copy_from_slice(hash.as_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Merges> {
        let (hash, content) = bytes.split_first_chunk::<HASH>()?;
        if blake3::hash(content).as_bytes() != hash {
            return None;
        }
        let (pieces, entries) = content.split_first_chunk::<4>()?;
        let number = |bytes: &[u8]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let (entries, _) = entries.as_chunks::<ENTRY>();
        let pairs = entries.iter().map(|entry| u64::from(number(&entry[4..])) << 32 | u64::from(number(entry)));
        let merged = entries.iter().map(|entry| (number(&entry[8..]), number(&entry[12..])));
        Some(Merges { pairs: pairs.collect(), merged: merged.collect(), pieces: u32::from_le_bytes(*pieces) })
    }
}

fn pair(left: u32, right: u32) -> u64 {
    u64::from(left) << 32 | u64::from(right)
}

/// A part of a word that is being put together.
struct Symbol {
    piece: u32,
    before: Option<usize>,
    next: Option<usize>,
    is_there: bool,
}

impl Symbol {
    fn new(at: usize, piece: u8) -> Symbol {
        Symbol { piece: piece.into(), before: at.checked_sub(1), next: Some(at + 1), is_there: true }
    }
}

/// A pair that may become one: the lowest rank first, then the first in the word.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Step {
    rank: u32,
    at: usize,
    pair: u64,
    becomes: u32,
}

/// The letters that stand for the 256 bytes in GPT-2's and CLIP's vocabularies, in the order of the vocabulary:
/// printable ones for themselves, the others from U+0100 on.
pub(super) fn letters() -> Vec<char> {
    printable().chain(0x100..0x100 + 68).filter_map(char::from_u32).collect()
}

fn printable() -> impl Iterator<Item = u32> {
    (0x21..=0x7eu32).chain(0xa1..=0xac).chain(0xae..=0xff)
}

/// Of each byte the place in that order.
pub(super) fn places() -> [u8; 256] {
    let others = (0..256u32).filter(|&byte| !printable().any(|other| other == byte));
    let mut places = [0; 256];
    for (byte, place) in printable().chain(others).zip(0..=u8::MAX) {
        places[byte as usize] = place;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_a_letter_and_a_place_of_its_own() {
        for mut all in [letters(), places().iter().map(|&place| char::from(place)).collect()] {
            assert_eq!(all.len(), 256);
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), 256);
        }
    }

    #[test]
    fn what_is_kept_is_what_was_read_and_damage_is_noticed() {
        let merges = Merges { pairs: vec![pair(1, 2), pair(3, 70_000)], merged: vec![(1, 513), (0, 512)], pieces: 514 };
        let mut bytes = merges.to_bytes();
        assert_eq!(Merges::from_bytes(&bytes), Some(merges));
        assert_eq!(Merges::from_bytes(&bytes[..bytes.len() - 16]), None);
        *bytes.last_mut().expect("bytes") ^= 1;
        assert_eq!(Merges::from_bytes(&bytes), None);
        assert_eq!(Merges::from_bytes(b""), None);
    }
}
