//! What a Parquet file claims, looked at before anything is allocated for it.
//!
//! The reader believes a file's numbers: a length of a text in a page's header, a size to which a page unfolds, how deep
//! the columns nest. A few damaged bytes in them would end the process (memory that there is not, a stack that
//! overflows), which no error handling catches. So headers are walked here first; they are in Thrift's compact protocol
//! (<https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>), whose structure can be followed
//! without knowing what it means. Fields are named by their numbers in
//! <https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift>.

use std::io::{self, Chain, Cursor, Read};

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use crate::io::At;

/// A table of more columns was made by mistake: rows that became columns.
pub(super) const MOST_COLUMNS: usize = 10_000;
/// Structs and lists in each other, which the reader follows by recursion.
const MOST_DEPTH: usize = 100;
/// Bytes of a page, once unfolded, unless it is not much larger than it was.
const MOST_PAGE: i64 = 128 << 20;
const MOST_GROWTH: i64 = 32;
/// Bytes of a value of fixed size.
const MOST_FIXED: i64 = 16 << 20;
/// Rows that a file may have whatever its size, and for each of its bytes: a row has a name, so it costs some.
const FREE_ROWS: u64 = 1 << 22;
const ROWS_A_BYTE: u64 = 256;
/// Bytes that are read to look at a page's header.
const HEADER: usize = 4096;
const MOST_HEADER: usize = 16 << 20;

/// A Parquet file whose headers are looked at on their way to the reader.
pub(super) struct Chunks(At);

impl Chunks {
    /// # Errors
    /// Its footer is damaged, or claims what cannot be.
    pub(super) fn new(file: At) -> Result<Chunks, ParquetError> {
        check_footer(&file)?;
        Ok(Chunks(file))
    }
}

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl ChunkReader for Chunks {
    type T = Page;

    fn get_read(&self, start: u64) -> Result<Page, ParquetError> {
        Ok(Page { file: self.0.clone(), start, reader: None })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let bytes = self.0.part(start, length)?;
        match bytes.len() == length {
            true => Ok(bytes.into()),
            false => Err(Problem::Short.into()),
        }
    }
}

/// A reader of a page whose header is looked at when it is read, and not before: the library asks for a reader behind
/// the header, too, where it has read that already, and reads nothing from it.
pub(crate) struct Page {
    file: At,
    start: u64,
    reader: Option<Chain<Cursor<Vec<u8>>, At>>,
}

impl Page {
    fn open(&self) -> io::Result<Chain<Cursor<Vec<u8>>, At>> {
        let mut length = HEADER;
        let mut bytes = self.file.part(self.start, length)?;
        let left = self.file.len().saturating_sub(self.start);
        loop {
            match check_page(&bytes, left) {
                // The last eight bytes of a file are no page, but the length of its footer.
                _ if left <= 8 => break,
                Ok(()) => break,
                Err(Problem::Short) if bytes.len() == length && length < MOST_HEADER => {
                    length *= 8;
                    bytes = self.file.part(self.start, length)?;
                }
                Err(problem) => return Err(io::Error::other(ParquetError::from(problem))),
            }
        }
        let rest = self.file.from(self.start + bytes.len() as u64);
        Ok(Cursor::new(bytes).chain(rest))
    }
}

impl Read for Page {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let reader = match self.reader.take() {
            Some(reader) => reader,
            None => self.open()?,
        };
        self.reader.insert(reader).read(buffer)
    }
}

/// Why a header is not believed.
#[derive(Debug, PartialEq)]
enum Problem {
    /// It goes on after the bytes there are.
    Short,
    Wrong(String),
}

impl From<Problem> for ParquetError {
    fn from(problem: Problem) -> ParquetError {
        match problem {
            Problem::Short => ParquetError::EOF("it ends too early".into()),
            Problem::Wrong(what) => ParquetError::General(what),
        }
    }
}

fn wrong(what: impl Into<String>) -> Problem {
    Problem::Wrong(what.into())
}

