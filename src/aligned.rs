//! Files within the program, at addresses at which their numbers can be read where they lie.

/// Bytes at an address that is a multiple of 64. `include_bytes!` promises no alignment, and what views numbers in place
/// silently copies those that are not aligned.
#[repr(C, align(64))]
pub(crate) struct Aligned<T: ?Sized>(pub(crate) T);

impl Aligned<[u8]> {
    pub(crate) const fn bytes(&self) -> &[u8] {
        &self.0
    }
}
