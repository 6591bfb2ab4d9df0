//! Growing the trees.
//!
//! Level by level, several trees at once: a pass over the vectors, which may be larger than memory, decides for each of
//! them the sides of its planes in all these trees. Growing one tree after the other, as spotify's Annoy does, reads all
//! vectors once per level of each tree instead.

use std::io::Write;
use std::num::NonZeroUsize;
use std::ops::Range;

use rayon::prelude::*;

use super::{Error, Metric};
use crate::index::Chunked;
use crate::matrix::{blend, fast_dot, fast_dots, fast_squared_distances, prefetch};

/// How to build an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Options {
    pub metric: Metric,
    /// More trees: better recall, a larger file, slower.
    pub trees: NonZeroUsize,
    pub seed: u64,
}

/// Trees that grow together: a pass over the vectors serves as many.
const TOGETHER: usize = 16;
/// Draws of the search for two means, and the shares of the larger side at which a split is tried again (three times),
/// and at last made at random: all as in spotify's Annoy.
const DRAWS: usize = 200;
const ATTEMPTS: u64 = 3;
const UNEVEN: f64 = 0.95;
const HOPELESS: f64 = 0.99;
/// Rows drawn at random are asked for so many draws before they are looked at: they are rarely in the cache.
const AHEAD: usize = 2;

/// Writes the index of `vectors`, whose rows become the items 0, 1, …; `grown` is told how many trees are ready.
///
/// Besides the vectors it needs about 150 bytes of memory a row, and for each of at most 16 trees the planes, which are
/// two to three numbers a row.
///
/// # Errors
/// The file would have more nodes than the format allows, or `out` fails.
pub(crate) fn build(
    vectors: &Chunked<f32>,
    options: Options,
    out: &mut impl Write,
    grown: &mut dyn FnMut(usize),
) -> Result<(), Error> {
    // A tree over n items has fewer than 2 n nodes; the exact number is checked as they are written.
    let items = u32::try_from(vectors.len()).ok().filter(|items| *items <= i32::MAX as u32).ok_or(Error::TooMany)?;
    let rows = Rows::new(vectors, options.metric);
    let mut file = Nodes { rows: &rows, node: vec![0; (rows.metric.head() + vectors.width()) * 4], out, next: 0 };
    file.items()?;
    let (trees, mut roots) = (options.trees.get(), Vec::new());
    // Groups of as equal sizes as possible.
    let groups = trees.div_ceil(TOGETHER);
    for group in 0..groups {
        let numbers = group * trees / groups..(group + 1) * trees / groups;
        let seeds = numbers.clone().map(|tree| mix(options.seed, tree as u64)).collect();
        for tree in grow(&rows, items, seeds) {
            file.tree(&tree, 0)?;
            roots.push(file.node.clone());
        }
        grown(numbers.end);
    }
    roots.iter().try_for_each(|root| file.out.write_all(root))?;
    // The copies count as nodes, too.
    if file.next as usize + roots.len() > i32::MAX as usize { Err(Error::TooMany) } else { Ok(()) }
}

/// The vectors, and what is needed of each again and again.
struct Rows<'a> {
    vectors: &'a Chunked<'a, f32>,
    metric: Metric,
    /// Squared norm of each; nothing by metrics whose planes have offsets.
    squared: Vec<f32>,
    /// By the dot metric: one number more, which gives all vectors the same norm. Then the greatest inner product with a
    /// query, which has 0 there, is the least angle (Bachrach et al., Speeding up the Xbox recommender system, 2014).
    lift: Vec<f32>,
}

impl<'a> Rows<'a> {
    fn new(vectors: &'a Chunked<'a, f32>, metric: Metric) -> Rows<'a> {
        let mut rows = Rows { vectors, metric, squared: Vec::new(), lift: Vec::new() };
        if !metric.has_offsets() {
            let numbers = (0..vectors.len()).into_par_iter().with_min_len(256);
            rows.squared = numbers.map(|i| fast_dot(vectors.row(i), vectors.row(i))).collect();
        }
        if metric == Metric::Dot {
            let most = rows.squared.iter().copied().fold(0.0, f32::max);
            rows.lift = rows.squared.iter().map(|squared| (most - squared).max(0.0).sqrt()).collect();
            rows.squared.fill(most);
        }
        rows
    }

    fn lift(&self, row: usize) -> f32 {
        if self.lift.is_empty() { 0.0 } else { self.lift[row] }
    }
}

/// SplitMix64 (Steele, Lea and Flood, Fast splittable pseudorandom number generators, 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `count`, which is not 0.
    fn index(&mut self, count: usize) -> usize {
        ((u128::from(self.next()) * count as u128) >> 64) as usize
    }
}

/// The seed of what follows `seed` by the step `step`.
fn mix(seed: u64, step: u64) -> u64 {
    let mut random = Random(seed);
    Random(random.next() ^ step).next()
}

