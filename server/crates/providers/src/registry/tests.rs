//! Names, merging and keys.
