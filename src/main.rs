use std::process::ExitCode;

fn main() -> ExitCode {
    give_back_freed_memory();
    pokedex::cli::main()
}

/// Makes glibc give freed blocks back to the system. By default it raises the limits below which it keeps them each
/// time a larger block is freed, and a run over many images grows by some hundred bytes an image. Costs a tenth of
/// `embed`'s speed.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn give_back_freed_memory() {
    const LIMIT: i32 = 128 * 1024;
    // SAFETY: called before any other thread exists, with options that glibc documents.
    #[expect(unsafe_code, reason = "there is no safe interface to mallopt(3)")]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LIMIT);
        libc::mallopt(libc::M_TRIM_THRESHOLD, LIMIT);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn give_back_freed_memory() {}
