//! Searching an index where it lies.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::path::{Path, PathBuf};

use arrow_buffer::{BooleanBuffer, Buffer, ScalarBuffer};
use bytes::Bytes;

use super::{Error, Metric};
use crate::matrix::{fast_dot, fast_dots, fast_squared_distances};

/// An index in a file, mapped.
///
/// Items are numbers from 0; those of a file by another program may have gaps.
#[derive(Debug)]
pub struct Annoy {
    path: PathBuf,
    metric: Metric,
    dimension: usize,
    items: u32,
    nodes: u32,
    roots: Vec<u32>,
    /// The file as words, and as numbers.
    words: ScalarBuffer<u32>,
    numbers: ScalarBuffer<f32>,
}

impl Annoy {
    /// Maps an index, whose dimension and metric the file does not say.
    ///
    /// # Errors
    /// It cannot be read, or is no index of this dimension and metric, as far as its roots show.
    pub(crate) fn open(path: &Path, dimension: usize, metric: Metric) -> Result<Annoy, Error> {
        let bytes = crate::io::map(path).map_err(|source| Error::Read { path: path.into(), source })?;
        Annoy::new(path, bytes, dimension, metric)
    }

    /// As [`Annoy::open`], of bytes that are mapped already; `path` is what to call them.
    ///
    /// # Errors
    /// They are no index of this dimension and metric.
    pub fn new(path: &Path, bytes: Bytes, dimension: usize, metric: Metric) -> Result<Annoy, Error> {
        let refuse = |problem| Err(Error::NotAnIndex { path: path.into(), dimension, problem });
        let bytes = Buffer::from(bytes);
        let length = bytes.len() as u64;
        let node = (metric.head() + dimension) as u64 * 4;
        if length == 0 || dimension == 0 {
            return refuse("there is nothing in it");
        }
        if !length.is_multiple_of(node) {
            return refuse("its size is not a multiple of a node's");
        }
        if bytes.as_ptr().align_offset(size_of::<f32>()) != 0 {
            return refuse("it does not lie at a multiple of four bytes");
        }
        if length / node > i32::MAX as u64 {
            return refuse("it holds too many nodes");
        }
        let nodes = (length / node) as u32;
        let words = nodes as usize * (metric.head() + dimension);
        let mut index = Annoy {
            path: path.into(),
            metric,
            dimension,
            items: 0,
            nodes,
            roots: Vec::new(),
            words: ScalarBuffer::new(bytes.clone(), 0, words),
            numbers: ScalarBuffer::new(bytes, 0, words),
        };
        match index.find_roots() {
            Err(problem) => refuse(problem),
            Ok(()) => Ok(index),
        }
    }

