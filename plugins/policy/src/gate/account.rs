//! The usage of a request: the provider's counts where they can be true, else an estimate with its reason.
//!
//! A count that is believed blindly ends a budget for its whole period. So each count is compared with the bytes that were
//! sent and seen, and with the context window of the model. The bounds let every true figure pass: a token of text takes at
//! least one byte of it, in a request as in an answer, and tokens that take no bytes have an allowance. A count beyond its
//! bound is replaced by an estimate from the bytes.

use super::reader::Seen;
use crate::call::{Call, Try};
use crate::policy::{Policy, Upstream};
use crate::price::{cost_in_tier, is_cheaper};
use headgate_exchange::{AnswerFacts, ModelTokens, RequestScan, Surface, Tokens};
use headgate_record::{AttemptError, Cost, EndedBy, EstimateReason, ModelUsage, Usage, UsageSource};

/// Bytes of text that are about one token, where the provider does not count.
const BYTES_PER_TOKEN: u64 = 4;
/// Tokens that an image or a file is taken for, where the provider does not count it.
const TOKENS_PER_ATTACHMENT: u64 = 1_000;

/// Input that a provider may add by itself: the template of a chat, its own system prompt, results of a search.
const ADDED_INPUT: u64 = 32_768;
/// Most input of one image or recording: the dearest models count some 48,000 tokens for a large image.
const ATTACHMENT_INPUT: u64 = 65_536;
/// Context window of a model for which none is known: the largest are of two million tokens.
const LARGEST_WINDOW: u64 = 2 << 20;
/// Times that a model is asked for one answer where tools run at the provider. Each time it reads its context again.
/// Source: <https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons>, which ends a turn after ten.
const SAMPLINGS: u64 = 10;
/// Output that takes no bytes of the answer: the ends of turns, and reasoning of which nothing tells.
const UNSEEN_OUTPUT: u64 = 16_384;
/// Most reasoning of one answer, where the request asks for it or the answer tells of it. It is never all shown.
const LARGEST_REASONING: u64 = 1 << 20;

/// The usage on record. `reserved` is the least charge for a client that leaves before the usage is known.
pub(super) fn usage(
    call: &Call,
    served: Option<&Try>,
    seen: &Seen,
    ended_by: EndedBy,
    reserved: Option<&Usage>,
) -> Option<Usage> {
    let accepted = served.is_some_and(|one| one.status.is_some_and(|status| (200..300).contains(&status)));
    let underway = ended_by == EndedBy::Client && call.last_try().is_some_and(|one| one.status.is_none() || one.held);
    let failed = served.and_then(|one| one.error).is_some_and(is_the_answer_s);
    if failed && seen.output_text_bytes == 0 && seen.usage.is_none_or(|tokens| tokens.output == 0) {
        return None;
    }
    if !call.surface.is_some_and(Surface::is_metered) || !accepted && !underway {
        return None;
    }
    if let Some(tokens) = &seen.usage {
        return Some(checked(call, tokens, seen));
    }
    let estimate = seen_usage(call, seen.begun.as_ref(), text_bytes(call, seen));
    let charged = reserved.filter(|_| ended_by == EndedBy::Client).map_or(estimate, |reserved| Usage {
        input_tokens: estimate.input_tokens.max(reserved.input_tokens),
        output_tokens: estimate.output_tokens.max(reserved.output_tokens),
        ..estimate
    });
    Some(Usage { estimate_reason: Some(estimate_reason(seen, ended_by)), ..charged })
}

/// Whether it is the answer itself that is, or ends with, an error. If it generated nothing, it costs nothing.
pub(super) fn is_the_answer_s(error: AttemptError) -> bool {
    matches!(
        error,
        AttemptError::ServerError | AttemptError::RateLimited | AttemptError::ClientError | AttemptError::EmptyAnswer
    )
}

fn estimate_reason(seen: &Seen, ended_by: EndedBy) -> EstimateReason {
    match ended_by {
        EndedBy::Complete if seen.flawed => EstimateReason::Implausible,
        EndedBy::Complete if seen.unreadable_bytes > 0 => EstimateReason::Unreadable,
        EndedBy::Complete => EstimateReason::NotReported,
        _ => EstimateReason::EndedEarly,
    }
}

