//! Credentials.

use super::{check, check_everywhere, found, nothing};
use crate::secrets::{
    checksums, placeholder,
    rules::{Check, Part, RULES, Rule},
};
use crate::text::class_of;
use proptest::prelude::*;

/// Returns a body made of a rule's parts; `draw` yields random numbers.
fn body(rule: &Rule, draw: &mut impl FnMut() -> usize) -> String {
    let mut body = String::new();
    for part in rule.body {
        match part {
            Part::Text(text) => body += std::str::from_utf8(text).unwrap(),
            Part::Run(class, least, most) => {
                let alphabet: Vec<u8> =
                    (b'0'..=b'z').filter(|b| b.is_ascii_alphanumeric() && class_of(*b) & class != 0).collect();
                let length = least + draw() % (most - least + 1);
                body.extend((0..length).map(|_| char::from(alphabet[draw() % alphabet.len()])));
            }
        }
    }
    body
}

fn base62(mut value: u32) -> String {
    let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = Vec::new();
    for _ in 0..6 {
        text.insert(0, digits[value as usize % 62]);
        value /= 62;
    }
    String::from_utf8(text).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn every_rule_finds_tokens_of_its_format(seed in any::<u32>()) {
        let mut state = u64::from(seed);
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize
        };
        for rule in RULES.iter().filter(|rule| rule.check != Check::Bech32) {
            let mut body = body(rule, &mut draw);
            if rule.check == Check::Crc32Base62 {
                body.truncate(30);
                body += &base62(checksums::crc32(body.as_bytes()));
            }
            // Now and then chance spells a word that marks placeholders.
            if placeholder::is_one(body.as_bytes()) {
                continue;
            }
            let token = format!("{}{body}", std::str::from_utf8(rule.prefix).unwrap());
            let text = format!("see '{token}'.");
            let hit = found(&text);
            prop_assert!(hit.iter().any(|(kind, found)| *kind == rule.kind.name() && *found == token), "{token} {hit:?}");
            let exact = matches!(rule.body, [.., Part::Run(_, least, most)] if least == most && *least > 8);
            if exact {
                let short = format!("see '{}'.", &token[..token.len() - 1]);
                let hit = found(&short);
                let shorter = RULES.iter().filter(|other| other.kind == rule.kind).count() > 1;
                prop_assert!(shorter || hit.iter().all(|(kind, _)| *kind != rule.kind.name()), "{short} {hit:?}");
            }
        }
    }
}

#[test]
fn prefixed_tokens_are_found_everywhere() {
    check_everywhere("aws_access_key_id", "AKIAQYLPMN5HHHFPZAM2");
    check_everywhere("github_token", "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");
    check("stripe_key", "key: '⟦sk_live_4eC39HqLyjWDarjtT1zdp7dc⟧'");
    check_everywhere("sendgrid_key", "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");
    check_everywhere("google_api_key", "AIzaSyD4q2hRz7vXw1LmN8bK5tYcUe3GpJ6aQ0s");
}

#[test]
fn examples_and_placeholders_pass() {
    nothing("AKIAIOSFODNN7EXAMPLE");
    nothing("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    nothing(
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx sk-your-key-here sk-proj-XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
    );
    nothing(
        "password = ${DB_PASSWORD}; api_key: <your api key>, token={{ token }}, secret = os.environ['SECRET_KEY_1']",
    );
    nothing("postgres://user:password@localhost/db https://user:${TOKEN}@github.com http://abc:xyz@example.com");
}

#[test]
fn github_token_needs_checksum_or_entropy() {
    check("github_token", "see ⟦ghp_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq18⟧");
    nothing("see ghp_this_is_the_name_of_some_function_of_ours");
    nothing("see ghp_thenameofsomefunctionthatwealluse123");
}

#[test]
fn private_keys_have_a_body() {
    let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n-----END OPENSSH PRIVATE KEY-----";
    check("private_key", &format!("x\n⟦{key}⟧\ny"));
    check("private_key", &format!("{{\"k\":\"⟦{}⟧\"}}", key.replace('\n', "\\n")));
    nothing("-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY-----");
    nothing(&key.replace("PRIVATE", "PUBLIC"));
}

#[test]
fn jwt_needs_an_algorithm() {
    check("jwt", "t=⟦eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U⟧ x");
    nothing("t=eyJoZWxsbyI6IndvcmxkIn0.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U");
}

#[test]
fn passwords_in_urls_and_settings_are_found() {
    check("connection_string", "DATABASE_URL=⟦postgres://app:s3cr3tPw@db.internal:5432/x⟧");
    check("connection_string", "⟦redis://:Zk83jdPq@10.0.3.4:6379/0⟧".replace("10.0.3.4", "cache").as_str());
    check("connection_string", "Server=db;User Id=sa;Password=⟦Summer2024!⟧;");
    check("slack_webhook_url", "⟦https://hooks.slack.com/services/T01ABCDEF/B01ABCDEF/abcdEFGH1234abcdEFGH1234⟧.");
    nothing("https://host:8080/path@2 http://a/b:c@d std::io::Error");
}

#[test]
fn assigned_values_need_entropy() {
    check("generic_secret", "password = \"⟦Tr0ub4dor&3⟧\"");
    check("generic_secret", "{\"api_key\": \"⟦9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c⟧\"}");
    check("generic_secret", "client_secret => '⟦q8Xv2LmZ0rT5wYk3⟧'");
    check("generic_secret", "The password is ⟦Xk29-ppQ7⟧.");
    check("generic_secret", "DB_PASSWORD=⟦hunter2024x⟧\n");
    check("generic_secret", "Passwort: ⟦Sommer!2024x⟧\n");
    check("aws_secret_access_key", "aws_secret_access_key = ⟦k9QvRt3Lz0+XbN7mW2/pYsE5hJ8uCgD1fA4oKiTq⟧");
    nothing("password = get_password(user2); token: string; secret = config.secret.key1; password_hash = 'x'");
    nothing("integrity sha512-9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c, commit 9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c9f8a7b6c");
    nothing("token = 123e4567-e89b-12d3-a456-426614174000; key = value; PASS: test-17b; the token is expired now");
}
