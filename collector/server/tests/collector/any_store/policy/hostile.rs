//! Policies that must not be put in force, and secrets that must not be shown.

use super::*;

const CANARY: &str = "ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8";

#[test]
fn problems_are_those_of_headgate_check() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    let bad = POLICY.replace("provider: alpha", "provider: alhpa").replace("usd: 500", "usd: lots");
    let reply = put(&mut owner, 0, &bad);
    let problems = compile(&bad, "gateway.yaml", 1_767_225_600).unwrap_err();
    assert_eq!((reply.status, problems.len()), (422, 3), "{}", reply.text());
    let expected: Value = serde_json::from_str(&diagnostic::json(&problems)).unwrap();
    assert_eq!(reply.json()["problems"], expected);
    assert_eq!(reply.json()["problems"][0]["help"], "did you mean `alpha`?");
    assert_eq!(reply.json()["error"]["code"], "invalid_policy");
    assert_eq!(owner.get("/v1/policy").unwrap().status, 404);
    let warned = put(&mut owner, 0, &POLICY.replace("owner: alice", "expires: 2020-01-01"));
    assert_eq!((warned.status, &warned.json()["warnings"][0]["severity"]), (200, &json!("warning")));
}

/// Most memory that a process has had, KiB.
fn peak(collector: &Collector) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", collector.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim_end_matches("kB").trim().parse().unwrap()
}

#[test]
fn many_readers_take_the_memory_of_one() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let keys = (0..10_000).map(|number| format!("  - {{id: k{number}, sha256: \"{number:064}\", owner: o{number}}}\n"));
    let put = put(&mut collector.owner(), 0, &format!("{POLICY}{}", keys.collect::<String>()));
    assert_eq!(put.status, 200, "{}", put.text());
    let read = || assert_eq!(collector.owner().get("/v1/policy/1/diff").unwrap().status, 200);
    read();
    let one = peak(&collector);
    std::thread::scope(|scope| (0..24).for_each(|_| _ = scope.spawn(read)));
    let all = peak(&collector);
    // Threads of the pool keep some memory of their own.
    assert!(all < 3 * one, "{one} KiB for one, {all} KiB for 24 at once");
}

#[test]
fn bombs_and_binary_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    let doubling: String = (1..250).map(|level| format!("a{level}: &a{level} [*a{0}, *a{0}]\n", level - 1)).collect();
    let deep_aliases: String =
        (1..250).map(|level| format!("a{level}: &a{level} [[[[[[[[*a{}]]]]]]]]\n", level - 1)).collect();
    let large =
        format!("models: {{m: &m {{targets: [{}]}}{}}}\n", "{provider: p}, ".repeat(60_000), ", x: *m".repeat(200));
    let cases: [(&str, Vec<u8>); 9] = [
        ("doubling", format!("a0: &a0 [x, x]\n{doubling}").into_bytes()),
        ("deep aliases", format!("a0: &a0 [x]\n{deep_aliases}").into_bytes()),
        ("large aliases", large.into_bytes()),
        ("open brackets", "[".repeat(1 << 20).into_bytes()),
        ("nested mappings", "{a: ".repeat(1 << 18).into_bytes()),
        ("1 MiB of nothing", vec![b' '; 1 << 20]),
        ("1 MiB of one word", vec![b'x'; 1 << 20]),
        ("a million unknown keys", (0..100_000).flat_map(|n| format!("k{n}: 1\n").into_bytes()).collect()),
        ("two documents", format!("{POLICY}---\n{POLICY}").into_bytes()),
    ];
    for (name, body) in cases {
        let reply = owner.send_with("PUT", "/v1/policy", &made_from(0), &body).unwrap();
        assert_eq!(reply.status, 422, "{name}: {}", reply.text());
        assert!(reply.body.len() < 1 << 20, "{name}");
    }
    let not_text = owner.send_with("PUT", "/v1/policy", &made_from(0), b"environment: \xff\n").unwrap();
    assert_eq!((not_text.status, not_text.text().contains("from byte 13 on")), (400, true), "{}", not_text.text());
    let head = format!(
        "PUT /v1/policy HTTP/1.1\r\nhost: c\r\nauthorization: Bearer {OWNER}\r\nif-none-match: *\r\ncontent-length: 99999999\r\n\r\n"
    );
    let mut client = collector.owner();
    client.raw(head.as_bytes()).unwrap();
    assert_eq!(client.reply().unwrap().status, 413);
    assert_eq!(put(&mut owner, 0, POLICY).status, 200);
}

#[test]
fn a_secret_is_only_in_the_file_itself() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    let with = |hash: &str, more: &str| {
        POLICY.replace("aa11223344556677", hash).replace("owner: alice", &format!("owner: \"{CANARY} {more}\""))
            + &format!("# {CANARY}\n")
    };
    let (first, second) = (with("ca11ab1e00000001", "one"), with("ca11ab1e00000002", "two"));
    let mut said = put(&mut owner, 0, &first).text();
    said += &owner.send_with("PUT", "/v1/policy?dry_run=true", &made_from(1), second.as_bytes()).unwrap().text();
    said += &put(&mut owner, 1, &second).text();
    said += &put(&mut owner, 1, POLICY).text();
    said += &put(&mut owner, 2, &second.replace("usd: 500", &format!("usd: {CANARY}"))).text();
    said += &roll_back(&mut owner, 2, 1).text();
    for path in ["/v1/policy", "/v1/policy/2", "/v1/policy/2/diff", "/v1/policy/3/diff?from=2", "/v1/policy/revisions"]
    {
        said += &get(&mut owner, path).to_string();
    }
    said += &get(&mut owner, "/v1/audit?limit=100").to_string();
    assert!(said.contains("[masked]") && said.contains("key.updated") && said.contains("${ALPHA_KEY}"), "{said}");
    assert!(!said.contains("ghp_") && !said.contains("ca11ab1e"), "{said}");
    assert!(!collector.logs().contains("ghp_"));
    assert_eq!(owner.get("/v1/policy/2/gateway.yaml").unwrap().text(), second);
}
