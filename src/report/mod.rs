//! Rows to the formats that people and programs read: one file a format.

pub mod captures;
mod cells;
pub mod comparison;
pub mod condition;
pub mod csv;
mod digits;
pub mod document;
pub mod json;
mod lines;
pub mod packets;
pub mod page;
pub mod probe;
pub mod schema;
mod sides;
pub mod sql;
pub mod summary;
pub mod table;
mod tables;
pub mod visible;

pub use condition::{Condition, Conditions};
pub use document::{Document, Format};
pub use tables::Tables;
