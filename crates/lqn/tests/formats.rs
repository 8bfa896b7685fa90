// SPDX-License-Identifier: MIT OR Apache-2.0
//! The two file formats: what is written is read back as the same model, errors name the line, and
//! no input makes a reader panic, recurse without bound or take more than its limits.

use evenkeel_lqn::{
    Builder, CallKind, CallOrder, Limits, Model, Multiplicity, ProcessorDiscipline, ReadError,
    TaskDiscipline, mva, sim, text, xml,
};
use proptest::prelude::*;

const TEXT: &str = "# a comment
$think = 2 * (1 + 0.5)
$n = 3
G \"one client class\" 0.00001 50 5 0.9 -1
P 3
  p delay i
  p cpu s 0.1 m 2 R 1.5
  p nic c 0.1
-1
U 2
  g gold 0.7 c nic
  g best 0.3 nic
-1
T 4
  t clients r cycle -1 delay z $think m $n
  t server n read write -1 cpu 2 m 4
  t disk h seek -1 nic g gold
  t log i append -1 nic g best
-1
E 5
  s cycle 0 -1
  y cycle read 0.5 -1   # geometric
  y cycle write 0.5 -1
  s read 0.2 -1
  s write 0.3 0.1 -1
  y write seek 0 1 -1
  z write append 1 -1
  f write 1 0 -1
  F read write 0.25 -1
  s seek 0.05 -1
  c seek 0.25 -1
  p seek 3
  a seek 0.1
  s append 1e-3 -1
  Z append 0.5 -1
-1
";

/// Activity graphs of every form, replication, and variables that are lists.
const GRAPHS: &str = "$x = [1, 2:3]
$y = [0.5:1.5, 0.5]
$n = 2
P 2 p users i p cpu f m 2 r $n -1
T 3
  t users r cycle -1 users m 3 z 1 r $n
  t web n page more -1 cpu m 2 r $n
  t db n query -1 cpu r $n
  I users web 1
  O web db 1
-1
E 4
  s cycle 0.1 -1
  y cycle page 1 -1
  y cycle more 0.5 -1
  A page start
  A more other
  s query 0.1 0.1 -1
-1
A web
  s start 0.1  c start 0.5  f start 1  y start query 1
  s left 0.2   s right 0.3  Z right 0.1  z right query 0.5
  s join 0.1   s or1 0.1  s or2 0.2  s merge 0  s body 0.1  s end 0.1
  s other 0.5  s last 0.1  s p 0.1  s q 0.1
:
  start -> left & right;
  left & right (1) -> join;
  join -> (0.25) or1 + (0.75) or2;
  or1 + or2 -> merge;
  merge -> 1.5 * body, end;
  end[page] -> last;
  other[more] -> p & q
-1
R 1 $z = 1 -1
";

/// The same with its variables set to one value.
fn graphs() -> String {
    GRAPHS.replace("$x = [1, 2:3]\n", "")
}

/// What both formats keep of a model: everything but lines.
fn shape(m: &Model) -> String {
    text::write(m)
}

#[test]
fn text_is_read_with_variables_groups_and_options() {
    let m = text::read(TEXT).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((m.tasks().len(), m.entries().len()), (4, 5));
    let clients = &m.tasks()[0];
    assert_eq!((clients.think, clients.copies), (3.0, Multiplicity::Finite(3)));
    assert_eq!(m.tasks()[1].priority, 2);
    assert_eq!(m.tasks()[2].discipline, TaskDiscipline::HeadOfLine);
    assert!(m.groups()[0].cap && !m.groups()[1].cap);
    assert_eq!(m.processors()[1].speed, 1.5);
    let write = &m.entries()[2];
    assert_eq!(write.phases[0].order, CallOrder::Deterministic);
    assert_eq!(write.phases[1].calls[0].kind, CallKind::Synchronous);
    assert_eq!(m.entries()[3].arrival_rate, Some(0.1));
}

