use std::process::ExitCode;

fn main() -> ExitCode {
    give_back_freed_memory();
    pokedex::cli::main()
}

/// Makes glibc give freed blocks back to the system. By default it raises the limits below which it keeps them each
/// time a larger block is freed, and a run over many images grows by some hundred bytes an image. Costs a tenth of
/// `embed`'s speed. A margin of each thread is kept, so that its small blocks are not given back and fetched again with
/// every image, which takes a tenth of the time of `export`.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn give_back_freed_memory() {
    const LIMIT: i32 = 128 * 1024;
    const MARGIN: i32 = 4 * 1024 * 1024;
    // SAFETY: called before any other thread exists, with options that glibc documents.
    #[expect(unsafe_code, reason = "there is no safe interface to mallopt(3)")]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LIMIT);
        libc::mallopt(libc::M_TRIM_THRESHOLD, LIMIT);
        libc::mallopt(libc::M_TOP_PAD, MARGIN);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn give_back_freed_memory() {}
