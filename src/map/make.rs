//! From a table to the same table with places and clusters.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Float32Array, Int32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, SchemaRef};

use super::arithmetic::mixed;
use super::clusters::clusters;
use super::fuzzy::Fuzzy;
use super::layout::{Curve, Place, lay_out};
use super::neighbours::Ground;
use super::old::Old;
use super::plot::{Pictures, Plot, Point};
use super::principal::Principal;
use super::rows::Rows;
use super::{CLUSTER, CLUSTER_LABEL, Clusters, Laid, Method, Options, SETTINGS, X, Y, islands, labels, plot, spectral};
use crate::failure::Failure;
use crate::index::Unfit;
use crate::model::short_id;
use crate::progress::Progress;
use crate::stage::{Work, go_on, pool, slices};
use crate::table::{Provenance, Table, Writer, column};
use crate::words::{left_out, rows as say_rows, several};

/// How a map came out; shown, it is a line for people.
#[derive(Debug, Default)]
pub struct Made {
    /// Rows that have a place.
    pub placed: u64,
    /// Clusters, where they were told.
    pub clusters: Option<usize>,
    /// Rows that are in none of them.
    pub alone: u64,
    /// Whether they were placed into an earlier map.
    pub into: bool,
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&say_rows(self.placed))?;
        if self.into {
            f.write_str(" placed into the map")?;
        }
        if let Some(clusters) = self.clusters {
            let clusters = several(clusters as u64, "cluster", "clusters");
            write!(f, " in {clusters}, {} in none", self.alone)?;
        }
        Ok(())
    }
}

/// Lays the rows of a table out, and writes them to where `start` starts a table of such a schema and footer, if it does, and the
/// plot, if one is wanted.
///
/// # Errors
/// The table cannot be read, has vectors of two lengths or models, or of another model than the map into which they are to be
/// placed, the output cannot be written, or nobody wants the map any more.
pub fn map(
    table: Table,
    options: &Options,
    plot: Option<Plot>,
    start: impl FnOnce(&SchemaRef, &Provenance) -> Result<Option<Writer>, Failure>,
    progress: &mut dyn Progress,
) -> Result<Made, Failure> {
    table.require(&options.column)?;
    let colour = plot.as_ref().and_then(|plot| plot.colour.clone());
    if let Some(column) = &colour {
        table.require(column)?;
    }
    if plot.as_ref().is_some_and(Plot::has_pictures) && !table.has(column::PATH) && !table.has(column::IMAGE) {
        let hint = "tables of `embed` say where their pictures are, in a column `path`";
        return Err(Failure::failed(format!("{}: has no pictures to show", table.name), Some(hint.into())));
    }
    let old = options.into.as_deref().map(|path| Old::open(path, &options.column)).transpose()?;
    let name = table.name.clone();
    let (table, rows, placed) = find(table, options, colour.as_deref(), old.as_ref(), progress)?;

    let mut footer = table.provenance.clone();
    footer.set(SETTINGS, settings(options, old.as_ref()));
    let mut schema = table.schema.clone();
    for (name, data_type) in
        [(X, DataType::Float32), (Y, DataType::Float32), (CLUSTER, DataType::Int32), (CLUSTER_LABEL, DataType::Utf8)]
    {
        schema = column::put_field(&schema, column::field(name, data_type));
    }
    let points: Vec<Point> = placed.points().collect();
    let mut pictures = plot.as_ref().and_then(|plot| plot.pictures(&points));
    let writer = start(&schema, &footer)?;
    if writer.is_some() || pictures.is_some() {
        let mut writing = Writing { writer, schema: &schema, placed: &placed };
        pool(options.threads)?.install(|| writing.pass(table, pictures.as_mut(), progress))?;
        writing.writer.map(Writer::finish).transpose()?;
    }
    let pictures = pictures.unwrap_or_default();
    if pictures.missing > 0 {
        let count = several(pictures.missing, "picture", "pictures");
        progress.warn(&format!("{name}: {count} cannot be read; points stand in their places"));
    }
    if let Some(plot) = plot {
        let behind = old.as_ref().map_or(&[][..], |old| old.places());
        let missing = plot::draw(plot, &points, behind, (&rows, &pictures), &placed.laid.names)?;
        if !missing.is_empty() {
            let letters: String = missing.iter().take(12).collect();
            let count = several(missing.len() as u64, "letter", "letters");
            progress
                .warn(&format!("{name}: no font here has {count} of the plot ({letters}); � stands in their places"));
            progress.hint(
                "install a font that has them, or draw an .svg or .html, which leave letters to whoever shows them",
            );
        }
    }
    let alone = points.iter().filter(|point| point.cluster.is_none()).count() as u64;
    let told = (options.clusters != Clusters::None).then_some(placed.laid.names.len());
    Ok(Made { placed: points.len() as u64, clusters: told, alone, into: old.is_some() })
}

