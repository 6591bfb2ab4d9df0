//! What there is to say of a data set as a whole.

pub use super::classes::Class;
pub use super::copies::Copies;

/// A data set in figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// All rows, those with errors included.
    pub rows: u64,
    /// Rows with an error of an earlier stage.
    pub failed: u64,
    /// Pictures that could not be read.
    pub unreadable: u64,
    /// Rows that are in no split on purpose.
    pub excluded: u64,
    /// Rows in no split, in train, validation, test, and in splits of other names.
    pub splits: [u64; 5],
    /// Formats of the files, the most frequent first.
    pub formats: Vec<(&'static str, u64)>,
    /// Pixels; `None` where no picture was seen.
    pub widths: Option<Span>,
    /// As `widths`.
    pub heights: Option<Span>,
    /// By id, else by name.
    pub classes: Vec<Class>,
    /// How many pictures are there twice.
    pub copies: Copies,
}

/// The least, the middle and the greatest of some numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The least.
    pub least: u64,
    /// The middle one; of two the lower.
    pub median: u64,
    /// The greatest.
    pub most: u64,
}

impl Span {
    /// Of numbers that occur so often; `None` of none.
    pub(super) fn of(numbers: impl Iterator<Item = (u64, u64)>) -> Option<Span> {
        let mut numbers: Vec<(u64, u64)> = numbers.filter(|(_, count)| *count > 0).collect();
        numbers.sort_unstable();
        let half = numbers.iter().map(|(_, count)| count).sum::<u64>().div_ceil(2);
        let mut below = 0;
        let median = numbers.iter().find(|(_, count)| {
            below += count;
            below >= half
        })?;
        Some(Span { least: numbers.first()?.0, median: median.0, most: numbers.last()?.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_counts_repeated_numbers() {
        assert_eq!(Span::of([].into_iter()), None);
        let span = Span::of([(9, 1), (2, 3), (4, 1)].into_iter());
        assert_eq!(span, Some(Span { least: 2, median: 2, most: 9 }));
    }
}
