//! What lies beside an index's table and makes searching it quicker: the packed copy, and perhaps trees or a graph.
//!
//! Hides: which files there are, whether they belong to the table, and which of them serves a search best. Promises:
//! a file that is missing, damaged, or of another table is never used, and said; a filtered search finds what it should
//! however few rows pass.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use arrow_array::Array;
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use rayon::prelude::*;

use super::annoy::{Annoy, Metric};
use super::arrow::{ArrowFile, MARK};
use super::best::Best;
use super::cosine::{cosine, norm};
use super::flat::{Allowed, Flat, Wanted};
use super::graph::Graph;
use super::search::{Facts, QueryVector, Search, Stored};
use super::{Error, Hit, Packed, Term};
use crate::filter::Filter;
use crate::guard;
use crate::table::{Provenance, Table, column};

/// What an index has beside its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Nothing beside the table, which is read from end to end
    Table,
    /// A packed copy: the same results, many times as fast
    Exact,
    /// The packed copy and Annoy's trees: approximate; spotify's annoy reads them too
    Annoy,
    /// The packed copy and a graph of near rows: approximate, the fastest for millions of rows
    Graph,
}

impl Kind {
    /// The kind that serves a table of so many rows best: measured, see `benches/peers/search.py`. Below ten thousand
    /// rows a packed copy saves some milliseconds. To build a graph takes as long as some hundred thousand exact
    /// searches, so it is chosen only where one of these would keep people
    /// waiting.
    pub(crate) fn for_rows(rows: u64) -> Kind {
        match rows {
            0..10_000 => Kind::Table,
            10_000..3_000_000 => Kind::Exact,
            _ => Kind::Graph,
        }
    }

    /// Its name on the command line and in a footer.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Table => "table",
            Kind::Exact => "exact",
            Kind::Annoy => "annoy",
            Kind::Graph => "graph",
        }
    }

    /// The kind of this name.
    pub(crate) fn named(name: &str) -> Option<Kind> {
        [Kind::Table, Kind::Exact, Kind::Annoy, Kind::Graph].into_iter().find(|kind| kind.name() == name)
    }

    /// Extensions of the files that an index of this kind has beside its table.
    pub(crate) fn extensions(self) -> Vec<&'static str> {
        (self != Kind::Table).then_some(PACKED).into_iter().chain(self.approximate()).collect()
    }

    /// The extension of the file that is approximate.
    pub(crate) fn approximate(self) -> Option<&'static str> {
        match self {
            Kind::Table | Kind::Exact => None,
            Kind::Annoy => Some(ANNOY),
            Kind::Graph => Some(GRAPH),
        }
    }
}

/// Extensions of the files beside a table.
pub(crate) const PACKED: &str = "arrow";
pub(crate) const ANNOY: &str = "ann";
pub(crate) const GRAPH: &str = "graph";

/// Keys of an index's footer.
pub(crate) const KIND: &str = "kind";
pub(crate) const IDENTITY: &str = "packed";
pub(crate) const TREES: &str = "annoy";
pub(crate) const RECALL: &str = "recall";

/// Rows that pass a filter below which looking at all of them is quicker than looking for some of them, and the share of
/// the rows below which an approximate search would lose its way. Measured, see `benches/peers/search.py`.
const FEW: usize = 50_000;
const SMALL_SHARE: usize = 20;

/// How many rows a graph keeps in sight unless told otherwise.
const BEAM: usize = 64;
/// Candidates that Annoy's trees are asked for unless told otherwise: its own default, a hundred times more for a short list.
const CANDIDATES: usize = 1000;

/// The files beside an index's table.
#[derive(Debug)]
pub(crate) struct Beside {
    pub packed: Packed,
    pub approximate: Option<Approximate>,
}

/// What finds most of the nearest rows without looking at all.
#[derive(Debug)]
pub(crate) enum Approximate {
    Annoy(Annoy),
    Graph(Graph),
}

/// The file with this extension beside a table.
pub(crate) fn beside(table: &Path, extension: &str) -> PathBuf {
    table.with_extension(extension)
}

/// The files beside a table that are of an index, and not somebody's who happened to choose such a name.
pub(crate) fn files_of_an_index(table: &Path) -> Vec<PathBuf> {
    let own = [PACKED, ANNOY, GRAPH].into_iter().filter(|extension| is_of_an_index(table, extension));
    own.map(|extension| beside(table, extension)).collect()
}

