//! Rows of numbers that lie in chunks, as the record batches of a mapped file do.

/// Rows of `width` numbers in chunks of equally many rows, a power of two; only the last chunk may have fewer.
///
/// It borrows: cloning it costs a list of pointers.
#[derive(Debug, Clone)]
pub struct Chunked<'a, T> {
    chunks: Vec<&'a [T]>,
    width: usize,
    /// Binary logarithm of the rows of a chunk.
    shift: u32,
    rows: usize,
}

impl<'a, T> Chunked<'a, T> {
    /// `None` where a chunk but the last has another number of rows than `1 << shift`, or holds part of a row.
    pub(super) fn new(chunks: Vec<&'a [T]>, width: usize, shift: u32) -> Option<Chunked<'a, T>> {
        let full = width.checked_mul(1 << shift)?;
        let last = chunks.len().saturating_sub(1);
        let fits = |(i, chunk): (usize, &&[T])| chunk.len() == full || (i == last && chunk.len() < full);
        let whole = chunks.iter().all(|chunk| width > 0 && chunk.len().is_multiple_of(width));
        let rows = chunks.iter().map(|chunk| chunk.len()).sum::<usize>() / width.max(1);
        (whole && chunks.iter().enumerate().all(fits)).then_some(Chunked { chunks, width, shift, rows })
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.rows
    }

    /// Numbers of a row.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// The numbers of a row.
    ///
    /// # Panics
    /// There is no such row.
    pub fn row(&self, row: usize) -> &'a [T] {
        let start = (row & ((1 << self.shift) - 1)) * self.width;
        &self.chunks[row >> self.shift][start..start + self.width]
    }

    /// The chunks, each with the number of its first row.
    pub(super) fn chunks(&self) -> impl ExactSizeIterator<Item = (usize, &'a [T])> + '_ {
        self.chunks.iter().enumerate().map(|(i, chunk)| (i << self.shift, *chunk))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_in_their_chunks() {
        let numbers: Vec<u32> = (0..22).collect();
        let rows = Chunked::new(numbers.chunks(8).collect(), 2, 2).expect("chunks of four rows");
        assert_eq!((rows.len(), rows.width()), (11, 2));
        assert_eq!((rows.row(0), rows.row(5), rows.row(10)), (&[0, 1][..], &[10, 11][..], &[20, 21][..]));
        assert_eq!(rows.chunks().map(|(first, _)| first).collect::<Vec<_>>(), [0, 4, 8]);
    }

    #[test]
    fn uneven_chunks_are_refused() {
        let numbers = [0; 8];
        assert!(Chunked::new(vec![&numbers[..4], &numbers[..]], 2, 2).is_none());
        assert!(Chunked::new(vec![&numbers[..7]], 2, 2).is_none());
        assert!(Chunked::new(vec![&numbers[..]], 0, 2).is_none());
    }
}
