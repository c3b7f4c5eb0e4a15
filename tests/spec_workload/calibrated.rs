//! calibrated