/// The rows that an Arrow message brings, if it brings any.
fn rows_of(message: arrow_ipc::Message<'_>) -> Option<arrow_ipc::RecordBatch<'_>> {
    let dictionary = message.header_as_dictionary_batch().and_then(|dictionary| dictionary.data());
    message.header_as_record_batch().or(dictionary)
}

/// Whether an Arrow message brings compressed buffers.
pub(super) fn is_compressed(message: arrow_ipc::Message<'_>) -> bool {
    rows_of(message).is_some_and(|rows| rows.compression().is_some())
}

/// Looks at what the compressed buffers of an Arrow message claim to unfold to, since the reader makes room for that.
///
/// # Errors
/// It cannot be.
pub(super) fn check_message(bytes: &[u8], metadata: i32) -> Result<(), &'static str> {
    const MOST: u64 = 2 << 30;
    let wrong = "a compressed part of it claims what cannot be: it is damaged";
    let start = if bytes.starts_with(&[0xff; 4]) { 8 } else { 4 };
    let end = usize::try_from(metadata).map_err(|_| wrong)?;
    let message = arrow_ipc::root_as_message(bytes.get(start..end).ok_or(wrong)?).map_err(|_| wrong)?;
    let Some(batch) = rows_of(message).filter(|rows| rows.compression().is_some()) else { return Ok(()) };
    let mut sum = 0u64;
    for buffer in batch.buffers().into_iter().flatten().filter(|buffer| buffer.length() > 0) {
        let at = usize::try_from(buffer.offset()).ok().and_then(|at| at.checked_add(end)).ok_or(wrong)?;
        let length = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()).ok_or(wrong)?;
        // -1: this one is as it is.
        let unfolded = i64::from_le_bytes(*length).max(-1);
        sum = sum.saturating_add(u64::try_from(unfolded).unwrap_or(0));
    }
    if sum > MOST { Err(wrong) } else { Ok(()) }
}

/// What stands in the footer of a file.
fn check_footer(file: &At) -> Result<(), ParquetError> {
    let tail = file.part(file.len().saturating_sub(8), 8)?;
    let [a, b, c, d, b'P', b'A', b'R', magic] = tail[..] else {
        return Err(wrong("it has no footer: it was cut short, or is still being written").into());
    };
    if magic == b'E' {
        return Err(wrong("it is encrypted").into());
    }
    let length = u64::from(u32::from_le_bytes([a, b, c, d]));
    let start = file.len().checked_sub(length + 8).filter(|start| *start >= 4 && magic == b'1');
    let start = start.ok_or_else(|| wrong("its footer does not fit into the file"))?;
    let bytes = file.part(start, length as usize)?;

    let mut footer = Footer::default();
    let mut children: Vec<i64> = Vec::new();
    walk(&bytes, &mut |path, value| {
        match (path, value) {
            // A schema is a list of its elements, each followed by its children.
            ([2], Value::Struct) => children.push(0),
            ([2, 5], Value::Number(count)) => *children.last_mut().ok_or_else(|| wrong(DAMAGED))? = count,
            ([2, 2], Value::Number(size)) if !(0..=MOST_FIXED).contains(&size) => {
                return Err(wrong(format!("it has values of {size} bytes")));
            }
            ([3], Value::Number(rows)) => footer.rows = rows,
            ([4, 3], Value::Number(rows)) => footer.in_groups = footer.in_groups.saturating_add(rows.max(0)),
            _ => {}
        }
        Ok(())
    })?;
    check_schema(&children)?;
    let most = FREE_ROWS.saturating_add(ROWS_A_BYTE.saturating_mul(file.len()));
    for rows in [footer.rows, footer.in_groups] {
        if u64::try_from(rows).ok().is_none_or(|rows| rows > most) {
            return Err(wrong(format!("it says that it has {rows} rows in {} bytes", file.len())).into());
        }
    }
    Ok(())
}

#[derive(Default)]
struct Footer {
    rows: i64,
    in_groups: i64,
}

const DAMAGED: &str = "its footer is damaged";

/// How wide and deep a schema is; `children` are the numbers of children of its elements, a parent before its own.
fn check_schema(children: &[i64]) -> Result<(), Problem> {
    let columns = children.iter().filter(|&&count| count == 0).count();
    if columns > MOST_COLUMNS {
        return Err(wrong(format!("it has {columns} columns, and more than {MOST_COLUMNS} are not read")));
    }
    let mut open: Vec<i64> = Vec::new();
    for &count in children {
        if let Some(left) = open.last_mut() {
            *left -= 1;
        }
        match count {
            0 => {}
            count if count < 0 => return Err(wrong(DAMAGED)),
            count => open.push(count),
        }
        if open.len() > MOST_DEPTH {
            return Err(wrong(format!("its columns nest deeper than {MOST_DEPTH}")));
        }
        while open.last() == Some(&0) {
            open.pop();
        }
    }
    Ok(())
}

