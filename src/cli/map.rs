//! `map`: lays a table of embeddings out in the plane.

use std::path::PathBuf;

use clap::Args;

use super::args::{TableInputs, TableOutput, Work, number};
use crate::cli::exit::Exit;
use crate::failure::Failure;
use crate::map::{self, Clusters, Method, Options, Plot};
use crate::output::{ensure_apart, ensure_no_input, ensure_whole_in_place};
use crate::progress::Progress;
use crate::table::column;

/// Lay vectors out in the plane, tell their clusters, and draw the map
///
/// Adds columns to the table: x and y, cluster (a number, the largest being 0; null for rows in none) and cluster_label: a word
/// of the column label, species, class or type1 that at least half of a cluster's rows have and few others, else a noun that the
/// model of the vectors finds near to it, where that reads words. Rows without a vector have none of these.
///
/// The same rows make the same map, in whatever order and on however many threads. Distances between far clusters mean
/// little, and axes nothing. --into places new rows among those of an earlier map, which stay where they are; the rest of its
/// settings is the map's.
///
/// The plot is an SVG or PNG, or a page in one file that needs nothing else: drag, zoom, search, select, and copy what was selected.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pokedex map pokedex: --colour-by type1 --plot map.html -o map.parquet
  pokedex embed photos/ | pokedex map - --plot photos.html --thumbnails -o photos.parquet
  pokedex map embeddings.parquet --neighbours 50 --clusters 12 -o map.parquet
  pokedex map new.parquet --into map.parquet -o placed.parquet
  pokedex map embeddings.parquet --method pca -o map.parquet")]
pub(super) struct Map {
    #[command(flatten)]
    inputs: TableInputs,

    /// How vectors are laid out
    #[arg(long, help_heading = "Map", value_enum, default_value = "umap", value_name = "METHOD")]
    method: Method,

    /// How many rows a row's surroundings have, itself among them: few show what is fine, many what is large
    #[arg(long, help_heading = "Map", default_value_t = 15, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=1000))]
    neighbours: u16,

    /// How near to each other places may be, from 0 to 3: more spreads clusters
    #[arg(long, help_heading = "Map", default_value_t = 0.1, value_name = "X", value_parser = distance)]
    min_dist: f64,

    /// Another number gives another map
    #[arg(long, help_heading = "Map", default_value_t = 0, value_name = "N")]
    seed: u64,

    /// Place the rows among those of this map, which stay where they are
    #[arg(long, help_heading = "Map", value_name = "MAP", conflicts_with_all = ["method", "neighbours", "min_dist", "clusters"])]
    into: Option<PathBuf>,

    /// Which clusters are told: as many as stand out (auto), so many (N), or none
    #[arg(long, help_heading = "Map", default_value = "auto", value_name = "auto|N|none")]
    clusters: Clusters,

    /// The column that holds the vectors
    #[arg(long, help_heading = "Input", default_value = column::EMBEDDING, value_name = "NAME")]
    vector_column: String,

    /// Draw the map to this file: .svg, .png or .html
    #[arg(long, help_heading = "Plot", value_name = "FILE")]
    plot: Option<PathBuf>,

    /// What stands over the plot [default: the name of the table]
    #[arg(long, help_heading = "Plot", value_name = "TEXT", requires = "plot")]
    title: Option<String>,

    /// How many pixels wide a .png is [default: 2400]
    #[arg(long, help_heading = "Plot", value_name = "N", requires = "plot", value_parser = clap::value_parser!(u32).range(200..=8000))]
    plot_width: Option<u32>,

    /// Colour points by the words of this column [default: by cluster]
    #[arg(long, alias = "color-by", help_heading = "Plot", value_name = "COLUMN", requires = "plot")]
    colour_by: Option<String>,

    /// Show pictures in the place of points where there is room, with sides of N pixels at most
    #[arg(long, help_heading = "Plot", value_name = "N", requires = "plot", require_equals = true, num_args = 0..=1,
          default_missing_value = "96", value_parser = clap::value_parser!(u32).range(16..=512))]
    thumbnails: Option<u32>,

    #[command(flatten)]
    output: TableOutput,

    #[command(flatten)]
    work: Work,
}

impl Map {
    pub(super) fn run(self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        let options = self.options();
        let inputs = self.inputs.to_inputs();
        let (output, plot, into) = (self.output.output.as_deref(), self.plot.as_deref(), self.into.as_deref());
        ensure_apart(&[output, plot])?;
        ensure_no_input(output, into, "a table of other rows")?;
        ensure_no_input(plot, inputs.paths.iter().map(|path| &**path).chain(into), "a plot")?;
        let table = inputs.rows(|name| format!("pokedex embed {name} | pokedex map - -o map.parquet"))?;
        ensure_whole_in_place(output, &inputs.paths, &table.schema, &table.schema)?;
        let plot = plot
            .map(|path| {
                let (title, colour) = (self.title.as_deref(), self.colour_by.as_deref());
                Plot::open(path, title, colour, self.thumbnails, self.plot_width)
            })
            .transpose()?;
        // Who only wants to see the map needs no table of it.
        let sink = match plot.is_some() && output.is_none() {
            true => None,
            false => Some(self.output.open()?),
        };
        let start = |schema: &_, footer: &_| sink.map(|sink| self.output.start(sink, schema, footer)).transpose();
        let made = map::map(table, &options, plot, start, ui)?;
        ui.done(&format!("map: {made}"));
        Ok(Exit::Done)
    }

    fn options(&self) -> Options {
        Options {
            method: self.method,
            neighbours: self.neighbours.into(),
            min_dist: self.min_dist,
            seed: self.seed,
            column: self.vector_column.clone(),
            into: self.into.clone(),
            clusters: self.clusters,
            threads: self.work.threads(),
        }
    }
}

fn distance(text: &str) -> Result<f64, String> {
    number(text, |x| (0.0..=3.0).contains(x), "a number from 0 to 3")
}
