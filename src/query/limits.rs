//! Which of the rows that a search finds are wanted, and how many.

use super::Asked;
use super::results::Group;
use crate::filter::Filter;
use crate::index::{Hit, Order, diverse};

/// What is wanted of a search.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How many rows.
    pub top: u32,
    /// How many of the best are left out.
    pub offset: u32,
    /// Rows with a lower score are left out.
    pub min_score: Option<f32>,
    /// Rows much like those before them are avoided: 0 not at all, 1 whatever their score.
    pub diverse: Option<f32>,
    /// Only rows for which this holds are found.
    pub filter: Option<Filter>,
    /// The order of the rows: of those that words find, of the `top` best; without words of all.
    pub order: Option<Order>,
    /// Each hit says what the terms add to its score. Of the built-in Pokédex it always does.
    pub explain: bool,
    /// Trees and graphs are left aside: every row is compared.
    pub exact: bool,
    /// How many candidates Annoy's trees are asked for; without a number `top` times the trees, at least 1000.
    pub search_k: Option<u32>,
    /// How many rows a search in a graph keeps in sight; without a number 64.
    pub beam: Option<u32>,
}

impl Default for Limits {
    /// The ten best.
    fn default() -> Limits {
        Limits {
            top: 10,
            offset: 0,
            min_score: None,
            diverse: None,
            filter: None,
            order: None,
            explain: false,
            exact: false,
            search_k: None,
            beam: None,
        }
    }
}

impl Limits {
    /// How many hits must be found so that those that are asked for are among them.
    pub(super) fn pool(&self) -> usize {
        let wanted = self.offset as usize + self.top as usize;
        match self.diverse {
            Some(_) => (10 * wanted).max(100),
            None => wanted,
        }
    }

    /// Of what was found, best first, what is to be shown.
    pub(super) fn group(&self, (text, terms): Asked, mut hits: Vec<Hit>) -> Group {
        let (offset, top) = (self.offset as usize, self.top as usize);
        hits.retain(|hit| self.min_score.is_none_or(|least| hit.score >= least));
        if let Some(diversity) = self.diverse {
            hits = diverse(hits, diversity, offset + top);
        }
        let hits = hits.into_iter().skip(offset).take(top).collect();
        Group { query: text.into(), terms: terms.to_vec(), read_as: None, first_rank: self.offset + 1, hits }
    }
}