/// The header of a page that begins with these bytes, `left` bytes before the end of the file.
fn check_page(bytes: &[u8], left: u64) -> Result<(), Problem> {
    let (mut unfolded, mut stored, mut entries) = (0, 0, 0);
    walk(bytes, &mut |path, value| {
        match (path, value) {
            ([2], Value::Number(size)) => unfolded = size,
            ([3], Value::Number(size)) => stored = size,
            // A dictionary's values, for which room is made at once.
            ([7, 1], Value::Number(count)) => entries = count,
            (_, Value::Bytes(length)) if length > left => return Err(wrong("a page is damaged")),
            _ => {}
        }
        Ok(())
    })?;
    if unfolded < 0 || stored < 0 || entries < 0 || u64::try_from(stored).is_ok_and(|stored| stored > left) {
        return Err(wrong("a page is damaged"));
    }
    if unfolded > MOST_PAGE.max(stored.saturating_mul(MOST_GROWTH)) || entries > unfolded {
        return Err(wrong(format!("a page of {stored} bytes says that it unfolds to {unfolded}")));
    }
    Ok(())
}

/// What stands in a field.
enum Value {
    Number(i64),
    /// A text of so many bytes.
    Bytes(u64),
    /// The beginning of a struct.
    Struct,
}

type Visit<'v> = dyn FnMut(&[i64], Value) -> Result<(), Problem> + 'v;

/// Walks through a struct; `visit` is shown every field's value and the numbers of the fields that lead to it.
fn walk(bytes: &[u8], visit: &mut Visit) -> Result<(), Problem> {
    Walk { bytes, path: Vec::new(), visit }.fields(0)
}

struct Walk<'a, 'v, 'w> {
    bytes: &'a [u8],
    path: Vec<i64>,
    visit: &'w mut Visit<'v>,
}

/// Thrift's own readers stop here too.
const MOST_NESTED: usize = 32;

