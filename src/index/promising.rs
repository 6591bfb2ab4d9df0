//! The best rows of those of which is known what they score at most and at least.
//!
//! Promises: those that comparing every row gives, by as few comparisons as what is known allows; what waits to be compared
//! is some hundred rows, however many are as good as one another.

use super::best::Best;

/// A row that can be among the best, and between what its score lies.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reaching {
    pub row: u32,
    pub most: f32,
    pub least: f32,
}

/// The best rows so far, and those that may turn out to be.
pub(super) struct Promising {
    top: usize,
    /// Of the rows that were compared.
    best: Best<()>,
    /// Of what rows score at least.
    sure: Best<()>,
    /// What a row must reach, since as many as are wanted score as much.
    bar: f32,
    waiting: Vec<Reaching>,
}

impl Promising {
    /// The best `top` rows of those that can reach `bar`.
    pub(super) fn new(top: usize, bar: f32) -> Promising {
        Promising { top, best: Best::new(top), sure: Best::new(top), bar, waiting: Vec::new() }
    }

    /// What a row must reach to be worth an offer.
    pub(super) fn bar(&self) -> f32 {
        self.bar
    }

    /// Takes rows in; `score` tells what a row scores, and may prepare for the one that is asked for next.
    ///
    /// # Errors
    /// Those of `score`.
    pub(super) fn offer<E>(
        &mut self,
        rows: impl Iterator<Item = Reaching>,
        score: impl Fn(u32, Option<u32>) -> Result<f32, E>,
    ) -> Result<(), E> {
        for row in rows.filter(|row| row.most >= self.bar) {
            self.waiting.push(row);
            self.sure.offer(row.least, row.row.into(), || ());
        }
        self.raise(self.sure.worst());
        let room = 256 + 4 * self.top;
        if self.waiting.len() > room {
            self.waiting.retain(|row| row.most >= self.bar);
            // Where so many scores are that close to one another, only comparing tells.
            if self.waiting.len() > room / 2 {
                return self.compare(score);
            }
        }
        Ok(())
    }

    /// The best rows.
    ///
    /// # Errors
    /// Those of `score`.
    pub(super) fn finish<E>(mut self, score: impl Fn(u32, Option<u32>) -> Result<f32, E>) -> Result<Best<()>, E> {
        self.compare(score)?;
        Ok(self.best)
    }

    fn raise(&mut self, bar: Option<f32>) {
        self.bar = self.bar.max(bar.unwrap_or(self.bar));
    }

    /// Compares the rows that wait, those first that promise most.
    fn compare<E>(&mut self, score: impl Fn(u32, Option<u32>) -> Result<f32, E>) -> Result<(), E> {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.retain(|row| row.most >= self.bar);
        waiting.sort_unstable_by(|a, b| b.most.total_cmp(&a.most).then(a.row.cmp(&b.row)));
        for (i, row) in waiting.iter().enumerate() {
            if row.most < self.bar {
                break;
            }
            let next = waiting.get(i + 1).map(|next| next.row);
            self.best.offer(score(row.row, next)?, row.row.into(), || ());
            self.raise(self.best.worst());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_are_those_that_comparing_all_gives() {
        for (spread, slack) in [(1 << 20, 0.01f32), (1 << 20, 0.5), (50, 0.001), (1, 0.1)] {
            let mut state = 7u32;
            let mut random = move |below: u32| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) % below
            };
            let scores: Vec<f32> = (0..20_000).map(|_| random(spread) as f32 / spread as f32).collect();
            let mut all: Vec<(u32, f32)> = (0..).zip(scores.iter().copied()).collect();
            all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            let score = |row: u32, _: Option<u32>| Ok::<f32, ()>(scores[row as usize]);
            for top in [1, 10, 3000] {
                let mut promising = Promising::new(top, -2.0);
                for rows in (0..20_000).collect::<Vec<u32>>().chunks(64) {
                    let reaching = |row: &u32| {
                        let exact = scores[*row as usize];
                        let (above, below) = (random(100) as f32 / 100.0 * slack, random(100) as f32 / 100.0 * slack);
                        Reaching { row: *row, most: exact + above, least: exact - below }
                    };
                    let rows: Vec<Reaching> = rows.iter().map(reaching).collect();
                    promising.offer(rows.into_iter(), score).expect("sound");
                    assert!(promising.waiting.len() <= 256 + 4 * top);
                }
                assert_eq!(promising.finish(score).expect("sound").into_rows(), all[..top], "{spread} {slack} {top}");
            }
        }
    }
}
