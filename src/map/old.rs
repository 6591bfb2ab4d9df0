//! An earlier map, into which new rows are placed without moving its own.

use std::collections::HashMap;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use serde_json::Value;

use super::arithmetic::mixed;
use super::fuzzy::strengths;
use super::layout::{Curve, Place, place};
use super::neighbours::{Near, of_others, whole};
use super::principal::Principal;
use super::rows::distinct;
use super::{CLUSTER, CLUSTER_LABEL, Laid, Options, SETTINGS, X, Y};
use crate::failure::Failure;
use crate::index::{Check, Error, Unfit};
use crate::matrix::dot;
use crate::model::short_id;
use crate::progress::Progress;
use crate::stage::go_on;
use crate::table::{self, Table, column};

/// Vectors whose cosine is no further from 1 than this are one.
const SAME: f32 = 2e-7;

/// An earlier map.
pub(super) struct Old {
    name: String,
    pub settings: Value,
    check: Check,
    /// The model of its vectors, if it says so.
    model: Option<String>,
    vectors: Vec<f32>,
    places: Vec<Place>,
    clusters: Vec<Option<u32>>,
    names: Vec<Option<String>>,
}

impl Old {
    /// Reads a map.
    ///
    /// # Errors
    /// It is none, or has no vectors.
    pub(super) fn open(path: &Path, vectors: &str) -> Result<Old, Failure> {
        let needed = [X, Y, CLUSTER, CLUSTER_LABEL, column::KEY];
        let model = column::model_column(vectors);
        // What is missing is told of the whole table.
        Table::open(path)?.require(vectors)?;
        let wanted = |name: &str| needed.contains(&name) || name == vectors || name == model;
        let table = Table::open_columns(path, Some(&wanted))?;
        let name = table.name.clone();
        let settings = table.provenance.get(SETTINGS).and_then(|text| serde_json::from_str::<Value>(text).ok());
        let Some(settings) = settings.filter(|_| table.has(X) && table.has(Y)) else {
            let hint = format!("pokedex map {name} -o map.parquet makes one");
            return Err(Failure::failed(format!("{name}: is no map"), Some(hint)));
        };
        let footer = table.provenance.get(&column::footer_key(vectors, "model")).map(short_id);
        let mut old = Old {
            check: Check::new(&name, vectors),
            name,
            settings,
            model: None,
            vectors: Vec::new(),
            places: Vec::new(),
            clusters: Vec::new(),
            names: Vec::new(),
        };
        for batch in table.with_keys() {
            old.take(&batch?, vectors)?;
        }
        old.model = old.check.model().map(str::to_string).or(footer).filter(|id| id != "unknown");
        if old.places.is_empty() {
            return Err(Error::NoVectors { name: old.name, column: vectors.into() }.into());
        }
        Ok(old)
    }

