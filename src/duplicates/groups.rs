//! Things that belong together because others do.

/// Disjoint groups of the numbers below `n`: 4 bytes each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Groups(Vec<u32>);

impl Groups {
    /// Every number in a group of its own.
    ///
    /// # Panics
    /// There are 2³² or more.
    pub(crate) fn new(n: usize) -> Groups {
        Groups((0..u32::try_from(n).expect("fewer than 2^32 rows")).collect())
    }

    /// Makes one group of those that `a` and `b` are in.
    pub(crate) fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        // The smaller is the root, so that roots do not depend on the order of the calls.
        self.0[a.max(b) as usize] = a.min(b);
    }

    /// The smallest number of the group that `a` is in.
    pub(crate) fn root(&mut self, mut a: u32) -> u32 {
        loop {
            let above = self.0[a as usize];
            if above == a {
                return a;
            }
            let next = self.0[above as usize];
            self.0[a as usize] = next;
            a = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_the_smallest_whatever_the_order_of_the_joins() {
        let pairs = [(9, 3), (3, 7), (1, 2), (7, 5), (2, 8)];
        let mut forward = Groups::new(10);
        pairs.iter().for_each(|&(a, b)| forward.join(a, b));
        let mut backward = Groups::new(10);
        pairs.iter().rev().for_each(|&(a, b)| backward.join(b, a));
        let roots = |groups: &mut Groups| (0..10).map(|a| groups.root(a)).collect::<Vec<_>>();
        assert_eq!(roots(&mut forward), [0, 1, 1, 3, 4, 3, 6, 3, 1, 3]);
        assert_eq!(roots(&mut backward), roots(&mut forward));
    }

    #[test]
    fn a_million_in_one_chain_are_one_group() {
        let mut groups = Groups::new(1_000_000);
        (1..1_000_000).rev().for_each(|a| groups.join(a - 1, a));
        assert_eq!(groups.root(999_999), 0);
    }
}
