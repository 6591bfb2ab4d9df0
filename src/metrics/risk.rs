//! What would come of rejecting rows of low scores, and what came of those that were rejected.

use super::{Row, Sample, share};

/// A point of the risk–coverage curve: what would come of accepting all scores from this one on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RiskPoint {
    /// The lowest that is accepted.
    pub score: f64,
    /// The share of rows that would be accepted.
    pub coverage: f64,
    /// The share of errors among them.
    pub risk: f64,
}

impl Sample {
    /// The risk–coverage curve, a point for every score that occurs, the highest first; empty without scores.
    pub fn risk_coverage(&self) -> impl Iterator<Item = RiskPoint> {
        let rows = if self.scored { &self.rows[..] } else { &[] };
        let (mut accepted, mut errors) = (0u64, 0u64);
        rows.chunk_by(|a, b| a.score() == b.score()).map(move |tied| {
            accepted += tied.len() as u64;
            errors += tied.iter().filter(|row| !row.is_right()).count() as u64;
            let (coverage, risk) = (accepted as f64 / rows.len() as f64, share(errors, accepted));
            RiskPoint { score: tied[0].score(), coverage, risk }
        })
    }

    /// The share of rows that were not rejected.
    pub fn coverage(&self) -> Option<f64> {
        (!self.is_empty()).then(|| share(self.accepted().count() as u64, self.len() as u64))
    }

    /// The share of those that is right; `None` where all were rejected.
    pub fn accepted_accuracy(&self) -> Option<f64> {
        let accepted = self.accepted().count() as u64;
        (accepted > 0).then(|| share(self.accepted().filter(|row| row.is_right()).count() as u64, accepted))
    }

    fn accepted(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.accepted)
    }
}

/// The expected number of errors among the first k rows over k, summed over those k that end within `tied` rows in no
/// order of which `tied_errors` are errors, after `before` rows with `errors`.
pub(super) fn expected_risks(before: u64, errors: u64, tied: u64, tied_errors: u64) -> f64 {
    if tied == 1 {
        // By far the most frequent case, and this is the innermost loop of the bootstrap.
        return (errors + tied_errors) as f64 / (before + 1) as f64;
    }
    let rate = tied_errors as f64 / tied as f64;
    (1..=tied).map(|j| (errors as f64 + rate * j as f64) / (before + j) as f64).sum()
}
