//! Programs that run beside this one and whose output is read: none outlives the process, however that ends.

use std::collections::HashSet;
use std::io;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};

use rustix::process::{Pid, Signal, kill_process};

/// The programs that nobody has waited for yet.
static RUNNING: LazyLock<Mutex<HashSet<u32>>> = LazyLock::new(Mutex::default);

/// A running program; dropped, it is ended.
#[derive(Debug)]
pub(crate) struct Program(Child);

impl Program {
    /// Starts a program without standard input, whose standard output and standard error are read here.
    ///
    /// # Errors
    /// It is not there, or the system starts no more.
    pub(crate) fn start(command: &mut Command) -> io::Result<Program> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        end_with_its_parent(command);
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let child = command.spawn()?;
        running.insert(child.id());
        Ok(Program(child))
    }

    /// Its standard output and standard error, once.
    pub(crate) fn output(&mut self) -> Option<(ChildStdout, ChildStderr)> {
        self.0.stdout.take().zip(self.0.stderr.take())
    }

    /// By what others end it: [`end`].
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// The system does not say how it ended.
    pub(crate) fn wait(mut self) -> io::Result<ExitStatus> {
        // Not after it: the number may be another's then.
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0.id());
        self.0.wait()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0.id());
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Ends a program that nobody has waited for yet.
pub(crate) fn end(program: u32) {
    let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    if running.contains(&program) {
        kill(program);
    }
}

/// Ends all programs and lets none be started any more: the process is about to end.
pub(super) fn abandon() {
    let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    running.iter().copied().for_each(kill);
    std::mem::forget(running);
}

fn kill(program: u32) {
    if let Some(program) = i32::try_from(program).ok().and_then(Pid::from_raw) {
        let _ = kill_process(program, Signal::KILL);
    }
}

/// Where the system can, a program is ended even when this one is killed.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "what runs between fork and exec is one system call, which signal-safety(7) allows")]
fn end_with_its_parent(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    let ask = || rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(io::Error::from);
    // SAFETY: prctl(2) allocates nothing and takes no lock.
    unsafe { command.pre_exec(ask) };
}

#[cfg(not(target_os = "linux"))]
fn end_with_its_parent(_: &mut Command) {}
