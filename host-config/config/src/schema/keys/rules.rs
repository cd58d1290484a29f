//! The keys of rules: limits, budgets and guardrails.

use super::trust::TLS;
use crate::scalar::Scalar;
use crate::schema::key::Kind::{AllOr, List, Map, One, Section, Several};
use crate::schema::key::Need::{Default, Optional, Required};
use crate::schema::key::{Key, key};

pub(super) static LIMIT: &[Key] = &[
    key("id", One(Scalar::Name), Required, "Its name in records, errors and reports; unique among limits and budgets."),
    key("match", Section(MATCH), Optional, "Requests to which it applies; all conditions must hold."),
    key(
        "per",
        Several(Scalar::Dimension),
        Optional,
        "Dimensions, each combination of which has its own count; without it there is one count.",
    ),
    key("requests", Several(Scalar::Rate), Optional, "Requests per time."),
    key("tokens", Several(Scalar::Rate), Optional, "Input and output tokens per time."),
    key("input_tokens", Several(Scalar::Rate), Optional, "Input tokens per time."),
    key("output_tokens", Several(Scalar::Rate), Optional, "Output tokens per time."),
    key("concurrency", One(Scalar::Positive), Optional, "Concurrent requests."),
    key(
        "max_cost",
        One(Scalar::Money),
        Optional,
        "Largest cost of one request, US dollars; a stream that exceeds it is ended.",
    ),
    key("monitor", One(Scalar::Flag), Default("false"), "Decides and records, but rejects nothing."),
    key("when_unreachable", One(Scalar::WhenUnreachable), Default("last_known"), WHEN_UNREACHABLE),
];

pub(super) static BUDGET: &[Key] = &[
    key("id", One(Scalar::Name), Required, "Its name in records, errors and reports; unique among limits and budgets."),
    key("match", Section(MATCH), Optional, "Requests to which it applies; all conditions must hold."),
    key(
        "per",
        Several(Scalar::Dimension),
        Optional,
        "Dimensions, each combination of which has its own budget; without it there is one.",
    ),
    key("usd", One(Scalar::Money), Required, "US dollars."),
    key("period", One(Scalar::BudgetPeriod), Required, "Period of the budget; weeks begin on Monday."),
    key("time_zone", One(Scalar::TimeZone), Default("UTC"), "Time zone of its days, weeks and months."),
    key("action", One(Scalar::BudgetAction), Default("block"), "Handling of requests when the budget is spent."),
    key(
        "warn_at",
        List(&One(Scalar::Percent)),
        Optional,
        "Percentages of the budget that cause one notification each; at most 8.",
    ),
    key(
        "webhook",
        One(Scalar::Variable),
        Optional,
        "Environment variable of the collector with the address for these notifications.",
    ),
    key("monitor", One(Scalar::Flag), Default("false"), "Decides and records, but rejects nothing."),
    key("when_unreachable", One(Scalar::WhenUnreachable), Default("last_known"), WHEN_UNREACHABLE),
];

const WHEN_UNREACHABLE: &str = "While the collector is unreachable: go on within this proxy's share of the rest, reject \
     nothing, or reject everything.";

static MATCH: &[Key] = &[
    key("key", Several(Scalar::Glob), Optional, "Ids of keys, any of them."),
    key("owner", Several(Scalar::Text), Optional, "Owners, any of them."),
    key("team", Several(Scalar::Glob), Optional, "Teams, any of them."),
    key("project", Several(Scalar::Text), Optional, "Projects, any of them."),
    key("application", Several(Scalar::Text), Optional, "Applications, any of them."),
    key("model", Several(Scalar::Glob), Optional, "Aliases, any of them."),
    key("provider", Several(Scalar::Glob), Optional, "Providers, any of them; with failover, the one that serves."),
    key("organization", Several(Scalar::Text), Optional, "Organizations, any of them."),
    key("environment", Several(Scalar::Text), Optional, "Environments, any of them."),
    key("tag", Map(Scalar::TagName, &Several(Scalar::Text)), Optional, "Tags of the client and their values."),
];