    fn take(&mut self, batch: &RecordBatch, name: &str) -> Result<(), Failure> {
        self.check.look(batch)?;
        let vectors = column::vectors(batch, name, &self.name)?;
        let numbers = |name: &str, to: &DataType, expected: &'static str| {
            let column =
                batch.column_by_name(name).ok_or_else(|| column::missing(&batch.schema(), name, &self.name))?;
            let found =
                || table::Error::ColumnType { column: name.into(), expected, found: column.data_type().to_string() };
            arrow_cast::cast(column, to).map_err(|_| found())
        };
        let (x, y) = (numbers(X, &DataType::Float32, "numbers")?, numbers(Y, &DataType::Float32, "numbers")?);
        let (x, y) = (x.as_primitive::<Float32Type>(), y.as_primitive::<Float32Type>());
        let (clusters, names) = (column::ints(batch, CLUSTER)?, column::text(batch, CLUSTER_LABEL)?);
        for row in 0..batch.num_rows() {
            let place = [x.value(row), y.value(row)];
            let is_placed = x.is_valid(row) && y.is_valid(row) && place.iter().all(|x| x.is_finite());
            let vector = vectors.get(row).filter(|vector| is_placed && Unfit::problem(vector).is_none());
            let Some(vector) = vector else { continue };
            let scale = 1.0 / dot(vector, vector).sqrt();
            self.vectors.extend(vector.iter().map(|x| (f64::from(*x) * scale) as f32));
            self.places.push(place);
            let cluster =
                clusters.as_ref().filter(|clusters| clusters.is_valid(row)).map(|clusters| clusters.value(row));
            let cluster = cluster.and_then(|cluster| u32::try_from(cluster).ok()).filter(|cluster| *cluster < 1 << 20);
            if let Some(cluster) = cluster {
                if self.names.len() <= cluster as usize {
                    self.names.resize(cluster as usize + 1, None);
                }
                if let Some(name) = column::cell(names.as_ref(), row) {
                    self.names[cluster as usize] = Some(name.into());
                }
            }
            self.clusters.push(cluster);
        }
        Ok(())
    }

    /// Where its rows are.
    pub(super) fn places(&self) -> &[Place] {
        &self.places
    }

    /// Whether vectors of this model and length may be placed.
    ///
    /// # Errors
    /// They are of others.
    pub(super) fn ensure_of(&self, name: &str, model: Option<&str>, dimension: usize) -> Result<(), Failure> {
        if let (Some(own), Some(other)) = (&self.model, model)
            && own != other
        {
            let message = format!("{name}: its vectors were made by {other}, and those of {} by {own}", self.name);
            let (own, _) = own.split_once('@').unwrap_or((own, ""));
            let hint = format!("pokedex embed INPUT --model {own} -o embeddings.parquet, then map those");
            return Err(Failure::failed(message, Some(hint)));
        }
        if dimension != 0 && dimension != self.check.dimension {
            let (name, query) = (self.name.clone(), name.to_string());
            return Err(Error::OtherDimension { name, index: self.check.dimension, query, dimension }.into());
        }
        Ok(())
    }

    /// Places vectors where their neighbours of the map are.
    ///
    /// # Errors
    /// Nobody wants them any more.
    pub(super) fn place(
        &self,
        vectors: &[f32],
        options: &Options,
        progress: &mut dyn Progress,
    ) -> Result<Laid, Failure> {
        let dimension = self.check.dimension;
        progress.start("place", None);
        let number = |key: &str| self.settings[key].as_f64();
        let count = number("neighbours").map_or(options.neighbours, |count| (count as usize).clamp(2, 1000));
        let ground = whole(self.vectors.clone(), dimension);
        let near = of_others(&ground, vectors, count - 1, &mut || go_on(progress))?;
        let new = vectors.len() / dimension;
        let strengths = if near.width == 0 { Vec::new() } else { strengths(&near) };
        let mut places: Vec<Place> = match self.settings["method"].as_str() {
            Some("pca") => self.along(&ground.rows, vectors, dimension),
            _ => (0..new).map(|row| self.between(&near, &strengths, row)).collect(),
        };
        if self.settings["method"].as_str() != Some("pca") {
            let starts: Vec<usize> = (0..=new).map(|row| row * near.width).collect();
            let digest = |vector: &[f32]| vector.iter().fold(0, |hash, x| mixed(hash ^ u64::from(x.to_bits())));
            let streams: Vec<u64> = vectors.chunks_exact(dimension).map(digest).collect();
            let curve = Curve::of(number("min_dist").unwrap_or(options.min_dist).clamp(0.0, 3.0));
            place((&starts, &near.rows, &strengths), &self.places, &mut places, &streams, curve, mixed(options.seed));
            // What the map knows is where it is there.
            for (row, place) in places.iter_mut().enumerate() {
                if let Some((same, _)) = near.of(row).next().filter(|near| near.1 <= SAME) {
                    *place = self.places[same as usize];
                }
            }
        }
        progress.finish();
        let clusters = (0..new).map(|row| self.cluster(&near, &strengths, row)).collect();
        Ok(Laid { places, clusters, names: self.names.clone() })
    }

    /// The mean of the places of a row's neighbours, by how strongly it is tied to them.
    fn between(&self, near: &Near, strengths: &[f32], row: usize) -> Place {
        let (mut sum, mut total) = ([0.0f32; 2], 0.0);
        for ((other, _), weight) in near.of(row).zip(&strengths[row * near.width..]) {
            let place = self.places[other as usize];
            sum = [sum[0] + weight * place[0], sum[1] + weight * place[1]];
            total += weight;
        }
        if total > 0.0 { sum.map(|x| x / total) } else { [0.0; 2] }
    }

    /// Places along the directions of the map, as far from its centre as its own rows were put from theirs.
    fn along(&self, own: &[f32], vectors: &[f32], dimension: usize) -> Vec<Place> {
        let principal = Principal::of(&distinct(own, dimension).0, dimension);
        // The map's centre was put at 0; its own rows tell by how much.
        let first = own.chunks_exact(dimension).next().map(|vector| principal.place(vector)).unwrap_or_default();
        let off = [0, 1].map(|axis| self.places[0][axis] - first[axis]);
        let place = |vector: &[f32]| {
            let place = principal.place(vector);
            [place[0] + off[0], place[1] + off[1]]
        };
        vectors.chunks_exact(dimension).map(place).collect()
    }

    /// The cluster to which a row is tied most strongly.
    fn cluster(&self, near: &Near, strengths: &[f32], row: usize) -> Option<u32> {
        let mut votes: HashMap<Option<u32>, f32> = HashMap::new();
        for ((other, _), weight) in near.of(row).zip(&strengths[row * near.width..]) {
            *votes.entry(self.clusters[other as usize]).or_default() += weight;
        }
        let best = votes.into_iter().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
        best.and_then(|(cluster, _)| cluster)
    }
}
