//! A map as a picture: an SVG, the same in pixels, or a page in one file that needs nothing from elsewhere.

mod page;
mod palette;
mod pictures;
mod place;
mod png;
mod svg;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::layout::Place;
use super::rows::{Rows, Words};
use crate::failure::Failure;
use crate::io::{Error, Sink, Target};
use palette::Paint;
pub(super) use pictures::Pictures;

/// Groups that have a colour of their own; the rest are grey.
const MOST_GROUPS: usize = 32;

/// How a plot is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A picture of lines.
    Svg,
    /// The same picture in pixels.
    Png,
    /// A page in one file.
    Html,
}

/// A plot that is to be drawn.
pub struct Plot {
    sink: Sink,
    path: PathBuf,
    format: Format,
    title: Option<String>,
    /// The column that points are coloured by.
    pub(super) colour: Option<String>,
    /// How large small pictures are that stand where there is room.
    thumbnails: Option<u32>,
    /// Pixels of a row of a PNG.
    width: u32,
}

/// A PNG has so many pixels a row where nobody wants others: twice as many as an SVG has units, for screens and print.
const WIDTH: u32 = 2400;

impl Plot {
    /// Opens the file, before any work is done.
    ///
    /// # Errors
    /// Its name does not say what is to be drawn, or it cannot be written.
    pub fn open(
        path: &Path,
        title: Option<&str>,
        colour: Option<&str>,
        thumbnails: Option<u32>,
        width: Option<u32>,
    ) -> Result<Plot, Failure> {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        let format = match extension.as_deref() {
            Some("svg") => Format::Svg,
            Some("png") => Format::Png,
            Some("html" | "htm") => Format::Html,
            _ => {
                let message = format!("{}: its name says none of .svg, .png and .html", path.display());
                return Err(Failure::usage(message, format!("--plot {}", path.with_extension("html").display())));
            }
        };
        if width.is_some() && format != Format::Png {
            let message = format!("{}: is no picture of pixels, so it has no width in them", path.display());
            return Err(Failure::usage(message, format!("--plot {}", path.with_extension("png").display())));
        }
        let sink = Sink::open(&Target::File(path.into()), false)?;
        let (path, title, colour) = (path.to_path_buf(), title.map(str::to_string), colour.map(str::to_string));
        Ok(Plot { sink, path, format, title, colour, thumbnails, width: width.unwrap_or(WIDTH) })
    }

    /// The small pictures of these points, still to be read; `None`: none are wanted.
    pub(super) fn pictures(&self, points: &[Point]) -> Option<Pictures> {
        self.thumbnails.map(|side| Pictures::of(points, side))
    }

    /// Whether small pictures are wanted.
    pub(super) fn has_pictures(&self) -> bool {
        self.thumbnails.is_some()
    }
}

/// A row that has a place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    pub row: usize,
    pub place: Place,
    pub cluster: Option<u32>,
}

/// Points of one colour.
#[derive(Debug, Clone, Serialize)]
pub struct Group {
    /// What they are called.
    pub name: String,
    /// How many they are.
    pub points: usize,
    #[serde(flatten)]
    paint: Paint,
}

/// A name to be written on the map.
#[derive(Debug, Clone, Serialize)]
pub struct Label {
    /// The name.
    pub text: String,
    /// Where it belongs, x and y.
    pub place: [f32; 2],
    /// Of how many points it is.
    pub points: usize,
}

/// All that is drawn.
struct Drawing<'a> {
    title: String,
    /// What points are coloured by, for people.
    by: String,
    points: &'a [Point],
    /// Places of an earlier map, drawn behind.
    behind: &'a [Place],
    groups: Vec<Group>,
    /// The group of each point; `None` for grey.
    of_point: Vec<Option<u32>>,
    labels: Vec<Label>,
    clusters: usize,
    /// What each cluster is called.
    names: Vec<String>,
    rows: &'a Rows,
    pictures: &'a Pictures,
}

/// Draws a map; `names` are those of clusters. Gives the letters that no font had.
pub(super) fn draw(
    plot: Plot,
    points: &[Point],
    behind: &[Place],
    (rows, pictures): (&Rows, &Pictures),
    names: &[Option<String>],
) -> Result<BTreeSet<char>, Failure> {
    let numbered = |(cluster, name): (usize, &Option<String>)| match name {
        Some(name) => name.clone(),
        None => format!("cluster {cluster}"),
    };
    let labels = labels(points, names);
    let names: Vec<String> = names.iter().enumerate().map(numbered).collect();
    let words = plot.colour.as_ref().and_then(|column| rows.words.iter().find(|words| words.column == *column));
    let (groups, of_point) = match words {
        Some(words) => by_words(points, words),
        None => by_cluster(points, &names),
    };
    let drawing = Drawing {
        title: plot.title.unwrap_or_else(|| title_of(&rows.name)),
        by: plot.colour.unwrap_or_else(|| "cluster".into()),
        points,
        behind,
        groups,
        of_point,
        labels,
        clusters: names.len(),
        names,
        rows,
        pictures,
    };
    let (bytes, missing) = match plot.format {
        Format::Svg => (svg::svg(&drawing).into_bytes(), BTreeSet::new()),
        Format::Png => png::png(&svg::svg(&drawing), plot.width)?,
        Format::Html => (page::html(&drawing).into_bytes(), BTreeSet::new()),
    };
    let mut sink = plot.sink;
    sink.write_all(&bytes).map_err(|source| Error::Write { path: plot.path, source })?;
    sink.finish()?;
    Ok(missing)
}

