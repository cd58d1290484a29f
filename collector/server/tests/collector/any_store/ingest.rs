//! Batches and their acknowledgements.

use crate::process::Collector;
use crate::records::{batch, batch_of, id, record};
use headgate_record::{Acknowledgement, Delivery, INGEST_PATH, Outbox, OutboxLimits};

fn json(seq: u64) -> String {
    serde_json::to_string(&record("n", "b", seq)).unwrap()
}

fn ack(reply: &crate::client::Reply) -> Acknowledgement {
    assert_eq!(reply.status, 200, "{}", reply.text());
    serde_json::from_slice(&reply.body).unwrap()
}

#[test]
fn a_record_keeps_its_bytes_and_one_spelling() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let spaced = json(1).replacen(":1,", " :\t1 ,\n", 1).replace("production", "\\u0070roduction");
    let mut ingest = collector.ingest();
    assert_eq!(ack(&ingest.post(INGEST_PATH, &batch("n", "b", 0, &[spaced])).unwrap()).stored, 1);
    assert_eq!(ack(&ingest.post(INGEST_PATH, &batch("n", "b", 0, &[json(1)])).unwrap()).duplicates, 1);
    let mut owner = collector.owner();
    let one = owner.get(&format!("/v1/requests/{}", id("b", 1))).unwrap();
    assert_eq!((one.status, one.text()), (200, json(1)));
    let all = owner.get("/v1/requests").unwrap().text();
    let tail = r#""damaged":[],"has_more":false,"next":null,"previous":null}"#;
    let expected = format!(r#"{{"object":"list","data":[{}],{tail}"#, json(1));
    assert_eq!(all, expected);
}

#[test]
fn the_outbox_of_the_data_plane_is_understood() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let (node, boot) = ("edge \"1\"", "b");
    let mut outbox = Outbox::new(node, boot, OutboxLimits { queue_records: 3, ..OutboxLimits::default() });
    for has_room in [true, true, true, false] {
        let record = record(node, boot, outbox.take_seq());
        assert_eq!(outbox.push(serde_json::to_vec(&record).unwrap()), has_room);
    }
    let pending = outbox.poll(0, 0).unwrap();
    let reply = ack(&collector.ingest().post(INGEST_PATH, &pending.body).unwrap());
    assert_eq!((reply.stored, reply.refused.len()), (3, 0));
    outbox.delivered(pending.ticket, Delivery::Acknowledged, 1, 0);
    assert_eq!(outbox.queued(), 0);
    let gaps = collector.owner().get("/v1/gaps").unwrap().json();
    assert_eq!(gaps["dropped"][0]["dropped"], 1);
}

#[test]
fn a_repeated_batch_counts_as_duplicates() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut ingest = collector.ingest();
    let body = batch_of("n", "b", 1..=20);
    assert_eq!(ack(&ingest.post(INGEST_PATH, &body).unwrap()).stored, 20);
    let again = ack(&ingest.post(INGEST_PATH, &body).unwrap());
    assert_eq!((again.stored, again.duplicates), (0, 20));
    let twice_inside = batch("n", "b", 0, &[json(21), json(21)]);
    let folded = ack(&ingest.post(INGEST_PATH, &twice_inside).unwrap());
    assert_eq!((folded.stored, folded.duplicates), (1, 1));
    assert!(folded.refused.is_empty());
}

#[test]
fn a_taken_number_or_id_is_refused_alone() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut ingest = collector.ingest();
    ack(&ingest.post(INGEST_PATH, &batch("n", "b", 0, &[json(1)])).unwrap());
    let mut other = record("n", "b", 1);
    other.status = 503;
    let mut same_id = record("n", "b", 2);
    same_id.id = id("b", 1);
    let records = [serde_json::to_string(&other).unwrap(), serde_json::to_string(&same_id).unwrap(), json(3)];
    let reply = ack(&ingest.post(INGEST_PATH, &batch("n", "b", 0, &records)).unwrap());
    assert_eq!((reply.stored, reply.duplicates), (1, 0));
    let seqs: Vec<_> = reply.refused.iter().map(|r| (r.index, r.seq)).collect();
    assert_eq!(seqs, [(0, Some(1)), (1, Some(2))]);
    assert!(reply.refused.iter().all(|r| r.reason.starts_with("conflict")));
    let kept = collector.owner().get(&format!("/v1/requests/{}", id("b", 1)));
    assert_eq!(kept.unwrap().json()["status"], 200);
}

