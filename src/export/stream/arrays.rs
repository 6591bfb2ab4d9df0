//! Vectors as arrays of other programs: NumPy's and FAISS's flat indexes, of which only the first bytes differ.

use std::fs::File;
use std::io::{BufWriter, Seek, Write};

use super::vectors::each_vector;
use super::{Format, Selection};
use crate::failure::Failure;
use crate::io::{Error, Sink, Target};
use crate::output::open_beside;
use crate::progress::Progress;
use crate::table::{self, Table};
use crate::words::left_out;

/// The number of rows stands at the beginning of an array, and is known at its end: so the numbers go to a temporary
/// file first.
pub(super) fn write(
    table: Table,
    selection: &Selection,
    target: &Target,
    mut sink: Sink,
    progress: &mut dyn Progress,
) -> Result<(), Failure> {
    let name = sink.name();
    let failed = sink.failure();
    const HEADER: [&str; 4] = ["row", "key", "id", "label"];
    let mut keys = match target {
        Target::File(path) => {
            let mut beside = path.clone().into_os_string();
            beside.push(".keys.csv");
            let sink = open_beside(beside.into(), |start| start.starts_with(HEADER.join(",").as_bytes()))?;
            let mut writer = csv::Writer::from_writer(sink);
            writer.write_record(HEADER).map_err(|e| failed(e.into()))?;
            Some(writer)
        }
        _ => None,
    };
    let (mut rows, mut dimension, mut unsound) = (0u64, 0, 0u64);
    let mut numbers = BufWriter::new(tempfile::tempfile().map_err(Error::temporary)?);
    let without = each_vector(table.with_keys(), &selection.vectors, progress, |row, vector| {
        if rows > 0 && vector.len() != dimension {
            let (first, other) = (dimension, vector.len());
            return Err(table::Error::RaggedVectors { column: selection.vectors.clone(), first, other }.into());
        }
        dimension = vector.len();
        unsound += u64::from(vector.iter().any(|x| !x.is_finite()));
        if let Some(keys) = &mut keys {
            let id = row.id.map(|id| id.to_string()).unwrap_or_default();
            let record = [&rows.to_string(), row.key, &id, row.label.unwrap_or_default()];
            keys.write_record(record).map_err(|e| failed(e.into()))?;
        }
        rows += 1;
        let full = |e| Failure::from(Error::temporary(e));
        vector.iter().try_for_each(|x| numbers.write_all(&x.to_le_bytes())).map_err(full)
    })?;
    let mut numbers: File = numbers.into_inner().map_err(|e| Error::temporary(e.into_error()))?;
    numbers.rewind().map_err(Error::temporary)?;
    let header = if selection.format == Format::Faiss { faiss_header } else { npy_header };
    sink.write_all(&header(rows, dimension)).map_err(&failed)?;
    std::io::copy(&mut numbers, &mut sink).map_err(&failed)?;
    let keys = keys.map(|keys| keys.into_inner().map_err(|e| failed(e.into_error()))).transpose()?;
    Sink::finish_all(keys.into_iter().chain([sink]))?;
    if without > 0 {
        progress.warn(&format!("{name}: {}", left_out(without)));
    }
    if unsound > 0 {
        let vectors = if unsound == 1 { "vector has" } else { "vectors have" };
        progress.warn(&format!("{name}: {unsound} {vectors} numbers that are not finite (NaN or infinite)"));
    }
    Ok(())
}

/// The header of NumPy's format 1.0: magic, version, length, a Python dictionary, padded to a multiple of 64 bytes.
/// Numbers of 32 bits follow, row by row.
fn npy_header(rows: u64, dimension: usize) -> Vec<u8> {
    let mut dictionary = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {dimension}), }}");
    let padding = 64 - (10 + dictionary.len() + 1) % 64;
    dictionary.push_str(&" ".repeat(padding % 64));
    dictionary.push('\n');
    let length = u16::try_from(dictionary.len()).expect("two numbers are no longer than that");
    [b"\x93NUMPY\x01\x00", length.to_le_bytes().as_slice(), dictionary.as_bytes()].concat()
}

/// The header of FAISS's `IndexFlatIP` (`write_index_header` in its index_write.cpp): four letters, dimension, rows, two
/// numbers that once meant something, trained, the metric (0: inner product), and how many numbers of 32 bits follow.
fn faiss_header(rows: u64, dimension: usize) -> Vec<u8> {
    const UNUSED: u64 = 1 << 20;
    let d = u32::try_from(dimension).expect("a table's vectors are no longer");
    let mut header = Vec::with_capacity(49);
    header.extend(b"IxFI");
    header.extend(d.to_le_bytes());
    for number in [rows, UNUSED, UNUSED] {
        header.extend(number.to_le_bytes());
    }
    header.push(1);
    header.extend(0u32.to_le_bytes());
    header.extend((rows * u64::from(d)).to_le_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numpy_header_is_aligned_and_says_the_shape() {
        for (rows, dimension) in [(0, 0), (1, 256), (1025, 512), (123_456_789, 1024)] {
            let header = npy_header(rows, dimension);
            assert_eq!(header.len() % 64, 0);
            let text = String::from_utf8_lossy(&header[10..]).to_string();
            assert!(text.contains(&format!("({rows}, {dimension})")) && text.ends_with('\n'));
            assert_eq!(u16::from_le_bytes([header[8], header[9]]) as usize, header.len() - 10);
        }
    }

    #[test]
    fn the_header_of_faiss_says_how_much_follows() {
        let header = faiss_header(3, 5);
        assert_eq!(header.len(), 45);
        assert_eq!((&header[..8], &header[37..]), (&b"IxFI\x05\0\0\0"[..], &[15, 0, 0, 0, 0, 0, 0, 0][..]));
    }
}
