//! The reference page of the kinds, written from the table.

use crate::kinds::{Group, KINDS, KindInfo, Proof};

/// Returns the Markdown page: every kind with its proof, description, reach and source.
#[must_use]
pub fn reference() -> String {
    let head = "# Guardrail detectors\n\nGenerated from the table in `plugins/guardrails/src/kinds.rs`. *Proof* decides which of two overlapping findings of a policy \
                stands: listed, checksum, prefix, form, context, heuristic; then the longer, then the earlier. A number \
                beside its own word counts like one with a check sum, and of two the one whose word is nearer stands. *Reach* \
                is the most bytes of a stream that a match of the kind can hold back, and an eighth of that.\n\nPublished examples (`…EXAMPLE`, rows of x, \
                loopback and documentation addresses) are no findings. Prompt injection is a heuristic: it knows crude attacks \
                and no others.\n";
    let sections = Group::ALL.iter().map(|group| section(*group));
    sections.fold(head.to_owned(), |page, section| page + &section)
}

fn section(group: Group) -> String {
    let rows: String = KINDS.iter().filter(|row| row.group == group).map(row).collect();
    format!("\n## `{}`\n\n| kind | proof | what it is | reach | source |\n|---|---|---|--:|---|\n{rows}", group.name())
}

fn row(row: &KindInfo) -> String {
    let proof = match row.proof {
        Proof::Heuristic => "heuristic",
        Proof::Context => "context",
        Proof::Form => "form",
        Proof::Prefix => "prefix",
        Proof::Checksum => "checksum",
        Proof::Listed => "listed",
    };
    format!("| `{}` | {proof} | {} | {} | {} |\n", row.name, row.about, row.reach, row.source)
}