/// Where the rows of a table are, and in which clusters.
pub struct Placed {
    /// Of each row its vector's place among the distinct ones.
    of_row: Vec<Option<u32>>,
    clusters: Vec<Option<u32>>,
    laid: Laid,
}

impl Placed {
    fn points(&self) -> impl Iterator<Item = Point> {
        (0..self.of_row.len()).filter_map(|row| {
            let place = self.laid.places[self.of_row[row]? as usize];
            Some(Point { row, place, cluster: self.clusters[row] })
        })
    }

    /// What a map adds to these rows: x, y, clusters and their names.
    fn columns(&self, rows: Range<usize>) -> [(&'static str, ArrayRef); 4] {
        let place = |axis: usize| {
            let along = |vector: &Option<u32>| vector.map(|vector| self.laid.places[vector as usize][axis]);
            Arc::new(self.of_row[rows.clone()].iter().map(along).collect::<Float32Array>()) as ArrayRef
        };
        let own = &self.clusters[rows.clone()];
        let numbers: Int32Array = own.iter().map(|cluster| cluster.map(|cluster| cluster as i32)).collect();
        let name = |cluster: &Option<u32>| self.laid.names.get((*cluster)? as usize)?.clone();
        let names: StringArray = own.iter().map(name).collect();
        [(X, place(0)), (Y, place(1)), (CLUSTER, Arc::new(numbers)), (CLUSTER_LABEL, Arc::new(names))]
    }

    /// Rows of the table from this one on, with what a map adds to them.
    pub(crate) fn add(&self, batch: &RecordBatch, first: usize) -> RecordBatch {
        let columns = self.columns(first..first + batch.num_rows());
        let schema = columns.iter().fold(batch.schema(), |schema, (name, cells)| {
            column::put_field(&schema, column::field(name, cells.data_type().clone()))
        });
        column::put(batch, &schema, &columns)
    }
}

/// Lays the rows of a table out, and writes nothing.
///
/// # Errors
/// As [`map`].
pub fn place(table: Table, options: &Options, progress: &mut dyn Progress) -> Result<Placed, Failure> {
    table.require(&options.column)?;
    Ok(find(table, options, None, None, progress)?.2)
}

/// Lays the rows of a table out, as one that is still to be read once more, or among those of an earlier map.
fn find(
    table: Table,
    options: &Options,
    colour: Option<&str>,
    old: Option<&Old>,
    progress: &mut dyn Progress,
) -> Result<(Table, Rows, Placed), Failure> {
    let mut words: Vec<String> = colour.iter().map(ToString::to_string).collect();
    words.extend(labels::COLUMNS.iter().filter(|name| table.has(name)).map(|name| name.to_string()));
    words.dedup();
    let name = table.name.clone();
    let mut rows = Rows::new(&name, &options.column, &words);
    let work = Work { threads: options.threads, ..Work::default() };
    let table = work.survey(table.with_unique_keys(), &mut rows, progress)?;
    warn(&rows, &name, progress);

    let model = model(&rows, &table.provenance, &options.column);
    let pool = pool(options.threads)?;
    let (vectors, of_vector) = pool.install(|| rows.distinct());
    let dimension = rows.check.dimension.max(1);
    let mut weights = vec![0u32; vectors.len() / dimension];
    of_vector.iter().for_each(|vector| weights[*vector as usize] += 1);
    let mut laid = match &old {
        Some(old) => {
            old.ensure_of(&name, model.as_deref(), rows.check.dimension)?;
            pool.install(|| old.place(&vectors, options, progress))?
        }
        None => pool.install(|| lay(vectors.clone(), dimension, &weights, options, progress))?,
    };
    let of_row: Vec<Option<u32>> = rows.of_row.iter().map(|own| own.map(|own| of_vector[own as usize])).collect();
    let cluster = |row: usize| of_row[row].and_then(|vector| laid.clusters[vector as usize]);
    let clusters: Vec<Option<u32>> = (0..of_row.len()).map(cluster).collect();
    if old.is_none() {
        let count = laid.clusters.iter().flatten().max().map_or(0, |most| *most as usize + 1);
        laid.names = name_clusters(&clusters, count, &rows, (&vectors, &laid.clusters), model.as_deref());
    }
    Ok((table, rows, Placed { of_row, clusters, laid }))
}

/// Lays distinct vectors out.
pub(super) fn lay(
    vectors: Vec<f32>,
    dimension: usize,
    weights: &[u32],
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<Laid, Failure> {
    let principal = Principal::of(&vectors, dimension);
    let mut places: Vec<Place> = vectors.chunks_exact(dimension).map(|vector| principal.place(vector)).collect();
    if options.method == Method::Umap {
        progress.start("neighbours", None);
        let ground = Ground::new(vectors, dimension, &mut || go_on(progress))?;
        let near = ground.neighbours(options.neighbours - 1, &mut || go_on(progress))?;
        let fuzzy = Fuzzy::of(&near, ground.len());
        let mut arranged: Vec<Place> = ground.order.iter().map(|at| places[*at as usize]).collect();
        spectral::begin(&fuzzy, &mut arranged);
        progress.finish();
        progress.start("layout", Some(super::layout::rounds(arranged.len()) as u64));
        let mut watch = || {
            progress.advance(1);
            go_on(progress)
        };
        lay_out(&fuzzy, &mut arranged, Curve::of(options.min_dist), mixed(options.seed), &mut watch)?;
        islands::gather(&mut arranged);
        progress.finish();
        ground.order.iter().zip(arranged).for_each(|(at, place)| places[*at as usize] = place);
    }
    centre(&mut places);
    let clusters = clusters(&places, weights, options.clusters);
    Ok(Laid { places, clusters, names: Vec::new() })
}

/// Puts the middle of places at 0.
fn centre(places: &mut [Place]) {
    for axis in [0, 1] {
        let mean = places.iter().map(|place| f64::from(place[axis])).sum::<f64>() / places.len().max(1) as f64;
        places.iter_mut().for_each(|place| place[axis] -= mean as f32);
    }
}

/// The model of the vectors, if anybody says so: the rows know better than the footer.
fn model(rows: &Rows, footer: &Provenance, column: &str) -> Option<String> {
    let footer = footer.get(&column::footer_key(column, "model")).map(short_id);
    rows.check.model().map(str::to_string).or(footer).filter(|id| id != "unknown")
}

fn name_clusters(
    of_row: &[Option<u32>],
    count: usize,
    rows: &Rows,
    (vectors, of_vector): (&[f32], &[Option<u32>]),
    model: Option<&str>,
) -> Vec<Option<String>> {
    let columns: Vec<_> =
        labels::COLUMNS.iter().filter_map(|name| rows.words.iter().find(|words| words.column == *name)).collect();
    let mut names = labels::of_columns(of_row, count, &columns);
    if names.iter().all(Option::is_some) {
        return names;
    }
    let dimension = rows.check.dimension.max(1);
    let mut means = vec![vec![0.0f32; dimension]; count];
    for (vector, cluster) in vectors.chunks_exact(dimension).zip(of_vector) {
        if let Some(cluster) = cluster {
            means[*cluster as usize].iter_mut().zip(vector).for_each(|(mean, x)| *mean += x);
        }
    }
    for (name, noun) in names.iter_mut().zip(labels::of_model(&means, model)) {
        *name = name.take().or(noun);
    }
    names
}

/// What the footer says of how the map was made.
fn settings(options: &Options, old: Option<&Old>) -> String {
    let clusters = match options.clusters {
        Clusters::Auto => "auto".to_string(),
        Clusters::None => "none".to_string(),
        Clusters::Count(count) => count.to_string(),
    };
    match old {
        Some(old) => old.settings.to_string(),
        None => serde_json::json!({
            "method": options.method.name(),
            "column": options.column,
            "neighbours": options.neighbours,
            "min_dist": options.min_dist,
            "seed": options.seed,
            "clusters": clusters,
        })
        .to_string(),
    }
}

fn warn(rows: &Rows, name: &str, progress: &dyn Progress) {
    if rows.check.without_vector > 0 {
        let count = rows.check.without_vector;
        progress.warn(&format!("{name}: {} from the map", left_out(count)));
    }
    if let Some(message) = Unfit::message(&rows.check.unfit) {
        progress.warn(&format!("{name}: {message}"));
    }
}

/// What becomes of the table's rows, once places are known.
struct Writing<'a> {
    writer: Option<Writer>,
    schema: &'a SchemaRef,
    placed: &'a Placed,
}

impl Writing<'_> {
    /// Goes through the table once more.
    fn pass(
        &mut self,
        table: Table,
        mut pictures: Option<&mut Pictures>,
        progress: &mut dyn Progress,
    ) -> Result<(), Failure> {
        let mut first = 0;
        for batch in slices(table, SLICE) {
            let batch = batch?;
            go_on(progress)?;
            if let Some(pictures) = &mut pictures {
                pictures.read(&batch)?;
            }
            self.write(&batch, first)?;
            first += batch.num_rows();
        }
        Ok(())
    }

    fn write(&mut self, batch: &RecordBatch, first: usize) -> Result<(), Failure> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let columns = self.placed.columns(first..first + batch.num_rows());
        Ok(writer.write(&column::put(batch, self.schema, &columns))?)
    }
}

/// Rows whose pictures are read at once.
const SLICE: usize = 1024;
