//! Groups of copies: stars, in which every copy is one of the picture that is kept.
//!
//! That A is like B and B is like C does not make C a copy of A: whoever deletes B and C because A is kept would lose C.
//! So of what is connected the best is kept first, and takes what is a copy of it, and of nothing else; of what is left
//! the best takes what is a copy of that, and so on.

use std::cmp::Ordering;

use rayon::prelude::*;

use super::keep::Keep;
use super::rows::{Looks, Row};
use crate::duplicates::{Groups, Orientation, PerceptualHash, near};
use crate::image;
use crate::io::{self, read_image};

/// How two pictures are copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Identical,
    /// Other bytes that are decoded to the same pixels.
    SamePixels,
    /// Hashes that differ in so many bits.
    Near {
        distance: u32,
        orientation: Orientation,
    },
}

impl Relation {
    pub(super) fn distance(self) -> u32 {
        match self {
            Relation::Identical | Relation::SamePixels => 0,
            Relation::Near { distance, .. } => distance,
        }
    }

    pub(super) fn reason(self) -> String {
        match self {
            Relation::Identical => "identical".into(),
            Relation::SamePixels => "same pixels".into(),
            Relation::Near { distance, orientation } if orientation == Orientation::default() => {
                format!("near ({distance} of 256 bits)")
            }
            Relation::Near { distance, orientation } => format!("{} ({distance} of 256 bits)", orientation.name()),
        }
    }
}

/// A picture that is kept, and its copies in the order of their rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Star {
    pub keeper: u32,
    pub copies: Vec<(u32, Relation)>,
}

/// When looks make a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Similar {
    /// In how many bits of 256 hashes may differ, half of it where whole pictures are compared.
    pub hash_distance: u32,
    /// Mirrored and turned copies are copies, too.
    pub any_orientation: bool,
}

/// Rows of one content, in the order of their rows.
pub(super) type Node = Vec<u32>;

/// The contents of all rows that take part, each with its rows, in the order of their first rows.
pub(super) fn nodes(rows: &[Row], takes_part: impl Fn(u32) -> bool) -> Vec<Node> {
    let mut order: Vec<u32> =
        (0..rows.len() as u32).filter(|&row| takes_part(row) && rows[row as usize].content.is_some()).collect();
    order.par_sort_unstable_by_key(|&row| (rows[row as usize].content, row));
    let mut nodes: Vec<Node> =
        order.chunk_by(|&a, &b| rows[a as usize].content == rows[b as usize].content).map(<[u32]>::to_vec).collect();
    nodes.par_sort_unstable_by_key(|node| node[0]);
    nodes
}

/// The numbers of nodes that are connected, each such list in order, in the order of the first; without those that are of
/// one row alone.
pub(super) fn connected(nodes: &[Node], looks: Option<(&Looks, Similar)>) -> Vec<Vec<u32>> {
    let several = |list: &[u32]| list.len() > 1 || nodes[list[0] as usize].len() > 1;
    let Some((looks, similar)) = looks else {
        return (0..nodes.len() as u32).map(|node| vec![node]).filter(|list| several(list)).collect();
    };
    let (mut hashes, mut owners): (Vec<Option<PerceptualHash>>, Vec<u32>) = (Vec::new(), Vec::new());
    for (number, node) in (0..).zip(nodes) {
        for hash in looks.hashes(node[0]) {
            hashes.push(Some(*hash));
            owners.push(number);
        }
    }
    let mut groups = Groups::new(nodes.len());
    near(&hashes, similar.hash_distance, |a, b, _| groups.join(owners[a as usize], owners[b as usize]));
    let mut order: Vec<(u32, u32)> = (0..nodes.len() as u32).map(|node| (groups.root(node), node)).collect();
    order.sort_unstable();
    let lists = order.chunk_by(|a, b| a.0 == b.0).map(|same| same.iter().map(|(_, node)| *node).collect::<Vec<u32>>());
    lists.filter(|list| several(list)).collect()
}

