use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn outbox(limits: OutboxLimits) -> Outbox {
    Outbox::new("node \"1\"", "boot", limits)
}

fn limits() -> OutboxLimits {
    OutboxLimits {
        queue_records: 4,
        batch_records: 2,
        backoff_min_ms: 100,
        backoff_max_ms: 1_000,
        spacing_ms: 0,
        ..OutboxLimits::default()
    }
}

fn push(outbox: &mut Outbox) -> bool {
    let seq = outbox.take_seq();
    outbox.push(json!({ "seq": seq }).to_string().into_bytes())
}

fn seqs(batch: &PendingBatch) -> Vec<u64> {
    let body: Value = serde_json::from_slice(&batch.body).unwrap();
    body["records"].as_array().unwrap().iter().map(|record| record["seq"].as_u64().unwrap()).collect()
}

#[test]
fn a_batch_has_sender_and_dropped_count() {
    let mut outbox = outbox(limits());
    (0..6).for_each(|_| {
        push(&mut outbox);
    });
    let batch = outbox.poll(0, 0).unwrap();
    let body: Value = serde_json::from_slice(&batch.body).unwrap();
    assert_eq!(body["node"], "node \"1\"");
    assert_eq!((body["boot"].as_str(), body["dropped"].as_u64()), (Some("boot"), Some(2)));
    assert_eq!(seqs(&batch), [1, 2]);
}

#[test]
fn a_dropped_record_keeps_its_number() {
    let mut outbox = outbox(limits());
    let kept: Vec<bool> = (0..5).map(|_| push(&mut outbox)).collect();
    assert_eq!(kept, [true, true, true, true, false]);
    assert_eq!((outbox.dropped(), outbox.take_seq()), (1, 6));
}

#[test]
fn deliveries_keep_their_spacing() {
    let mut outbox = outbox(OutboxLimits { spacing_ms: 5, ..limits() });
    push(&mut outbox);
    assert_eq!(outbox.due_in_ms(100), Some(0));
    let first = outbox.poll(100, 0).unwrap();
    assert_eq!(outbox.due_in_ms(100), None, "a delivery is under way");
    push(&mut outbox);
    outbox.delivered(first.ticket, Delivery::Acknowledged, 101, 0);
    assert_eq!((outbox.due_in_ms(101), outbox.poll(104, 0)), (Some(4), None));
    assert_eq!(seqs(&outbox.poll(105, 0).unwrap()), [2]);
}

#[test]
fn a_full_batch_does_not_wait() {
    let mut outbox = outbox(OutboxLimits { spacing_ms: 5, ..limits() });
    push(&mut outbox);
    let first = outbox.poll(0, 0).unwrap();
    (0..3).for_each(|_| {
        push(&mut outbox);
    });
    outbox.delivered(first.ticket, Delivery::Acknowledged, 1, 0);
    assert_eq!(seqs(&outbox.poll(1, 0).unwrap()), [2, 3]);
}

#[test]
fn one_batch_is_in_flight_at_a_time() {
    let mut outbox = outbox(limits());
    (0..3).for_each(|_| {
        push(&mut outbox);
    });
    let first = outbox.poll(0, 0).unwrap();
    assert_eq!(outbox.poll(1, 0), None);
    outbox.delivered(first.ticket, Delivery::Acknowledged, 2, 0);
    assert_eq!(seqs(&outbox.poll(2, 0).unwrap()), [3]);
}

#[test]
fn a_failed_batch_is_retried_with_backoff() {
    let mut outbox = outbox(limits());
    push(&mut outbox);
    let (mut now, mut pauses) = (0, Vec::new());
    for _ in 0..6 {
        let batch = outbox.poll(now, 0).unwrap();
        outbox.delivered(batch.ticket, Delivery::Failed, now, 0);
        let due = (now..).find(|later| outbox.not_before_ms <= *later).unwrap();
        pauses.push(due - now);
        assert!(due == now || outbox.poll(due - 1, 0).is_none());
        now = due;
    }
    assert_eq!(pauses, [50, 100, 200, 400, 500, 500]);
    assert_eq!(seqs(&outbox.poll(now, 0).unwrap()), [1]);
}

