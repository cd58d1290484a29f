//! A gateway.yaml together with the file of prices that it includes.
//!
//! Price lists are long and made by a program, so they stand in a file of their own. The collector gets one text, and what
//! is in force has to be readable from that text alone. So the file is not looked up by whoever reads a policy: the
//! command puts its text behind that of gateway.yaml, whose `price_list` it is. Problems are told in the file and the
//! line where they stand.

use crate::diagnostic::{Diagnostic, Report};
use crate::tree::{self, Span};
use crate::view::View;

/// Largest file of prices, bytes.
pub const MAX_PRICE_FILE_BYTES: usize = 4 << 20;

/// The one section of a price file.
const LIST: &str = "price_list";

/// A policy's text, prices included.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// gateway.yaml, then the price file.
    pub text: String,
    /// Lines of gateway.yaml; the price file begins behind them.
    own_lines: usize,
    /// Name of the price file, if there is one.
    price_file: Option<String>,
}

impl Source {
    /// A text that has its prices in it, if it has any.
    #[must_use]
    pub fn whole(text: String) -> Self {
        Self { text, ..Self::default() }
    }

    /// Puts a policy together. `file` is how messages name it; `read` reads the price file that it names.
    ///
    /// # Errors
    /// Problems that keep the price file from being included.
    pub fn new(
        mut text: String,
        file: &str,
        read: impl FnOnce(&str) -> Result<(String, String), String>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let Some((name, span)) = price_file(&text) else { return Ok(Self::whole(text)) };
        let (shown, included) = read(&name).map_err(|reason| {
            let mut report = Report::default();
            report.show(span);
            report.error(span, &format!("this file cannot be read: {reason}"), "write the name of a file of prices");
            report.finish(&text, file)
        })?;
        check(&included, &shown)?;
        if !text.ends_with('\n') {
            text.push('\n');
        }
        let own_lines = text.lines().count();
        text.push_str(&included);
        Ok(Self { text, own_lines, price_file: Some(shown) })
    }

    /// Moves problems to the file and the line where they stand.
    #[must_use]
    pub fn placed(&self, mut problems: Vec<Diagnostic>) -> Vec<Diagnostic> {
        if let Some(name) = &self.price_file {
            for problem in problems.iter_mut().filter(|problem| problem.line > self.own_lines) {
                problem.file.clone_from(name);
                problem.line = problem.line.saturating_sub(self.own_lines);
            }
        }
        problems
    }
}

/// The file of prices that a policy names, unless its prices are there already.
fn price_file(text: &str) -> Option<(String, Span)> {
    // Most policies name none, and a large one takes long to read.
    if !text.contains("price_file") {
        return None;
    }
    let parsed = tree::parse(text);
    let root = View::root(&parsed.root);
    let written = root.get("price_file").filter(|_| root.get(LIST).is_none())?;
    Some((written.text()?.to_owned(), written.span))
}

/// A price file holds prices and nothing else: who may write it need not be who may write the policy.
fn check(text: &str, file: &str) -> Result<(), Vec<Diagnostic>> {
    let parsed = tree::parse(text);
    let start = Span { line: 1, column: 1, ..Span::default() };
    let mut report = Report::new(parsed.faults, parsed.unreadable);
    if text.len() > MAX_PRICE_FILE_BYTES {
        report.error(start, "this file of prices is larger than 4 MiB", "leave out what no target has");
    } else if parsed.root.entries().is_empty() {
        report.error(
            start,
            "there is no `price_list` here",
            "write `price_list:`, and prices under it as under `prices`",
        );
    }
    for entry in parsed.root.entries().iter().filter(|entry| entry.key != LIST) {
        report.error(entry.span, "a file of prices has a `price_list` and nothing else", "write this in gateway.yaml");
    }
    let problems = report.finish(text, file);
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

#[cfg(test)]
mod tests {
    use super::Source;
    use crate::compile;

    const POLICY: &str = "environment: test\nlisten: 0.0.0.0:80\nprice_file: prices.yaml\nproviders: {a: {format: openai, url: 'https://a.example/v1'}}\nmodels: {chat: {targets: [{provider: a, model: m}]}}\nkeys: [{id: k, sha256: '0000000000000000000000000000000000000000000000000000000000000001'}]";

    fn with(prices: &str) -> Source {
        Source::new(POLICY.to_owned(), "gateway.yaml", |_| Ok(("prices.yaml".to_owned(), prices.to_owned()))).unwrap()
    }

    #[test]
    fn the_prices_of_the_file_are_those_of_the_policy() {
        let source = with("# ours\nprice_list:\n  a/m: {input: 3, output: 4}\n");
        let compiled = compile(&source.text, "gateway.yaml", 0).unwrap();
        let price = &compiled.document.models[0].targets[0].price;
        assert_eq!((price.input, price.revision.as_str()), (3_000_000_000, "price_list"));
        assert!(compiled.warnings.is_empty(), "{:?}", compiled.warnings);
        // What the collector keeps is whole: nothing is read a second time.
        let again = Source::new(source.text.clone(), "gateway.yaml", |_| Err("not asked for".to_owned())).unwrap();
        assert_eq!(again.text, source.text);
    }

    #[test]
    fn a_problem_in_the_file_names_it_and_its_own_line() {
        let source = with("price_list:\n  a/m: {input: 3, output: free}\n");
        let problems = source.placed(compile(&source.text, "gateway.yaml", 0).unwrap_err());
        let places: Vec<_> = problems.iter().map(|one| (one.file.as_str(), one.line, one.column)).collect();
        assert_eq!(places, [("prices.yaml", 2, 27)]);
    }

    #[test]
    fn a_file_of_prices_holds_nothing_but_prices() {
        for text in ["keys: []\n", "price_list: {}\nlisten: 1\n", "", "- a\n", "price_list: [\n"] {
            let read = |_: &str| Ok(("prices.yaml".to_owned(), text.to_owned()));
            let problems = Source::new(POLICY.to_owned(), "gateway.yaml", read).unwrap_err();
            assert!(problems.iter().all(|problem| problem.file == "prices.yaml"), "{text}: {problems:?}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_told_where_it_is_named() {
        let problems = Source::new(POLICY.to_owned(), "gateway.yaml", |_| Err("no such file".to_owned())).unwrap_err();
        let [problem] = problems.as_slice() else { panic!("{problems:?}") };
        assert_eq!((problem.file.as_str(), problem.line), ("gateway.yaml", 3));
        assert_eq!(problem.message, "this file cannot be read: no such file");
    }

    #[test]
    fn a_policy_without_its_prices_is_no_policy() {
        let problems = compile(POLICY, "gateway.yaml", 0).unwrap_err();
        assert!(problems.iter().any(|one| one.message.starts_with("the prices of this file")), "{problems:?}");
    }
}
