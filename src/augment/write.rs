//! The rows with their copies, written in order; and what became of the classes.

use std::sync::Arc;

use super::earlier::PICTURES;
use super::make::{Item, Maker, Planner};
use super::output::Output;
use super::plan::{Candidate, Plan};
use super::survey::Classes;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::stage::{Tally, Work};
use crate::table::dataset::MANIFEST;
use crate::table::{Table, Writer};
use crate::words;

/// Writes the rows of a table with their copies, which have these keys, and says what became of the classes.
///
/// # Errors
/// The table cannot be read, a copy cannot be encoded, the output cannot be written, or a picture is skipped that may not
/// be.
pub(super) fn write(
    table: Table,
    output: Output,
    maker: Maker,
    plan: Plan,
    (classes, keys): (&Classes, Vec<Box<str>>),
    work: &Work,
    progress: &mut dyn Progress,
) -> Result<Tally, Failure> {
    let Output { sink, folder, schema, footer, format, keep, .. } = output;
    let sink = match (&folder, sink) {
        (Some(folder), _) => {
            let files: Vec<String> = keys.iter().map(|key| format!("{PICTURES}/{key}")).collect();
            folder.claim(&files, work.threads)?;
            folder.begin()?;
            folder.create(MANIFEST)?
        }
        (None, sink) => sink.expect("what goes into no folder has a sink"),
    };
    let mut writer = Writer::new(sink, &schema, &footer, format)?;
    let copies: u64 = plan.shares.iter().map(|share| u64::from(share.count)).sum();
    let old = if keep { plan.shares.len() as u64 } else { 0 };
    progress.start("augment", Some(old + copies));
    let Plan { shares, classes: mut counts, floor } = plan;
    let shares = Arc::new(shares);
    let items = Planner { keys: keys.into_iter(), keep }.items(table, shares.clone());
    let maker = Arc::new(maker);
    let maker_of_all = maker.clone();
    let make = move |item: Result<Item, Failure>| maker_of_all.make(&item?, &schema);
    let tally = work.drive(items, make, progress, |batch| Ok(writer.write(&batch)?))?;
    let stale = folder.as_ref().map_or(Ok(0), |folder| folder.remove_stale())?;
    writer.finish()?;
    if let Some(folder) = folder {
        folder.complete();
    }
    if maker.found() > 0 {
        let copies = words::several(maker.found(), "copy", "copies");
        progress.note(&format!("augment: took over {copies} that a run which was interrupted had made"));
    }
    for row in maker.lost() {
        if let Candidate::Parent { class, .. } = classes.rows[row] {
            let (before, after) = &mut counts[class as usize];
            *before -= 1;
            *after -= 1 + u64::from(shares[row].count);
        }
    }
    report(&counts, &classes.names, floor, stale, progress);
    Ok(tally)
}

/// What became of the classes.
fn report(counts: &[(u64, u64)], names: &[String], floor: u64, stale: u64, progress: &dyn Progress) {
    const MOST: usize = 40;
    for (name, (before, after)) in names.iter().zip(counts).take(MOST) {
        progress.note(&format!("class {name}: {before} -> {after}"));
    }
    if names.len() > MOST {
        progress.note(&format!("… and {} more", words::several((names.len() - MOST) as u64, "class", "classes")));
    }
    let short = names.iter().zip(counts).filter(|(_, (_, after))| *after < floor);
    let short: Vec<String> = short.map(|(name, (_, after))| format!("{name} ({after})")).collect();
    if !short.is_empty() {
        let more = if short.len() > 5 { ", …" } else { "" };
        let first = short.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
        let classes = words::several(short.len() as u64, "class stays", "classes stay");
        progress.warn(&format!("augment: {classes} below {floor}, of {}: {first}{more}", names.len()));
    }
    let sum = |of: fn(&(u64, u64)) -> u64| counts.iter().map(of).sum::<u64>();
    let least = |of: fn(&(u64, u64)) -> u64| counts.iter().map(of).min().unwrap_or(0);
    let (before, after) = (sum(|c| c.0), sum(|c| c.1));
    let removed = match stale {
        0 => String::new(),
        _ => format!("; {} removed", words::several(stale, "stale copy", "stale copies")),
    };
    progress.done(&format!(
        "augment: train {before} -> {after} pictures; the smallest of {} {} -> {}{removed}",
        words::several(names.len() as u64, "class", "classes"),
        least(|c| c.0),
        least(|c| c.1)
    ));
}
