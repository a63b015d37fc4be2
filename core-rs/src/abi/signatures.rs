//! The exports that are no ops, held against `ops.toml`, from which C and TypeScript know them: one that takes other arguments
//! would be called with wrong ones, and here it does not compile.

use super::capture::*;
use super::image::*;
use super::image_decode::*;
use super::queue::*;
use super::replay::*;
use super::tensor::*;
use super::transfer::*;

include!("../../generated/signatures.rs");
