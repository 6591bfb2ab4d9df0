//! stub
use crate::image::Rgb;
pub const DEFAULT_REACH: u32 = 30;
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerceptualHash([u64; 4]);
impl PerceptualHash {
    pub fn of(_rgb: &Rgb) -> Option<Self> {
        None
    }
    pub fn from_bytes(b: [u8; 32]) -> Self {
        PerceptualHash([0, 1, 2, 3].map(|i| u64::from_le_bytes(b[i * 8..i * 8 + 8].try_into().expect("8"))))
    }
}
pub fn near(_h: &[Option<PerceptualHash>], _reach: u32, _found: impl FnMut(u32, u32, u32)) {}