/// The stars of all that are connected, in the order of their first rows.
///
/// # Errors
/// The thumbnails cannot be read.
pub(super) fn stars(
    rows: &[Row],
    nodes: &[Node],
    connected: &[Vec<u32>],
    looks: Option<(&Looks, Similar)>,
    keep: &Keep,
) -> Result<Vec<Star>, io::Error> {
    let of_group = |group: &Vec<u32>| -> Result<Vec<Star>, io::Error> {
        let mut waiting: Vec<Node> = group.iter().map(|&node| nodes[node as usize].clone()).collect();
        let order = |a: &u32, b: &u32| keep.order(&rows[*a as usize], &rows[*b as usize]);
        waiting.iter_mut().for_each(|node| node.sort_by(order));
        waiting.sort_by(|a, b| order(&a[0], &b[0]));
        let mut stars = Vec::new();
        while !waiting.is_empty() {
            let centre = waiting.remove(0);
            let keeper = centre[0];
            let mut copies: Vec<(u32, Relation)> = centre[1..].iter().map(|&row| (row, Relation::Identical)).collect();
            if let Some((looks, similar)) = looks.filter(|_| !waiting.is_empty()) {
                let mut left = Vec::new();
                let thumbnail = looks.thumbnail(keeper)?;
                for node in waiting {
                    // What lies in a reference is nobody's copy.
                    let distance = distance(looks.hashes(keeper), looks.hashes(node[0]))
                        .filter(|distance| *distance <= similar.hash_distance && !rows[node[0] as usize].in_reference);
                    let related = match (distance, &thumbnail) {
                        (Some(distance), Some(thumbnail)) => looks.thumbnail(node[0])?.and_then(|other| {
                            let likeness = thumbnail.likeness(&other, similar.any_orientation);
                            let orientation = likeness.orientation;
                            likeness.is_copy().then_some(Relation::Near { distance, orientation })
                        }),
                        _ => None,
                    };
                    match related {
                        Some(relation) => copies.extend(node.iter().map(|&row| (row, relation))),
                        None => left.push(node),
                    }
                }
                waiting = left;
            }
            copies.retain(|(row, _)| !rows[*row as usize].in_reference);
            if !copies.is_empty() {
                copies.sort_by_key(|(row, _)| *row);
                stars.push(Star { keeper, copies });
            }
        }
        Ok(stars)
    };
    let stars: Vec<Vec<Star>> = connected.par_iter().map(of_group).collect::<Result<_, io::Error>>()?;
    let mut stars: Vec<Star> = stars.into_iter().flatten().collect();
    stars.par_iter_mut().for_each(|star| compare_pixels(rows, star));
    stars.sort_by_key(|star| star.keeper.min(star.copies[0].0));
    Ok(stars)
}

/// The least distance between any two of their hashes.
fn distance(some: &[PerceptualHash], others: &[PerceptualHash]) -> Option<u32> {
    some.iter().flat_map(|a| others.iter().map(|b| a.distance(*b))).min()
}

/// Finds out which copies are decoded to the same pixels as the picture that is kept.
fn compare_pixels(rows: &[Row], star: &mut Star) {
    let upright = Orientation::default();
    let keeper = &rows[star.keeper as usize];
    let is_promising = |row: &Row, relation: Relation| {
        relation == Relation::Near { distance: 0, orientation: upright }
            && (row.facts.width, row.facts.height) == (keeper.facts.width, keeper.facts.height)
            && keeper.is_local()
            && row.is_local()
    };
    let pixels = |row: &Row| {
        let bytes = read_image(row.path.as_deref()?).ok()?;
        let is_it = Some(*blake3::hash(&bytes).as_bytes()) == row.content;
        is_it.then(|| image::decode_rgba(&bytes).ok()).flatten()
    };
    let mut own = None;
    for (row, relation) in &mut star.copies {
        let row = &rows[*row as usize];
        if is_promising(row, *relation) {
            let own = own.get_or_insert_with(|| pixels(keeper));
            if own.is_some() && *own == pixels(row) {
                *relation = Relation::SamePixels;
            }
        }
    }
}

/// Rows that mean one file: by hard links, or because it was named more than once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Again {
    /// Names of files that have another name in the table: hard links.
    pub hard_links: u64,
    /// Rows of a file that another row names as well: by a link, a folder that was given twice, or in other letters.
    pub named_again: u64,
}

/// Of the rows that mean one file the best represents it; the others are mapped to it.
pub(super) fn of_one_file(rows: &[Row], keep: &Keep) -> (Vec<(u32, u32)>, Again) {
    let mut order: Vec<u32> = (0..rows.len() as u32).filter(|&row| rows[row as usize].file.is_some()).collect();
    order.par_sort_unstable_by_key(|&row| (rows[row as usize].file, row));
    let (mut again, mut others) = (Again::default(), Vec::new());
    for same in order.chunk_by(|&a, &b| rows[a as usize].file == rows[b as usize].file).filter(|same| same.len() > 1) {
        let by_rules = |a: &&u32, b: &&u32| -> Ordering { keep.order(&rows[**a as usize], &rows[**b as usize]) };
        let best = *same.iter().min_by(by_rules).expect("two rows at least");
        let place = |row: u32| rows[row as usize].local().and_then(|path| path.canonicalize().ok());
        let mut places = vec![place(best)];
        for &row in same.iter().filter(|&&row| row != best) {
            let own = place(row);
            match places.contains(&own) {
                true => again.named_again += 1,
                false => again.hard_links += 1,
            }
            places.push(own);
            others.push((row, best));
        }
    }
    others.sort_unstable();
    (others, again)
}
