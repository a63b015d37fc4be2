//! The exports of the op table.

use super::guard::op_export;
use crate::ops::Row;

include!("../../generated/exports.rs");