#[test]
fn jitter_is_at_most_half_of_the_pause() {
    for jitter in [0, 1, 49, 50, 51, u32::MAX] {
        let mut outbox = outbox(limits());
        push(&mut outbox);
        let batch = outbox.poll(0, 0).unwrap();
        outbox.delivered(batch.ticket, Delivery::Failed, 0, jitter);
        assert!((50..=100).contains(&outbox.not_before_ms));
    }
}

#[test]
fn a_late_acknowledgement_is_ignored() {
    let mut outbox = outbox(limits());
    push(&mut outbox);
    let lost = outbox.poll(0, 0).unwrap();
    assert_eq!(outbox.poll(9_999, 0), None);
    assert_eq!(outbox.poll(10_000, 0), None, "the pause after the failure");
    let again = outbox.poll(10_100, 0).unwrap();
    outbox.delivered(lost.ticket, Delivery::Acknowledged, 10_101, 0);
    assert_eq!(outbox.queued(), 1);
    outbox.delivered(again.ticket, Delivery::Acknowledged, 10_102, 0);
    assert_eq!(outbox.queued(), 0);
}

#[test]
fn one_record_always_fits_into_a_batch() {
    let mut outbox = outbox(OutboxLimits { batch_bytes: 1, ..limits() });
    (0..2).for_each(|_| {
        push(&mut outbox);
    });
    assert_eq!(seqs(&outbox.poll(0, 0).unwrap()), [1]);
}

#[test]
fn the_queue_is_bounded_in_bytes_too() {
    let mut outbox = outbox(OutboxLimits { queue_bytes: 20, ..limits() });
    assert!(outbox.push(vec![b'1'; 20]));
    assert!(!outbox.push(vec![b'1'; 1]));
    assert_eq!(outbox.dropped(), 1);
}

#[derive(Debug, Clone)]
enum Event {
    Push,
    Poll,
    Acknowledge,
    Fail,
    Lose,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let one = prop_oneof![
        3 => Just(Event::Push), 2 => Just(Event::Poll), 1 => Just(Event::Acknowledge), 1 => Just(Event::Fail), 1 => Just(Event::Lose)
    ];
    prop::collection::vec(one, 0..200)
}

proptest! {
    /// The collector keeps a batch even if its acknowledgement is lost.
    #[test]
    fn every_record_arrives_or_is_counted(events in events()) {
        let mut outbox = outbox(limits());
        let (mut now, mut made, mut arrived) = (0, 0, BTreeSet::new());
        let mut under_way: Option<PendingBatch> = None;
        for event in events {
            now += 37;
            match event {
                Event::Push => { made += 1; push(&mut outbox); }
                Event::Poll => if let Some(batch) = outbox.poll(now, 7) { under_way = Some(batch); },
                Event::Acknowledge => if let Some(batch) = under_way.take() {
                    arrived.extend(seqs(&batch));
                    outbox.delivered(batch.ticket, Delivery::Acknowledged, now, 7);
                },
                Event::Fail => if let Some(batch) = under_way.take() {
                    outbox.delivered(batch.ticket, Delivery::Failed, now, 7);
                },
                // It arrived, but the answer was lost.
                Event::Lose => if let Some(batch) = under_way.take() { arrived.extend(seqs(&batch)); },
            }
        }
        while outbox.queued() > 0 {
            now += 20_000;
            if let Some(batch) = outbox.poll(now, 7) {
                arrived.extend(seqs(&batch));
                outbox.delivered(batch.ticket, Delivery::Acknowledged, now, 7);
            }
        }
        prop_assert_eq!(arrived.len() as u64 + outbox.dropped(), made);
    }
}
