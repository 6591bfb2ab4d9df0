//! Trouble between here and a server: what passes is waited for, and for how long.

use std::fmt;
use std::io;
use std::time::Duration;

use ureq::http::Uri;

use super::Watch;
use super::address::host;
use super::error::Error;

/// Trouble that passes is waited for this often without a byte more, …
const TRIES: u32 = 5;
/// … first so long, then twice as long each time.
const PAUSE: Duration = Duration::from_millis(200);
/// A server may ask for a longer pause, up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Why there is no answer.
pub(super) enum Trouble {
    /// It may be over soon.
    Passing {
        why: String,
        wait: Option<Duration>,
    },
    Final(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        Trouble::Final(error)
    }
}

impl Trouble {
    pub(super) fn passing(why: impl fmt::Display) -> Trouble {
        Trouble::Passing { why: why.to_string(), wait: None }
    }

    pub(super) fn final_for(what: impl Into<String>, problem: impl Into<String>) -> Trouble {
        Trouble::Final(Error::Answer { what: what.into(), problem: problem.into() })
    }

    pub(super) fn of_connection(at: &Uri, error: ureq::Error) -> Trouble {
        use ureq::Error as E;
        let (what, problem) = (host(at), error.to_string());
        match error {
            E::Tls(_) | E::Rustls(_) | E::Pem(_) => Trouble::Final(Error::Tls { what, problem }),
            E::Io(e) if e.kind() == io::ErrorKind::InvalidData => Trouble::Final(Error::Tls { what, problem }),
            E::Io(e) => Trouble::passing(format!("{what}: {e}")),
            E::Timeout(_) | E::HostNotFound | E::ConnectionFailed | E::Protocol(_) | E::ConnectProxyFailed(_) => {
                Trouble::passing(format!("{what}: {problem}"))
            }
            _ => Trouble::final_for(what, problem),
        }
    }
}

/// How often trouble was waited for since the last byte that nobody had seen before.
#[derive(Default)]
pub(super) struct Patience {
    lost: u32,
    longest: u64,
}

impl Patience {
    /// Waits for trouble to pass, or gives up.
    pub(super) fn wait(
        &mut self,
        trouble: Trouble,
        longest: u64,
        what: &str,
        watch: &mut dyn Watch,
    ) -> Result<(), Error> {
        let (why, asked) = match trouble {
            Trouble::Passing { why, wait } => (why, wait),
            Trouble::Final(error) => return Err(error),
        };
        if longest > self.longest {
            *self = Patience { lost: 0, longest };
        }
        if self.lost == TRIES {
            return Err(Error::Fetch { what: what.into(), problem: why });
        }
        let pause = asked.unwrap_or(PAUSE * 2u32.pow(self.lost));
        if pause > LONGEST_PAUSE {
            return Err(Error::Busy { what: what.into(), seconds: pause.as_secs() });
        }
        self.lost += 1;
        if pause >= Duration::from_secs(1) {
            watch.waits(&format!("{what}: {why}; trying again in {} s", pause.as_secs()));
        }
        std::thread::sleep(pause);
        Ok(())
    }
}