#[test]
fn both_formats_keep_the_model() {
    let m = text::read(TEXT).unwrap_or_else(|e| panic!("{e}"));
    let again = text::read(&text::write(&m)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(shape(&again), shape(&m));
    let as_xml = xml::read(&xml::write(&m)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(xml::write(&as_xml), xml::write(&m));
    // XML lists tasks by processor, so the order may differ; here it does not.
    assert_eq!(as_xml.entries().len(), m.entries().len());
}

#[test]
fn graphs_and_replicas_are_kept_by_both_formats() {
    let m = text::read(&graphs()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((m.activities().len(), m.precedences().len()), (13, 7));
    let again = text::read(&text::write(&m)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(shape(&again), shape(&m));
    let as_xml = xml::read(&xml::write(&m)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(xml::write(&as_xml), xml::write(&m));
}

#[test]
fn variables_are_lists_or_given() {
    let lists = text::lists(&graphs()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(lists, [("$y".to_owned(), vec![0.5, 1.0, 1.5])]);
    assert!(text::lists(GRAPHS).is_err(), "a list ends with a bracket");
    let used =
        graphs().replace("t users r cycle -1 users m 3 z 1", "t users r cycle -1 users m 3 z $y");
    let error = text::read(&used).map(|_| ()).unwrap_err();
    assert!(matches!(error, ReadError::Several { .. }), "{error}");
    let mut given = evenkeel_lqn::Parameters::default();
    given.set("$y", 4.0).set("$n", 1.0);
    let m = text::read_with(&used, &given).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((m.tasks()[0].think, m.tasks()[0].replicas), (4.0, 1));
    let error = text::read(&graphs().replace("R 1 $z = 1 -1", "C 1 $z = 1 -1")).map(|_| ());
    assert!(error.unwrap_err().to_string().contains("follows from results"));
}

#[test]
fn results_in_a_solved_file_are_skipped() {
    let solved = xml::write(&text::read(TEXT).unwrap_or_else(|e| panic!("{e}"))).replace(
        "<entry-phase-activities>",
        "<result-entry utilization=\"1\"><result-conf-95/></result-entry><entry-phase-activities>",
    );
    assert!(xml::read(&solved).is_ok());
}

#[test]
fn errors_name_line_and_element() {
    for (text, expected) in [
        ("P 1 p a f -1\nT 1 t b r e -1 c -1", "line 2: there is no processor \"c\""),
        (
            "P 1\np a x\n-1",
            "line 2: expected a scheduling letter: f, h, p, s, c, r or i, found \"x\"",
        ),
        (
            "P 0 p a f -1 T 0 t b r e -1 a -1 E 0\n s e 1 -1\n s f 1 -1\n-1",
            "line 3: there is no entry \"f\"",
        ),
        (
            "P 0 p a f -1 T 0 t b r e -1 a -1 E 0\n\n A e x\n-1",
            "line 3: there is no activity \"x\"",
        ),
        (
            "P 0 p a f -1 T 0 t b r e -1 a -1 E 0\n s e -2 -1\n-1",
            "line 2: expected a number, found \"-\"",
        ),
        (
            "P 0 p a f -1 T 0 t b r e e -1 a -1 E 0 s e 1 -1 -1",
            "entry \"e\" (line 1) has the name of another one",
        ),
    ] {
        let error = text::read(text).map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
    }
    for (text, expected) in [
        (
            "<lqn-model>\n<processor/></lqn-model>",
            "line 2: expected <processor> with attribute \"name\", found none",
        ),
        (
            "<lqn-model><processor name=\"p\">\n<task name=\"t\" scheduling=\"semaphore\"/></processor></lqn-model>",
            "line 2: <task name=\"t\">: a semaphore or lock is not supported",
        ),
        ("<lqn-model>", "line 1: expected </lqn-model>, found the end of the file"),
    ] {
        let error = xml::read(text).map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
    }
}

#[test]
fn nesting_and_size_are_bounded() {
    let deep = format!("$x = {}1{}\nG \"\" -1", "(".repeat(100_000), ")".repeat(100_000));
    assert!(matches!(text::read(&deep), Err(ReadError::Syntax { .. })));
    let powers = format!("$x = {}1\nG \"\" -1", "1 ** ".repeat(100_000));
    assert!(matches!(text::read(&powers), Err(ReadError::Syntax { .. })));
    let deep = "<lqn-model>".repeat(100_000);
    assert!(matches!(xml::read(&deep), Err(ReadError::Syntax { .. })));
    let large = " ".repeat(Limits::FILE_BYTES_MAX + 1);
    assert!(matches!(text::read(&large), Err(ReadError::TooLarge(_))));
    assert!(matches!(xml::read(&large), Err(ReadError::TooLarge(_))));
}

#[test]
fn a_chain_of_many_tasks_overflows_no_stack() {
    let mut b = Builder::new("chain");
    let p = b.processor("p", ProcessorDiscipline::Delay);
    let t = b.reference_task("t", p, 1, 1.0);
    let mut last = b.entry("e", t);
    for i in 0..20_000 {
        let t = b.task(&format!("t{i}"), p, Multiplicity::Finite(1));
        let e = b.entry(&format!("e{i}"), t);
        b.call(last, 1, CallKind::Synchronous, e, 1.0);
        last = e;
    }
    let m = b.build().unwrap_or_else(|e| panic!("{e}"));
    assert!(text::read(&text::write(&m)).is_ok() && xml::read(&xml::write(&m)).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused(s in "\\PC{0,300}") {
        let _ = text::read(&s);
        let _ = xml::read(&s);
    }

    /// Words of the format in any order come further than random characters.
    #[test]
    fn any_words_are_read_or_refused(
        words in prop::collection::vec(prop::sample::select(vec![
            "G", "P", "U", "T", "E", "A", "R", "p", "t", "g", "s", "y", "z", "F", "a", "c", "f", "Z", "M",
            "H", "-1", "0", "1", "2.5", "1e-3", "$x", "=", "(", ")", "+", "*", "**", "%u", "\"q\"", "i",
            "m", "r", "n", "e1", "e2", "@infinity", ":", "\n", "#", "-", "->", "9999999999999999999999",
            "[", "]", ",", ";", "&", "I", "O", "o", "a1", "a2",
        ]), 0..120),
    ) {
        let _ = text::read(&words.join(" "));
    }

    /// Graphs made of any edges between few activities are run or refused, and no solver hangs.
    #[test]
    fn any_graph_is_refused_or_solved(
        edges in prop::collection::vec(
            (prop::collection::vec(0u8..7, 1..4), prop::collection::vec(0u8..7, 1..4), 0u8..5), 0..7,
        ),
        reply in 0u8..7,
    ) {
        let names = |all: &[u8], by: &str| {
            all.iter().map(|a| format!("a{a}")).collect::<Vec<_>>().join(by)
        };
        let edges = edges.iter().map(|(join, fork, kind)| match kind {
            0 => format!("{} -> {}", names(&join[..1], ""), names(fork, " & ")),
            1 => format!("{} -> {}", names(join, " & "), names(&fork[..1], "")),
            2 => format!("{} -> {}", names(join, " + "), names(&fork[..1], "")),
            3 if fork.len() > 1 => {
                let (a, b) = (fork[0], fork[1]);
                format!("{} -> (0.4) a{a} + (0.6) a{b}", names(&join[..1], ""))
            }
            _ => {
                let fork: Vec<String> = fork.iter().map(|a| format!("2 * a{a}")).collect();
                format!("{} -> {}", names(&join[..1], ""), fork.join(", "))
            }
        });
        let edges: Vec<String> = edges.chain([format!("a{reply}[e]")]).collect();
        let file = format!(
            "P 1 p p f -1 T 2 t c r c -1 p t s n e -1 p -1 E 2 s c 1 -1 y c e 1 -1 A e a0 -1
             A s s a0 1 s a1 1 s a2 1 s a3 1 s a4 1 s a5 1 s a6 1 : {} -1",
            edges.join("; ")
        );
        if let Ok(m) = text::read(&file) {
            prop_assert!(text::read(&text::write(&m)).is_ok());
            prop_assert!(xml::read(&xml::write(&m)).is_ok());
            let exact = sim::simulate(&m, &sim::Options { events: 2_000, ..sim::Options::default() });
            prop_assert!(exact.is_ok(), "{file}: {exact:?}");
            prop_assert!(mva::solve(&m, &mva::Options::default()).is_ok(), "{file}");
        }
    }

    /// A valid file with one piece cut out, doubled or replaced.
    #[test]
    fn a_damaged_file_is_read_or_refused(
        at in 0usize..4000, cut in 0usize..40, put in "[ -~\n]{0,12}", as_xml in any::<bool>(),
        graph in any::<bool>(),
    ) {
        let file = if graph { graphs() } else { TEXT.to_owned() };
        let whole = if as_xml {
            xml::write(&text::read(&file).unwrap_or_else(|e| panic!("{e}")))
        } else {
            file
        };
        let at = at.min(whole.len());
        let end = (at + cut).min(whole.len());
        let damaged = format!("{}{put}{}", &whole[..at], &whole[end..]);
        if as_xml {
            let _ = xml::read(&damaged);
        } else if let Ok(m) = text::read(&damaged) {
            prop_assert!(text::read(&text::write(&m)).is_ok());
        }
    }
}
