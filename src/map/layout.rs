//! Places in the plane by attraction along edges and repulsion by rows drawn at random: the optimisation of McInnes, Healy and
//! Melville, "UMAP", arXiv:1802.03426, section 4.2 and appendix C, with their constants.
//!
//! Hides: in which order rows move. All rows of a block see where the others were before the block; chance depends on seed,
//! round and row alone. Promises: so the layout is the same for any number of threads, and on every machine.

use std::ops::Range;

use multiversion::multiversion;
use rayon::prelude::*;

use super::arithmetic::{Chance, exp2, log2, mixed};
use super::fuzzy::Fuzzy;
use crate::failure::Failure;

/// A place in the plane.
pub(super) type Place = [f32; 2];

/// How many rows drawn at random repel a row whenever it is attracted.
const REPELLING: usize = 5;
/// What is computed at once: an attraction and the repulsions, and room up to a power of two.
const LANES: usize = 8;
/// Rows that one thread moves side by side, as a processor waits less then.
const TOGETHER: usize = 4;
/// No step in one direction is longer.
const LONGEST: f32 = 4.0;
/// What keeps the repulsion by a row at the same place finite.
const SOFT: f32 = 0.001;
/// Squared distances below it are taken for it, so that they have a logarithm.
const LEAST: f32 = 1e-30;
/// In so many blocks are the rows of a round; and no block has fewer rows.
const BLOCKS: usize = 32;
const LEAST_IN_BLOCK: usize = 16;
/// Rows that one thread moves at a time.
const CHUNK: usize = 256;

/// The curve 1 / (1 + a d^2b) by which the nearness of two places falls with their distance d.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Curve {
    pub a: f32,
    pub b: f32,
}

impl Curve {
    /// The one that is nearest to 1 up to `least`, and exp(least - d) beyond it, by the method of Gauss and Newton.
    pub(super) fn of(least: f64) -> Curve {
        let points: Vec<(f64, f64)> = (0..300)
            .map(|i| {
                let x = 3.0 * f64::from(i) / 299.0;
                (x, if x < least { 1.0 } else { (least - x).exp() })
            })
            .collect();
        let error =
            |a: f64, b: f64| points.iter().map(|(x, y)| (1.0 / (1.0 + a * x.powf(2.0 * b)) - y).powi(2)).sum::<f64>();
        let (mut a, mut b, mut damping) = (1.0f64, 1.0f64, 1e-3);
        for _ in 0..200 {
            let (mut aa, mut ab, mut bb, mut ga, mut gb) = (0.0, 0.0, 0.0, 0.0, 0.0);
            for (x, y) in points.iter().filter(|(x, _)| *x > 0.0) {
                let power = x.powf(2.0 * b);
                let value = 1.0 / (1.0 + a * power);
                let (da, db) = (-value * value * power, -value * value * a * power * 2.0 * x.ln());
                let off = value - y;
                (aa, ab, bb) = (aa + da * da, ab + da * db, bb + db * db);
                (ga, gb) = (ga + da * off, gb + db * off);
            }
            let (da, db) = (aa * (1.0 + damping), bb * (1.0 + damping));
            let determinant = da * db - ab * ab;
            let (next_a, next_b) = (a - (db * ga - ab * gb) / determinant, b - (da * gb - ab * ga) / determinant);
            if next_a > 0.0 && next_b > 0.0 && error(next_a, next_b) <= error(a, b) {
                (a, b, damping) = (next_a, next_b, damping / 3.0);
            } else {
                damping *= 4.0;
            }
        }
        // Rounded, since the last digits need not be the same on every machine.
        let rounded = |x: f64| ((x * 1e4).round() / 1e4) as f32;
        Curve { a: rounded(a), b: rounded(b) }
    }
}

/// In how many rounds so many rows are laid out.
pub(super) fn rounds(rows: usize) -> usize {
    if rows <= 10_000 { 500 } else { 200 }
}

/// Edges from some rows to places, and how often each attracts: the share of the rounds in which it does, in units of
/// 2^-32.
struct Edges<'a> {
    starts: &'a [usize],
    to: &'a [u32],
    shares: &'a [u32],
}

/// A round of a layout.
#[derive(Clone, Copy)]
struct Round {
    number: usize,
    /// How far steps go: 1 at first, 0 in the end.
    step: f32,
    curve: Curve,
    seed: u64,
    /// How strongly an edge attracts: twice where the row at its other end would pull this one in its turn.
    pull: f32,
}

