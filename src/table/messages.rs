//! The messages of an Arrow stream, each looked at before the library makes room for what it claims.
//!
//! Promises: a stream without its end mark is an error, since all producers write it and only a program that failed half way
//! leaves it out; what compressed parts unfold to is bounded by `limits`.

use std::io::{self, Cursor, ErrorKind, Read};

use super::{limits, wide};

/// Bytes that describe a message, at most.
const MOST_DESCRIBED: u32 = 64 << 20;
/// What begins a message, before the length of what describes it; older streams have the length alone.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// A stream as the library may read it.
pub(super) struct Messages<R> {
    stream: R,
    /// What of a message was looked at and not read on yet.
    held: Cursor<Vec<u8>>,
    /// Bytes that follow it in the same message.
    body: u64,
    /// Whether the end mark was met.
    finished: bool,
}

impl<R: Read> Messages<R> {
    /// Reads the first message, the schema: the stream, and the columns whose numbers [`wide`] explains.
    ///
    /// # Errors
    /// The stream cannot be read, or ends too early.
    pub(super) fn new(stream: R) -> io::Result<(Messages<R>, Vec<String>)> {
        let mut messages = Messages { stream, held: Cursor::default(), body: 0, finished: false };
        messages.advance()?;
        let start = if messages.held.get_ref().starts_with(&CONTINUATION) { 8 } else { 4 };
        let columns = messages.held.get_mut().get_mut(start..).map(wide::in_message).unwrap_or_default();
        Ok((messages, columns))
    }

    /// Looks at the next message.
    fn advance(&mut self) -> io::Result<()> {
        let mut bytes = Vec::new();
        let mut length = self.take(4, &mut bytes)?;
        match length {
            0 => return Err(wrong("it ends without its end mark: it was cut short")),
            4 if bytes == CONTINUATION => length += self.take(4, &mut bytes)?,
            _ => {}
        }
        let described = bytes.last_chunk::<4>().filter(|_| length % 4 == 0).map(|bytes| u32::from_le_bytes(*bytes));
        match described.ok_or_else(cut)? {
            0 => {
                self.finished = true;
                if self.stream.read(&mut [0])? > 0 {
                    return Err(wrong(
                        "more follows its end mark: of several streams in one only the first would be read",
                    ));
                }
            }
            length if length > MOST_DESCRIBED => return Err(wrong("it is damaged: a message of it is too large")),
            length => self.whole(length.into(), &mut bytes)?,
        }
        let start = bytes.len();
        let begin = if bytes.starts_with(&CONTINUATION) { 8 } else { 4 };
        // What the library does not understand either, it refuses itself.
        let message = arrow_ipc::root_as_message(bytes.get(begin..).unwrap_or_default()).ok();
        self.body = message.map_or(0, |message| u64::try_from(message.bodyLength()).unwrap_or(0));
        if message.is_some_and(limits::is_compressed) {
            let body = std::mem::take(&mut self.body);
            self.whole(body, &mut bytes)?;
            limits::check_message(&bytes, start as i32).map_err(wrong)?;
        }
        self.held = Cursor::new(bytes);
        Ok(())
    }

    /// Up to this many more bytes; how many there were.
    fn take(&mut self, length: u64, bytes: &mut Vec<u8>) -> io::Result<usize> {
        self.stream.by_ref().take(length).read_to_end(bytes)
    }

    /// So many more bytes, for which room is made as they come.
    fn whole(&mut self, length: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
        if self.take(length, bytes)? as u64 == length { Ok(()) } else { Err(cut()) }
    }
}

impl<R: Read> Read for Messages<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let read = self.held.read(buffer)?;
            if read > 0 {
                return Ok(read);
            }
            if self.body > 0 {
                let read = self.stream.by_ref().take(self.body).read(buffer)?;
                self.body -= read as u64;
                return if read == 0 { Err(cut()) } else { Ok(read) };
            }
            if self.finished {
                return Ok(0);
            }
            self.advance()?;
        }
    }
}

fn cut() -> io::Error {
    wrong("it ends in the middle: it was cut short")
}

fn wrong(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{RecordBatch, StringArray};
    use arrow_ipc::CompressionType;
    use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};

    use super::*;

    fn stream(compression: Option<CompressionType>) -> Vec<u8> {
        let texts: StringArray = (0..200).map(|i| Some(format!("text {}", i % 7))).collect();
        let batch = RecordBatch::try_from_iter([("key", Arc::new(texts) as _)]).expect("a batch");
        let options = IpcWriteOptions::default().try_with_compression(compression).expect("options");
        let mut writer = StreamWriter::try_new_with_options(Vec::new(), &batch.schema(), options).expect("a stream");
        (0..3).for_each(|_| writer.write(&batch).expect("written"));
        writer.finish().expect("finished");
        writer.into_inner().expect("finished")
    }

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut read = Vec::new();
        Messages::new(bytes)?.0.read_to_end(&mut read)?;
        Ok(read)
    }

    #[test]
    fn a_whole_stream_is_passed_on_and_a_cut_one_is_an_error_wherever_the_cut_is() {
        for compression in [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)] {
            let bytes = stream(compression);
            assert_eq!(read(&bytes).expect("whole"), bytes);
            let whole = |&cut: &usize| read(&bytes[..cut]).is_ok();
            assert_eq!((0..bytes.len()).find(whole), None, "{compression:?}");
        }
    }

    #[test]
    fn what_follows_the_end_mark_is_an_error() {
        let twice = stream(None).repeat(2);
        assert!(read(&twice).expect_err("refused").to_string().contains("more follows its end mark"));
    }

    #[test]
    fn a_compressed_part_that_claims_too_much_is_refused_before_room_is_made() {
        let mut bytes = stream(Some(CompressionType::LZ4_FRAME));
        let frame = [0x04, 0x22, 0x4d, 0x18];
        let at = bytes.windows(4).position(|window| window == frame).expect("a compressed buffer");
        bytes[at - 8..at].copy_from_slice(&(1i64 << 40).to_le_bytes());
        let said = read(&bytes).expect_err("refused").to_string();
        assert!(said.contains("claims what cannot be"), "{said}");
    }
}
