//! Files that are not whole yet: what they are called, whose they are, and what becomes of those that nobody will finish.
//!
//! A part is `.NAME.pokedex-XXXXXX.part`, locked while its process lives. So one that can be locked was left by a process
//! that was killed, and any later process may remove it; on systems without locks parts are left where they are.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{File, Metadata, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex};

use rustix::fs::{OFlags, XattrFlags, fgetxattr, flistxattr, fsetxattr};

const MARK: &str = ".pokedex-";
const SUFFIX: &str = ".part";
/// Letters and digits of chance in the name of a part, as `tempfile` makes them.
const RANDOM: usize = 6;

/// Makes the part of a file of this name. One that will replace another is nobody else's to read before it has that one's
/// mode.
pub(super) fn create(folder: &Path, name: &OsStr, private: bool) -> io::Result<(File, tempfile::TempPath)> {
    // Long names are cut: with what is added they would be too long for the file system.
    let name: String = name.to_string_lossy().chars().take(40).collect();
    let prefix = format!(".{name}{MARK}");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(SUFFIX).rand_bytes(RANDOM);
    let mode = if private { 0o600 } else { 0o666 };
    loop {
        // What the system says, of which `tempfile` keeps only the kind.
        let mut code = None;
        let open = |path: &Path| {
            let file = File::options().read(true).write(true).create_new(true).mode(mode).open(path);
            file.inspect_err(|e| code = e.raw_os_error())
        };
        let made = builder.make_in(folder, open);
        let (file, part) = made.map_err(|e| code.map_or(e, io::Error::from_raw_os_error))?.into_parts();
        // Another process may have taken it for one that was left, in the moment before it was locked.
        if !matches!(file.try_lock(), Err(TryLockError::WouldBlock)) && is_at(&file.metadata()?, &part) {
            return Ok((file, part));
        }
    }
}

/// Removes the parts in a folder that processes which were killed have left there. Looks into each folder once.
pub(super) fn remove_abandoned(folder: &Path) {
    static SEEN: LazyLock<Mutex<HashSet<PathBuf>>> = LazyLock::new(Mutex::default);
    if !SEEN.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).insert(folder.to_path_buf()) {
        return;
    }
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if is_part(&entry.file_name()) && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            let _ = remove_if_abandoned(&entry.path());
        }
    }
}

fn remove_if_abandoned(part: &Path) -> io::Result<()> {
    let file =
        File::options().read(true).custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32).open(part)?;
    // Under the lock the name is still that of this very file, or its process has just finished it.
    match file.try_lock() {
        Ok(()) if is_at(&file.metadata()?, part) => std::fs::remove_file(part),
        _ => Ok(()),
    }
}

fn is_part(name: &OsStr) -> bool {
    let random = name.to_str().and_then(|name| name.strip_prefix('.')?.strip_suffix(SUFFIX)?.rsplit_once(MARK));
    random.is_some_and(|(_, random)| random.len() == RANDOM && random.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn is_at(file: &Metadata, path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|there| (there.dev(), there.ino()) == (file.dev(), file.ino()))
}

/// Gives a file the mode of the one that it replaces; its owner, group, access list and attributes as far as this user may.
pub(crate) fn keep_attributes(old: &File, new: &File) -> io::Result<()> {
    let (old_facts, new_facts) = (old.metadata()?, new.metadata()?);
    let mut mode = old_facts.mode() & 0o777;
    let same = (old_facts.uid(), old_facts.gid()) == (new_facts.uid(), new_facts.gid());
    let chown = |owner| std::os::unix::fs::fchown(new, owner, Some(old_facts.gid()));
    if !same && chown(Some(old_facts.uid())).is_err() && chown(None).is_err() {
        // Another group may do no more than everybody.
        mode &= 0o707 | (mode & 0o007) << 3;
    }
    copy_attributes(old, new);
    new.set_permissions(Permissions::from_mode(mode))
}

/// A system that knows no extended attributes has none to lose.
fn copy_attributes(old: &File, new: &File) {
    let mut names = vec![0u8; 1 << 16];
    let Ok(length) = flistxattr(old, &mut names[..]) else { return };
    let mut value = vec![0u8; 1 << 16];
    for name in names[..length].split(|&b| b == 0) {
        if (name.starts_with(b"user.") || name == b"system.posix_acl_access")
            && let Ok(length) = fgetxattr(old, name, &mut value[..])
        {
            let _ = fsetxattr(new, name, &value[..length], XattrFlags::empty());
        }
    }
}