/// Bytes of the answer that are, or may be, generated text.
fn text_bytes(call: &Call, seen: &Seen) -> u64 {
    match call.surface.is_some_and(Surface::generates) {
        true => seen.output_text_bytes.saturating_add(seen.unreadable_bytes),
        false => 0,
    }
}

/// Returns the provider's counts, with an estimate in the place of each side that cannot be true.
fn checked(call: &Call, tokens: &Tokens, seen: &Seen) -> Usage {
    let told = told(tokens, UsageSource::Reported);
    let estimate = seen_usage(call, None, text_bytes(call, seen));
    let too_much = (tokens.input > most_input(call, seen), tokens.output > most_output(call, tokens, seen));
    let zero = (tokens.input == 0 && estimate.input_tokens > 0, tokens.output == 0 && seen.output_text_bytes > 0);
    let reason = match (too_much, zero) {
        ((false, false), (false, false)) if !seen.flawed => return told,
        ((false, false), (true, _) | (_, true)) => EstimateReason::Zero,
        _ => EstimateReason::Implausible,
    };
    let input = if too_much.0 || zero.0 { estimate } else { told };
    let output = if too_much.1 || zero.1 { estimate } else { told };
    // The parts of an input that is not believed are not believed either: all of it counts at the usual price.
    Usage {
        output_tokens: output.output_tokens,
        reasoning_tokens: output.reasoning_tokens,
        source: UsageSource::Estimated,
        estimate_reason: Some(reason),
        ..input
    }
}

/// Most input that can be true.
fn most_input(call: &Call, seen: &Seen) -> u64 {
    let Some(scan) = &call.scan else { return LARGEST_WINDOW };
    let attached = u64::from(scan.attachments).saturating_mul(ATTACHMENT_INPUT);
    let sent = call.request_bytes.saturating_add(attached).saturating_add(ADDED_INPUT);
    let others = (seen.other_models.len() as u64).saturating_mul(LARGEST_WINDOW);
    // Files by id, and tools that run at the provider, bring in text of which no byte passes here.
    match (scan.brings_more_input || others > 0, window(call)) {
        (true, Some(window)) => sent.max(window.saturating_mul(SAMPLINGS)).saturating_add(others),
        (true, None) => sent.max(LARGEST_WINDOW).saturating_add(others),
        (false, Some(window)) => sent.min(window),
        (false, None) => sent,
    }
}

/// The context window of the model that answers, where it bounds the input: prompts of embeddings and of completions may be
/// several, each with a window of its own.
fn window(call: &Call) -> Option<u64> {
    let one_prompt =
        call.surface.is_some_and(|surface| matches!(surface, Surface::ChatCompletions | Surface::Messages));
    let upstream = call.last_try().and_then(|one| call.upstream(one.step))?;
    upstream.context_window.filter(|_| one_prompt)
}

/// Most output that can be true.
fn most_output(call: &Call, tokens: &Tokens, seen: &Seen) -> u64 {
    let scan = call.scan.as_ref();
    let reasons = tokens.reasoning > 0 || scan.is_some_and(|scan| scan.asks_for_reasoning);
    let others = seen.other_models.len() as u64;
    // No model reasons beyond its own window.
    let own = window(call).map_or(LARGEST_REASONING, |window| window.clamp(UNSEEN_OUTPUT, LARGEST_REASONING));
    let unseen = match reasons || others > 0 {
        true => own.saturating_add(others.saturating_mul(LARGEST_REASONING)),
        false => UNSEEN_OUTPUT,
    };
    let choices = scan.map_or(1, |scan| scan.choices.max(1));
    seen.answer_bytes.saturating_add(unseen.saturating_mul(choices))
}

/// Returns an estimate: the prompt as the answer's beginning counts it, else by its bytes, and the answer's text.
pub(super) fn seen_usage(call: &Call, begun: Option<&Tokens>, output_text_bytes: u64) -> Usage {
    let output_tokens = output_text_bytes.div_ceil(BYTES_PER_TOKEN);
    let begun = begun.filter(|begun| begun.input <= most_input(call, &Seen::default()));
    if let Some(begun) = begun {
        return Usage {
            output_tokens: output_tokens.max(begun.output.min(UNSEEN_OUTPUT)),
            ..told(begun, UsageSource::Estimated)
        };
    }
    let input_tokens = call.scan.as_ref().map_or(0, prompt_tokens);
    Usage { input_tokens, output_tokens, source: UsageSource::Estimated, ..Usage::default() }
}

