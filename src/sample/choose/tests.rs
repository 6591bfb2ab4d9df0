use super::super::rows::{Gathered, Matrix};
use super::super::{By, Options};
use super::*;
use crate::numbered::Numbered;
use crate::progress::Silent;

const DIMENSION: usize = 6;

/// Directions around some middles.
fn gathered(rows: usize) -> Gathered {
    let number = |i: usize| ((i as u32 + 1).wrapping_mul(0x9e37_79b1) ^ 0x5bd1_e995).wrapping_mul(0x85eb_ca6b) >> 8;
    let part = |i: usize| f64::from(number(i)) / f64::from(1 << 24) - 0.5;
    let vector = |row: usize| {
        let middle = number(row) as usize % 9;
        let parts: Vec<f64> =
            (0..DIMENSION).map(|d| part(1_000_000 + middle * 64 + d) + 0.4 * part(row * DIMENSION + d)).collect();
        let length = parts.iter().map(|x| x * x).sum::<f64>().sqrt();
        parts.into_iter().map(move |x| (x / length) as f32)
    };
    Gathered {
        candidates: (0..rows as u32).collect(),
        lots: (0..rows).map(|row| u64::from(number(row + 77))).collect(),
        margins: (0..rows).map(|row| part(row + 5) as f32 + 0.5).collect(),
        strata: Vec::new(),
        names: Numbered::default(),
        vectors: Matrix::of((0..rows).flat_map(vector).collect(), DIMENSION),
        chosen_before: Vec::new(),
        count: rows as u64,
        before: 0,
    }
}

fn choose(rows: &Gathered, by: &[(By, f32)], wanted: usize) -> (Vec<u32>, Option<f32>) {
    let options = Options { by: by.to_vec(), ..Options::default() };
    let chooser = Chooser::new(Worths::new(&options, rows), None, rows);
    let (picks, radius) = chooser.choose(wanted, &mut Silent).expect("nobody cancels");
    (picks.into_iter().map(|pick| pick.candidate).collect(), radius)
}

fn cosine(rows: &Gathered, a: u32, b: u32) -> f64 {
    rows.vectors.row(a).iter().zip(rows.vectors.row(b)).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}

#[test]
fn the_farthest_is_chosen_again_and_again() {
    let rows = gathered(700);
    let (chosen, radius) = choose(&rows, &[(By::Diverse, 1.0)], 60);
    assert_eq!(chosen[0], (0..700).min_by_key(|&i| rows.lots[i as usize]).expect("some"));
    // In double precision, all with all.
    let mut nearest: Vec<f64> = (0..700).map(|i| cosine(&rows, i, chosen[0])).collect();
    for &next in &chosen[1..] {
        let farthest = nearest.iter().copied().fold(f64::INFINITY, f64::min);
        assert!(nearest[next as usize] - farthest < 1e-6, "{next} is not the farthest");
        (0..700).for_each(|i| nearest[i as usize] = nearest[i as usize].max(cosine(&rows, i, next)));
    }
    let farthest = 1.0 - nearest.iter().copied().fold(f64::INFINITY, f64::min);
    assert!((f64::from(radius.expect("some are left")) - farthest).abs() < 1e-5);
}

#[test]
fn what_brings_most_nearer_is_chosen_again_and_again() {
    let rows = gathered(300);
    let (chosen, _) = choose(&rows, &[(By::Typical, 1.0)], 20);
    let mut covered = vec![0.0f64; 300];
    let gain =
        |covered: &[f64], i: u32| (0..300).map(|j| (cosine(&rows, i, j) - covered[j as usize]).max(0.0)).sum::<f64>();
    for &next in &chosen {
        let best = (0..300).map(|i| gain(&covered, i)).fold(0.0, f64::max);
        assert!(best - gain(&covered, next) < 1e-4, "{next} is not the best");
        (0..300).for_each(|j| covered[j as usize] = covered[j as usize].max(cosine(&rows, next, j)));
    }
}

#[test]
fn several_reasons_are_added_and_threads_change_nothing() {
    let rows = gathered(500);
    let by = [(By::Uncertain, 2.0), (By::Diverse, 1.0), (By::Rare, 0.5)];
    let on = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    let alone = on(1).install(|| choose(&rows, &by, 80)).0;
    assert_eq!(on(3).install(|| choose(&rows, &by, 80)).0, alone);
    let mean = |chosen: &[u32]| chosen.iter().map(|&i| f64::from(rows.margins[i as usize])).sum::<f64>() / 80.0;
    let (diverse, uncertain) = (choose(&rows, &by[1..2], 80).0, choose(&rows, &by[..1], 80).0);
    assert!(mean(&uncertain) < mean(&alone) && mean(&alone) < mean(&diverse));
}

#[test]
fn all_are_chosen_where_there_are_no_more() {
    for by in [By::Diverse, By::Typical, By::Rare, By::Uncertain, By::Random] {
        for count in [0, 1, 5] {
            let (mut chosen, radius) = choose(&gathered(count), &[(by, 1.0)], 9);
            chosen.sort_unstable();
            assert_eq!(chosen, (0..count as u32).collect::<Vec<_>>(), "{by:?}");
            assert_eq!(radius, None);
        }
    }
}
