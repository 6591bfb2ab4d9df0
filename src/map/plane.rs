//! The nearest of places in the plane, by a k-d tree (Bentley, Communications of the ACM 18, 1975).

use super::layout::Place;

/// Places that are looked at one by one.
const LEAF: usize = 8;

/// Places in an order in which halves lie on either side of a line.
pub(super) struct Plane<'a> {
    places: &'a [Place],
    order: Vec<u32>,
}

/// The nearest so far, nearest first: squared distances and numbers.
type Found = Vec<(f32, u32)>;

impl<'a> Plane<'a> {
    pub(super) fn new(places: &'a [Place]) -> Plane<'a> {
        let mut order: Vec<u32> = (0..places.len() as u32).collect();
        divide(places, &mut order, 0);
        Plane { places, order }
    }

    /// The `count` places nearest to one, the first of equals before the others; without the one of this number.
    pub(super) fn nearest(&self, place: Place, count: usize, without: Option<u32>) -> Found {
        let mut found = Vec::with_capacity(count + 1);
        if count > 0 {
            self.look(place, count, without, &self.order, 0, &mut found);
        }
        found
    }

    fn look(&self, place: Place, count: usize, without: Option<u32>, order: &[u32], axis: usize, found: &mut Found) {
        if order.len() <= LEAF {
            order.iter().for_each(|at| self.take(place, count, without, *at, found));
            return;
        }
        let middle = order.len() / 2;
        let line = self.places[order[middle] as usize][axis];
        let off = place[axis] - line;
        let (near, far) = match off < 0.0 {
            true => (&order[..middle], &order[middle + 1..]),
            false => (&order[middle + 1..], &order[..middle]),
        };
        self.take(place, count, without, order[middle], found);
        self.look(place, count, without, near, 1 - axis, found);
        // Equal distances count, since of equals the first is wanted.
        if found.len() < count || off * off <= found[found.len() - 1].0 {
            self.look(place, count, without, far, 1 - axis, found);
        }
    }

    fn take(&self, place: Place, count: usize, without: Option<u32>, at: u32, found: &mut Found) {
        let other = self.places[at as usize];
        let (x, y) = (other[0] - place[0], other[1] - place[1]);
        let new = (x * x + y * y, at);
        if without == Some(at) {
            return;
        }
        let before = |a: &(f32, u32)| a.0.total_cmp(&new.0).then(a.1.cmp(&new.1)).is_lt();
        let rank = found.partition_point(before);
        if rank < count {
            found.insert(rank, new);
            found.truncate(count);
        }
    }
}

fn divide(places: &[Place], order: &mut [u32], axis: usize) {
    if order.len() <= LEAF {
        return;
    }
    let middle = order.len() / 2;
    let compare = |a: &u32, b: &u32| places[*a as usize][axis].total_cmp(&places[*b as usize][axis]).then(a.cmp(b));
    order.select_nth_unstable_by(middle, compare);
    // The one on the line stays where it is.
    let (low, high) = order.split_at_mut(middle);
    divide(places, low, 1 - axis);
    divide(places, &mut high[1..], 1 - axis);
}

#[cfg(test)]
mod tests {
    use super::super::arithmetic::Chance;
    use super::*;

    #[test]
    fn the_nearest_are_those_that_looking_at_all_finds() {
        let mut chance = Chance::new(4, 4);
        for size in [0, 1, 7, 9, 40, 1000] {
            // Places on a grid, so that there are equals.
            let places: Vec<Place> = (0..size).map(|_| [chance.below(12) as f32, chance.below(9) as f32]).collect();
            let plane = Plane::new(&places);
            for at in (0..size).step_by(1 + size / 40) {
                let square = |other: u32| {
                    let (a, b) = (places[at], places[other as usize]);
                    (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2)
                };
                let mut all: Vec<(f32, u32)> =
                    (0..size as u32).filter(|other| *other != at as u32).map(|other| (square(other), other)).collect();
                all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                all.truncate(6);
                assert_eq!(plane.nearest(places[at], 6, Some(at as u32)), all, "{size} {at}");
            }
        }
    }
}