/// Returns the estimated tokens of a prompt before a provider counts it.
pub(super) fn prompt_tokens(scan: &RequestScan) -> u64 {
    let attachments = u64::from(scan.attachments).saturating_mul(TOKENS_PER_ATTACHMENT);
    let text = scan.text_bytes.saturating_add(scan.more_text_bytes).div_ceil(BYTES_PER_TOKEN);
    text.saturating_add(scan.token_ids).saturating_add(attachments)
}

/// The parts of the usage that other models account for; an estimate has none.
pub(super) fn other_models(usage: Option<&Usage>, others: &[ModelTokens]) -> Vec<ModelUsage> {
    let reported = usage.is_some_and(|usage| usage.source == UsageSource::Reported);
    let of = |one: &ModelTokens| {
        Some(ModelUsage {
            model: one.model.clone()?,
            input_tokens: one.tokens.input,
            output_tokens: one.tokens.output,
            cached_input_tokens: one.tokens.cached_input,
            cache_write_input_tokens: one.tokens.cache_write,
            cache_write_1h_input_tokens: one.tokens.cache_write_1h,
        })
    };
    others.iter().filter(|_| reported).filter_map(of).collect()
}

/// Returns the cost of the usage: the parts of other models at their own prices, the rest at the price of the requested model.
pub(super) fn cost_with_others(
    policy: &Policy,
    upstream: &Upstream,
    tier: &str,
    usage: &Usage,
    others: &[ModelUsage],
) -> Cost {
    let own = others.iter().fold(*usage, without);
    others.iter().fold(cost_in_tier(&upstream.price, tier, &own), |sum, one| {
        let (price, known) = policy.price_of(upstream, &one.model);
        let part = cost_in_tier(price, tier, &as_usage(one));
        Cost {
            nano_usd: sum.nano_usd.saturating_add(part.nano_usd),
            assumed: sum.assumed || part.assumed || !known,
            ..sum
        }
    })
}

fn without(usage: Usage, one: &ModelUsage) -> Usage {
    Usage {
        input_tokens: usage.input_tokens.saturating_sub(one.input_tokens),
        output_tokens: usage.output_tokens.saturating_sub(one.output_tokens),
        cached_input_tokens: usage.cached_input_tokens.saturating_sub(one.cached_input_tokens),
        cache_write_input_tokens: usage.cache_write_input_tokens.saturating_sub(one.cache_write_input_tokens),
        cache_write_1h_input_tokens: usage.cache_write_1h_input_tokens.saturating_sub(one.cache_write_1h_input_tokens),
        ..usage
    }
}

fn as_usage(one: &ModelUsage) -> Usage {
    Usage {
        input_tokens: one.input_tokens,
        output_tokens: one.output_tokens,
        cached_input_tokens: one.cached_input_tokens,
        cache_write_input_tokens: one.cache_write_input_tokens,
        cache_write_1h_input_tokens: one.cache_write_1h_input_tokens,
        ..Usage::default()
    }
}

fn told(tokens: &Tokens, source: UsageSource) -> Usage {
    Usage {
        input_tokens: tokens.input,
        output_tokens: tokens.output,
        cached_input_tokens: tokens.cached_input,
        cache_write_input_tokens: tokens.cache_write,
        cache_write_1h_input_tokens: tokens.cache_write_1h,
        reasoning_tokens: tokens.reasoning,
        source,
        estimate_reason: None,
    }
}

/// Returns the service tier, or the speed, at whose price a request is counted: that of the answer, else the requested one. A
/// requested discount that no answer confirms is none.
pub(super) fn tier<'a>(call: &'a Call, facts: &'a AnswerFacts) -> &'a str {
    let asked = call.scan.as_ref();
    let speed = facts.speed.as_deref().or_else(|| asked.and_then(|scan| scan.speed.as_deref()));
    if let Some(speed) = speed.filter(|speed| *speed != "standard") {
        return speed;
    }
    let asked = asked.and_then(|scan| scan.service_tier.as_deref()).filter(|tier| !is_cheaper(tier));
    facts.service_tier.as_deref().or(asked).unwrap_or_default()
}
