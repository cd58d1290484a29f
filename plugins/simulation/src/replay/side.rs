//! One policy of a replay: admits each record as if it were a request, and settles it when its recorded time is over.

use crate::recorded::Recorded;
use crate::worker::{Worker, made_up_key};
use headgate_policy::document::Document;
use headgate_policy::{Effects, Flow, Gate, HeaderView, Policy, ReplayedEnd, TargetState, Timestamp};
use headgate_record::{Usage, Verdict};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// Draws that are tried for one that plans the recorded target first.
const DRAWS: u32 = 64;

/// The verdict on a record under one policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Judged {
    /// It is served there.
    Served {
        /// `provider/model`.
        target: String,
        /// Its cost.
        nano_usd: u64,
        /// Whether the usage is an assumption.
        assumed: bool,
    },
    /// It is refused: stage, id of the rule, reason.
    Refused {
        /// The stage.
        stage: String,
        /// Id of the rule, if there is one.
        policy_id: Option<String>,
        /// The reason.
        reason: String,
    },
    /// No provider answers it, as on record.
    Unserved,
    /// It cannot be judged without what is not on record.
    Unknown(&'static str),
}

/// One policy, and the worker that serves all records.
pub(crate) struct Side {
    pub(crate) document: Document,
    pub(crate) policy: Arc<Policy>,
    worker: Worker,
    /// Requests under way, by the end of each.
    under_way: BinaryHeap<Reverse<(u64, usize)>>,
    open: Vec<Option<Open>>,
    free: Vec<usize>,
}

/// A request under way.
struct Open {
    gate: Gate,
    index: usize,
    end: End,
}

enum End {
    Served { target: usize, name: String, usage: Usage, assumed: bool },
    Unserved,
}

/// A request that ended, and its place in the list.
pub(crate) struct Ended {
    pub(crate) index: usize,
    pub(crate) judged: Judged,
}

impl Side {
    pub(crate) fn new(document: Document) -> Result<Self, String> {
        let policy = crate::world::load(document.clone())?;
        Ok(Self {
            document,
            policy,
            worker: Worker::default(),
            under_way: BinaryHeap::new(),
            open: Vec::new(),
            free: Vec::new(),
        })
    }

    /// Settles the requests that end before this time, in the order of their ends.
    pub(crate) fn settle_until(&mut self, at: u64, records: &[Recorded], ended: &mut Vec<Ended>) {
        while let Some(Reverse((end, slot))) = self.under_way.peek().copied().filter(|Reverse((end, _))| *end <= at) {
            self.under_way.pop();
            let Some(open) = self.open.get_mut(slot).and_then(Option::take) else { continue };
            self.free.push(slot);
            ended.extend(records.get(open.index).map(|record| self.settle(open, record, Timestamp(end))));
        }
    }

    fn settle(&mut self, mut open: Open, record: &Recorded, now: Timestamp) -> Ended {
        let env = self.worker.request_env();
        let judged = match open.end {
            End::Served { target, name, usage, assumed } => {
                let end = ReplayedEnd {
                    target,
                    usage: &usage,
                    other_models: if assumed { &[] } else { &record.other_models },
                    service_tier: record.service_tier.as_deref(),
                    speed: record.speed.as_deref(),
                };
                let cost = open.gate.replay_end(end, now, env);
                Judged::Served { target: name, nano_usd: cost.nano_usd, assumed }
            }
            End::Unserved => {
                open.gate.replay_unserved(!record.attempts.is_empty(), now, env);
                Judged::Unserved
            }
        };
        Ended { index: open.index, judged }
    }

    /// Admits a record. Returns the verdict if it does not go on, and the draw by which it was planned. With `draw`, that of the other
    /// policy is used: chance then makes no difference between the two.
    pub(crate) fn admit(&mut self, index: usize, record: &Recorded, draw: Option<u32>) -> (Option<Judged>, u32) {
        let Some(surface) = record.operation() else { return (Some(Judged::Unknown("not for a model")), 0) };
        if record.caller.as_ref().is_some_and(|caller| caller.known_by.is_some()) {
            return (Some(Judged::Unknown("the caller was known by a header, a token or a certificate")), 0);
        }
        if record.requested_model.is_none() {
            return (Some(Judged::Unknown("the request named no model")), 0);
        }
        let wanted = record.attempts.first();
        let mut tried = draw.unwrap_or(0);
        loop {
            let mut gate = Gate::new(&self.policy, Timestamp(record.started_at), [7; 16]);
            if let Err(refused) = self.plan(&mut gate, record, surface, tried) {
                return (Some(refused), tried);
            }
            let targets = gate.targets(&self.worker.cooldowns);
            let first = gate.planned().first().and_then(|at| targets.get(*at));
            let is_wanted = wanted
                .zip(first)
                .is_none_or(|(wanted, first)| wanted.provider == first.provider && wanted.model == first.model);
            let is_alone = gate.planned().len() < 2;
            if is_wanted || is_alone || draw.is_some() || tried >= DRAWS {
                let tried = if is_wanted || draw.is_some() { tried } else { 0 };
                return (self.limits(gate, index, record, &targets), tried);
            }
            tried += 1;
        }
    }

