//! A data set in a folder: all rows are looked at, then planned, then their pictures are made and written.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::device::Device;
use super::layout::edge::{BUILD, Edge};
use super::make::Job;
use super::manifest::{self, Earlier};
use super::options::{Choice, DataSet, Options};
use super::outcome::report_left_out;
use super::plan::{Plan, Survey};
use super::write::write;
use crate::failure::Failure;
use crate::io::Folder;
use crate::output::folder::{read_twice, refuse_inputs};
use crate::progress::Progress;
use crate::stage::{Tally, Work};
use crate::table::{Inputs, Table, column};
use crate::words;

/// Writes the pictures of all rows into a folder, in the layout of whoever trains with them.
///
/// A run that was killed goes on where it was; of an earlier export, files that are no part of the new one are removed, and
/// nothing else is.
///
/// # Errors
/// A source lies in the folder, or somebody's files do; no row can be exported; something cannot be read or written.
pub fn data_set(
    inputs: Inputs,
    options: &Options,
    out: &Path,
    work: &Work,
    progress: &mut dyn Progress,
) -> Result<Tally, Failure> {
    options.ensure_sound()?;
    let (table, survey) = look(inputs, options, out, progress)?;
    let name = table.name.clone();
    require_split(&table, options.format, progress)?;
    let mut plan = survey.plan(options.classes.wanted()?);
    report_left_out(&name, &plan, progress);
    refuse_strange(&name, &plan)?;
    let bundle = options.device.as_ref().map(|device| bundle(device, &mut plan, progress)).transpose()?;
    if plan.exported == 0 {
        let hint = format!("pokedex export {name} --format csv | head");
        return Err(Failure::failed(format!("{name}: no row can be exported"), Some(hint)));
    }
    let plan = Arc::new(plan);
    let job = open(out, &table, plan.clone(), options, bundle, work)?;
    let made = write(table, job, work, progress)?;
    made.report(&name, out, &plan, options.format, progress);
    Ok(made.tally)
}

/// Reads all rows once, and gives them back to be read again. None may lie in the folder `out`.
fn look(
    mut inputs: Inputs,
    options: &Options,
    out: &Path,
    progress: &mut dyn Progress,
) -> Result<(Table, Survey), Failure> {
    let classes = match &options.classes {
        Choice::File(path) => Some(path),
        _ => None,
    };
    let device = options.device.as_ref();
    let others = [device.map(|device| &device.model), device.and_then(|device| device.anchors.as_ref()), classes];
    let others: Vec<_> = others.into_iter().flatten().collect();
    let within = refuse_inputs(&mut inputs, out, &others, progress)?;
    let mut survey = Survey::new(options.format.naming(), within);
    let table = read_twice(&inputs, options.filter.as_ref(), progress, |batch| Ok(survey.look(batch)?))?;
    Ok((table, survey))
}

/// A detector must not be trained on what it is tested with; other data sets may be divided later.
fn require_split(table: &Table, format: DataSet, progress: &dyn Progress) -> Result<(), Failure> {
    if table.has(column::SPLIT) {
        return Ok(());
    }
    let hint = format!("pokedex split {} | pokedex export - --format {} -o OUT/", table.name, format.name());
    if format == DataSet::Yolo {
        return Err(Failure::failed(format!("{}: has no column `split`", table.name), Some(hint)));
    }
    progress.warn(&format!("{}: has no column `split`, so all rows are for training ({hint})", table.name));
    Ok(())
}

/// What is in no list of classes would be lost.
fn refuse_strange(name: &str, plan: &Plan) -> Result<(), Failure> {
    if plan.strange.is_empty() {
        return Ok(());
    }
    let (some, more) = (plan.strange.iter().take(5).map(String::as_str), plan.strange.len().saturating_sub(5));
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let message = format!("{name}: is in no list of classes: {}{more}", some.collect::<Vec<_>>().join(", "));
    Err(Failure::failed(message, Some("add a line for each, or use --classes all".into())))
}

/// The model of a bundle for a device, whose pictures are chosen.
fn bundle(device: &Device, plan: &mut Plan, progress: &dyn Progress) -> Result<Edge, Failure> {
    let (calibrate, judge) = plan.sample(device.calibration, device.held_out);
    let asked = [(calibrate, device.calibration, "calibrate with"), (judge, device.held_out, "judge by")];
    for (there, wanted, what) in asked {
        if there < wanted && plan.exported > 0 {
            let pictures = words::several(there as u64, "picture", "pictures");
            progress.warn(&format!("{pictures} to {what}, not {wanted}: there are no more"));
        }
    }
    let edge = Edge::open(device, &plan.classes)?;
    for note in edge.notes() {
        progress.warn(&format!("{}: {note}", device.model.display()));
    }
    Ok(edge)
}

/// Opens the folder, and finds again what an earlier run has made.
fn open(
    out: &Path,
    table: &Table,
    plan: Arc<Plan>,
    options: &Options,
    bundle: Option<Edge>,
    work: &Work,
) -> Result<Job, Failure> {
    let recipe = options.recipe(bundle.as_ref());
    let settings = options.settings(&recipe, &plan, bundle.as_ref());
    let mut earlier = Earlier::new(&settings);
    let run = format!("{} {settings}", manifest::EXPORT);
    let folder = Arc::new(Folder::open(out, &run, Some(options.force), &mut earlier)?);
    if !options.force {
        let built = |file: &str| file.split_once('/').is_some_and(|(folder, _)| bundle.is_some() && folder == BUILD);
        folder.require_alone(|file| is_harmless(file) || built(file), work.threads)?;
    }
    let layout = options.layout(&plan, bundle);
    let parent = |place| layout.file(place, "png").and_then(|file| Some(file.rsplit_once('/')?.0.to_string()));
    let parents: BTreeSet<String> = plan.places().filter_map(parent).collect();
    parents.into_iter().chain(layout.folders()).try_for_each(|parent| folder.refuse_links(&parent))?;
    folder.begin()?;
    Ok(Job {
        plan,
        folder,
        known: earlier.0,
        layout,
        recipe,
        kept: manifest::kept(&table.schema),
        numbered: options.format.naming().boxes,
        labels: options.format == DataSet::Yolo,
        settings,
    })
}

/// Files that others leave in a data set and that are in nobody's way: Ultralytics' lists of labels, file managers' notes.
pub(super) fn is_harmless(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or_default();
    name.ends_with(".cache") || ["Thumbs.db", "desktop.ini"].contains(&name)
}
