//! Bursts: several pictures of one moment.

use super::rows::{Moment, Rows};
use super::{Finding, Rule};
use crate::duplicates::PerceptualHash;

/// Pictures of a burst follow one another within so many microseconds.
const PAUSE: i64 = 2_000_000;
/// A burst is over after so many microseconds, or pictures.
const LONGEST: i64 = 60_000_000;
const MOST: usize = 1000;
/// In how many bits of 256 their hashes may differ: more than copies, since hands and things move.
const REACH: u32 = 44;

/// Names the pictures that a sharper one of the same moment stands for. Of pictures that follow one another the sharpest takes all
/// that look like it, of the others again the sharpest, and so on: so what is named looks like the one that it is named with.
pub(super) fn find(rows: &mut Rows) {
    let mut moments = std::mem::take(&mut rows.moments);
    moments.sort_unstable_by_key(|moment| (moment.taken, moment.row));
    let mut rest = &mut moments[..];
    while !rest.is_empty() {
        let (run, others) = rest.split_at_mut(length(rest));
        rest = others;
        run.sort_unstable_by(|a, b| b.sharpness.total_cmp(&a.sharpness).then(a.row.cmp(&b.row)));
        let mut left: Vec<(Moment, PerceptualHash)> =
            run.iter().filter_map(|&moment| Some((moment, rows.looks[moment.row as usize]?))).collect();
        while let Some(&(best, looks)) = left.first() {
            let differs = |hash: PerceptualHash| looks.distance(hash);
            for &(moment, hash) in left[1..].iter().filter(|(_, hash)| differs(*hash) <= REACH) {
                let detail = format!(
                    "{:.1} s apart, sharpness {:.3} and {:.3}, {} of 256 bits differ",
                    moment.taken.abs_diff(best.taken) as f64 / 1e6,
                    moment.sharpness,
                    best.sharpness,
                    differs(hash)
                );
                rows.findings.push(Finding::pair(Rule::Burst, moment.row, best.row, detail));
            }
            left.retain(|(moment, hash)| moment.row != best.row && differs(*hash) > REACH);
        }
    }
}

/// How many of these pictures, which are in the order of time, follow one another from the first on.
fn length(moments: &[Moment]) -> usize {
    let apart = |a: &Moment, b: &Moment| b.taken.saturating_sub(a.taken);
    let is_in = |pair: &&[Moment]| apart(&pair[0], &pair[1]) <= PAUSE && apart(&moments[0], &pair[1]) <= LONGEST;
    1 + moments.windows(2).take(MOST - 1).take_while(is_in).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_at_a_pause_and_when_it_is_long() {
        let run = |seconds: &[f64]| {
            let moment = |&at: &f64| Moment { taken: (at * 1e6) as i64, row: 0, sharpness: 0.0 };
            length(&seconds.iter().map(moment).collect::<Vec<_>>())
        };
        assert_eq!(run(&[5.0]), 1);
        assert_eq!(run(&[5.0, 5.0, 7.0, 9.1]), 3);
        assert_eq!(run(&[0.0; 2 * MOST]), MOST);
        assert_eq!(run(&(0..100).map(f64::from).collect::<Vec<_>>()), 61);
    }
}
