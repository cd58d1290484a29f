//! The groups and the measures of usage.

/// A dimension by which usage is grouped.
#[derive(Debug, PartialEq, Eq)]
pub struct Dimension {
    /// The word in the URL.
    pub word: &'static str,
    /// The label.
    pub label: &'static str,
    /// The name in the search.
    pub field: &'static str,
    /// The name in the API.
    pub parameter: &'static str,
}

const fn dimension(word: &'static str, label: &'static str, field: &'static str, parameter: &'static str) -> Dimension {
    Dimension { word, label, field, parameter }
}

pub(super) const TEAM: Dimension = dimension("team", "Team", "team", "team");

/// All dimensions, in the order of the page.
pub const DIMENSIONS: &[Dimension] = &[
    TEAM,
    dimension("key", "Key", "key", "key_id"),
    dimension("owner", "Owner", "owner", "owner"),
    dimension("model", "Model", "model", "requested_model"),
    dimension("served", "Served model", "served", "served_model"),
    dimension("provider", "Provider", "provider", "provider"),
    dimension("project", "Project", "project", "project"),
    dimension("app", "Application", "app", "application"),
    dimension("env", "Environment", "env", "environment"),
    dimension("surface", "Surface", "surface", "surface"),
    dimension("status", "Status", "status", "status"),
    dimension("class", "Status class", "status", "status_class"),
    dimension("cost_center", "Cost center", "cost_center", "cost_center"),
    dimension("tenant", "Tenant", "tenant", "tenant"),
    dimension("revision", "Policy revision", "revision", "config_revision"),
];

/// Returns the place of a dimension by its word; the first one's if there is none.
#[must_use]
pub fn by(word: &str) -> usize {
    DIMENSIONS.iter().position(|one| one.word == word).unwrap_or(0)
}

/// A number by which groups are ordered and bars are drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Measure {
    /// Cost.
    #[default]
    Cost,
    /// Tokens of prompts and answers.
    Tokens,
    /// Requests.
    Requests,
    /// Requests with a status of 400 and above.
    Errors,
    /// Median of the duration.
    P50,
    /// 95th percentile of the duration.
    P95,
    /// 95th percentile of the time to the first token.
    FirstTokenP95,
}

impl Measure {
    /// All measures, in the order of the page.
    pub const ALL: [Self; 7] =
        [Self::Cost, Self::Tokens, Self::Requests, Self::Errors, Self::P50, Self::P95, Self::FirstTokenP95];

    /// Returns the word in the URL.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Cost => "cost",
            Self::Tokens => "tokens",
            Self::Requests => "requests",
            Self::Errors => "errors",
            Self::P50 => "p50",
            Self::P95 => "p95",
            Self::FirstTokenP95 => "first_token_p95",
        }
    }

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Cost => "Cost",
            Self::Tokens => "Tokens",
            Self::Requests => "Requests",
            Self::Errors => "Status 400 and above",
            Self::P50 => "Duration, p50",
            Self::P95 => "Duration, p95",
            Self::FirstTokenP95 => "First token, p95",
        }
    }

    /// Returns whether it is a percentile of times, which do not add up.
    #[must_use]
    pub const fn is_time(self) -> bool {
        matches!(self, Self::P50 | Self::P95 | Self::FirstTokenP95)
    }
}
