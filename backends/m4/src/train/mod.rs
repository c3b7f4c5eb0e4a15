//! Training of the correction: recordings of true lives, loss and gradient, optimiser.

pub mod descent;
pub mod record;

pub use descent::{Descent, Schedule};
pub use record::{Life, Recording, Row, record};
