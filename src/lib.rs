//! mixlab.
