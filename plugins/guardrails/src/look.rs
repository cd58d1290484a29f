//! What a detector gets: the text, what is wanted, what the words before told; and where it reports to.

use crate::kinds::Kind;
use crate::policies::Policies;
use crate::text::Text;
use crate::words::topic::Topics;

/// No word tells of a number that is further away, bytes.
const FURTHEST: u16 = 1_000;

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

    /// Whether there is any but those that have a pass of their own.
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

/// What was seen from one place of the text; it counts once it is clear that no more text could change it.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) found: Vec<(Kind, usize, usize, u16)>,
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

/// A look at one place.
pub(crate) struct Look<'a, 't> {
    pub(crate) text: &'a Text<'t>,
    pub(crate) kinds: KindSet,
    pub(crate) topics: &'a Topics,
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

impl Look<'_, '_> {
    /// Whether somebody asked for this kind.
    #[inline]
    pub(crate) fn wants(&self, kind: Kind) -> bool {
        self.kinds.contains(kind)
    }

    /// Reports a finding of a kind, if somebody asked for it.
    pub(crate) fn report(&mut self, kind: Kind, start: usize, end: usize) {
        if self.wants(kind) && end > start {
            self.draft.found.push((kind, start, end, 0));
        }
    }

    /// The same of a number that may stand beside a word of its own: one of these topics, at most `reach` bytes before.
    pub(crate) fn report_told(&mut self, kind: Kind, start: usize, end: usize, topics: u64, reach: usize) {
        let distance = self.topics.distance(topics, start).filter(|distance| *distance <= reach);
        let told = distance.map_or(0, |distance| FURTHEST.saturating_sub(u16::try_from(distance).unwrap_or(FURTHEST)));
        if self.wants(kind) && end > start {
            self.draft.found.push((kind, start, end, told));
        }
    }

    /// Whether a word of these topics ended at most `reach` bytes before.
    pub(crate) fn near(&self, topics: u64, at: usize, reach: usize) -> bool {
        self.topics.near(topics, at, reach)
    }

    /// Says that what ends here was of these topics, so that the next of a list is too if it follows closely. `reach` is
    /// how far a word of these topics counts.
    pub(crate) fn goes_on(&mut self, topics: u64, end: usize, reach: usize) {
        const CLOSELY: usize = 20;
        self.draft.topics.push((topics, end - reach.saturating_sub(CLOSELY).min(end)));
    }
}