    /// The nodes at the end that count as many items, as spotify's Annoy finds them; and a look at what is below them,
    /// which betrays most files of another dimension or metric.
    fn find_roots(&mut self) -> Result<(), &'static str> {
        let Some(last) = self.nodes.checked_sub(1) else { return Err("there is nothing in it") };
        self.items = self.below(last);
        if self.items > self.nodes {
            return Err("its last node is no root");
        }
        self.roots = (0..self.nodes).rev().take_while(|node| self.below(*node) == self.items).collect();
        // The last tree's root is followed by its copy.
        if let [front, .., back] = self.roots[..]
            && self.children(front)[0] == self.children(back)[0]
        {
            self.roots.pop();
        }
        if let Some(last) = self.items.checked_sub(1) {
            self.check_item(last)?;
        }
        for root in &self.roots {
            // The file of one item looks as if the item were a root.
            if *root < self.items && self.items > 1 {
                return Err("a root is an item");
            }
            self.check(*root, true)?;
        }
        Ok(())
    }

    /// Whether the last item, which cannot be a gap, looks like one.
    fn check_item(&self, item: u32) -> Result<(), &'static str> {
        let (head, vector) = (self.node(item), self.numbers(item));
        let squared = fast_dot(vector, vector);
        let sound = match self.metric {
            // Old versions do not write the norm.
            Metric::Angular => {
                let stored = f32::from_bits(head[1]);
                head[2] == 0 && (head[1] == 0 || (stored - squared).abs() <= 1e-3 * squared)
            }
            Metric::Euclidean | Metric::Manhattan => head[1..4] == [0; 3],
            Metric::Dot => head[1..3] == [0; 2],
        };
        if head[0] == 1 && sound { Ok(()) } else { Err("its last item is none") }
    }

    /// Whether a node is sound, and if it is a root, those directly below it.
    fn check(&self, node: u32, root: bool) -> Result<(), &'static str> {
        if self.below(node) as usize <= self.metric.bucket(self.dimension) {
            let sound = self.listed(node).iter().all(|item| *item < self.items);
            return if sound || node < self.items { Ok(()) } else { Err("a leaf names an item that is none") };
        }
        let children = self.children(node);
        if children.iter().any(|child| *child >= node) {
            return Err("a child does not come before its parent");
        }
        let sum: u64 = children.iter().map(|child| u64::from(self.below(*child))).sum();
        // A root counts the gaps between items, too.
        if sum > u64::from(self.below(node)) || (sum < u64::from(self.below(node)) && !root) {
            return Err("a node does not count the items below it");
        }
        if root { children.iter().try_for_each(|child| self.check(*child, false)) } else { Ok(()) }
    }

    /// What to call it in a message.
    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Number of items, and one more than the greatest.
    pub fn len(&self) -> usize {
        self.items as usize
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.items == 0
    }

    /// Length of the vectors.
    pub(crate) fn dimension(&self) -> usize {
        self.dimension
    }

    /// Number of trees.
    pub(crate) fn trees(&self) -> usize {
        self.roots.len()
    }

    /// The vector of an item, if there is one of this number.
    pub(crate) fn vector(&self, item: u32) -> Option<&[f32]> {
        (item < self.items && self.below(item) == 1).then(|| self.numbers(item))
    }

    /// The `k` items nearest to a query among its candidates, best first, with their distance, or with the inner product
    /// by the dot metric. By default it looks at `k` candidates a tree.
    ///
    /// # Errors
    /// The query has another dimension, or the file is damaged.
    pub fn search(
        &self,
        query: &[f32],
        k: usize,
        search_k: Option<usize>,
        filter: Option<&BooleanBuffer>,
    ) -> Result<Vec<(u32, f32)>, Error> {
        let candidates = self.candidates(query, search_k.unwrap_or(k.saturating_mul(self.trees())), filter)?;
        let items: Vec<u32> = candidates.into_iter().filter(|item| self.below(*item) == 1).collect();
        let vectors: Vec<&[f32]> = items.iter().map(|item| self.numbers(*item)).collect();
        // What to order by: of squared distances, or of negative inner products.
        let mut far = vec![0.0; items.len()];
        match self.metric {
            Metric::Euclidean => fast_squared_distances(query, &vectors, &mut far),
            Metric::Manhattan => {
                far.iter_mut().zip(&vectors).for_each(|(far, vector)| *far = sum_of_differences(query, vector))
            }
            Metric::Angular | Metric::Dot => fast_dots(query, &vectors, &mut far),
        }
        match self.metric {
            Metric::Euclidean | Metric::Manhattan => {}
            Metric::Dot => far.iter_mut().for_each(|far| *far = -*far),
            Metric::Angular => {
                let squared = fast_dot(query, query);
                for ((far, item), vector) in far.iter_mut().zip(&items).zip(&vectors) {
                    // Old versions do not write the norm.
                    let stored = f32::from_bits(self.node(*item)[1]);
                    let squares = squared * if stored == 0.0 { fast_dot(vector, vector) } else { stored };
                    *far = if squares > 0.0 { 2.0 - 2.0 * *far / squares.sqrt() } else { 2.0 };
                }
            }
        }
        let mut found: Vec<(u32, f32)> = items.into_iter().zip(far).collect();
        let order = |a: &(u32, f32), b: &(u32, f32)| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0));
        if found.len() > k {
            found.select_nth_unstable_by(k, order);
            found.truncate(k);
        }
        found.sort_unstable_by(order);
        let shown = |(item, distance): (u32, f32)| match self.metric {
            Metric::Angular | Metric::Euclidean => (item, distance.max(0.0).sqrt()),
            Metric::Manhattan => (item, distance),
            Metric::Dot => (item, 0.0 - distance),
        };
        Ok(found.into_iter().map(shown).collect())
    }

    /// Items that may be near to a query, ascending: those of the leaves on its side of the planes, and of the sides next
    /// to the planes that it is least far from, until `search_k` were seen (an item counts once a tree), or all. With a
    /// filter, only items that pass are seen.
    ///
    /// # Errors
    /// The query has another dimension, or the file is damaged.
    pub(crate) fn candidates(
        &self,
        query: &[f32],
        search_k: usize,
        filter: Option<&BooleanBuffer>,
    ) -> Result<Vec<u32>, Error> {
        if query.len() != self.dimension {
            let (path, dimension) = (self.path.clone(), self.dimension);
            return Err(Error::OtherDimension { path, dimension, query: query.len() });
        }
        let passes = |item: u32| filter.is_none_or(|f| (item as usize) < f.len() && f.value(item as usize));
        let mut seen = self.collect(query, search_k, passes)?;
        seen.sort_unstable();
        seen.dedup();
        Ok(seen)
    }

    fn collect(&self, query: &[f32], search_k: usize, passes: impl Fn(u32) -> bool) -> Result<Vec<u32>, Error> {
        let damaged = |node, problem| Err(Error::Damaged { path: self.path.clone(), node, problem });
        let bucket = self.metric.bucket(self.dimension);
        let mut queue: BinaryHeap<Way> =
            self.roots.iter().map(|root| Way { margin: f32::INFINITY, node: *root }).collect();
        // In a forest each node is met once, or twice where a root and its copy both serve. More is a circle.
        let mut left = 2 * (u64::from(self.nodes) + 1);
        let mut seen = Vec::new();
        while seen.len() < search_k
            && let Some(Way { margin, node }) = queue.pop()
        {
            let below = self.below(node);
            if node < self.items {
                if below == 1 && passes(node) {
                    seen.push(node);
                }
                continue;
            }
            let Some(fewer) = left.checked_sub(1) else { return damaged(node, "is met again and again") };
            left = fewer;
            if below as usize <= bucket {
                let items = self.listed(node);
                if items.iter().any(|item| *item >= self.items) {
                    return damaged(node, "names an item that is none");
                }
                seen.extend(items.iter().copied().filter(|item| passes(*item)));
            } else {
                let children = self.children(node);
                if children.iter().any(|child| *child >= self.nodes) {
                    return damaged(node, "has a child that is none");
                }
                let product = fast_dot(self.numbers(node), query);
                let side = match self.metric {
                    Metric::Angular => product,
                    Metric::Euclidean | Metric::Manhattan => product + f32::from_bits(self.node(node)[1]),
                    Metric::Dot => product + f32::from_bits(self.node(node)[3]).powi(2),
                };
                // No negative zero, which would not be equal to zero.
                queue.push(Way { margin: margin.min(side) + 0.0, node: children[1] });
                queue.push(Way { margin: margin.min(-side) + 0.0, node: children[0] });
            }
        }
        Ok(seen)
    }

    fn node(&self, node: u32) -> &[u32] {
        let words = self.metric.head() + self.dimension;
        &self.words[node as usize * words..][..words]
    }

    fn numbers(&self, node: u32) -> &[f32] {
        let words = self.metric.head() + self.dimension;
        &self.numbers[node as usize * words + self.metric.head()..][..self.dimension]
    }

    /// How many items are below a node.
    fn below(&self, node: u32) -> u32 {
        self.node(node)[0]
    }

    fn children(&self, node: u32) -> [u32; 2] {
        let at = self.metric.children();
        [self.node(node)[at], self.node(node)[at + 1]]
    }

    /// The items that a leaf lists.
    fn listed(&self, leaf: u32) -> &[u32] {
        &self.node(leaf)[self.metric.children()..][..self.below(leaf) as usize]
    }
}

fn sum_of_differences(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).sum::<f64>() as f32
}

/// A node to go to, and the least margin by which the query is on its side of the planes above it.
struct Way {
    margin: f32,
    node: u32,
}

impl Ord for Way {
    fn cmp(&self, other: &Way) -> Ordering {
        self.margin.total_cmp(&other.margin).then(self.node.cmp(&other.node))
    }
}

impl PartialOrd for Way {
    fn partial_cmp(&self, other: &Way) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Way {
    fn eq(&self, other: &Way) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Way {}
