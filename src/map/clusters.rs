//! Clusters of places: where they are dense, as far as that stands out.
//!
//! The method is HDBSCAN (Campello, Moulavi and Sander, PAKDD 2013) on the graph of the nearest places: a tree of what hangs
//! together at ever smaller distances, from which those clusters are taken that last longest ("excess of mass").

use rayon::prelude::*;

use super::Clusters;
use super::layout::Place;
use super::plane::Plane;

/// Edges to so many places are looked at.
const EDGES: usize = 24;
/// A place is as dense as this nearest of its neighbours is near.
const CORE: usize = 5;
/// A cluster has no fewer rows.
const LEAST: usize = 5;

/// For each place the number of its cluster, by size, the largest being 0; `None` where it is in none. A place stands for
/// `weights` rows.
pub(super) fn clusters(places: &[Place], weights: &[u32], wanted: Clusters) -> Vec<Option<u32>> {
    let rows: usize = weights.iter().map(|weight| *weight as usize).sum();
    let least = LEAST.max(((rows as f64).sqrt() / 2.0).round() as usize) as u64;
    if wanted == Clusters::None {
        return vec![None; places.len()];
    }
    let edges = edges(places);
    // Nothing is denser than so much nearer than usual: copies are no clusters of their own.
    let nearest = edges.get(edges.len() / 2).map_or(1.0, |edge| f64::from(edge.0)) / 10.0;
    let mut forest = Forest::new(weights, least, nearest.max(1e-9));
    for (distance, a, b) in edges {
        forest.join(a, b, f64::from(distance));
    }
    forest.finish();
    let chosen = match wanted {
        Clusters::Count(count) => forest.cut(count),
        _ => forest.standing_out(),
    };
    let mut sizes = vec![0u64; forest.nodes.len()];
    let own: Vec<Option<usize>> = (0..places.len()).map(|at| forest.chosen_of(at, &chosen)).collect();
    own.iter().zip(weights).for_each(|(node, weight)| {
        if let Some(node) = node {
            sizes[*node] += u64::from(*weight);
        }
    });
    let mut order: Vec<usize> = (0..sizes.len()).filter(|node| sizes[*node] > 0).collect();
    order.sort_by_key(|node| (std::cmp::Reverse(sizes[*node]), *node));
    let mut numbers = vec![0; sizes.len()];
    (0..).zip(order).for_each(|(number, node)| numbers[node] = number);
    own.into_iter().map(|node| node.map(|node| numbers[node])).collect()
}

/// Pairs of near places by rising distance: no less than either is from the places around it.
fn edges(places: &[Place]) -> Vec<(f32, u32, u32)> {
    let plane = Plane::new(places);
    let near: Vec<Vec<(f32, u32)>> =
        (0..places.len()).into_par_iter().map(|at| plane.nearest(places[at], EDGES, Some(at as u32))).collect();
    let core: Vec<f32> =
        near.iter().map(|near| near.get(CORE - 1).or(near.last()).map_or(0.0, |near| near.0)).collect();
    let mut edges: Vec<(f32, u32, u32)> = (0u32..)
        .zip(&near)
        .flat_map(|(a, near)| {
            let core = &core;
            near.iter().map(move |(square, b)| {
                let reach = square.max(core[a as usize]).max(core[*b as usize]).sqrt();
                (reach, a.min(*b), a.max(*b))
            })
        })
        .collect();
    edges.par_sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    edges.dedup();
    edges
}

/// A cluster at some distance.
struct Node {
    parent: Option<usize>,
    children: [Option<usize>; 2],
    /// One over the distance at which its children become one.
    split: f64,
    /// The sum over its rows of one over the distance at which each came to it.
    sum: f64,
    rows: u64,
    /// How much it stands out: that sum less the same at its end.
    mass: f64,
}

