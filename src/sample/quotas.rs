//! How many rows each class gets.

/// What the classes get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shares {
    /// As many as each other, as far as there are so many.
    Equal,
    /// The share that they have.
    AsTheyAre,
}

/// What is left for each class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Quotas(Vec<usize>);

impl Quotas {
    /// Divides `wanted` rows between the classes of these candidates, numbered from 0.
    pub(super) fn new(classes: &[u32], wanted: usize, shares: Shares) -> Quotas {
        let mut sizes = vec![0usize; classes.iter().max().map_or(0, |&most| most as usize + 1)];
        classes.iter().for_each(|&class| sizes[class as usize] += 1);
        let wanted = wanted.min(classes.len());
        Quotas(match shares {
            Shares::Equal => equal(&sizes, wanted),
            Shares::AsTheyAre => proportional(&sizes, wanted),
        })
    }

    /// Whether a class may have another; then it has.
    pub(super) fn take(&mut self, class: u32) -> bool {
        let left = &mut self.0[class as usize];
        let some = *left > 0;
        *left -= usize::from(some);
        some
    }
}

/// The smallest classes give all that they have where that is less than their part of the rest.
fn equal(sizes: &[usize], mut wanted: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|&class| (sizes[class], class));
    let mut quotas = vec![0; sizes.len()];
    for (done, &class) in order.iter().enumerate() {
        quotas[class] = sizes[class].min(wanted / (sizes.len() - done));
        wanted -= quotas[class];
    }
    quotas
}

/// By the largest remainder, and of equal ones the class that was met first.
fn proportional(sizes: &[usize], wanted: usize) -> Vec<usize> {
    let all: usize = sizes.iter().sum::<usize>().max(1);
    let exact =
        |size: usize| (size as u128 * wanted as u128 / all as u128, size as u128 * wanted as u128 % all as u128);
    let mut quotas: Vec<usize> = sizes.iter().map(|&size| exact(size).0 as usize).collect();
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|&class| (std::cmp::Reverse(exact(sizes[class]).1), class));
    let left = wanted - quotas.iter().sum::<usize>();
    order.iter().take(left).for_each(|&class| quotas[class] += 1);
    quotas
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_add_up_and_no_class_gives_more_than_it_has() {
        assert_eq!(equal(&[2, 50, 9], 30), [2, 19, 9]);
        assert_eq!(equal(&[2, 50, 9], 7), [2, 3, 2]);
        assert_eq!(equal(&[2, 50, 9], 61), [2, 50, 9]);
        assert_eq!(equal(&[5, 5, 5], 2).iter().sum::<usize>(), 2);
        assert_eq!(proportional(&[60, 30, 10], 10), [6, 3, 1]);
        assert_eq!(proportional(&[1, 1, 1], 2), [1, 1, 0]);
        assert_eq!(proportional(&[7, 0, 3], 10), [7, 0, 3]);
        assert_eq!(Quotas::new(&[], 5, Shares::Equal), Quotas(vec![]));
        let mut quotas = Quotas::new(&[0, 1, 1, 1], 2, Shares::Equal);
        assert_eq!([0, 0, 1, 1].map(|class| quotas.take(class)), [true, false, true, false]);
    }
}