/// Moves `places` to where the edges of `fuzzy` want them; `watch` is told after each round.
///
/// # Errors
/// `watch` ends it.
pub(super) fn lay_out(
    fuzzy: &Fuzzy,
    places: &mut [Place],
    curve: Curve,
    seed: u64,
    watch: &mut dyn FnMut() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let rounds = rounds(places.len());
    let shares = shares(&fuzzy.weights, rounds);
    let edges = Edges { starts: &fuzzy.starts, to: &fuzzy.to, shares: &shares };
    let blocks = blocks(places.len(), seed);
    for number in 0..rounds {
        let step = 1.0 - number as f32 / rounds as f32;
        let round = Round { number, step, curve, seed, pull: 2.0 };
        // Each round begins with another block.
        for at in 0..blocks.len() {
            let block = &blocks[(at + number) % blocks.len()];
            let see: &[Place] = places;
            let moved: Vec<Vec<Place>> =
                block.par_chunks(CHUNK).map(|rows| moved(rows, see, see, &edges, round)).collect();
            for (row, place) in block.iter().zip(moved.iter().flatten()) {
                places[*row as usize] = *place;
            }
        }
        watch()?;
    }
    Ok(())
}

/// Moves new places to where their edges to old ones want them; the old ones stay. What becomes of one does not depend on the
/// others; `streams` are what their chance comes from.
pub(super) fn place(
    near: (&[usize], &[u32], &[f32]),
    old: &[Place],
    new: &mut [Place],
    streams: &[u64],
    curve: Curve,
    seed: u64,
) {
    let (starts, to, weights) = near;
    let rounds = rounds(old.len()) / 3;
    let widest = rounds as f32;
    let move_one = |(at, place): (usize, &mut Place)| {
        let span = starts[at]..starts[at + 1];
        let greatest = weights[span.clone()].iter().copied().fold(0.0, f32::max);
        let shares: Vec<u32> = weights[span.clone()].iter().map(|w| share(*w, greatest, widest)).collect();
        let edges = Edges { starts: &[0, span.len()], to: &to[span], shares: &shares };
        for number in 0..rounds {
            // A quarter of the step of new layouts, as they have a place to begin with.
            let step = 0.25 * (1.0 - number as f32 / rounds as f32);
            let round = Round { number, step, curve, seed: seed ^ mixed(streams[at]), pull: 1.0 };
            *place = moved(&[0], &[*place], old, &edges, round)[0];
        }
    };
    new.par_iter_mut().enumerate().for_each(move_one);
}

/// The share of rounds in which an edge attracts.
fn share(weight: f32, greatest: f32, rounds: f32) -> u32 {
    // What would attract less than once does not at all.
    let share = if weight * rounds < greatest || greatest <= 0.0 { 0.0 } else { weight / greatest };
    (f64::from(share) * f64::from(u32::MAX)) as u32
}

fn shares(weights: &[f32], rounds: usize) -> Vec<u32> {
    let greatest = weights.iter().copied().fold(0.0, f32::max);
    weights.iter().map(|weight| share(*weight, greatest, rounds as f32)).collect()
}

/// The rows of each block, by chance.
fn blocks(rows: usize, seed: u64) -> Vec<Vec<u32>> {
    let count = (rows / LEAST_IN_BLOCK).clamp(1, BLOCKS);
    let mut blocks = vec![Vec::with_capacity(rows / count + 1); count];
    (0..rows as u32).for_each(|row| blocks[Chance::new(seed ^ 0xb10c, u64::from(row)).below(count)].push(row));
    blocks
}

/// Where some rows are after a round, which are at `from` before it; `see` are the places of all.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
fn moved(rows: &[u32], from: &[Place], see: &[Place], edges: &Edges, round: Round) -> Vec<Place> {
    let mut places = Vec::with_capacity(rows.len());
    let mut attracting: [Vec<u32>; TOGETHER] = Default::default();
    let mut counts = [0; TOGETHER];
    let number = round.number as u32;
    for rows in rows.chunks(TOGETHER) {
        let mut own = [[0.0; 2]; TOGETHER];
        let mut chances = [const { Chance::none() }; TOGETHER];
        let mut most = 0;
        for (lane, attracting) in attracting.iter_mut().enumerate() {
            counts[lane] = 0;
            let Some(row) = rows.get(lane) else { continue };
            let at = *row as usize;
            own[lane] = from[at];
            chances[lane] = Chance::new(round.seed ^ ((round.number as u64) << 40), at as u64);
            let span: Range<usize> = edges.starts[at]..edges.starts[at + 1];
            if attracting.len() <= span.len() {
                attracting.resize(span.len() + 1, 0);
            }
            let mut count = 0;
            for (to, share) in edges.to[span.clone()].iter().zip(&edges.shares[span]) {
                // Whether a whole number lies between what the rounds before add up to, and this one.
                let (_, whole) = number.wrapping_mul(*share).overflowing_add(*share);
                attracting[count] = *to;
                count += usize::from(whole);
            }
            counts[lane] = count;
            most = most.max(count);
        }
        for nth in 0..most {
            // What has nothing left to go to, or is only there to fill a register, is at the place itself, and does nothing.
            let (mut x, mut y) = ([[0.0; LANES]; TOGETHER], [[0.0; LANES]; TOGETHER]);
            for lane in 0..TOGETHER {
                (x[lane], y[lane]) = ([own[lane][0]; LANES], [own[lane][1]; LANES]);
                if nth < counts[lane] {
                    [x[lane][0], y[lane][0]] = see[attracting[lane][nth] as usize];
                    for repelling in 1..=REPELLING {
                        [x[lane][repelling], y[lane][repelling]] = see[chances[lane].below(see.len())];
                    }
                }
            }
            step(&mut own, &x, &y, round);
        }
        places.extend_from_slice(&own[..rows.len()]);
    }
    places
}