/// A node of a growing tree, or of a grown one.
struct Node {
    /// Its items' places in the order of the tree.
    items: Range<usize>,
    split: Option<Split>,
    /// Of the random numbers: of the seed, the tree and the path to the node.
    seed: u64,
}

struct Split {
    plane: Plane,
    children: [usize; 2],
}

/// A vector is on side 1 of a plane when its margin is positive.
struct Plane {
    normal: Vec<f32>,
    lift: f32,
    offset: f32,
}

/// A tree, its root first.
struct Tree {
    nodes: Vec<Node>,
    /// The items, those of a node side by side and ascending.
    order: Vec<u32>,
}

/// A node that is being split.
struct Open {
    tree: usize,
    node: usize,
    items: Range<usize>,
    seed: u64,
    /// The plane that was tried last.
    plane: Plane,
}

/// What decides an open node's sides in one attempt.
struct Try<'a> {
    normal: &'a [f32],
    lift: f32,
    offset: f32,
    /// For rows on the plane.
    seed: u64,
}

/// In place of an open node's number: the row is in a leaf of that tree.
const DONE: u32 = u32::MAX;
/// Rows of a task.
const TASK: usize = 256;

/// Grows trees together, one from each seed.
fn grow(rows: &Rows, items: u32, seeds: Vec<u64>) -> Vec<Tree> {
    let width = seeds.len();
    let count = items as usize;
    let bucket = rows.metric.bucket(rows.vectors.width());
    let root = |seed| Node { items: 0..count, split: None, seed };
    let tree = |seed| Tree { nodes: vec![root(seed)], order: (0..items).collect() };
    let mut trees: Vec<Tree> = seeds.into_iter().map(tree).collect();
    if count <= bucket {
        return trees;
    }
    let mut open: Vec<Open> = Vec::new();
    for (number, tree) in trees.iter().enumerate() {
        open.push(Open::new(number, 0, &tree.nodes[0]));
    }
    // Of each row, in each tree: twice the number of its open node, and 1 more where it is on side 1.
    let mut sides: Vec<u32> = (0..count).flat_map(|_| (0..width as u32).map(|tree| 2 * tree)).collect();
    while !open.is_empty() {
        split(rows, &trees, &mut open, &mut sides);
        let ones = partition(&mut trees, &open, &sides);
        // Which open node of the next level those of each side belong to.
        let mut next = vec![DONE; 2 * open.len()];
        let mut opened = Vec::new();
        for (number, (parent, ones)) in open.into_iter().zip(ones).enumerate() {
            let tree = &mut trees[parent.tree];
            let middle = parent.items.end - ones;
            let first = tree.nodes.len();
            let halves = [parent.items.start..middle, middle..parent.items.end];
            for (side, items) in halves.into_iter().enumerate() {
                let node = Node { items, split: None, seed: mix(parent.seed, side as u64) };
                if node.items.len() > bucket {
                    next[2 * number + side] = 2 * opened.len() as u32;
                    opened.push(Open::new(parent.tree, tree.nodes.len(), &node));
                }
                tree.nodes.push(node);
            }
            tree.nodes[parent.node].split = Some(Split { plane: parent.plane, children: [first, first + 1] });
        }
        sides.par_chunks_mut(TASK * width).for_each(|sides| {
            for side in sides.iter_mut().filter(|side| **side != DONE) {
                *side = next[*side as usize];
            }
        });
        open = opened;
    }
    trees
}

impl Open {
    fn new(tree: usize, number: usize, node: &Node) -> Open {
        let (items, seed) = (node.items.clone(), node.seed);
        Open { tree, node: number, items, seed, plane: Plane { normal: Vec::new(), lift: 0.0, offset: 0.0 } }
    }
}