/// Annoy's format has no room for a mark: of such a file the table that is there has to tell.
fn is_of_an_index(table: &Path, extension: &str) -> bool {
    let Ok(bytes) = crate::io::map(&beside(table, extension)) else { return false };
    let named = || {
        let footer = Table::open_columns(table, Some(&|_: &str| false)).ok()?.provenance;
        let named = footer.get(KIND).and_then(Kind::named)?.extensions().contains(&extension);
        Some(named && footer.get(TREES) == Some(&fingerprint(&bytes)))
    };
    let file = guard::catch(|| ArrowFile::new(bytes.clone()).ok()).flatten();
    match file.filter(|_| extension != ANNOY) {
        Some(file) => file.metadata.iter().any(|(key, _)| key == MARK) || file.schema.metadata.contains_key(MARK),
        None => named().unwrap_or(false),
    }
}

/// The packed copy beside a table with this footer, where there is one that belongs to it.
pub(crate) fn packed_beside(table: &Path, footer: &Provenance) -> Option<Packed> {
    footer.get(KIND).and_then(Kind::named).filter(|kind| *kind != Kind::Table)?;
    Beside::packed(&beside(table, PACKED), footer).ok()
}

/// The files beside a table that were made with it: no other table can use them.
pub(crate) fn files_of(table: &Path) -> Vec<PathBuf> {
    let kind = || {
        let footer = Table::open_columns(table, Some(&|_: &str| false)).ok()?.provenance;
        let (found, problems) = Beside::open(table, &footer);
        found.filter(|_| problems.is_empty())?;
        footer.get(KIND).and_then(Kind::named)
    };
    kind().map_or(Vec::new(), |kind| kind.extensions().into_iter().map(|extension| beside(table, extension)).collect())
}

impl Beside {
    /// Opens what the footer of a table says lies beside it; and what of it cannot be used, and why.
    pub(crate) fn open(table: &Path, footer: &Provenance) -> (Option<Beside>, Vec<Error>) {
        let kind = footer.get(KIND).and_then(Kind::named).unwrap_or(Kind::Table);
        if kind == Kind::Table {
            return (None, Vec::new());
        }
        let packed = match Self::packed(&beside(table, PACKED), footer) {
            Ok(packed) => packed,
            Err(error) => return (None, vec![error]),
        };
        let opened = match kind {
            Kind::Table | Kind::Exact => Ok(None),
            Kind::Annoy => Self::annoy(&beside(table, ANNOY), footer, &packed).map(Some),
            Kind::Graph => Self::graph(&beside(table, GRAPH), &packed).map(Some),
        };
        let (approximate, error) = match opened {
            Ok(approximate) => (approximate, None),
            Err(error) => (None, Some(error)),
        };
        (Some(Beside { packed, approximate }), error.into_iter().collect())
    }

    fn packed(path: &Path, footer: &Provenance) -> Result<Packed, Error> {
        let packed = Packed::open(path)?;
        match footer.get(IDENTITY) == Some(packed.identity()) {
            true => Ok(packed),
            false => Err(not_of_this_table(path)),
        }
    }

    fn annoy(path: &Path, footer: &Provenance, packed: &Packed) -> Result<Approximate, Error> {
        let bytes = crate::io::map(path)
            .map_err(|source| crate::table::Error::from(crate::io::Error::Read { path: path.into(), source }))?;
        if footer.get(TREES) != Some(&fingerprint(&bytes)) {
            return Err(not_of_this_table(path));
        }
        let annoy = Annoy::open(path, packed.dimension(), Metric::Angular)?;
        match annoy.len() == packed.len() {
            true => Ok(Approximate::Annoy(annoy)),
            false => Err(not_of_this_table(path)),
        }
    }

    fn graph(path: &Path, packed: &Packed) -> Result<Approximate, Error> {
        let graph = Graph::open(path, packed.identity())?;
        match graph.len() == packed.len() {
            true => Ok(Approximate::Graph(graph)),
            false => Err(not_of_this_table(path)),
        }
    }