/// Moves places towards the others in the first lane of each and away from those in its other lanes.
#[inline(always)]
fn step(places: &mut [Place; TOGETHER], x: &[[f32; LANES]; TOGETHER], y: &[[f32; LANES]; TOGETHER], round: Round) {
    let Curve { a, b } = round.curve;
    let (mut across, mut down) = (*x, *y);
    // What tells attraction, in the first lane, from repulsion.
    let (mut near, mut far, mut soft) = ([0.0; LANES], [2.0 * b; LANES], [SOFT; LANES]);
    (near[0], far[0], soft[0]) = (-2.0 * a * b * round.pull, 0.0, 0.0);
    for own in 0..TOGETHER {
        for lane in 0..LANES {
            let (dx, dy) = (places[own][0] - x[own][lane], places[own][1] - y[own][lane]);
            let square = (dx * dx + dy * dy).max(LEAST);
            let power = exp2(b * log2(square));
            let strength = (near[lane] * power + far[lane]) / ((soft[lane] + square) * (1.0 + a * power));
            across[own][lane] = (strength * dx).clamp(-LONGEST, LONGEST);
            down[own][lane] = (strength * dy).clamp(-LONGEST, LONGEST);
        }
    }
    for own in 0..TOGETHER {
        let place = places[own];
        places[own] = [place[0] + sum(&across[own]) * round.step, place[1] + sum(&down[own]) * round.step];
    }
}

#[inline(always)]
fn sum(lanes: &[f32; LANES]) -> f32 {
    ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_those_of_the_paper() {
        // Of umap-learn 0.5.12: find_ab_params(1.0, min_dist).
        for (least, a, b) in
            [(0.1, 1.5769, 0.8951), (0.5, 0.5830, 1.3342), (0.0, 1.9328, 0.7905), (0.99, 0.1193, 1.9164)]
        {
            let curve = Curve::of(least);
            assert!((curve.a - a).abs() < 2e-3 && (curve.b - b).abs() < 2e-3, "{least}: {curve:?}");
        }
    }

    /// Some groups of rows, each tied to the others of its group.
    fn groups(count: usize, size: usize) -> Fuzzy {
        let rows = count * size;
        let to: Vec<u32> = (0..rows)
            .flat_map(|row| (row / size * size..(row / size + 1) * size).filter(move |other| *other != row))
            .map(|other| other as u32)
            .collect();
        let starts = (0..=rows).map(|row| row * (size - 1)).collect();
        Fuzzy { starts, weights: vec![1.0; to.len()], to }
    }

    fn laid_out(threads: usize) -> Vec<Place> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let mut places: Vec<Place> = (0..400)
            .map(|row| {
                let mut chance = Chance::new(9, row);
                [chance.signed(), chance.signed()]
            })
            .collect();
        let lay = || lay_out(&groups(40, 10), &mut places, Curve::of(0.1), 0, &mut || Ok(()));
        pool.install(lay).expect("nobody ends it");
        places
    }

    #[test]
    fn what_is_tied_comes_together_whatever_the_threads() {
        let places = laid_out(1);
        assert_eq!(places, laid_out(3));
        let distance = |a: Place, b: Place| ((a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2)).sqrt();
        let own = (0..400).filter(|row| {
            let nearest = (0..400)
                .filter(|other| other != row)
                .min_by(|a, b| distance(places[*a], places[*row]).total_cmp(&distance(places[*b], places[*row])));
            nearest.is_some_and(|other| other / 10 == row / 10)
        });
        assert!(own.count() > 390);
        assert!(places.iter().flatten().all(|x| x.is_finite()));
    }

    #[test]
    fn new_places_go_to_what_they_are_tied_to_and_do_not_see_each_other() {
        let old: Vec<Place> = (0..100).map(|at| [(at % 10) as f32, (at / 10) as f32]).collect();
        let weights = [1.0, 0.8, 0.6];
        let place = |count: usize| {
            let starts: Vec<usize> = (0..=count).map(|at| at * 3).collect();
            let to: Vec<u32> = (0..count).flat_map(|at| [at, at + 1, at + 10]).map(|at| at as u32).collect();
            let weights = weights.repeat(count);
            let mut new: Vec<Place> = old[..count].to_vec();
            let streams: Vec<u64> = (0..count as u64).collect();
            super::place((&starts, &to, &weights), &old, &mut new, &streams, Curve::of(0.1), 3);
            new
        };
        let all = place(40);
        assert_eq!(place(7)[..], all[..7]);
        assert!(
            all.iter().zip(&old).all(|(new, old)| (new[0] - old[0]).abs() < 3.0 && (new[1] - old[1]).abs() < 3.0),
            "{all:?}"
        );
    }
}
