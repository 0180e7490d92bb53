//! Rows to the formats that people and programs read.

pub mod csv;
pub mod summary;