    /// The vectors of stored rows, as [`super::Index::stored`] gives them.
    pub(super) fn stored(&self, terms: &[&Term]) -> Result<Vec<Option<Stored>>, Error> {
        let mut rows: Vec<Vec<usize>> = vec![Vec::new(); terms.len()];
        if terms.iter().any(|term| matches!(term, Term::Id(_))) {
            let mut first = 0;
            let batches: Vec<_> = self.packed.batches(|name| name == column::ID).collect::<Result<_, _>>()?;
            for batch in batches {
                if let Some(ids) = column::ints(&batch, column::ID)? {
                    for (rows, id) in rows.iter_mut().zip(terms).filter_map(|(rows, term)| match term {
                        Term::Id(id) => Some((rows, *id)),
                        _ => None,
                    }) {
                        rows.extend(
                            (0..ids.len()).filter(|&i| ids.is_valid(i) && ids.value(i) == id).map(|i| first + i),
                        );
                    }
                }
                first += batch.num_rows();
            }
        }
        let vectors = self.packed.vectors();
        let stored = terms.iter().zip(&mut rows).map(|(term, rows)| {
            if let Term::Key(key) = term {
                rows.extend(self.packed.row_of(key)?);
            }
            let mut sum = vec![0.0f64; vectors.width()];
            for &row in rows.iter() {
                let vector = vectors.row(row);
                let length = norm(vector);
                sum.iter_mut().zip(vector).for_each(|(sum, x)| *sum += f64::from(*x) / length);
            }
            let mut vector: Vec<f32> = sum.iter().map(|x| *x as f32).collect();
            Ok(crate::model::normalise(&mut vector)
                .then_some(Stored { vector, rows: rows.iter().map(|row| *row as u32).collect() }))
        });
        stored.collect()
    }

    pub(super) fn search(&self, queries: &[QueryVector], search: &Search) -> Result<Vec<Vec<Hit>>, Error> {
        let filter = search.filter.map(|filter| self.passing(filter)).transpose()?;
        let found = self.nearest(queries, filter.as_ref(), search)?;
        self.hits(&found, search.vectors)
    }

    fn nearest(
        &self,
        queries: &[QueryVector],
        filter: Option<&BooleanBuffer>,
        search: &Search,
    ) -> Result<Vec<Vec<(u32, f32)>>, Error> {
        let passing = filter.map_or(self.packed.len(), BooleanBuffer::count_set_bits);
        let few = filter.is_some() && (passing < FEW || passing < self.packed.len() / SMALL_SHARE);
        match self.approximate.as_ref().filter(|_| !search.exact && !few && search.top < passing / 4) {
            None => {
                let wanted: Vec<Wanted> = queries
                    .iter()
                    .map(|QueryVector { vector, without }| Wanted { vector, allowed: Allowed { filter, without } })
                    .collect();
                let (vectors, codes) = (self.packed.vectors(), self.packed.codes());
                Flat { name: self.packed.name(), vectors, codes }.search(&wanted, search.top)
            }
            Some(approximate) => {
                let (vectors, codes) = (self.packed.vectors(), self.packed.codes());
                let one = |query: &QueryVector| -> Result<Vec<(u32, f32)>, Error> {
                    // Few rows that are not wanted are asked for and left out; many are not asked for.
                    let masked =
                        (query.without.len() > search.top + 16).then(|| self.other_rows(&query.without, filter));
                    let (filter, top) = match &masked {
                        Some(others) => (Some(others), search.top),
                        None => (filter, search.top + query.without.len()),
                    };
                    let rows: Vec<u32> = match approximate {
                        Approximate::Graph(graph) => {
                            let beam = search.effort.unwrap_or(BEAM).max(top);
                            let found = graph.search(&codes, &vectors, &query.vector, top, beam, filter)?;
                            found.into_iter().map(|(row, _)| row).collect()
                        }
                        Approximate::Annoy(annoy) => {
                            let candidates = search.effort.unwrap_or((top * annoy.trees()).max(CANDIDATES));
                            annoy.candidates(&query.vector, candidates, filter)?
                        }
                    };
                    let mut best = Best::new(search.top);
                    for row in rows.into_iter().filter(|row| query.without.binary_search(row).is_err()) {
                        let vector = vectors.row(row as usize);
                        best.offer(cosine(&query.vector, vector, norm(vector)), row.into(), || ());
                    }
                    Ok(best.into_rows())
                };
                queries.par_iter().map(one).collect()
            }
        }
    }

