//! Networks of ONNX files, run by tract.

mod detector;
mod network;
mod plan;

pub use detector::OnnxDetector;
pub use network::OnnxNetwork;
