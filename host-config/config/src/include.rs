//! A gateway.yaml together with the price file that it includes.
//!
//! Price lists are long and generated, so they are kept in a file of their own. But the collector stores one text, from
//! which the policy in force must be readable alone. So the command appends the text of the price file, its
//! `price_list`, to that of gateway.yaml. Problems are reported with the file and the line that the operator knows.

use crate::diagnostic::{Diagnostic, Report};
use crate::tree::{self, Span};
use crate::typed_view::View;

/// Largest file of prices, bytes.
pub const MAX_PRICE_FILE_BYTES: usize = 4 << 20;

/// The one section of a price file.
const LIST: &str = "price_list";

/// A policy's text, prices included.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// gateway.yaml, then the price file.
    pub text: String,
    /// Lines of gateway.yaml; the price file begins after them.
    own_lines: usize,
    /// Name of the price file, if there is one.
    price_file: Option<String>,
}

impl Source {
    /// Returns a text that contains its prices, if it has any.
    #[must_use]
    pub fn whole(text: String) -> Self {
        Self { text, ..Self::default() }
    }

    /// Combines a policy and its price file. Messages name the policy `file`; `read` reads the price file that it names.
    ///
    /// # Errors
    /// Returns the problems that prevent the price file from being included.
    pub fn new(
        mut text: String,
        file: &str,
        read: impl FnOnce(&str) -> Result<(String, String), String>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let Some((name, span)) = price_file(&text) else { return Ok(Self::whole(text)) };
        let (shown, included) = read(&name).map_err(|reason| {
            let mut report = Report::default();
            report.show(span);
            report.error(
                span,
                &format!("this file cannot be read: {reason}"),
                "write the name of a price file beside gateway.yaml",
            );
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

    /// Moves problems to their file and line.
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

/// Returns the name of the price file, unless the prices are included already.
fn price_file(text: &str) -> Option<(String, Span)> {
    // Most policies name none, and parsing a large one takes long.
    if !text.contains("price_file") {
        return None;
    }
    let parsed = tree::parse(text);
    let root = View::root(&parsed.root);
    let written = root.get("price_file").filter(|_| root.get(LIST).is_none())?;
    Some((written.text()?.to_owned(), written.span))
}

/// Checks that a price file contains only prices: its author need not be allowed to write the policy.
fn check(text: &str, file: &str) -> Result<(), Vec<Diagnostic>> {
    let parsed = tree::parse(text);
    let start = Span { line: 1, column: 1, ..Span::default() };
    let mut report = Report::new(parsed.faults, parsed.unreadable);
    if text.len() > MAX_PRICE_FILE_BYTES {
        report.error(start, "this price file is larger than 4 MiB", "leave out models that no target uses");
    } else if parsed.root.entries().is_empty() {
        report.error(
            start,
            "this price file has no `price_list`",
            "write `price_list:`, and prices under it as under `prices`",
        );
    }
    for entry in parsed.root.entries().iter().filter(|entry| entry.key != LIST) {
        report.error(entry.span, "a price file may contain `price_list` only", "move this key to gateway.yaml");
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
    fn prices_of_the_file_are_used() {
        let source = with("# ours\nprice_list:\n  a/m: {input: 3, output: 4}\n");
        let compiled = compile(&source.text, "gateway.yaml", 0).unwrap();
        let price = &compiled.document.models[0].targets[0].price;
        assert_eq!((price.input, price.revision.as_str()), (3_000_000_000, "price_list"));
        assert!(compiled.warnings.is_empty(), "{:?}", compiled.warnings);
        // The collector keeps the whole text: nothing is read a second time.
        let again = Source::new(source.text.clone(), "gateway.yaml", |_| Err("not asked for".to_owned())).unwrap();
        assert_eq!(again.text, source.text);
    }

    #[test]
    fn problems_name_the_price_file_and_line() {
        let source = with("price_list:\n  a/m: {input: 3, output: free}\n");
        let problems = source.placed(compile(&source.text, "gateway.yaml", 0).unwrap_err());
        let places: Vec<_> = problems.iter().map(|one| (one.file.as_str(), one.line, one.column)).collect();
        assert_eq!(places, [("prices.yaml", 2, 27)]);
    }

    #[test]
    fn a_price_file_may_contain_prices_only() {
        for text in ["keys: []\n", "price_list: {}\nlisten: 1\n", "", "- a\n", "price_list: [\n"] {
            let read = |_: &str| Ok(("prices.yaml".to_owned(), text.to_owned()));
            let problems = Source::new(POLICY.to_owned(), "gateway.yaml", read).unwrap_err();
            assert!(problems.iter().all(|problem| problem.file == "prices.yaml"), "{text}: {problems:?}");
        }
    }

    #[test]
    fn a_missing_price_file_is_reported() {
        let problems = Source::new(POLICY.to_owned(), "gateway.yaml", |_| Err("no such file".to_owned())).unwrap_err();
        let [problem] = problems.as_slice() else { panic!("{problems:?}") };
        assert_eq!((problem.file.as_str(), problem.line), ("gateway.yaml", 3));
        assert_eq!(problem.message, "this file cannot be read: no such file");
    }

    #[test]
    fn a_policy_without_its_prices_is_refused() {
        let problems = compile(POLICY, "gateway.yaml", 0).unwrap_err();
        assert!(problems.iter().any(|one| one.message.starts_with("the prices in this file")), "{problems:?}");
    }
}
