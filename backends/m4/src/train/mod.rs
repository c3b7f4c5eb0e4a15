//! Training: of the refined model ([`refine`]) and of the corrected one ([`campaign`], [`mod@record`]), which share loss, gradient and
//! optimiser ([`descent`]); and of the published architecture ([`paper`]).

pub mod campaign;
pub mod descent;
pub mod paper;
pub mod record;
pub mod refine;

pub use campaign::{Campaign, CheckpointError, Lesson, Options, Report, Variant};
pub use descent::{Descent, Schedule, ratios};
pub use record::{Life, Recording, Row, record, record_upon};
pub use refine::Refinement;
