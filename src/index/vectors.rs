//! Vectors that somebody brings along: a NumPy file or a table.

use std::fs::File;
use std::path::Path;

use super::Error;
use crate::table::{self, Source, Table, column};

/// The first bytes of a NumPy file.
const NUMPY: &[u8] = b"\x93NUMPY";

/// Vectors, each with a name, and the model that made them, if the file says so.
#[derive(Debug)]
pub struct VectorFile {
    /// Name and vector, in the file's order.
    pub rows: Vec<(String, Vec<f32>)>,
    /// The full identity of that model.
    pub model: Option<String>,
    /// Rows that have none.
    pub without: u64,
}

impl VectorFile {
    /// Whether these first bytes are those of a file with vectors.
    pub fn is_one(start: &[u8]) -> bool {
        start.starts_with(NUMPY) || table::is_table(start)
    }

    /// Whether these first bytes are those of a NumPy file.
    pub fn is_numpy(start: &[u8]) -> bool {
        start.starts_with(NUMPY)
    }

    /// Reads a `.npy` file of one vector or of a row each, or the column of a table.
    ///
    /// # Errors
    /// The file cannot be read, is neither, or holds vectors of two models.
    pub fn open(path: &Path, column: &str) -> Result<VectorFile, Error> {
        VectorFile::read(&path.display().to_string(), crate::io::seekable(path).map_err(table::Error::from)?, column)
    }

    /// As [`VectorFile::open`], of a file that was opened.
    ///
    /// # Errors
    /// As there.
    pub fn read(name: &str, file: File, column: &str) -> Result<VectorFile, Error> {
        let read = |source| table::Error::from(crate::io::Error::Read { path: name.into(), source });
        let bytes = crate::io::map_file(&file).map_err(read)?;
        let name = name.to_string();
        if VectorFile::is_numpy(&bytes) {
            return VectorFile::numpy(name, &bytes);
        }
        let source = Source::of(&name, file, &format!("pokedex embed {name} -o embeddings.parquet"))?;
        // Which columns there are is known before those that nobody needs are left out.
        source.table(None)?.require(column)?;
        let table = source.table(Some(&|wanted: &str| needed(wanted, column)))?;
        VectorFile::of(table, column)
    }

    fn numpy(name: String, bytes: &[u8]) -> Result<VectorFile, Error> {
        let rows = numpy(bytes).map_err(|problem| Error::Vectors { name, problem })?;
        let rows = (0..).zip(rows).map(|(number, vector): (u64, _)| (number.to_string(), vector)).collect();
        Ok(VectorFile { rows, model: None, without: 0 })
    }

    fn of(table: Table, column: &str) -> Result<VectorFile, Error> {
        let name = table.name.clone();
        let mut file = VectorFile { rows: Vec::new(), model: None, without: 0 };
        let mut model = None;
        for batch in table.with_keys() {
            let batch = batch?;
            let vectors = column::vectors(&batch, column, &name)?;
            super::unfit::one_model(&batch, &vectors, column, &name, &mut model)?;
            let keys = column::text(&batch, column::KEY)?
                .ok_or_else(|| column::missing(&batch.schema(), column::KEY, &name))?;
            let rows =
                (0..batch.num_rows()).filter_map(|i| Some((keys.value(i).to_string(), vectors.get(i)?.to_vec())));
            let before = file.rows.len();
            file.rows.extend(rows);
            file.without += (before + batch.num_rows() - file.rows.len()) as u64;
        }
        file.model = model.flatten();
        match file.rows.is_empty() {
            true => Err(Error::NoVectors { name, column: column.into() }),
            false => Ok(file),
        }
    }
}

/// Whether a table's column is read.
fn needed(name: &str, column: &str) -> bool {
    name == column::KEY || name == column || name == column::model_column(column)
}

/// The rows of an array of one or two dimensions in NumPy's format
/// (<https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>): a header that is a Python dictionary with
/// three keys, and the numbers. What crates that read it bring along stands in `docs/dependencies.md`.
fn numpy(bytes: &[u8]) -> Result<Vec<Vec<f32>>, String> {
    let damaged = || "is no sound NumPy file".to_string();
    let (length, at) = match bytes.get(6).ok_or_else(damaged)? {
        1 => (bytes.get(8..10).map(|b| usize::from(u16::from_le_bytes([b[0], b[1]]))), 10),
        _ => (bytes.get(8..12).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize), 12),
    };
    let end = length.and_then(|length| length.checked_add(at)).ok_or_else(damaged)?;
    let header = bytes.get(at..end).and_then(|header| std::str::from_utf8(header).ok()).ok_or_else(damaged)?;
    let value = |key: &str| header.split_once(&format!("'{key}':")).map(|(_, rest)| rest.trim_start());
    let kind = value("descr").and_then(|rest| rest.split('\'').nth(1)).ok_or_else(damaged)?;
    let shape = value("shape").and_then(|rest| rest.strip_prefix('(')?.split_once(')')).ok_or_else(damaged)?.0;
    let shape = shape.split(',').map(str::trim).filter(|size| !size.is_empty()).map(str::parse::<usize>);
    let shape: Vec<usize> = shape.collect::<Result<_, _>>().map_err(|_| damaged())?;
    if value("fortran_order").is_none_or(|rest| !rest.starts_with("False")) && shape.len() > 1 {
        return Err("is stored column by column: np.save of np.ascontiguousarray mends it".into());
    }
    let (rows, width) = match shape[..] {
        [width] => (1, width),
        [rows, width] => (rows, width),
        _ => return Err(format!("has {} dimensions, and vectors have one or two", shape.len())),
    };
    let body = &bytes[end..];
    let numbers: Vec<f32> = match kind {
        "<f2" => body.as_chunks::<2>().0.iter().map(|b| half::f16::from_le_bytes(*b).to_f32()).collect(),
        "<f4" => body.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        "<f8" => body.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect(),
        other => return Err(format!("holds numbers of type {other}, and vectors are <f2, <f4 or <f8")),
    };
    match rows.checked_mul(width) {
        Some(0) => Err("holds no vectors".into()),
        Some(count) if count <= numbers.len() => {
            Ok(numbers[..count].chunks_exact(width).map(<[f32]>::to_vec).collect())
        }
        _ => Err("is cut short".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(header: &str, numbers: &[f32]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(numbers.iter().flat_map(|x| x.to_le_bytes()));
        bytes
    }

    #[test]
    fn numpy_files_are_read_row_by_row() {
        let rows = |shape: &str| {
            let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
            numpy(&array(&header, &[1.0, 2.0, 3.0, 4.0]))
        };
        assert_eq!(rows("(2, 2)").expect("sound"), [[1.0, 2.0], [3.0, 4.0]]);
        assert_eq!(rows("(4,)").expect("sound"), [[1.0, 2.0, 3.0, 4.0]]);
        for shape in ["(3, 2)", "(0, 2)", "()", "(1, 1, 4)", "(99999999999, 99999999999)", "(-1, 2)", "2"] {
            assert!(rows(shape).is_err(), "{shape}");
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic() {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }";
        let sound = array(header, &[1.0; 4]);
        for length in 0..sound.len() {
            assert!(numpy(&sound[..length]).is_err(), "{length}");
        }
        for (at, bit) in (0..sound.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut bytes = sound.clone();
            bytes[at] ^= 1 << bit;
            let _ = numpy(&bytes);
        }
        assert!(numpy(&array(&header.replace("False", "True"), &[1.0; 4])).is_err());
        assert!(numpy(&array(&header.replace("<f4", "<i4"), &[1.0; 4])).is_err());
    }
}
