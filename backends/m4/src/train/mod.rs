//! Training: of the correction (recordings of true lives, loss and gradient, optimiser), and of the published architecture ([`paper`]).

pub mod campaign;
pub mod descent;
pub mod paper;
pub mod record;

pub use campaign::{Campaign, CheckpointError, Lesson, Options, Report, Variant};
pub use descent::{Descent, Schedule, ratios};
pub use record::{Life, Recording, Row, record, record_upon};
