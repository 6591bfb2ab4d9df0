//! The Python package, by its own tests: built, put together as the wheel is, and run by the Python that is there.
//!
//! It needs Python 3.10 or later with `pytest` and `numpy` (`$POKEDEX_PYTHON`, else `python3`); without them it does nothing, unless
//! `POKEDEX_REQUIRE_PYTHON` is set. Other libraries of Arrow are tried where they are installed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
#[expect(clippy::print_stderr, reason = "a test that does nothing says so")]
fn the_python_package_passes_its_tests() {
    let python = std::env::var_os("POKEDEX_PYTHON").unwrap_or_else(|| "python3".into());
    let needs = "import sys, pytest, numpy; assert sys.version_info >= (3, 10)";
    if !Command::new(&python).args(["-c", needs]).output().is_ok_and(|run| run.status.success()) {
        assert!(std::env::var_os("POKEDEX_REQUIRE_PYTHON").is_none(), "no Python 3.10 with pytest and numpy");
        eprintln!("not run: {} is no Python 3.10 with pytest and numpy", python.display());
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let binary = Path::new(env!("CARGO_BIN_EXE_pokedex"));
    let folder = assemble(root, binary);
    let paths =
        [binary.parent().expect("a folder").into(), PathBuf::from("/usr/local/bin"), "/usr/bin".into(), "/bin".into()];
    let run = Command::new(&python)
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "--doctest-modules"])
        .arg(root.join("python/tests"))
        .arg(folder.join("pokedex/__init__.py"))
        .env("PYTHONPATH", &folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PATH", std::env::join_paths(paths).expect("no colons"))
        .output()
        .expect("Python runs");
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}\n{}", String::from_utf8_lossy(&run.stderr));
    assert!(said.contains(" passed"), "{said}");
}

/// The module as a wheel installs it: the sources beside the library.
fn assemble(root: &Path, binary: &Path) -> PathBuf {
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    let target: OsString = binary.parent().and_then(Path::parent).expect("target/PROFILE/pokedex").into();
    let built = Command::new(env!("CARGO"))
        .current_dir(root)
        .args(["build", "-q", "-p", "pokedex", "-p", "pokedex-python", "--profile", profile, "--target-dir"])
        .arg(&target)
        .status();
    assert!(built.is_ok_and(|status| status.success()), "the module builds");
    let library = if cfg!(target_os = "macos") { "lib_pokedex.dylib" } else { "lib_pokedex.so" };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
    let module = folder.join("pokedex");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&module).expect("writable");
    for source in std::fs::read_dir(root.join("python/pokedex")).expect("there").flatten() {
        if source.path().is_file() {
            std::fs::copy(source.path(), module.join(source.file_name())).expect("copied");
        }
    }
    std::fs::copy(binary.with_file_name(library), module.join("_pokedex.abi3.so")).expect("copied");
    folder
}
