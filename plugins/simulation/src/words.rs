//! A request and its outcome in words, a line for each decision.

use crate::outcome::Outcome;
use crate::recorded::Recorded;
use crate::step::{CountRow, CountedWhen, Step, TargetRow};
use headgate_record::Decision;
use std::fmt::Write as _;

/// Returns the story of a request, in lines.
#[must_use]
pub fn words(outcome: &Outcome) -> String {
    let mut out = String::new();
    let record: Recorded = serde_json::from_slice(&outcome.record).unwrap_or_default();
    caller(&mut out, &record);
    for timed in &outcome.steps {
        step(&mut out, &timed.step);
    }
    for decision in &record.decisions {
        decided(&mut out, decision);
    }
    ending(&mut out, outcome.status, &record);
    out
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
    out.push('\n');
}

fn caller(out: &mut String, record: &Recorded) {
    match &record.caller {
        Some(caller) => {
            let team = caller.team.as_ref().map(|team| format!(", team `{team}`")).unwrap_or_default();
            line(out, format_args!("caller: `{}`{team}", caller.key_id));
        }
        None => line(out, format_args!("caller: unknown")),
    }
    if let Some(model) = &record.requested_model {
        line(out, format_args!("model: `{model}`"));
    }
}

fn step(out: &mut String, step: &Step) {
    match step {
        Step::Route { targets } => route(out, targets),
        Step::Counts { when: CountedWhen::Reserved, counts } => counts.iter().for_each(|count| counted(out, count)),
        Step::Findings { found } => {
            for finding in found {
                let at = format!("characters {} to {} of the body", finding.start, finding.end);
                line(
                    out,
                    format_args!(
                        "guardrail `{}` finds {} in {at}: {}",
                        finding.guardrail, finding.kind, finding.action
                    ),
                );
            }
        }
        Step::Asks { cluster, status, .. } => match status {
            Some(status) => line(out, format_args!("check `{cluster}`: answers {status}")),
            None => line(out, format_args!("check `{cluster}`: does not answer")),
        },
        Step::Tries { provider, headers, .. } => {
            let path = headers.get(":path").map_or("", String::as_str);
            line(out, format_args!("try: `{provider}`, path {path}"));
        }
        Step::Fails { failure, again } => line(out, format_args!("  no answer ({failure}){}", next(*again))),
        Step::Answers { status, again, .. } => line(out, format_args!("  answers {status}{}", next(*again))),
        Step::Rests { target, skipped, .. } => {
            let how = if *skipped { "is skipped for a while" } else { "is tried last for a while" };
            line(out, format_args!("  `{target}` {how}"));
        }
        _ => {}
    }
}

fn next(again: bool) -> &'static str {
    if again { "; another try follows" } else { "" }
}

fn route(out: &mut String, targets: &[TargetRow]) {
    let mut planned: Vec<&TargetRow> = targets.iter().filter(|target| target.place.is_some()).collect();
    planned.sort_by_key(|target| target.place);
    for target in planned {
        let last = if target.degraded { ", last because it failed lately" } else { "" };
        let TargetRow { provider, model, tier, weight, .. } = target;
        let place = target.place.unwrap_or_default() + 1;
        line(out, format_args!("target {place}: {provider}/{model} (tier {tier}, weight {weight}{last})"));
    }
    for TargetRow { provider, model, out: why, .. } in targets {
        if let Some(why) = why {
            line(out, format_args!("target out: {provider}/{model}, because {why}"));
        }
    }
}

fn counted(out: &mut String, count: &CountRow) {
    let CountRow { kind, rule, unit, period, used, reserved, max, .. } = count;
    let per = period.map(|period| format!(" per {period}")).unwrap_or_default();
    let subject = if count.subject.is_empty() { String::new() } else { format!(" of {}", count.subject.join(", ")) };
    let watch = if count.monitor { "; it only watches" } else { "" };
    line(
        out,
        format_args!("{kind} `{rule}`{subject}: {used} used and {reserved} reserved of {max} {unit}{per}{watch}"),
    );
}

fn decided(out: &mut String, decision: &Decision) {
    let Decision { stage, policy_id, verdict, reason, observed, limit, .. } = decision;
    let id = policy_id.as_ref().map(|id| format!(" `{id}`")).unwrap_or_default();
    let reason = reason.as_ref().map(|reason| format!(", {reason}")).unwrap_or_default();
    let counts = match (observed, limit) {
        (Some(observed), Some(limit)) => format!(" ({observed} of {limit})"),
        (Some(observed), None) => format!(" ({observed})"),
        _ => String::new(),
    };
    line(out, format_args!("decision: {stage}{id}: {}{reason}{counts}", verdict.as_str()));
}

fn ending(out: &mut String, status: u16, record: &Recorded) {
    let by = match (&record.rejected_by, &record.error_code) {
        (Some(by), Some(code)) => format!(", rejected by the {by} ({code})"),
        (Some(by), None) => format!(", rejected by the {by}"),
        _ => String::new(),
    };
    line(out, format_args!("the client gets {status}{by}"));
    if let Some(served) = &record.served_by {
        line(out, format_args!("served by {}/{}", served.provider, served.model));
    }
    if let Some(usage) = &record.usage {
        let source = usage.source.as_str();
        line(
            out,
            format_args!("usage: {} input and {} output tokens, {source}", usage.input_tokens, usage.output_tokens),
        );
    }
    if let Some(cost) = &record.cost {
        let assumed = if cost.assumed { ", at an assumed price" } else { "" };
        line(
            out,
            format_args!("cost: ${}.{:09}{assumed}", cost.nano_usd / 1_000_000_000, cost.nano_usd % 1_000_000_000),
        );
    }
}
