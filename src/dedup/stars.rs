//! Groups of copies: stars, in which every copy is one of the picture that is kept.
//!
//! That A is like B and B is like C does not make C a copy of A: whoever deletes B and C because A is kept would lose C.
//! So of what is connected the best is kept first, and takes what is a copy of it, and of nothing else; of what is left
//! the best takes what is a copy of that, and so on.

use std::cmp::Ordering;

use rayon::prelude::*;

use super::keep::Keep;
use super::relation::{Alike, Relation};
use super::rows::Row;
use crate::duplicates::{Groups, Orientation, PerceptualHash, Shared, near};
use crate::image;
use crate::io::{self, read_image};

/// A picture that is kept, and its copies in the order of their rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Star {
    pub keeper: u32,
    pub copies: Vec<(u32, Relation)>,
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

/// Pictures that are asked for parts before those found are joined.
const BLOCK: usize = 1024;

/// The numbers of nodes that are connected, each such list in order, in the order of the first; without those that are of
/// one row alone.
///
/// # Errors
/// What is kept of looks cannot be read.
pub(super) fn connected(nodes: &[Node], alike: Option<Alike>) -> Result<Vec<Vec<u32>>, io::Error> {
    let several = |list: &[u32]| list.len() > 1 || nodes[list[0] as usize].len() > 1;
    let Some(alike) = alike else {
        return Ok((0..nodes.len() as u32).map(|node| vec![node]).filter(|list| several(list)).collect());
    };
    let mut groups = Groups::new(nodes.len());
    join_near(nodes, alike, &mut groups);
    if alike.similar.crops {
        join_parts(nodes, alike, &mut groups)?;
    }
    let mut order: Vec<(u32, u32)> = (0..nodes.len() as u32).map(|node| (groups.root(node), node)).collect();
    order.sort_unstable();
    let lists = order.chunk_by(|a, b| a.0 == b.0).map(|same| same.iter().map(|(_, node)| *node).collect::<Vec<u32>>());
    Ok(lists.filter(|list| several(list)).collect())
}

/// Joins pictures whose hashes are near.
fn join_near(nodes: &[Node], alike: Alike, groups: &mut Groups) {
    let (mut hashes, mut owners): (Vec<Option<PerceptualHash>>, Vec<u32>) = (Vec::new(), Vec::new());
    for (number, node) in (0..).zip(nodes) {
        for hash in alike.looks.hashes(node[0]) {
            hashes.push(Some(*hash));
            owners.push(number);
        }
    }
    near(&hashes, alike.similar.hash_distance, |a, b, _| groups.join(owners[a as usize], owners[b as usize]));
}

/// Joins pictures with parts of them.
fn join_parts(nodes: &[Node], alike: Alike, groups: &mut Groups) -> Result<(), io::Error> {
    let (mut starts, mut signs) = (vec![0], Vec::new());
    for node in nodes {
        signs.extend(alike.looks.signs(node[0]));
        starts.push(signs.len() as u32);
    }
    let shared = Shared::new(&starts, &signs, alike.similar.any_orientation);
    let all: Vec<u32> = (0..nodes.len() as u32).collect();
    for block in all.chunks(BLOCK) {
        let pairs = block.par_iter().flat_map_iter(|&a| shared.with(a).into_iter().map(move |b| (a, b)));
        let mut pairs: Vec<(u32, u32)> = pairs.collect();
        pairs.retain(|&(a, b)| groups.root(a) != groups.root(b));
        let are_related = |&(a, b): &(u32, u32)| -> Result<bool, io::Error> {
            let (one, other) = (nodes[a as usize][0], nodes[b as usize][0]);
            Ok(alike.relation(one, other)?.is_some() || alike.relation(other, one)?.is_some())
        };
        let related: Vec<bool> = pairs.par_iter().map(are_related).collect::<Result<_, _>>()?;
        pairs.iter().zip(related).filter(|(_, is)| *is).for_each(|(&(a, b), _)| groups.join(a, b));
    }
    Ok(())
}

/// The stars of all that are connected, in the order of their first rows.
///
/// # Errors
/// What is kept of looks cannot be read.
pub(super) fn stars(
    rows: &[Row],
    nodes: &[Node],
    connected: &[Vec<u32>],
    alike: Option<Alike>,
    keep: &Keep,
) -> Result<Vec<Star>, io::Error> {
    let of_group = |group: &Vec<u32>| -> Result<Vec<Star>, io::Error> {
        let mut waiting: Vec<Node> = group.iter().map(|&node| nodes[node as usize].clone()).collect();
        let order = |a: &u32, b: &u32| keep.order(&rows[*a as usize], &rows[*b as usize]);
        waiting.iter_mut().for_each(|node| node.sort_by(order));
        waiting.sort_by(|a, b| order(&a[0], &b[0]));
        let mut stars = Vec::new();
        while !waiting.is_empty() {
            let centre = waiting.remove(next_centre(rows, &waiting, alike)?);
            let keeper = centre[0];
            let mut copies: Vec<(u32, Relation)> = centre[1..].iter().map(|&row| (row, Relation::Identical)).collect();
            let mut left = Vec::new();
            for node in waiting {
                // What lies in a reference is nobody's copy.
                let alike = alike.filter(|_| !rows[node[0] as usize].in_reference);
                match alike.map(|alike| alike.relation(keeper, node[0])).transpose()?.flatten() {
                    Some(relation) => copies.extend(node.iter().map(|&row| (row, relation))),
                    None => left.push(node),
                }
            }
            waiting = left;
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

/// Which of those that wait is the centre of the next star: the best, or, where that is a part of another, the best of
/// those it is a part of, and so on: whoever keeps a part alone loses the rest. What lies in a reference is kept anyway.
fn next_centre(rows: &[Row], waiting: &[Node], alike: Option<Alike>) -> Result<usize, io::Error> {
    let mut centre = 0;
    let Some(alike) = alike.filter(|alike| alike.similar.crops) else { return Ok(centre) };
    let mut others: Vec<usize> = (1..waiting.len()).collect();
    'part: while !rows[waiting[centre][0] as usize].in_reference {
        for place in 0..others.len() {
            let whole = waiting[others[place]][0];
            if let Some(Relation::Part { .. }) = alike.relation(whole, waiting[centre][0])? {
                // Never back to it, whatever the figures say.
                centre = others.remove(place);
                continue 'part;
            }
        }
        break;
    }
    Ok(centre)
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