/// What hangs together while the distance grows.
struct Forest {
    least: u64,
    /// Of each place another one of the same set, or itself.
    up: Vec<u32>,
    /// Of each set, by its first place: how many rows, and the cluster that it is, once it is one.
    rows: Vec<u64>,
    cluster: Vec<Option<usize>>,
    /// The places of a set that is no cluster yet.
    members: Vec<Vec<u32>>,
    /// The first cluster that a place belonged to.
    of: Vec<Option<usize>>,
    nodes: Vec<Node>,
    /// How many rows there are.
    all: u64,
    /// Smaller distances count as this.
    nearest: f64,
}

impl Forest {
    fn new(weights: &[u32], least: u64, nearest: f64) -> Forest {
        let places = weights.len();
        let mut forest = Forest {
            least,
            up: (0..places as u32).collect(),
            rows: weights.iter().map(|weight| u64::from(*weight)).collect(),
            cluster: vec![None; places],
            members: (0..places as u32).map(|at| vec![at]).collect(),
            of: vec![None; places],
            nodes: Vec::new(),
            nearest,
            all: weights.iter().map(|weight| u64::from(*weight)).sum(),
        };
        (0..places).filter(|at| u64::from(weights[*at]) >= least).for_each(|at| forest.begin(at, 1.0 / nearest));
        forest
    }

    /// Makes a cluster of a set.
    fn begin(&mut self, set: usize, density: f64) {
        let node = self.nodes.len();
        let children = [None; 2];
        self.nodes.push(Node { parent: None, children, split: f64::INFINITY, sum: 0.0, rows: 0, mass: 0.0 });
        self.take(node, set, density);
        self.cluster[set] = Some(node);
    }

    fn root(&mut self, mut at: u32) -> u32 {
        while self.up[at as usize] != at {
            self.up[at as usize] = self.up[self.up[at as usize] as usize];
            at = self.up[at as usize];
        }
        at
    }

    fn join(&mut self, a: u32, b: u32, distance: f64) {
        let (a, b) = (self.root(a), self.root(b));
        if a == b {
            return;
        }
        let (a, b) = (a.min(b) as usize, a.max(b) as usize);
        let density = 1.0 / distance.max(self.nearest);
        match (self.cluster[a], self.cluster[b]) {
            (Some(one), Some(other)) => {
                let rows = self.nodes[one].rows + self.nodes[other].rows;
                let node = self.nodes.len();
                let sum = rows as f64 * density;
                let children = [Some(one), Some(other)];
                self.nodes.push(Node { parent: None, children, split: density, sum, rows, mass: 0.0 });
                for child in [one, other] {
                    self.end(child, density);
                    self.nodes[child].parent = Some(node);
                }
                self.cluster[a] = Some(node);
            }
            (Some(one), None) => self.take(one, b, density),
            (None, Some(other)) => {
                self.take(other, a, density);
                self.cluster[a] = Some(other);
            }
            (None, None) => {
                let moved = std::mem::take(&mut self.members[b]);
                self.members[a].extend(moved);
                self.rows[a] += self.rows[b];
                if self.rows[a] >= self.least {
                    self.begin(a, density);
                }
            }
        }
        self.up[b] = a as u32;
    }

    /// Takes a set that is no cluster into one.
    fn take(&mut self, node: usize, set: usize, density: f64) {
        for at in std::mem::take(&mut self.members[set]) {
            self.of[at as usize] = Some(node);
        }
        self.nodes[node].rows += self.rows[set];
        self.nodes[node].sum += self.rows[set] as f64 * density;
    }

    fn end(&mut self, node: usize, density: f64) {
        let node = &mut self.nodes[node];
        node.mass = node.sum - node.rows as f64 * density;
    }

    fn finish(&mut self) {
        for node in 0..self.nodes.len() {
            if self.nodes[node].parent.is_none() {
                self.end(node, 0.0);
            }
        }
    }

