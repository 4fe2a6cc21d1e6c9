//! Shapes of errors, and keys.
