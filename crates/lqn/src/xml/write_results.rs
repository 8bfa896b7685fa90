// SPDX-License-Identifier: MIT OR Apache-2.0
//! The results of a model as the format has them: an element `result-*` inside each element, with
//! half the width of the 95 % confidence interval of each figure in a `result-conf-95` inside that.

use std::fmt::Write;

use crate::results::{ActivityResult, Estimate, PhaseResult, Results};

/// The text in the making, and the results to put into it, if any.
pub(super) struct Out<'a> {
    text: String,
    pub(super) results: Option<&'a Results>,
}

impl Write for Out<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.text.push_str(text);
        Ok(())
    }
}

impl<'a> Out<'a> {
    pub(super) fn with(
        results: Option<&'a Results>,
        write: impl FnOnce(&mut Self) -> std::fmt::Result,
    ) -> String {
        let mut out = Self { text: String::new(), results };
        // Writing to a String cannot fail.
        let _ = write(&mut out);
        out.text
    }

    /// `<element a="mean" ...>`, with the intervals inside if there are any.
    fn result(&mut self, element: &str, figures: &[(&str, Estimate)]) -> std::fmt::Result {
        write!(self, "            <{element}")?;
        for (name, figure) in figures {
            write!(self, " {name}=\"{}\"", figure.mean)?;
        }
        if figures.iter().all(|(_, figure)| figure.half_width_95.is_none()) {
            return writeln!(self, "/>");
        }
        write!(self, "><result-conf-95")?;
        for (name, figure) in figures {
            if let Some(half) = figure.half_width_95 {
                write!(self, " {name}=\"{half}\"")?;
            }
        }
        writeln!(self, "/></{element}>")
    }

    pub(super) fn general(&mut self) -> std::fmt::Result {
        let Some(r) = self.results else { return Ok(()) };
        let version = env!("CARGO_PKG_VERSION");
        writeln!(
            self,
            "    <result-general solver-info=\"evenkeel {version} {}\" valid=\"true\" \
             conv-val=\"0\" iterations=\"{}\"/>",
            r.solver, r.steps
        )
    }

    pub(super) fn processor(&mut self, index: usize) -> std::fmt::Result {
        let Some(r) = self.results else { return Ok(()) };
        self.result("result-processor", &[("utilization", r.processors[index].utilization)])
    }

    pub(super) fn group(&mut self, index: usize) -> std::fmt::Result {
        let Some(r) = self.results else { return Ok(()) };
        self.result("result-group", &[("utilization", r.groups[index])])
    }

    pub(super) fn task(&mut self, index: usize) -> std::fmt::Result {
        let Some(r) = self.results else { return Ok(()) };
        let t = &r.tasks[index];
        let figures = [
            ("throughput", t.throughput),
            ("utilization", t.utilization),
            ("proc-utilization", t.processor_utilization),
        ];
        self.result("result-task", &figures)
    }

    /// Of an entry with a graph also what stands with the phases of others.
    pub(super) fn entry(&mut self, index: usize, graph: bool) -> std::fmt::Result {
        let Some(r) = self.results else { return Ok(()) };
        let e = &r.entries[index];
        let cv = e.service_variance.mean / e.service.mean.powi(2);
        let mut figures = vec![
            ("utilization", e.utilization),
            ("throughput", e.throughput),
            ("proc-utilization", e.processor_utilization),
            ("squared-coeff-variation", Estimate::exact(if cv.is_finite() { cv } else { 0.0 })),
        ];
        figures.extend(e.open_response.map(|wait| ("open-wait-time", wait)));
        let names = [
            ["phase1-service-time", "phase1-service-time-variance", "phase1-utilization"],
            ["phase2-service-time", "phase2-service-time-variance", "phase2-utilization"],
        ];
        for (phase, names) in e.phases.iter().zip(names).filter(|_| graph) {
            let of = [phase.service, phase.service_variance, phase.utilization];
            figures.extend(names.into_iter().zip(of));
        }
        self.result("result-entry", &figures)
    }

    pub(super) fn phase(&mut self, r: Option<&PhaseResult>) -> std::fmt::Result {
        let Some(r) = r else { return Ok(()) };
        let figures = [
            ("proc-waiting", r.processor_waiting),
            ("service-time", r.service),
            ("utilization", r.utilization),
            ("service-time-variance", r.service_variance),
        ];
        self.result("result-activity", &figures)
    }

    pub(super) fn activity(&mut self, r: Option<&ActivityResult>) -> std::fmt::Result {
        let Some(r) = r else { return Ok(()) };
        let figures = [
            ("proc-waiting", r.processor_waiting),
            ("service-time", r.service),
            ("utilization", r.utilization),
            ("service-time-variance", r.service_variance),
            ("throughput", r.throughput),
            ("proc-utilization", r.processor_utilization),
        ];
        self.result("result-activity", &figures)
    }

    /// The end of a call's element, which is open.
    pub(super) fn call(&mut self, element: &str, waiting: Option<Estimate>) -> std::fmt::Result {
        let Some(waiting) = waiting else { return writeln!(self, "/>") };
        writeln!(self, ">")?;
        self.result("result-call", &[("waiting", waiting)])?;
        writeln!(self, "            </{element}>")
    }
}
