//! What goes to a device: which model, with how many pictures, for whose toolchains.

use std::path::PathBuf;

use clap::ValueEnum;

/// What goes to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The ONNX file that is to run there.
    pub model: PathBuf,
    /// How many pictures of train to calibrate it with, the classes in turn.
    pub calibration: usize,
    /// How many pictures that do not calibrate judge what was made of the model.
    pub held_out: usize,
    /// Anchors of its boxes: a file of numbers. `None`: what the model says of itself.
    pub anchors: Option<PathBuf>,
    /// For which toolchains.
    pub targets: Vec<Target>,
}

/// Whose toolchain compiles a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Target {
    /// ONNX Runtime, in 32 and in 8 bits
    Onnx,
    /// LiteRT (TensorFlow Lite), by onnx2tf
    Litert,
    /// Kendryte K210, by nncase 1
    K210,
    /// Kendryte K230, by nncase 2
    K230,
    /// Sipeed MaixCam, by tpu-mlir
    Maixcam,
    /// Rockchip's NPUs, by rknn-toolkit2
    Rknn,
}

impl Device {
    /// Pictures to calibrate with, where nobody says how many.
    pub const CALIBRATION: usize = 200;
    /// Pictures that judge, where nobody says how many.
    pub const HELD_OUT: usize = 500;
}
