// SPDX-License-Identifier: MIT OR Apache-2.0
//! One file a verb: the words it takes, the request they make, the one call, and the answer.

pub mod capsule;
pub mod check;
pub mod completions;
pub mod doctor;
pub mod lab;
pub mod model;
pub mod plan_answer;
pub mod reservation_words;
pub mod run;
pub mod sim;
pub mod text_file;
pub mod trace;
pub mod vm;
pub mod window;
