//! Vectors as other programs read them: NumPy's arrays and FAISS's flat indexes, of which only the first bytes differ.

/// The header of NumPy's format 1.0: magic, version, length, a Python dictionary, padded to a multiple of 64 bytes.
/// Numbers of 32 bits follow, row by row.
pub fn npy_header(rows: u64, dimension: usize) -> Vec<u8> {
    let mut dictionary = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {dimension}), }}");
    let padding = 64 - (10 + dictionary.len() + 1) % 64;
    dictionary.push_str(&" ".repeat(padding % 64));
    dictionary.push('\n');
    let length = u16::try_from(dictionary.len()).expect("two numbers are no longer than that");
    [b"\x93NUMPY\x01\x00", length.to_le_bytes().as_slice(), dictionary.as_bytes()].concat()
}

/// The header of FAISS's `IndexFlatIP` (`write_index_header` in its index_write.cpp): four letters, dimension, rows, two
/// numbers that once meant something, trained, the metric (0: inner product), and how many numbers of 32 bits follow.
pub fn faiss_header(rows: u64, dimension: usize) -> Vec<u8> {
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