impl Walk<'_, '_, '_> {
    fn byte(&mut self) -> Result<u8, Problem> {
        let (&byte, rest) = self.bytes.split_first().ok_or(Problem::Short)?;
        self.bytes = rest;
        Ok(byte)
    }

    fn varint(&mut self) -> Result<u64, Problem> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(wrong("a number in it is too long"))
    }

    fn zigzag(&mut self) -> Result<i64, Problem> {
        let number = self.varint()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    fn skip(&mut self, count: u64) -> Result<(), Problem> {
        let count = usize::try_from(count).map_err(|_| Problem::Short)?;
        self.bytes = self.bytes.get(count..).ok_or(Problem::Short)?;
        Ok(())
    }

    fn fields(&mut self, depth: usize) -> Result<(), Problem> {
        if depth > MOST_NESTED {
            return Err(wrong("its headers nest too deep"));
        }
        let mut number: i64 = 0;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Ok(());
            }
            number = match head >> 4 {
                0 => self.zigzag()?,
                delta => number.wrapping_add(delta.into()),
            };
            self.path.push(number);
            self.value(head & 0xf, depth, false)?;
            self.path.pop();
        }
    }

    fn show(&mut self, value: Value) -> Result<(), Problem> {
        (self.visit)(&self.path, value)
    }

    /// A value of a type; truths stand in a field's head, but in a list they are bytes.
    fn value(&mut self, kind: u8, depth: usize, listed: bool) -> Result<(), Problem> {
        match kind {
            1 | 2 if !listed => Ok(()),
            1..=3 => self.skip(1),
            4..=6 => {
                let number = self.zigzag()?;
                self.show(Value::Number(number))
            }
            7 => self.skip(8),
            8 => {
                let length = self.varint()?;
                self.show(Value::Bytes(length))?;
                self.skip(length)
            }
            9 | 10 => {
                let head = self.byte()?;
                let length = match head >> 4 {
                    15 => self.varint()?,
                    length => length.into(),
                };
                // Every element takes a byte at least.
                if length > self.bytes.len() as u64 {
                    return Err(Problem::Short);
                }
                if depth > MOST_NESTED {
                    return Err(wrong("its headers nest too deep"));
                }
                (0..length).try_for_each(|_| self.value(head & 0xf, depth + 1, true))
            }
            11 => {
                let length = self.varint()?;
                if length == 0 {
                    return Ok(());
                }
                let kinds = self.byte()?;
                if length > self.bytes.len() as u64 {
                    return Err(Problem::Short);
                }
                (0..length).try_for_each(|_| {
                    self.value(kinds >> 4, depth + 1, true)?;
                    self.value(kinds & 0xf, depth + 1, true)
                })
            }
            12 => {
                self.show(Value::Struct)?;
                self.fields(depth + 1)
            }
            _ => Err(wrong("its headers are damaged")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_may_be_neither_wide_nor_deep_beyond_reason() {
        assert_eq!(check_schema(&[2, 0, 1, 0]), Ok(()));
        let deep: Vec<i64> = std::iter::repeat_n(1, 50_000).chain([0]).collect();
        assert!(check_schema(&deep).is_err());
        let wide: Vec<i64> = std::iter::once(200_000).chain(std::iter::repeat_n(0, 200_000)).collect();
        assert!(check_schema(&wide).is_err());
        let flat: Vec<i64> = std::iter::once(5000).chain([1, 0].repeat(5000)).collect();
        assert_eq!(check_schema(&flat), Ok(()));
    }

    /// A page header: sizes as given, a dictionary of so many entries.
    fn header(unfolded: i32, stored: i32, entries: i32) -> Vec<u8> {
        let number = |n: i32| {
            let mut n = ((n << 1) ^ (n >> 31)).cast_unsigned();
            let mut bytes = Vec::new();
            while n >= 0x80 {
                bytes.push(n as u8 | 0x80);
                n >>= 7;
            }
            bytes.push(n as u8);
            bytes
        };
        [
            &[0x15][..],
            &number(2),
            &[0x15],
            &number(unfolded),
            &[0x15],
            &number(stored),
            &[0x4c, 0x15],
            &number(entries),
            &[0, 0],
        ]
        .concat()
    }

    #[test]
    fn rows_that_go_over_the_ends_of_pages_are_read() {
        use arrow_array::builder::{Float32Builder, ListBuilder};
        use parquet::arrow::ArrowWriter;
        use parquet::file::properties::WriterProperties;

        let mut lists = ListBuilder::new(Float32Builder::new());
        for row in 0..500u32 {
            (0..64).for_each(|at| lists.values().append_value((row * 64 + at).wrapping_mul(2_654_435_769) as f32));
            lists.append(true);
        }
        let array: arrow_array::ArrayRef = std::sync::Arc::new(lists.finish());
        let batch = arrow_array::RecordBatch::try_from_iter([("vector", array.clone())]).expect("a column");
        for dictionary in [true, false] {
            let properties = WriterProperties::builder()
                .set_data_page_size_limit(1000)
                .set_write_batch_size(64)
                .set_dictionary_enabled(dictionary)
                .set_dictionary_page_size_limit(4000)
                .build();
            let mut file = tempfile::NamedTempFile::new().expect("a file");
            let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), Some(properties)).expect("a writer");
            writer.write(&batch).expect("written");
            writer.close().expect("written");
            let table = super::super::Table::open(file.path()).expect("a table");
            let rows: usize = table.map(|batch| batch.expect("readable").num_rows()).sum();
            assert_eq!(rows, 500, "{dictionary}");
        }
    }

    #[test]
    fn pages_are_believed_within_reason() {
        assert_eq!(check_page(&header(1000, 100, 20), 5000), Ok(()));
        assert_eq!(
            check_page(&header(i32::MAX, 100, 20), 5000),
            Err(wrong("a page of 100 bytes says that it unfolds to 2147483647"))
        );
        assert!(check_page(&header(1000, 6000, 20), 5000).is_err());
        assert!(check_page(&header(1000, 100, i32::MAX), 5000).is_err());
        assert!(check_page(&header(-1, 100, 0), 5000).is_err());
        let sound = header(1000, 100, 20);
        assert_eq!(check_page(&sound[..sound.len() - 2], 5000), Err(Problem::Short));
        // A text that says it is longer than the file.
        assert!(matches!(check_page(&[0x18, 0xff, 0xff, 0xff, 0xff, 0x7f], 5000), Err(Problem::Wrong(_))));
        let nested = [0x1c; 5000];
        assert!(matches!(check_page(&nested, 5000), Err(Problem::Wrong(_))));
    }
}
