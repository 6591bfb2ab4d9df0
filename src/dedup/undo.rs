//! Taking back what a journal says was done, the last first.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::act::{Acted, remove_folders, settle_all};
use super::files::{self, holds, id_at, is_taken, rename_new};
use super::journal::{Action, Intent, Journal, Name, State};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::stage::go_on;

/// Takes back all that was done: files lie again where they lay, and are files again where they were made links. What was
/// changed since is left alone, and said.
///
/// # Errors
/// The journal cannot be read or written.
pub fn undo(journal: &Path, progress: &mut dyn Progress) -> Result<Acted, Failure> {
    let mut journal = Journal::open(journal, true)?;
    let mut acted = Acted::default();
    settle_all(&mut journal, &mut acted, progress)?;
    let done = journal.acts(State::Done);
    progress.start("undo", Some(done.len() as u64));
    for intent in done.iter().rev() {
        go_on(progress)?;
        match take_back(intent) {
            Ok(()) => {
                journal.undone(intent.number)?;
                acted.done += 1;
            }
            Err(e) => {
                acted.left += 1;
                progress.warn(&format!("{}: left alone: {e}", intent.file.0.display()));
            }
        }
        progress.advance(1);
    }
    progress.finish();
    Ok(acted)
}

fn take_back(intent: &Intent) -> io::Result<()> {
    let content = intent.content().ok_or_else(|| io::Error::other("its content is not known"))?;
    let (Name(file), [Name(part), _]) = (&intent.file, &intent.parts);
    match (intent.action, &intent.to) {
        (Action::Move | Action::Trash, Some(Name(to))) => {
            carry_back(intent, file, to, &content)?;
            if let Some(Name(info)) = &intent.info {
                let _ = std::fs::remove_file(info);
            }
            remove_folders(intent);
            Ok(())
        }
        (Action::Hardlink, _) => {
            let is_link = std::fs::symlink_metadata(file).is_ok_and(|about| about.nlink() > 1);
            match (is_link, holds(file, &content)) {
                (true, true) => stand_alone(intent, file, part, &content),
                // It is one file again already.
                (false, true) => Ok(()),
                (_, false) => Err(files::changed()),
            }
        }
        (Action::Symlink, _) => match std::fs::read_link(file) {
            Ok(target) if target == intent.keeper.0 => stand_alone(intent, &target, part, &content),
            Err(_) if holds(file, &content) => Ok(()),
            _ => Err(files::changed()),
        },
        (Action::Move | Action::Trash, None) => Err(io::Error::other("the journal does not say where it went")),
    }
}

fn carry_back(intent: &Intent, file: &Path, to: &Path, content: &[u8; 32]) -> io::Result<()> {
    match (holds(to, content), is_taken(file)) {
        (true, false) => {}
        // A run was ended when it was back, and before that was noted.
        (false, true) if !is_taken(to) && holds(file, content) => return Ok(()),
        (true, true) if holds(file, content) && id_at(file) != id_at(to) => return std::fs::remove_file(to),
        (_, true) => return Err(io::Error::other("something else lies there now")),
        (false, false) => {
            return Err(io::Error::other(format!("{} is not there, or was changed", to.display())));
        }
    }
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    match rename_new(to, file) {
        Err(e) if e.kind() == io::ErrorKind::CrossesDevices => {
            let Name(part) = &intent.parts[1];
            if is_taken(part) {
                std::fs::remove_file(part)?;
            }
            files::copy_new(to, part, file, content)?;
            std::fs::remove_file(to)
        }
        result => result,
    }?;
    files::sync_folder(file)
}

/// Puts a file of its own in the place of a link, as it was.
fn stand_alone(intent: &Intent, source: &Path, part: &Path, content: &[u8; 32]) -> io::Result<()> {
    if is_taken(part) {
        std::fs::remove_file(part)?;
    }
    let made = || -> io::Result<()> {
        let mut copy = File::options().write(true).create_new(true).open(part)?;
        io::copy(&mut File::open(source)?, &mut copy)?;
        copy.set_permissions(Permissions::from_mode(intent.mode))?;
        files::set_modified(&copy, intent.modified)?;
        copy.sync_all()?;
        if !holds(part, content) {
            return Err(files::changed());
        }
        std::fs::rename(part, &intent.file.0)?;
        files::sync_folder(&intent.file.0)
    };
    made().inspect_err(|_| {
        let _ = std::fs::remove_file(part);
    })
}
