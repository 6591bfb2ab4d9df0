//! Annoy: a forest of random planes, in the file format of <https://github.com/spotify/annoy> 1.17.
//!
//! Hides: how nodes are laid out in the file, how trees are grown and how they are searched. Promises: spotify's Annoy
//! serves the files of [`build()`], and [`Annoy`] serves the files of both; the same vectors and options give the same
//! bytes on any number of threads; no file makes a search panic, or take longer than a few passes over the file.
//!
//! The format: nodes of equally many 32-bit words. The items come first, in order; then the nodes of the trees, children
//! before their parents; last of all a copy of each tree's root. The first word of a node counts the items below it: 1 of
//! an item (0 where an item was left out), and of a root always the number of items. A node with more than fit into its
//! words is a plane with two children; else the words are the items' numbers.

mod build;
mod read;

pub(crate) use build::{Options, build};
pub use read::Annoy;

use std::path::PathBuf;

/// What is near; it decides how the nodes of a file are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Metric {
    /// The angle: `sqrt(2 - 2 cosine)`
    #[default]
    Angular,
    /// The distance
    Euclidean,
    /// The sum of the differences
    Manhattan,
    /// The greatest inner product
    Dot,
}

impl Metric {
    /// A score, greater is nearer, for what [`Annoy::search`] gives: the cosine, the negative distance, the product.
    pub(crate) fn score(self, distance: f32) -> f32 {
        match self {
            Metric::Angular => 1.0 - distance * distance / 2.0,
            // Not -0.
            Metric::Euclidean | Metric::Manhattan => 0.0 - distance,
            Metric::Dot => distance,
        }
    }

    /// Words of a node before its vector.
    fn head(self) -> usize {
        match self {
            // n_descendants, children[2]; an item has its squared norm where its first child would be.
            Metric::Angular => 3,
            // n_descendants, offset of the plane, children[2].
            Metric::Euclidean | Metric::Manhattan => 4,
            // n_descendants, children[2], what lifts an item to the greatest norm.
            Metric::Dot => 4,
        }
    }

    /// The word of the first child.
    fn children(self) -> usize {
        match self {
            Metric::Angular | Metric::Dot => 1,
            Metric::Euclidean | Metric::Manhattan => 2,
        }
    }

    /// Whether planes do not go through the origin: those of distances, whatever distance it is.
    fn has_offsets(self) -> bool {
        matches!(self, Metric::Euclidean | Metric::Manhattan)
    }

    /// How many items fit into a node.
    fn bucket(self, dimension: usize) -> usize {
        self.head() + dimension - self.children()
    }
}