    /// The share of the ten nearest rows that an approximate search finds: recall@10 of so many rows, spread evenly,
    /// each of which is not to find itself. Rows as near as the tenth count as found, whichever they are.
    ///
    /// # Errors
    /// A file is damaged.
    pub(crate) fn recall(&self, of: usize) -> Result<f64, Error> {
        const NEAREST: usize = 10;
        let (rows, count) = (self.packed.len(), self.packed.len().min(of));
        let vectors = self.packed.vectors();
        let sample: Vec<usize> = (0..count).map(|i| i * rows / count).collect();
        let query = |&row: &usize| QueryVector { vector: vectors.row(row).to_vec(), without: vec![row as u32] };
        let queries: Vec<QueryVector> = sample.iter().map(query).collect();
        let search = |exact| self.nearest(&queries, None, &Search { top: NEAREST, exact, ..Search::default() });
        let (all, some) = (search(true)?, search(false)?);
        let (mut wanted, mut found) = (0, 0);
        for (all, some) in all.iter().zip(&some) {
            let Some((_, least)) = all.last() else { continue };
            wanted += all.len();
            found += some.iter().filter(|(_, score)| score >= least).count().min(all.len());
        }
        Ok(if wanted == 0 { 1.0 } else { found as f64 / wanted as f64 })
    }

    /// For every row whether it passes.
    pub(super) fn passing(&self, filter: &Filter) -> Result<BooleanBuffer, Error> {
        let bound = filter.bind(&self.packed.columns())?;
        let batches = self.packed.batches(|name| filter.needs(name));
        let parts: Vec<BooleanBuffer> =
            batches.map(|batch| Ok::<_, Error>(bound.evaluate(&batch?)?)).collect::<Result<_, _>>()?;
        let mut all = BooleanBufferBuilder::new(self.packed.len());
        parts.iter().for_each(|part| all.append_buffer(part));
        Ok(all.finish())
    }

    /// The rows that pass, but for these.
    fn other_rows(&self, without: &[u32], filter: Option<&BooleanBuffer>) -> BooleanBuffer {
        let mut others = BooleanBufferBuilder::new(self.packed.len());
        match filter {
            Some(filter) => others.append_buffer(filter),
            None => others.append_n(self.packed.len(), true),
        }
        without.iter().for_each(|row| others.set_bit(*row as usize, false));
        others.finish()
    }

    /// What there is to know of the rows that were found. A batch that holds some of them is decoded once.
    fn hits(&self, found: &[Vec<(u32, f32)>], vectors: bool) -> Result<Vec<Vec<Hit>>, Error> {
        let mut needed: Vec<usize> =
            found.iter().flatten().map(|(row, _)| Packed::batch_number(*row as usize)).collect();
        needed.sort_unstable();
        needed.dedup();
        let facts =
            needed.par_iter().map(|&number| Ok((number, Facts::of(&self.packed.batch(number, &Facts::COLUMNS)?)?)));
        let facts: HashMap<usize, Facts> = facts.collect::<Result<_, Error>>()?;
        let numbers = self.packed.vectors();
        let hit = |&(row, score): &(u32, f32)| {
            let (row, at) = (row as usize, Packed::place(row as usize));
            let vector = if vectors { numbers.row(row).to_vec() } else { Vec::new() };
            Hit { row: row as u64, score, vector, ..facts[&Packed::batch_number(row)].hit(at) }
        };
        Ok(found.par_iter().map(|rows| rows.iter().map(hit).collect()).collect())
    }
}

fn not_of_this_table(path: &Path) -> Error {
    Error::Beside { name: path.display().to_string(), problem: "belongs to another table".into() }
}

/// A digest of a file's length and of 256 pages spread over it: to tell files apart that were not made together, in less
/// than a millisecond. `index info --verify` looks at every byte.
pub(crate) fn fingerprint(bytes: &[u8]) -> String {
    const PAGE: usize = 4096;
    const PAGES: usize = 256;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(bytes.len() as u64).to_le_bytes());
    let last = bytes.len().saturating_sub(PAGE);
    let step = (last / PAGES).max(1);
    for start in (0..last).step_by(step).chain([last]) {
        hasher.update(&bytes[start..bytes.len().min(start + PAGE)]);
    }
    hasher.finalize().to_hex().to_string()
}