    /// Reads the headers and plans the route.
    fn plan(
        &self,
        gate: &mut Gate,
        record: &Recorded,
        surface: headgate_exchange::Surface,
        draw: u32,
    ) -> Result<(), Judged> {
        let key = record.caller.as_ref().map(|caller| format!("Bearer {}", made_up_key(&caller.key_id)));
        let path = Recorded::path(surface);
        let tags: Vec<(String, &str)> =
            record.client.tags.iter().map(|(name, value)| (format!("x-headgate-tag-{name}"), value.as_str())).collect();
        let mut fields: Vec<(&[u8], &[u8])> = vec![(b":method", b"POST"), (b":path", path.as_bytes())];
        if Recorded::is_anthropic(surface) {
            fields.push((b"anthropic-version", b"2023-06-01"));
        }
        fields.extend(key.as_ref().map(|key| (&b"authorization"[..], key.as_bytes())));
        fields.extend(tags.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        let mut effects = Effects::new();
        if gate.request_headers(HeaderView::new(&fields), false, &mut effects) == Flow::Answered {
            return Err(refused(gate, "refused"));
        }
        let seed = seed(&record.id, draw);
        let mut number = seed;
        let draws = || {
            number = number.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
            number
        };
        let scan = record.scan(surface);
        let planned = gate.replay_facts(scan, record.payload.request_bytes, &self.worker.cooldowns, draws);
        planned.map_err(|code| refused(gate, code))
    }

    fn limits(&mut self, mut gate: Gate, index: usize, record: &Recorded, targets: &[TargetState]) -> Option<Judged> {
        if let Err(code) = gate.replay_limits(Timestamp(record.started_at), self.worker.request_env()) {
            return Some(refused(&gate, code));
        }
        let end = self.end(&gate, record, targets);
        let at = record.started_at.saturating_add(record.duration_us);
        let open = Some(Open { gate, index, end });
        let slot = self.free.pop().unwrap_or(self.open.len());
        match self.open.get_mut(slot) {
            Some(place) => *place = open,
            None => self.open.push(open),
        }
        self.under_way.push(Reverse((at, slot)));
        None
    }

    /// Follows the plan with what the record knows of each target: one that failed then fails now, and one of which nothing is known
    /// answers.
    fn end(&self, gate: &Gate, record: &Recorded, targets: &[TargetState]) -> End {
        let planned = gate.planned();
        let is_served = |target: &TargetState| {
            record.served_by.as_ref().is_some_and(|one| one.provider == target.provider && one.model == target.model)
        };
        let answers = |at: &&usize| {
            targets
                .get(**at)
                .is_some_and(|target| is_served(target) || !record.failed_at(&target.provider, &target.model))
        };
        // Where a provider refused the request, or the client left, another target would not have made it better.
        let unserved = record.served_by.is_none() && !record.attempts.is_empty();
        let at = match planned.iter().find(answers) {
            Some(at) if !unserved => *at,
            _ => return End::Unserved,
        };
        let Some(target) = targets.get(at) else { return End::Unserved };
        let name = format!("{}/{}", target.provider, target.model);
        match record.usage {
            Some(usage) => End::Served { target: at, name, usage, assumed: false },
            None if record.attempts.is_empty() => {
                End::Served { target: at, name, usage: gate.likely_usage(), assumed: true }
            }
            None => End::Served { target: at, name, usage: Usage::default(), assumed: false },
        }
    }
}

/// Returns the verdict of a gate that refuses.
fn refused(gate: &Gate, code: &str) -> Judged {
    let denied = gate.decisions().iter().rev().find(|decision| decision.verdict == Verdict::Deny);
    Judged::Refused {
        stage: denied.map_or_else(|| "request".to_owned(), |decision| decision.stage.clone()),
        policy_id: denied.and_then(|decision| decision.policy_id.clone()),
        reason: denied.and_then(|decision| decision.reason.clone()).unwrap_or_else(|| code.to_owned()),
    }
}

/// FNV-1a over the id of a record and the number of a draw.
fn seed(id: &str, draw: u32) -> u32 {
    let bytes = id.bytes().chain(draw.to_le_bytes());
    bytes.fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