/// Finds a plane for each open node, or draws sides where there is none, and puts each row on its side.
fn split(rows: &Rows, trees: &[Tree], open: &mut [Open], sides: &mut [u32]) {
    let width = trees.len();
    let mut undecided = vec![true; open.len()];
    for attempt in 0.. {
        open.par_iter_mut().zip(&undecided).filter(|(_, undecided)| **undecided).for_each(|(open, _)| {
            let items = &trees[open.tree].order[open.items.clone()];
            open.plane = if attempt < ATTEMPTS {
                between_two_means(rows, items, &mut Random(mix(open.seed, 2 + attempt)))
            } else {
                // All rows are on this plane.
                Plane { normal: vec![0.0; rows.vectors.width()], lift: 0.0, offset: 0.0 }
            };
        });
        let mut tries: Vec<Option<Try>> = Vec::with_capacity(open.len());
        for (open, undecided) in open.iter().zip(&undecided) {
            let Open { plane: Plane { normal, lift, offset }, seed, .. } = open;
            let seed = mix(*seed, 2 + attempt);
            tries.push(undecided.then_some(Try { normal, lift: *lift, offset: *offset, seed }));
        }
        sides.par_chunks_mut(TASK * width).enumerate().for_each(|(task, sides)| {
            let (mut tried, mut normals, mut products) = (Vec::new(), Vec::new(), [0.0; TOGETHER]);
            for (row, sides) in sides.chunks_exact_mut(width).enumerate() {
                let row = task * TASK + row;
                for side in sides.iter_mut().filter(|side| **side != DONE) {
                    if let Some(one) = &tries[*side as usize / 2] {
                        tried.push((side, one));
                        normals.push(one.normal);
                    }
                }
                fast_dots(rows.vectors.row(row), &normals, &mut products[..normals.len()]);
                normals.clear();
                for ((side, one), product) in tried.drain(..).zip(products) {
                    let margin = product + one.lift * rows.lift(row) + one.offset;
                    let positive = match margin == 0.0 || margin.is_nan() {
                        // A row on the plane goes to either side.
                        true => mix(one.seed, row as u64) & 1 == 1,
                        false => margin > 0.0,
                    };
                    *side = *side & !1 | u32::from(positive);
                }
            }
        });
        open.par_iter_mut().zip(&mut undecided).filter(|(_, undecided)| **undecided).for_each(|(open, undecided)| {
            let items = &trees[open.tree].order[open.items.clone()];
            let ones = items.iter().filter(|item| sides[**item as usize * width + open.tree] & 1 == 1).count();
            let share = ones.max(items.len() - ones) as f64 / items.len() as f64;
            *undecided = if attempt + 1 < ATTEMPTS { share >= UNEVEN } else { share > HOPELESS };
        });
        if !undecided.contains(&true) {
            return;
        }
    }
}

/// Puts the items of each open node into the order of its sides; returns how many of each are on side 1.
fn partition(trees: &mut [Tree], open: &[Open], sides: &[u32]) -> Vec<usize> {
    let width = trees.len();
    let mut orders: Vec<(usize, &mut [u32])> = trees.iter_mut().map(|tree| (0, tree.order.as_mut_slice())).collect();
    let mut parts = Vec::with_capacity(open.len());
    // Those of one tree are in the order of their items.
    for open in open {
        let (start, rest) = &mut orders[open.tree];
        let (_, after) = std::mem::take(rest).split_at_mut(open.items.start - *start);
        let (part, after) = after.split_at_mut(open.items.len());
        (*start, *rest) = (open.items.end, after);
        parts.push((open.tree, part));
    }
    let part = |(tree, items): (usize, &mut [u32])| {
        let (mut zeros, mut ones) = (0, Vec::new());
        for i in 0..items.len() {
            let item = items[i];
            if sides[item as usize * width + tree] & 1 == 1 {
                ones.push(item);
            } else {
                items[zeros] = item;
                zeros += 1;
            }
        }
        items[zeros..].copy_from_slice(&ones);
        ones.len()
    };
    parts.into_par_iter().map(part).collect()
}

/// The plane half way between two means of the items: each drawn item joins the mean that is nearer, where a mean counts
/// as the farther away the more items it has (so do both get about as many).
fn between_two_means(rows: &Rows, items: &[u32], random: &mut Random) -> Plane {
    let first = random.index(items.len());
    let second = random.index(items.len() - 1);
    let second = second + usize::from(second >= first);
    let drawn: [usize; DRAWS] = std::array::from_fn(|_| items[random.index(items.len())] as usize);
    let mut means = [first, second].map(|i| Mean::new(rows, items[i] as usize));
    for (i, row) in drawn.into_iter().enumerate() {
        if let Some(ahead) = drawn.get(i + AHEAD) {
            prefetch(rows.vectors.row(*ahead));
        }
        let (vector, mut products, mut far) = (rows.vectors.row(row), [0.0; 2], [0.0; 2]);
        let [p, q] = &means;
        let both = [&p.vector[..], &q.vector[..]];
        if rows.metric.has_offsets() {
            fast_squared_distances(vector, &both, &mut far);
        } else {
            fast_dots(vector, &both, &mut products);
            for (i, mean) in means.iter().enumerate() {
                products[i] += mean.lift * rows.lift(row);
                let squares = mean.squared * rows.squared[row];
                far[i] = if squares > 0.0 { 2.0 - 2.0 * products[i] / squares.sqrt() } else { 2.0 };
            }
        }
        let far = [means[0].count * far[0], means[1].count * far[1]];
        if far[0] < far[1] {
            means[0].add(rows, row, products[0]);
        } else if far[1] < far[0] {
            means[1].add(rows, row, products[1]);
        }
    }
    let [p, q] = means;
    let mut normal: Vec<f32> = p.vector.iter().zip(&q.vector).map(|(p, q)| p - q).collect();
    let mut lift = p.lift - q.lift;
    let norm = (fast_dot(&normal, &normal) + lift * lift).sqrt();
    if norm > 0.0 {
        normal.iter_mut().for_each(|x| *x /= norm);
        lift /= norm;
    }
    let half_way = || -0.5 * (fast_dot(&normal, &p.vector) + fast_dot(&normal, &q.vector));
    let offset = if rows.metric.has_offsets() { half_way() } else { 0.0 };
    Plane { normal, lift, offset }
}