/// What a map of a table is called.
fn title_of(name: &str) -> String {
    match name {
        crate::species::TABLE_NAME => "The Pokédex".into(),
        "standard input" | "-" => "Map".into(),
        name => Path::new(name).file_stem().map_or_else(|| name.into(), |stem| stem.to_string_lossy().into_owned()),
    }
}

/// Groups of the points that have a word, the most frequent first.
pub(super) fn by_words(points: &[Point], words: &Words) -> (Vec<Group>, Vec<Option<u32>>) {
    let numbers: Vec<Option<u32>> = points.iter().map(|point| words.of_row[point.row]).collect();
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    numbers.iter().flatten().for_each(|word| *counts.entry(*word).or_default() += 1);
    let mut order: Vec<(u32, usize)> = counts.into_iter().collect();
    order.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| words.values[a.0].cmp(&words.values[b.0])));
    order.truncate(MOST_GROUPS);
    let names: Vec<&str> = order.iter().map(|(word, _)| &words.values[*word]).collect();
    let paints = palette::of_words(&names);
    let groups = order.iter().zip(names).zip(paints);
    let groups =
        groups.map(|(((_, points), name), paint)| Group { name: name.into(), points: *points, paint }).collect();
    let number = |word: u32| order.iter().position(|(other, _)| *other == word).map(|at| at as u32);
    (groups, numbers.into_iter().map(|word| word.and_then(number)).collect())
}

/// Groups of the points of each cluster.
pub(super) fn by_cluster(points: &[Point], names: &[String]) -> (Vec<Group>, Vec<Option<u32>>) {
    let centres = centres(points, names.len());
    let paints = palette::of_centres(&centres.iter().map(|centre| centre.0).collect::<Vec<_>>());
    let groups = names.iter().zip(&centres).zip(paints);
    let groups = groups.map(|((name, (_, points)), paint)| Group { name: name.clone(), points: *points, paint });
    (groups.collect(), points.iter().map(|point| point.cluster).collect())
}

/// The middle of each cluster, and how many points it has.
fn centres(points: &[Point], clusters: usize) -> Vec<(Place, usize)> {
    let mut places: Vec<Vec<Place>> = vec![Vec::new(); clusters];
    for point in points {
        if let Some(cluster) = point.cluster {
            places[cluster as usize].push(point.place);
        }
    }
    let middle = |places: &mut Vec<Place>| {
        let half = places.len() / 2;
        let mut along = |axis: usize| {
            places.sort_by(|a, b| a[axis].total_cmp(&b[axis]));
            places.get(half).map_or(0.0, |place| place[axis])
        };
        [along(0), along(1)]
    };
    places.iter_mut().map(|places| (middle(places), places.len())).collect()
}

/// Names of clusters that have one.
pub(super) fn labels(points: &[Point], names: &[Option<String>]) -> Vec<Label> {
    let centres = centres(points, names.len());
    let label = |(name, (place, points)): (&Option<String>, (Place, usize))| {
        Some(Label { text: name.clone()?, place, points }).filter(|label| label.points > 0)
    };
    names.iter().zip(centres).filter_map(label).collect()
}

/// The least and the greatest of places along both axes; never of no extent.
fn bounds<'a>(places: impl Iterator<Item = &'a Place>) -> [Place; 2] {
    let mut bounds = [[f32::INFINITY; 2], [f32::NEG_INFINITY; 2]];
    for place in places {
        for axis in [0, 1] {
            bounds[0][axis] = bounds[0][axis].min(place[axis]);
            bounds[1][axis] = bounds[1][axis].max(place[axis]);
        }
    }
    if bounds[0][0] > bounds[1][0] {
        return [[-1.0; 2], [1.0; 2]];
    }
    let widest = (bounds[1][0] - bounds[0][0]).max(bounds[1][1] - bounds[0][1]);
    for axis in [0, 1] {
        let lacking = (if widest > 0.0 { widest * 0.2 } else { 2.0 }) - (bounds[1][axis] - bounds[0][axis]);
        if lacking > 0.0 {
            bounds[0][axis] -= lacking / 2.0;
            bounds[1][axis] += lacking / 2.0;
        }
    }
    bounds
}

/// `12,345`.
fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