    fn roots(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|node| self.nodes[*node].parent.is_none()).collect()
    }

    /// The clusters that stand out more than what is in them does; what holds more than half of all rows is taken apart, if
    /// there is anything in it, since it tells little.
    fn standing_out(&self) -> Vec<bool> {
        let mut best = vec![0.0; self.nodes.len()];
        let mut chosen = vec![false; self.nodes.len()];
        // Children come before their parents.
        for (at, node) in self.nodes.iter().enumerate() {
            let within: f64 = node.children.iter().flatten().map(|child| best[*child]).sum();
            let is_most = 2 * node.rows > self.all;
            chosen[at] = node.children[0].is_none() || !is_most && node.mass > within;
            best[at] = if chosen[at] { node.mass } else { within };
        }
        self.topmost(chosen)
    }

    /// So many clusters, by taking apart what comes apart first.
    fn cut(&self, count: usize) -> Vec<bool> {
        let mut current = self.roots();
        current.sort_by_key(|node| (std::cmp::Reverse(self.nodes[*node].rows), *node));
        current.truncate(count);
        while current.len() < count {
            let loosest =
                |a: &&usize, b: &&usize| self.nodes[**a].split.total_cmp(&self.nodes[**b].split).then(a.cmp(b));
            let Some(node) = current.iter().filter(|node| self.nodes[**node].children[0].is_some()).min_by(loosest)
            else {
                break;
            };
            let node = *node;
            current.retain(|other| *other != node);
            current.extend(self.nodes[node].children.iter().flatten());
        }
        let mut chosen = vec![false; self.nodes.len()];
        current.into_iter().for_each(|node| chosen[node] = true);
        chosen
    }

    /// Only those that are in no other.
    fn topmost(&self, mut chosen: Vec<bool>) -> Vec<bool> {
        let mut within = vec![false; self.nodes.len()];
        for at in (0..self.nodes.len()).rev() {
            let above = self.nodes[at].parent.is_some_and(|parent| within[parent] || chosen[parent]);
            within[at] = above;
            chosen[at] &= !above;
        }
        chosen
    }

    fn chosen_of(&self, place: usize, chosen: &[bool]) -> Option<usize> {
        std::iter::successors(self.of[place], |node| self.nodes[*node].parent).find(|node| chosen[*node])
    }
}

#[cfg(test)]
mod tests {
    use super::super::arithmetic::Chance;
    use super::*;

    fn heaps(sizes: &[usize]) -> (Vec<Place>, Vec<usize>) {
        let mut chance = Chance::new(8, 1);
        let mut places = Vec::new();
        let mut of = Vec::new();
        for (heap, size) in sizes.iter().enumerate() {
            for _ in 0..*size {
                let mut about = |centre: f32| centre + 0.5 * (chance.signed() + chance.signed() + chance.signed());
                places.push([about(8.0 * (heap % 3) as f32), about(8.0 * (heap / 3) as f32)]);
                of.push(heap);
            }
        }
        (places, of)
    }

    #[test]
    fn heaps_are_clusters_the_largest_first() {
        let (places, of) = heaps(&[60, 200, 90, 120]);
        let found = clusters(&places, &vec![1; places.len()], Clusters::Auto);
        let expected = [3, 0, 2, 1];
        let right = found.iter().zip(&of).filter(|(cluster, heap)| **cluster == Some(expected[**heap]));
        assert!(right.count() * 100 > places.len() * 90, "{found:?}");
        assert!(found.iter().zip(&of).all(|(cluster, heap)| cluster.is_none_or(|c| c == expected[*heap])));
        let three = clusters(&places, &vec![1; places.len()], Clusters::Count(3));
        assert_eq!(three.iter().flatten().collect::<std::collections::BTreeSet<_>>().len(), 3);
    }

    #[test]
    fn few_places_and_equal_ones_have_clusters_or_none() {
        for count in 0..12 {
            let found = clusters(&vec![[1.0, 2.0]; count], &vec![1; count], Clusters::Auto);
            assert_eq!(found, vec![(count >= 5).then_some(0); count]);
        }
        assert_eq!(clusters(&[[0.0, 0.0], [1.0, 1.0]], &[40, 2], Clusters::Auto).len(), 2);
        assert_eq!(clusters(&heaps(&[30]).0, &[1; 30], Clusters::None), [None; 30]);
    }
}
