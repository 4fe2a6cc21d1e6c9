//! Support for the end-to-end tests.
//!
//! Owns what several tests need to play an editor, a model, a person. Must not hold a test.
//!
//! **Invariant:** nothing here reaches past the loopback interface, or the test's own temporary folder.

#![expect(clippy::expect_used, reason = "a test that cannot be set up fails with the reason")]

pub mod day_model;
pub mod editors;
pub mod fake_editor;
pub mod faulty_model;
pub mod main_job;
pub mod matrix;
pub mod scripted_model;
pub mod stories;
pub mod terminal;
