//! Training of the correction: recordings of true lives, loss and gradient, optimiser.

pub mod campaign;
pub mod descent;
pub mod record;

pub use campaign::{Campaign, CheckpointError, Lesson, Options, Report, Variant};
pub use descent::{Descent, Schedule, ratios};
pub use record::{Life, Recording, Row, record, record_upon};
