// SPDX-License-Identifier: MIT OR Apache-2.0
//! The report as a directory: complete, replaceable, and never somebody else's.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod samples;

use std::fs;
use std::path::{Path, PathBuf};

use evenkeel_lab::measurement::Share;
use evenkeel_report::{ReportError, check_place, write};

/// What lies beside the report; a temporary directory would show here.
fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn all_files_are_there_and_the_data_reads_back() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("new/report");
    let written = write(&samples::all(), &dir).unwrap();
    let wanted = [
        "data/accuracy.json",
        "data/deadline.json",
        "data/flood.json",
        "data/neighbour.json",
        "data/share.json",
        "figures/accuracy-lanes.svg",
        "figures/accuracy.svg",
        "figures/deadline.svg",
        "figures/flood.svg",
        "figures/neighbour.svg",
        "figures/share.svg",
        "manifest.json",
        "report.html",
    ];
    assert_eq!(written.files, wanted.map(PathBuf::from));
    assert!(written.files.iter().all(|file| dir.join(file).is_file()));
    let share: Share =
        serde_json::from_str(&fs::read_to_string(dir.join("data/share.json")).unwrap()).unwrap();
    assert_eq!(Some(share), samples::all().share);
    assert_eq!(names(dir.parent().unwrap()), ["report"]);
}

#[test]
fn an_earlier_report_is_replaced_whole() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("report");
    write(&samples::all(), &dir).unwrap();
    write(&samples::empty(), &dir).unwrap();
    assert_eq!(names(&dir), ["manifest.json", "report.html"]);
    assert_eq!(names(place.path()), ["report"]);
}

#[test]
fn a_link_to_a_report_stays_a_link() {
    let place = tempfile::tempdir().unwrap();
    let (dir, link) = (place.path().join("report"), place.path().join("latest"));
    write(&samples::all(), &dir).unwrap();
    std::os::unix::fs::symlink(&dir, &link).unwrap();
    write(&samples::empty(), &link).unwrap();
    assert!(link.is_symlink());
    assert_eq!(names(&dir), ["manifest.json", "report.html"]);
}

#[test]
fn the_raw_figures_of_the_run_are_replaced_by_those_of_its_report() {
    let place = tempfile::tempdir().unwrap();
    let (dir, earlier) = (place.path().join("report"), place.path().join("earlier"));
    write(&samples::all(), &earlier).unwrap();
    fs::create_dir_all(dir.join("data")).unwrap();
    fs::copy(earlier.join("data/share.json"), dir.join("data/share.json")).unwrap();
    check_place(&dir).unwrap();
    write(&samples::all(), &dir).unwrap();
    assert!(dir.join("report.html").is_file());
}

#[test]
fn data_of_others_is_refused_and_left() {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("data")).unwrap();
    fs::write(place.path().join("data/share.json"), "{\"schema\": \"theirs\"}").unwrap();
    let error = check_place(place.path()).unwrap_err();
    assert!(matches!(error, ReportError::NotAReport { .. }), "{error}");
    assert!(write(&samples::all(), place.path()).is_err());
    assert!(place.path().join("data/share.json").is_file());
}

#[test]
fn other_peoples_files_are_refused_and_left() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("thesis.tex"), "years of work").unwrap();
    let error = write(&samples::all(), place.path()).unwrap_err();
    assert!(matches!(error, ReportError::NotAReport { .. }), "{error}");
    assert!(error.to_string().contains(place.path().to_str().unwrap()), "{error}");
    assert_eq!(names(place.path()), ["thesis.tex"]);
    let error = write(&samples::all(), &place.path().join("thesis.tex")).unwrap_err();
    assert!(matches!(error, ReportError::NotAReport { .. }), "{error}");
    assert!(matches!(write(&samples::all(), Path::new("/")), Err(ReportError::NoSuchPlace { .. })));
}

#[test]
fn a_place_that_cannot_be_made_is_named() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("file"), "").unwrap();
    let error = write(&samples::all(), &place.path().join("file/report")).unwrap_err();
    assert!(error.to_string().contains("file"), "{error}");
}