#[test]
fn bad_records_are_refused_alone_with_reasons() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let good = json(1);
    let cases: Vec<(String, &str)> = vec![
        (good.replacen('{', r#"{"prompt":"x","#, 1), "unknown field"),
        (good.replace(r#""status":200"#, r#""status":"200""#), "wrong type"),
        (good.replace(r#""status":200,"#, ""), "missing field `status`"),
        (good.replace(r#""status":200"#, r#""status":200,"status":200"#), "duplicate field `status`"),
        (good.replace(r#""status":200"#, r#""status":99"#), "`status`"),
        (good.replace(r#""status":200"#, r#""status":1000"#), "`status`"),
        (good.replace(r#""status":200"#, r#""status":70000"#), "out of range"),
        (good.replace(r#""schema":1"#, r#""schema":2"#), "`schema`"),
        (good.replace(r#""seq":1,"#, r#""seq":0,"#), "`seq`"),
        (good.replace(r#""seq":1,"#, r#""seq":18446744073709551615,"#), "`seq`"),
        (good.replace(r#""node":"n""#, r#""node":"m""#), "`node`"),
        (good.replace(r#""boot":"b""#, r#""boot":"c""#), "`boot`"),
        (good.replace(&id("b", 1), "01890a5d-ac96-174b-bcce-b302099a8057"), "`id`"),
        (good.replace(&id("b", 1), "nonsense"), "`id`"),
        (good.replace(r#""ended_by":"complete""#, r#""ended_by":"magic""#), "vocabulary"),
        (good.replace("1767225600001000", "0"), "`started_at`"),
        (good.replace("1767225600001000", "4102444800000000"), "`started_at`"),
        (good.replace("rev-7", &"r".repeat(257)), "`config_revision`"),
        (good.replace("gpt-5.2", &"m".repeat(257)), "`served_by.model`"),
        (good.replace("rev-7", &"r".repeat(1 << 20)), "65536"),
        ("[]".to_owned(), "wrong"),
        ("7".to_owned(), "wrong type"),
        (format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000)), "65536"),
    ];
    let mut records: Vec<String> = cases.iter().map(|(record, _)| record.clone()).collect();
    assert!(records.iter().all(|record| *record != good), "a case that changes nothing");
    records.push(good.replace(r#""status":200"#, r#""status":999"#));
    let reply = collector.ingest().post(INGEST_PATH, &batch("n", "b", 0, &records));
    let reply = ack(&reply.unwrap());
    assert_eq!((reply.stored, reply.refused.len()), (1, cases.len()));
    for ((place, (_, expected)), refusal) in cases.iter().enumerate().zip(&reply.refused) {
        assert_eq!(refusal.index, place as u64);
        assert!(refusal.reason.contains(expected), "{expected}: {}", refusal.reason);
    }
    assert_eq!(reply.refused[0].seq, Some(1));
}

#[test]
fn an_invalid_batch_is_refused_as_a_whole() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let long = "n".repeat(257);
    let cases: [(Vec<u8>, u16, &str); 8] = [
        (b"".to_vec(), 400, "invalid_json"),
        (b"{".to_vec(), 400, "invalid_json"),
        (b"\xff\xfe".to_vec(), 400, "invalid_json"),
        (b"[]".to_vec(), 400, "invalid_batch"),
        (br#"{"node":"n","boot":"b","dropped":0,"records":[],"x":1}"#.to_vec(), 400, "invalid_batch"),
        (br#"{"node":"n","boot":"b","dropped":18446744073709551615,"records":[]}"#.to_vec(), 400, "invalid_batch"),
        (batch(&long, "b", 0, &[]), 400, "invalid_batch"),
        (batch("n", "", 0, &[]), 400, "invalid_batch"),
    ];
    for (body, status, code) in cases {
        let reply = collector.ingest().post(INGEST_PATH, &body).unwrap();
        assert_eq!(reply.status, status);
        assert_eq!(reply.json()["error"]["code"], code, "{}", reply.text());
    }
    let empty = collector.ingest().post(INGEST_PATH, &batch("n", "b", 0, &[])).unwrap();
    assert_eq!(ack(&empty), Acknowledgement::default());
}