/// A mean of vectors; of directions unless the metric is Euclidean.
struct Mean {
    vector: Vec<f32>,
    lift: f32,
    squared: f32,
    count: f32,
}

impl Mean {
    fn new(rows: &Rows, row: usize) -> Mean {
        let mut mean = Mean { vector: vec![0.0; rows.vectors.width()], lift: 0.0, squared: 0.0, count: 0.0 };
        mean.add(rows, row, 0.0);
        mean.count = 1.0;
        mean
    }

    /// Adds a row, given its product with the mean.
    fn add(&mut self, rows: &Rows, row: usize, product: f32) {
        let norm = if rows.metric.has_offsets() { 1.0 } else { rows.squared[row].sqrt() };
        if norm == 0.0 {
            return;
        }
        let keep = self.count / (self.count + 1.0);
        let add = 1.0 / (norm * (self.count + 1.0));
        blend(&mut self.vector, keep, rows.vectors.row(row), add);
        self.lift = keep * self.lift + add * rows.lift(row);
        let direction = 1.0 / ((self.count + 1.0) * (self.count + 1.0));
        self.squared = keep * keep * self.squared + 2.0 * keep * add * product + direction;
        self.count += 1.0;
    }
}

/// The file, as it is written.
struct Nodes<'a, W> {
    rows: &'a Rows<'a>,
    /// The bytes of the last node written.
    node: Vec<u8>,
    out: &'a mut W,
    /// Number of the next node.
    next: u32,
}

impl<W: Write> Nodes<'_, W> {
    fn write(&mut self) -> Result<u32, Error> {
        let number = self.next;
        self.out.write_all(&self.node)?;
        self.next += 1;
        if self.next > i32::MAX as u32 { Err(Error::TooMany) } else { Ok(number) }
    }

    fn items(&mut self) -> Result<(), Error> {
        for row in 0..self.rows.vectors.len() {
            let extra = match self.rows.metric {
                Metric::Angular => [self.rows.squared[row], 0.0, 0.0],
                Metric::Euclidean | Metric::Manhattan => [0.0; 3],
                Metric::Dot => [0.0, 0.0, self.rows.lift[row]],
            };
            put(&mut self.node, 1, &extra.map(f32::to_bits));
            put(&mut self.node, 0, &[1]);
            put_numbers(&mut self.node, self.rows.metric.head(), self.rows.vectors.row(row));
            self.write()?;
        }
        Ok(())
    }

    /// Writes the node of a tree and, before it, those below it; returns its number.
    fn tree(&mut self, tree: &Tree, node: usize) -> Result<u32, Error> {
        let metric = self.rows.metric;
        let Node { items, split, .. } = &tree.nodes[node];
        let items = &tree.order[items.clone()];
        match split {
            None => {
                if let ([item], false) = (items, node == 0) {
                    return Ok(*item);
                }
                self.node.fill(0);
                put(&mut self.node, metric.children(), items);
            }
            Some(Split { plane, children }) => {
                // The smaller one first, as in spotify's Annoy.
                let size = |side: usize| tree.nodes[children[side]].items.len();
                let first = usize::from(size(0) > size(1));
                let mut numbers = [0; 2];
                for side in [first, 1 - first] {
                    numbers[side] = self.tree(tree, children[side])?;
                }
                // What searches takes a plane's lift for an offset; a query has none of the one, and needs no other.
                self.node.fill(0);
                if metric.has_offsets() {
                    put(&mut self.node, 1, &[plane.offset.to_bits()]);
                }
                put(&mut self.node, metric.children(), &numbers);
                put_numbers(&mut self.node, metric.head(), &plane.normal);
            }
        }
        put(&mut self.node, 0, &[items.len() as u32]);
        self.write()
    }
}

/// Puts words into the bytes of a node, the first of them at word `at`.
fn put(node: &mut [u8], at: usize, words: &[u32]) {
    let places = node.as_chunks_mut::<4>().0[at..].iter_mut();
    places.zip(words).for_each(|(place, word)| *place = word.to_le_bytes());
}

fn put_numbers(node: &mut [u8], at: usize, numbers: &[f32]) {
    let places = node.as_chunks_mut::<4>().0[at..].iter_mut();
    places.zip(numbers).for_each(|(place, number)| *place = number.to_le_bytes());
}
