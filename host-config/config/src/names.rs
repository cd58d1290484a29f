//! The names of a section, for values that refer to them.
//!
//! A policy may have a hundred thousand keys and as many references, so a reference never walks through all names. The
//! one exception, the names that `*x` matches, is bounded by a budget for the whole file.

use crate::nearest::nearest;
use crate::typed_view::View;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::ops::Bound;
use wildmatch::WildMatch;

/// Largest number of comparisons with globs in one file. Beyond it every glob counts as a match, so that only a warning
/// is lost.
const MAX_HELD_AGAINST: usize = 5_000_000;

/// Largest number of neighbours in alphabetical order, on either side, that are compared with an unknown name. Most
/// misspelt names begin correctly.
const MAX_COMPARED: usize = 1_000;

/// Largest number of names that are listed in a message.
const MAX_LISTED: usize = 8;

/// All names of a section.
#[derive(Debug)]
pub(crate) struct Names {
    section: &'static str,
    all: BTreeSet<String>,
    /// Clients may use other names too.
    open: bool,
    budget: Cell<usize>,
}

impl Names {
    /// Returns the names of a section's mapping.
    pub(crate) fn of_map(root: View<'_>, section: &'static str) -> Self {
        Self::new(section, root.named(section).map(|named| named.name))
    }

    /// Returns the ids of a section's list.
    pub(crate) fn of_list(root: View<'_>, section: &'static str) -> Self {
        Self::new(section, root.items(section).filter_map(|item| item.text_at("id")))
    }

    fn new<'a>(section: &'static str, names: impl Iterator<Item = &'a str>) -> Self {
        Self { section, all: names.map(str::to_owned).collect(), open: false, budget: Cell::new(MAX_HELD_AGAINST) }
    }

    /// Returns the names with those that other lists of the file add.
    pub(crate) fn and<'a>(mut self, names: impl Iterator<Item = &'a str>) -> Self {
        self.all.extend(names.map(str::to_owned));
        self
    }

    /// Returns the names, or, if it is so, any names: clients then choose them.
    pub(crate) fn or_any(mut self, any: bool) -> Self {
        self.open = any;
        self
    }

    /// Returns the section.
    pub(crate) const fn section(&self) -> &'static str {
        self.section
    }

    /// Returns whether there is such a name.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.all.contains(name)
    }

    /// Returns whether a name is one of them, or may be one, or a glob matches one in the way in which the proxy matches.
    pub(crate) fn any_matches(&self, glob: &str) -> bool {
        if self.open {
            return true;
        }
        let Some((prefix, _)) = glob.split_once(['*', '?']) else { return self.contains(glob) };
        let pattern = WildMatch::new(glob);
        self.from(prefix).take_while(|name| name.starts_with(prefix)).any(|name| {
            let left = self.budget.get();
            self.budget.set(left.saturating_sub(1));
            left == 0 || pattern.matches(name)
        })
    }

    /// Returns the help for an unknown name.
    pub(crate) fn instead_of(&self, written: &str) -> String {
        let section = self.section;
        match self.nearest(written) {
            Some(near) => format!("did you mean `{near}`?"),
            None if self.all.is_empty() => format!("add it under `{section}`"),
            None => format!("add it under `{section}`, or write one of: {}", self.first()),
        }
    }

    fn nearest(&self, written: &str) -> Option<&str> {
        let before = self.all.range::<str, _>((Bound::Unbounded, Bound::Excluded(written))).rev();
        let near = before.take(MAX_COMPARED).map(String::as_str).chain(self.from(written).take(MAX_COMPARED));
        nearest(written, near)
    }

    fn from(&self, start: &str) -> impl Iterator<Item = &str> {
        self.all.range::<str, _>((Bound::Included(start), Bound::Unbounded)).map(String::as_str)
    }

    fn first(&self) -> String {
        let more = if self.all.len() > MAX_LISTED { ", …" } else { "" };
        format!("{}{more}", self.all.iter().take(MAX_LISTED).map(String::as_str).collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::Names;

    fn keys(count: usize) -> Names {
        let ids: Vec<_> = (0..count).map(|number| format!("key-{number}")).collect();
        Names::new("keys", ids.iter().map(String::as_str))
    }

    #[test]
    fn globs_are_compared_by_their_prefix() {
        let names = keys(1_000);
        assert!(names.any_matches("key-99*") && names.any_matches("key-7") && names.any_matches("*-7"));
        let budget = names.budget.get();
        assert!(!names.any_matches("key-99*x") && !names.any_matches("kex*") && !names.any_matches("key-1000"));
        assert_eq!(budget - names.budget.get(), 11, "key-99 and key-990 to key-999");
    }

    #[test]
    fn comparisons_with_globs_are_bounded() {
        let names = keys(100);
        names.budget.set(1_000);
        let unmatched = (0..1_000).filter(|number| !names.any_matches(&format!("*x{number}"))).count();
        assert_eq!(unmatched, 10, "what is not looked at is not complained of");
    }

    #[test]
    fn nearest_name_is_found_among_many() {
        let names = keys(100_000);
        assert_eq!(names.instead_of("key-50000x"), "did you mean `key-50000`?");
        assert!(names.instead_of("nobody").starts_with("add it under `keys`, or write one of: key-0, key-1, key-10"));
        assert_eq!(keys(0).instead_of("nobody"), "add it under `keys`");
    }
}
