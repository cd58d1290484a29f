//! The input of a detector (text, wanted kinds, topics of the words before) and its output.

use crate::kinds::Kind;
use crate::pii::number::LastNumber;
use crate::policies::Policies;
use crate::text::Text;
use crate::words::topic::Topics;

/// No word tells of a number that is further away, bytes.
const FURTHEST: usize = 1_000;

/// Kinds, one bit each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct KindSet([u64; 4]);

impl KindSet {
    pub(crate) fn insert(&mut self, kind: Kind) {
        if let Some(word) = self.0.get_mut(kind as usize / 64) {
            *word |= 1 << (kind as usize % 64);
        }
    }

    #[inline]
    pub(crate) fn contains(self, kind: Kind) -> bool {
        self.0.get(kind as usize / 64).is_some_and(|word| word >> (kind as usize % 64) & 1 == 1)
    }

    pub(crate) fn or(self, Self([a, b, c, d]): Self) -> Self {
        let Self([e, f, g, h]) = self;
        Self([a | e, b | f, c | g, d | h])
    }

    /// Returns whether any kind is wanted but words and patterns, which have passes of their own.
    pub(crate) fn has_built_in(self) -> bool {
        let Self([first, rest @ ..]) = self;
        let own = 1 << Kind::Words as u64 | 1 << Kind::Pattern as u64;
        first & !own != 0 || rest != [0; 3]
    }
}

impl FromIterator<Kind> for KindSet {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Self {
        let mut set = Self::default();
        kinds.into_iter().for_each(|kind| set.insert(kind));
        set
    }
}

/// Results from one position of the text. They count once more text cannot change them.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// Findings, where they begin and end, and [`crate::resolve::Candidate::told`].
    pub(crate) found: Vec<(Kind, usize, usize, usize)>,
    /// URLs, and the policies that do not want them.
    pub(crate) urls: Vec<(usize, usize, Policies)>,
    /// Words of context, and where they end.
    pub(crate) topics: Vec<(u64, usize)>,
    /// Words with a part in an injection, and where they begin and end.
    pub(crate) roles: Vec<(u32, usize, usize)>,
}

impl Draft {
    pub(crate) fn clear(&mut self) {
        self.found.clear();
        self.urls.clear();
        self.topics.clear();
        self.roles.clear();
    }
}

/// The view of a detector at one position.
pub(crate) struct ScanContext<'a, 't> {
    pub(crate) text: &'a Text<'t>,
    pub(crate) kinds: KindSet,
    pub(crate) topics: &'a Topics,
    /// The number that was read last.
    pub(crate) last_number: &'a LastNumber,
    pub(crate) draft: &'a mut Draft,
}

/// A run of letters and digits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Classes of all its bytes together.
    pub(crate) any: u32,
    /// Classes of all its bytes but the first.
    pub(crate) rest: u32,
}

impl Token {
    pub(crate) fn len(self) -> usize {
        self.end - self.start
    }
}

impl ScanContext<'_, '_> {
    /// Returns whether a policy asked for this kind.
    #[inline]
    pub(crate) fn wants(&self, kind: Kind) -> bool {
        self.kinds.contains(kind)
    }

    /// Reports a finding of a kind, if a policy asked for it.
    pub(crate) fn report(&mut self, kind: Kind, start: usize, end: usize) {
        if self.wants(kind) && end > start {
            self.draft.found.push((kind, start, end, 0));
        }
    }

    /// The same of a number that may stand beside a word of its own: one of these topics, at most `reach` bytes before.
    pub(crate) fn report_told(&mut self, kind: Kind, start: usize, end: usize, topics: u64, reach: usize) {
        let distance = self.topics.distance(topics, start).filter(|distance| *distance <= reach);
        let told = distance.map_or(0, |distance| FURTHEST.saturating_sub(distance));
        if self.wants(kind) && end > start {
            self.draft.found.push((kind, start, end, told));
        }
    }

    /// Returns whether a word of these topics ended at most `reach` bytes before.
    pub(crate) fn near(&self, topics: u64, at: usize, reach: usize) -> bool {
        self.topics.near(topics, at, reach)
    }

    /// Notes that a value of these topics ends here, so that the next of a list is of them too if it follows closely. `reach` is
    /// how far a word of these topics counts.
    pub(crate) fn goes_on(&mut self, topics: u64, end: usize, reach: usize) {
        const CLOSELY: usize = 20;
        self.draft.topics.push((topics, end - reach.saturating_sub(CLOSELY).min(end)));
    }
}
