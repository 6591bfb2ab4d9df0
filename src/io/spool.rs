//! Standard input: told apart by its first bytes, spooled to disk only where it must be seekable.

use std::fs::File;
use std::io::{self, BufReader, Cursor, IsTerminal, Read, Seek};

use super::Error;

/// What arrived on standard input.
pub enum Stdin {
    /// A Parquet file, in an unlinked temporary file (its footer is at its end).
    Parquet(File),
    /// An Arrow IPC stream, unread.
    ArrowStream(Box<dyn Read + Send>),
    /// Nothing at all.
    Empty,
    /// Anything else: a list of paths.
    Bytes(Box<dyn Read + Send>),
}

/// Looks at the first bytes of standard input.
///
/// # Errors
/// It is a terminal, cannot be read, or there is no room in `TMPDIR` to spool it.
pub fn read_stdin() -> Result<Stdin, Error> {
    if io::stdin().is_terminal() {
        return Err(Error::StdinIsTerminal);
    }
    tell_apart(io::stdin())
}

fn tell_apart(mut input: impl Read + Send + 'static) -> Result<Stdin, Error> {
    let mut magic = Vec::with_capacity(4);
    input.by_ref().take(4).read_to_end(&mut magic).map_err(Error::Stdin)?;
    let rest = Cursor::new(magic.clone()).chain(input);
    match magic.as_slice() {
        [] => Ok(Stdin::Empty),
        b"PAR1" => spool(rest).map(Stdin::Parquet),
        [0xff, 0xff, 0xff, 0xff] => Ok(Stdin::ArrowStream(Box::new(BufReader::with_capacity(1 << 16, rest)))),
        _ => Ok(Stdin::Bytes(Box::new(BufReader::with_capacity(1 << 16, rest)))),
    }
}

/// Copies a stream to an unlinked temporary file.
///
/// # Errors
/// The stream breaks, or there is no room in `TMPDIR`.
pub fn spool(mut input: impl Read) -> Result<File, Error> {
    let mut spool = || {
        let mut file = tempfile::tempfile()?;
        io::copy(&mut input, &mut file)?;
        file.rewind()?;
        Ok(file)
    };
    spool().map_err(Error::temporary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_tables_from_lists() {
        assert!(matches!(tell_apart(&b"PAR1..."[..]), Ok(Stdin::Parquet(_))));
        assert!(matches!(tell_apart(&[0xffu8, 0xff, 0xff, 0xff, 0][..]), Ok(Stdin::ArrowStream(_))));
        let Ok(Stdin::Bytes(mut list)) = tell_apart(&b"a\n"[..]) else { panic!("a list of paths") };
        let mut text = String::new();
        list.read_to_string(&mut text).expect("readable");
        assert_eq!(text, "a\n");
    }
}