pub(super) static GUARDRAIL: &[Key] = &[
    key("id", One(Scalar::Name), Required, "Name of the guardrail; clients and records see it."),
    key(
        "on",
        List(&One(Scalar::Direction)),
        Default("[request, response]"),
        "Directions that it scans; an external check scans requests only.",
    ),
    key("detect", Section(DETECT), Optional, "Detectors, any of which is a finding."),
    key(
        "action",
        One(Scalar::Action),
        Default("block"),
        "Action on a finding: end the exchange, replace the text by a placeholder, or only count.",
    ),
    key("match", Section(GUARDRAIL_MATCH), Optional, "Requests to which it applies; all conditions must hold."),
    key(
        "restore",
        One(Scalar::Flag),
        Default("false"),
        "Restores the text that was masked in a request in its answer. The text is in memory for that exchange only.",
    ),
    key("external", Section(EXTERNAL), Optional, "External check of requests, over HTTP."),
];

static DETECT: &[Key] = &[
    key("secrets", AllOr(Scalar::SecretKind), Optional, "Credentials."),
    key("pii", AllOr(Scalar::PiiKind), Optional, "Personal data."),
    key("words", List(&One(Scalar::Phrase)), Optional, "Words and phrases, regardless of case and width."),
    key("regex", List(&One(Scalar::Pattern)), Optional, "Regular expressions, searched in linear time."),
    key(
        "prompt_injection",
        Section(INJECTION),
        Optional,
        "Attempts to override the model's instructions: a heuristic.",
    ),
    key("invisible_text", One(Scalar::Flag), Default("false"), "Zero-width, tag and bidirectional characters."),
    key("urls", Section(URLS), Optional, "Addresses by their host."),
    key("max_input", One(Scalar::Size), Optional, "Largest prompt text, bytes."),
    key("max_attachments", One(Scalar::Count), Optional, "Largest number of images, sounds and files."),
    key("tools", Section(TOOLS), Optional, "Tools by name, offered, chosen or called."),
];

static INJECTION: &[Key] = &[key("threshold", One(Scalar::Share), Default("0.8"), "Lowest score of a finding.")];

static URLS: &[Key] = &[
    key("allow", List(&One(Scalar::Host)), Optional, "Every other host is a finding."),
    key("deny", List(&One(Scalar::Host)), Optional, "These hosts are findings."),
];

static TOOLS: &[Key] = &[
    key("allow", List(&One(Scalar::Glob)), Optional, "Every other tool is a finding."),
    key("deny", List(&One(Scalar::Glob)), Optional, "These tools are findings."),
];

static GUARDRAIL_MATCH: &[Key] = &[
    key("key", List(&One(Scalar::Glob)), Optional, "Ids of keys, any of them."),
    key("team", List(&One(Scalar::Name)), Optional, "Teams, any of them."),
    key("model", List(&One(Scalar::Glob)), Optional, "Aliases, any of them."),
    key("surface", List(&One(Scalar::SurfaceName)), Optional, "APIs, any of them."),
];

static EXTERNAL: &[Key] = &[
    key("kind", One(Scalar::ExternalKind), Required, "Protocol: OpenAI's moderations, or a webhook."),
    key("url", One(Scalar::Url), Required, "Address, including the path."),
    key("credential", One(Scalar::Variable), Optional, "Variable with its bearer token."),
    key("model", One(Scalar::Name), Optional, "`model` of a moderation request."),
    key("timeout", One(Scalar::Timeout), Default("2s"), "Longest time that a request waits for it."),
    key("sample", One(Scalar::Share), Default("1"), "Share of the requests that are checked."),
    key(
        "when_unreachable",
        One(Scalar::Unreachable),
        Default("deny"),
        "Handling of a request when it does not answer.",
    ),
    key("tls", Section(TLS), Optional, "Trust, for https."),
];