/// What can go wrong with an Annoy index.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "a variant's message says what it is")]
pub enum Error {
    #[error("{}: cannot read: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}: is not an Annoy index of {dimension} numbers by this metric: {problem}", path.display())]
    NotAnIndex { path: PathBuf, dimension: usize, problem: &'static str },
    #[error("{}: is a damaged Annoy index: node {node} {problem}", path.display())]
    Damaged { path: PathBuf, node: u32, problem: &'static str },
    #[error("{}: its vectors have {dimension} numbers, the query has {query}", path.display())]
    OtherDimension { path: PathBuf, dimension: usize, query: usize },
    #[error("an Annoy index holds at most 2,147,483,647 nodes, and these vectors and trees need more")]
    TooMany,
    #[error("cannot write: {0}")]
    Write(#[from] std::io::Error),
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Error::Read { .. } => "check the spelling and the permissions; it must be a file".into(),
            Error::NotAnIndex { .. } => {
                "give the dimension and the metric (angular, euclidean, manhattan, dot) that it was built with".into()
            }
            Error::Damaged { .. } => "build it again: pokedex index TABLE --kind annoy -o dex.parquet".into(),
            Error::OtherDimension { .. } => "embed the query by the model that made the index".into(),
            Error::TooMany => "build fewer trees".into(),
            Error::Write(_) => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use arrow_buffer::BooleanBuffer;

    use super::*;
    use crate::index::Chunked;

    const METRICS: [Metric; 4] = [Metric::Angular, Metric::Euclidean, Metric::Manhattan, Metric::Dot];

    /// Numbers between -1 and 1.
    fn noise(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed.wrapping_mul(747_796_405).wrapping_add(1);
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    /// Vectors around some centres.
    fn clustered(rows: usize, dimension: usize, seed: u32) -> Vec<f32> {
        let (centres, noise) = (noise(20 * dimension, 99), noise(rows * dimension, seed));
        noise
            .iter()
            .enumerate()
            .map(|(i, x)| centres[(i / dimension % 20) * dimension + i % dimension] + 0.7 * x)
            .collect()
    }

    fn built(numbers: &[f32], dimension: usize, metric: Metric, trees: usize) -> Vec<u8> {
        let vectors = Chunked::new(numbers.chunks(dimension << 6).collect(), dimension, 6).expect("whole rows");
        let options = Options { metric, trees: trees.try_into().expect("trees"), seed: 7 };
        let (mut out, mut told) = (Vec::new(), 0);
        build(&vectors, options, &mut out, &mut |grown| told = grown).expect("builds");
        assert_eq!(told, trees);
        out
    }

    /// The opened index; its file is unlinked, and stays mapped.
    fn opened(bytes: &[u8], dimension: usize, metric: Metric) -> Result<Annoy, Error> {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(bytes).expect("writes");
        Annoy::open(file.path(), dimension, metric)
    }

    fn exact(numbers: &[f32], query: &[f32], metric: Metric, k: usize) -> Vec<u32> {
        let dot = |a: &[f32], b: &[f32]| crate::matrix::dot(a, b);
        let far = |row: &[f32]| match metric {
            Metric::Angular => -dot(row, query) / dot(row, row).sqrt(),
            Metric::Euclidean => dot(row, row) - 2.0 * dot(row, query),
            Metric::Manhattan => row.iter().zip(query).map(|(a, b)| f64::from((a - b).abs())).sum(),
            Metric::Dot => -dot(row, query),
        };
        let mut rows: Vec<(f64, u32)> = numbers.chunks(query.len()).map(far).zip(0..).collect();
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        rows.into_iter().take(k).map(|(_, row)| row).collect()
    }

    fn bytes(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// Seven items of two numbers in one tree, as annoy 1.17.3 wrote them with seed 3.
    const ANGULAR: &[u32] = &[
        1, 0x3f800000, 0, 0x3f800000, 0, 1, 0x3f800000, 0, 0, 0x3f800000, 1, 0x41c80000, 0, 0x40400000, 0x40800000, 1,
        0x3fa00000, 0, 0xbf800000, 0x3f000000, 1, 0x40820000, 0, 0x3e800000, 0xc0000000, 1, 0x40740000, 0, 0x3fc00000,
        0x3fa00000, 1, 0x3f800000, 0, 0, 0xbf800000, 3, 0, 4, 6, 0, 4, 1, 2, 3, 5, 7, 8, 7, 0x3e3a8c29, 0xbf7bb754, 7,
        8, 7, 0x3e3a8c29, 0xbf7bb754,
    ];
    const EUCLIDEAN: &[u32] = &[
        1, 0, 0, 0, 0x3f800000, 0, 1, 0, 0, 0, 0, 0x3f800000, 1, 0, 0, 0, 0x40400000, 0x40800000, 1, 0, 0, 0,
        0xbf800000, 0x3f000000, 1, 0, 0, 0, 0x3e800000, 0xc0000000, 1, 0, 0, 0, 0x3fc00000, 0x3fa00000, 1, 0, 0, 0, 0,
        0xbf800000, 2, 0, 2, 5, 0, 0, 2, 0, 1, 3, 0, 0, 3, 0, 0, 4, 6, 0, 5, 0xbdfb1784, 8, 9, 0x3ee7ed91, 0xbf643a8c,
        7, 0xbfcd69e6, 10, 7, 0x3f1de906, 0x3f497ecb, 7, 0xbfcd69e6, 10, 7, 0x3f1de906, 0x3f497ecb,
    ];
    const MANHATTAN: &[u32] = &[
        1, 0, 0, 0, 0x3f800000, 0, 1, 0, 0, 0, 0, 0x3f800000, 1, 0, 0, 0, 0x40400000, 0x40800000, 1, 0, 0, 0,
        0xbf800000, 0x3f000000, 1, 0, 0, 0, 0x3e800000, 0xc0000000, 1, 0, 0, 0, 0x3fc00000, 0x3fa00000, 1, 0, 0, 0, 0,
        0xbf800000, 2, 0, 2, 5, 0, 0, 2, 0, 4, 6, 0, 0, 3, 0, 0, 1, 3, 0, 5, 0xbf0292e3, 9, 8, 0x3da2a521, 0xbf7f3102,
        7, 0xbfca39b0, 10, 7, 0x3f1cf6e9, 0x3f4a3b9f, 7, 0xbfca39b0, 10, 7, 0x3f1cf6e9, 0x3f4a3b9f,
    ];
    const DOT: &[u32] = &[
        1, 0, 0, 0x409cc470, 0x3f800000, 0, 1, 0, 0, 0x409cc470, 0, 0x3f800000, 1, 0, 0, 0, 0x40400000, 0x40800000, 1,
        0, 0, 0x409bf2df, 0xbf800000, 0x3f000000, 1, 0, 0, 0x40926c8e, 0x3e800000, 0xc0000000, 1, 0, 0, 0x40934bae,
        0x3fc00000, 0x3fa00000, 1, 0, 0, 0x409cc471, 0, 0xbf800000, 2, 4, 6, 0, 0, 0, 5, 0, 1, 2, 3, 5, 7, 8, 7,
        0x3b52ce9c, 0xbdf089bd, 0xbf7e3a11, 7, 8, 7, 0x3b52ce9c, 0xbdf089bd, 0xbf7e3a11,
    ];
    const ITEMS: [f32; 14] = [1.0, 0.0, 0.0, 1.0, 3.0, 4.0, -1.0, 0.5, 0.25, -2.0, 1.5, 1.25, 0.0, -1.0];

    #[test]
    fn an_index_by_spotifys_annoy_answers_as_there() {
        let cases = [
            (Metric::Angular, ANGULAR, [(5, 0.23057668), (2, 0.45950583), (0, 0.45950586)]),
            (Metric::Euclidean, EUCLIDEAN, [(0, 0.5), (5, 0.9013878), (1, 1.118034)]),
            (Metric::Manhattan, MANHATTAN, [(0, 0.5), (5, 1.25), (1, 1.5)]),
            (Metric::Dot, DOT, [(2, 5.0), (5, 2.125), (0, 1.0)]),
        ];
        for (metric, words, nearest) in cases {
            let index = opened(&bytes(words), 2, metric).expect("opens");
            assert_eq!((index.len(), index.trees(), index.dimension()), (7, 1, 2));
            assert_eq!(index.vector(4), Some(&[0.25, -2.0][..]));
            assert_eq!(index.vector(7), None);
            let found = index.search(&[1.0, 0.5], 3, Some(100), None).expect("searches");
            for ((item, far), (right, distance)) in found.iter().zip(nearest) {
                assert!((far - distance).abs() < 1e-6, "{found:?}");
                // Items 2 and 0 are as near.
                assert!(*item == right || metric == Metric::Angular && right != 5, "{found:?}");
            }
            let near = index.candidates(&[1.0, 0.5], 1, None).expect("searches");
            assert_eq!(near, [&[1, 2, 3, 5][..], &[1, 3], &[0, 1, 3], &[0, 1, 2, 3, 5]][metric as usize]);
        }
    }

    #[test]
    fn items_and_leaves_are_those_of_spotifys_annoy() {
        for (metric, words) in METRICS.into_iter().zip([ANGULAR, EUCLIDEAN, MANHATTAN, DOT]) {
            let node = metric.head() + 2;
            let ours = built(&ITEMS, 2, metric, 1);
            let words_of = |bytes: &[u8]| -> Vec<u32> {
                bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect()
            };
            for (a, b) in words_of(&ours)[..7 * node].iter().zip(words) {
                // spotify's Annoy rounds the last bit of a lift as the machine does that it was compiled for.
                assert!(a.abs_diff(*b) <= 1, "{metric:?} {a:x} {b:x}");
            }
            // Few items are one leaf, twice and, for want of a way to tell roots from their copies, twice again.
            let few = words_of(&built(&ITEMS[..6], 2, metric, 2));
            let mut leaf = vec![0; node];
            (leaf[0], leaf[metric.children() + 1], leaf[metric.children() + 2]) = (3, 1, 2);
            assert_eq!(few[3 * node..], leaf.repeat(4));
            assert_eq!(opened(&bytes(&few), 2, metric).expect("opens").trees(), 3);
        }
    }

    #[test]
    fn what_is_found_is_what_is_near() {
        for metric in METRICS {
            for dimension in [3, 33] {
                let numbers = clustered(3000, dimension, 1);
                let index = opened(&built(&numbers, dimension, metric, 20), dimension, metric).expect("opens");
                assert_eq!((index.len(), index.trees()), (3000, 20));
                let even = BooleanBuffer::collect_bool(3000, |i| i % 10 == 0);
                let tenth: Vec<f32> = numbers.chunks(dimension).step_by(10).flatten().copied().collect();
                let (mut hits, mut passing) = (0, 0);
                let queries = clustered(100, dimension, 2);
                for query in queries.chunks(dimension) {
                    let found = index.search(query, 10, Some(600), None).expect("searches");
                    let right = exact(&numbers, query, metric, 10);
                    hits += found.iter().filter(|(item, _)| right.contains(item)).count();
                    let found = index.search(query, 10, Some(600), Some(&even)).expect("searches");
                    assert!(found.iter().all(|(item, _)| item % 10 == 0));
                    let right = exact(&tenth, query, metric, 10);
                    passing += found.iter().filter(|(item, _)| right.contains(&(item / 10))).count();
                    let all = index.search(query, 10, Some(usize::MAX), None).expect("searches");
                    let right = exact(&numbers, query, metric, 10);
                    assert!(all.iter().all(|(item, _)| right.contains(item)) && all.len() == 10);
                }
                assert!(hits > 800, "{metric:?} {dimension}: {hits}");
                assert!(passing > 950, "{metric:?} {dimension}: {passing}");
            }
        }
    }

    #[test]
    fn the_bytes_do_not_depend_on_the_number_of_threads() {
        for (metric, trees) in METRICS.into_iter().zip([1, 7, 4, 33]) {
            let numbers = clustered(2500, 9, 3);
            let with = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
                pool.install(|| built(&numbers, 9, metric, trees))
            };
            let one = with(1);
            assert!(one == with(2) && one == with(5), "{metric:?}");
        }
    }

    #[test]
    fn every_item_is_in_every_tree() {
        for metric in METRICS {
            for dimension in [1, 2, 16, 40] {
                let bucket = metric.bucket(dimension);
                for rows in [0, 1, 2, bucket - 1, bucket, bucket + 1, 2 * bucket + 1, 500] {
                    for numbers in
                        [noise(rows * dimension, 5), vec![0.25; rows * dimension], vec![0.0; rows * dimension]]
                    {
                        let file = built(&numbers, dimension, metric, 3);
                        let index = opened(&file, dimension, metric).expect("opens");
                        assert_eq!(index.len(), rows);
                        assert_eq!(index.is_empty(), rows == 0);
                        for query in [vec![0.5; dimension], vec![0.0; dimension]] {
                            let all = index.candidates(&query, usize::MAX, None).expect("searches");
                            assert_eq!(all, (0..rows as u32).collect::<Vec<_>>());
                            assert_eq!(index.search(&query, 4, None, None).expect("searches").len(), rows.min(4));
                        }
                        for (item, vector) in numbers.chunks(dimension).enumerate() {
                            assert_eq!(index.vector(item as u32), Some(vector));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn equal_vectors_are_split_into_small_leaves() {
        let file = built(&vec![0.5; 4 * 5000], 4, Metric::Angular, 2);
        let index = opened(&file, 4, Metric::Angular).expect("opens");
        assert!(index.candidates(&[1.0; 4], 12, None).expect("searches").len() < 24);
    }

    #[test]
    fn gaps_between_items_are_never_found() {
        let mut words = ANGULAR.to_vec();
        words[5] = 0;
        let index = opened(&bytes(&words), 2, Metric::Angular).expect("opens");
        assert_eq!((index.len(), index.vector(1)), (7, None));
        let found = index.search(&[0.0, 1.0], 7, None, None).expect("searches");
        assert!(found.iter().all(|(item, _)| *item != 1));
    }

    #[test]
    fn what_is_no_index_is_refused() {
        let file = built(&clustered(300, 6, 1), 6, Metric::Angular, 2);
        let refused = |bytes: &[u8], dimension, metric| match opened(bytes, dimension, metric) {
            Err(e @ Error::NotAnIndex { .. }) => assert!(e.hint().is_some()),
            other => panic!("{dimension} {metric:?}: {:?}", other.map(|index| index.len())),
        };
        refused(&file, 5, Metric::Angular);
        refused(&file, 0, Metric::Angular);
        // As long nodes.
        refused(&file, 5, Metric::Euclidean);
        refused(&file, 5, Metric::Dot);
        refused(&built(&clustered(300, 6, 1), 6, Metric::Dot, 2), 6, Metric::Euclidean);
        refused(&built(&clustered(300, 6, 1), 6, Metric::Euclidean, 2), 6, Metric::Dot);
        refused(b"", 6, Metric::Angular);
        refused(&[0xff; 36], 6, Metric::Angular);
        let folder = tempfile::tempdir().expect("a folder");
        assert!(matches!(Annoy::open(folder.path(), 6, Metric::Angular), Err(Error::Read { .. })));
        assert!(matches!(Annoy::open(&folder.path().join("none"), 6, Metric::Angular), Err(Error::Read { .. })));
        let index = opened(&file, 6, Metric::Angular).expect("opens");
        assert!(matches!(index.search(&[1.0], 1, None, None), Err(Error::OtherDimension { .. })));
    }

    #[test]
    fn a_circle_is_an_error() {
        let (dimension, rows) = (2, 400);
        let mut file = built(&clustered(rows, dimension, 1), dimension, Metric::Angular, 1);
        let node = (Metric::Angular.head() + dimension) * 4;
        // The children of all planes but the roots.
        for at in (rows * node..file.len() - 2 * node).step_by(node) {
            if file[at..at + 4] > [5, 0, 0, 0][..] && file[at] > 4 {
                let parent = (at / node) as u32;
                file[at + 4..at + 8].copy_from_slice(&parent.to_le_bytes());
            }
        }
        // The look at opening is as deep as this; deeper ones are met when searching.
        let first = (file.len() / node - 1) as u32;
        let found = opened(&file, dimension, Metric::Angular).and_then(|i| i.candidates(&[1.0, 0.1], usize::MAX, None));
        assert!(found.is_err(), "{first}");
    }

    #[test]
    fn damaged_files_are_refused_or_searched_and_nothing_else() {
        let tried = |bytes: &[u8], dimension, metric| {
            let Ok(index) = opened(bytes, dimension, metric) else { return };
            for query in [[0.3, -0.2, 0.4], [-1.0, 0.5, 0.0]] {
                let some = BooleanBuffer::collect_bool(3, |i| i != 1);
                for filter in [None, Some(&some)] {
                    let _ = index.search(&query[..dimension], 3, None, filter);
                    let _ = index.candidates(&query[..dimension], usize::MAX, filter);
                }
            }
            let _ = (0..20).filter_map(|item| index.vector(item)).count();
        };
        for (metric, words) in METRICS.into_iter().zip([ANGULAR, EUCLIDEAN, MANHATTAN, DOT]) {
            for file in [bytes(words), built(&clustered(12, 2, 1), 2, metric, 2)] {
                for length in 0..file.len() {
                    tried(&file[..length], 2, metric);
                }
                for at in 0..file.len() {
                    for change in [0x01, 0x80, 0xff] {
                        let mut file = file.clone();
                        file[at] ^= change;
                        tried(&file, 2, metric);
                    }
                }
                METRICS.into_iter().for_each(|other| (1..4).for_each(|dimension| tried(&file, dimension, other)));
            }
        }
    }
}
