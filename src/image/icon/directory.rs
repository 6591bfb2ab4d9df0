//! The directory at the start of icons and cursors, which is what they are known by.

/// A picture of the directory (`ICONDIRENTRY`).
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) width: u8,
    pub(super) height: u8,
    /// Bits a pixel; in a cursor another thing.
    pub(super) depth: u16,
    pub(super) data: &'a [u8],
}

pub(super) const PNG: &[u8] = b"\x89PNG";

/// The pictures whose bytes are there.
pub(super) fn entries(bytes: &[u8]) -> Vec<Entry<'_>> {
    let count = bytes.get(4..6).map_or(0, |count| usize::from(u16::from_le_bytes([count[0], count[1]])));
    let entries = bytes.get(6..).unwrap_or_default().as_chunks::<16>().0.iter().take(count);
    let entry = |&[width, height, _, _, _, _, d0, d1, l0, l1, l2, l3, o0, o1, o2, o3]: &[u8; 16]| {
        let (length, offset) = (u32::from_le_bytes([l0, l1, l2, l3]), u32::from_le_bytes([o0, o1, o2, o3]));
        let data = bytes.get(offset as usize..offset as usize + length as usize)?;
        Some(Entry { width, height, depth: u16::from_le_bytes([d0, d1]), data })
    };
    entries.filter_map(entry).collect()
}

/// Whether it is a cursor: it begins as a TGA may.
pub(crate) fn is_cursor(bytes: &[u8]) -> bool {
    let holds = |entry: &Entry| entry.data.starts_with(PNG) || entry.data.starts_with(&40u32.to_le_bytes());
    bytes.starts_with(&[0, 0, 2, 0]) && entries(bytes).first().is_some_and(holds)
}
