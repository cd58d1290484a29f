//! Single values: what is read, to the unit, and what is refused.

use headgate::catalogue::Catalogue;
use headgate::scalar::{Scalar, bytes, milliseconds, nano_usd, socket, unix_seconds, url};
use proptest::prelude::*;

#[test]
fn dollars_are_exact_to_the_nano() {
    let cases = [("0", 0), ("1.25", 1_250_000_000), ("0.1", 100_000_000), ("0.000000001", 1), ("10", 10_000_000_000)];
    for (text, nano) in cases {
        assert_eq!(nano_usd(text), Ok(nano), "{text}");
    }
    for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", "0.0000000001", "1000001", "1,5", "0x1", "NaN", "٣"] {
        assert!(nano_usd(text).is_err(), "{text}");
    }
}

#[test]
fn sizes_times_and_moments_have_units() {
    assert_eq!(bytes("20MiB"), Ok(20 << 20));
    assert_eq!(bytes("1000"), Ok(1000));
    assert_eq!(bytes("1 kB"), Ok(1000));
    assert_eq!(milliseconds("500ms"), Ok(500));
    assert_eq!(milliseconds("5m"), Ok(300_000));
    assert_eq!(unix_seconds("2027-01-01"), Ok(1_798_761_600));
    assert_eq!(unix_seconds("2027-01-01T01:00:00+01:00"), Ok(1_798_761_600));
    for text in ["", "0", "20", "1.5s", "25h", "99999999999999999999s", "s", "5 minutes"] {
        assert!(milliseconds(text).is_err(), "{text}");
    }
    for text in ["0", "257MiB", "-1", "1MIB", "99999999999999999999B"] {
        assert!(bytes(text).is_err(), "{text}");
    }
    for text in ["2027-13-01", "1969-12-31", "2027-01-01T00:00:00", "tomorrow", "2027-1-1"] {
        assert!(unix_seconds(text).is_err(), "{text}");
    }
}

#[test]
fn an_address_is_taken_apart() {
    let read = |text| url(text).map(|url| (url.tls, url.host, url.port, url.authority, url.path)).unwrap();
    let strings = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
    for (text, tls, port, (host, authority, path)) in [
        ("https://API.openai.com/v1/", true, 443, strings("api.openai.com", "api.openai.com", "/v1")),
        ("http://127.0.0.1:8000", false, 8000, strings("127.0.0.1", "127.0.0.1:8000", "")),
        ("http://[::1]:80/a/b", false, 80, strings("::1", "[::1]", "/a/b")),
        ("https://[2001:db8::1]:8443", true, 8443, strings("2001:db8::1", "[2001:db8::1]:8443", "")),
    ] {
        assert_eq!(read(text), (tls, host, port, authority, path), "{text}");
    }
}

#[test]
fn an_address_that_no_cluster_can_be_made_of_is_refused_and_hidden() {
    for text in [
        "",
        "api.openai.com",
        "ftp://a",
        "https://",
        "https:///v1",
        "https://a:0",
        "https://a:99999",
        "https://a:+80",
        "https://u:p@a",
        "https://a?key=1",
        "https://a#x",
        "https://a b",
        "https://-a",
        "https://a..b",
        "https://1.2.3",
        "https://[::1",
        "https://[zz]",
        "https://a/\u{e9}",
        "https://a\\b",
        "https://a/x y",
    ] {
        assert!(url(text).unwrap_err().hide, "{text}");
    }
}

#[test]
fn a_socket_is_an_address_and_a_port() {
    assert!(socket("0.0.0.0:8080").is_ok() && socket("[::]:8080").is_ok());
    for text in ["localhost:8080", ":8080", "8080", "0.0.0.0", "0.0.0.0:0", "::1:80"] {
        assert!(socket(text).is_err(), "{text}");
    }
}

#[test]
fn every_price_of_the_catalogue_has_its_source_and_none_is_free() {
    let catalogue = Catalogue::built_in();
    assert!(catalogue.prices.len() > 200);
    for listed in &catalogue.prices {
        let (price, assumed_from) = catalogue.price(Some(&listed.family), &listed.model);
        assert!(price.input > 0 && price.cached_input > 0, "{}", listed.model);
        assert!(price.cached_input <= price.input, "{}", listed.model);
        assert!(price.input <= price.cache_write && price.cache_write <= price.cache_write_1h, "{}", listed.model);
        assert!(price.output > 0 || listed.model.contains("embed"), "{}", listed.model);
        assert!(assumed_from.is_none() && !price.assumed);
        assert!(listed.source.starts_with("https://") && unix_seconds(&listed.as_of).is_ok(), "{}", listed.model);
        assert!(listed.as_of <= catalogue.revision, "{}", listed.model);
        assert!(listed.retires.as_ref().is_none_or(|day| unix_seconds(day).is_ok()), "{}", listed.model);
        let rates = listed.tiers.values().map(|tier| &tier.rates).chain(listed.long.as_ref().map(|long| &long.rates));
        for rates in rates.chain([&listed.rates]) {
            let amounts = [Some(&rates.input), rates.cached_input.as_ref(), rates.cache_write.as_ref()];
            let read = amounts.into_iter().flatten().chain([&rates.output]).all(|amount| nano_usd(amount).is_ok());
            assert!(read, "{}", listed.model);
        }
    }
}

#[test]
fn the_catalogue_is_in_order_and_lists_nothing_twice() {
    let names: Vec<_> = Catalogue::built_in().prices.into_iter().map(|one| (one.family, one.model)).collect();
    for pair in names.windows(2) {
        assert!(pair[0] < pair[1], "{:?} is before {:?}", pair[0], pair[1]);
    }
}

#[test]
fn models_that_are_served_today_are_listed() {
    let catalogue = Catalogue::built_in();
    for (family, model) in [
        ("openai", "gpt-4.1-mini"),
        ("openai", "gpt-5.5-pro"),
        ("openai", "gpt-6.1-sol"),
        ("anthropic", "claude-sonnet-4-6"),
        ("anthropic", "claude-opus-5-5"),
        ("google", "gemini-3-flash-preview"),
        ("google", "gemini-3.1-pro-preview"),
        ("google", "models/gemini-2.5-pro"),
        ("mistral", "mistral-large-latest"),
        ("mistral", "mistral-small-latest"),
        ("mistral", "ministral-8b-latest"),
        ("xai", "grok-4.5"),
        ("deepseek", "deepseek-v4-pro"),
    ] {
        assert_eq!(catalogue.price(Some(family), model).1, None, "{model}");
    }
    let cached = |family, model| catalogue.price(Some(family), model).0.cached_input;
    assert_eq!(cached("openai", "gpt-4.1-nano"), 25_000_000);
    assert_eq!(cached("openai", "o3"), 500_000_000);
    assert_eq!(cached("google", "gemini-2.5-flash-lite"), 10_000_000);
    assert_eq!(cached("mistral", "codestral-latest"), 30_000_000);
    let magistral = catalogue.price(Some("mistral"), "magistral-medium-latest").0;
    assert_eq!((magistral.input, magistral.output), (1_500_000_000, 7_500_000_000));
}

#[test]
fn tiers_and_long_prompts_have_prices_of_their_own() {
    let catalogue = Catalogue::built_in();
    let variants = |family, model| catalogue.price(Some(family), model).0.variants;
    let of = |family, model, tier: &str, above: u64| {
        let all = variants(family, model);
        let found = all.iter().find(|one| one.tier == tier && one.above == above);
        found.map(|one| (one.input, one.output)).unwrap_or_else(|| panic!("{model} {tier} {above}"))
    };
    assert_eq!(of("openai", "gpt-5.5", "flex", 0), (2_500_000_000, 15_000_000_000));
    assert_eq!(of("openai", "gpt-5.5", "priority", 0), (12_500_000_000, 75_000_000_000));
    assert_eq!(of("openai", "gpt-5.5", "", 272_000), (10_000_000_000, 45_000_000_000));
    assert_eq!(of("anthropic", "claude-opus-5-5", "fast", 0), (8_000_000_000, 40_000_000_000));
    assert_eq!(of("anthropic", "claude-opus-5-5", "priority", 0), (4_000_000_000, 20_000_000_000));
    assert_eq!(of("google", "gemini-2.5-pro", "", 200_000), (2_500_000_000, 15_000_000_000));
}

#[test]
fn a_dated_snapshot_costs_what_its_model_costs_unless_it_is_listed_itself() {
    let catalogue = Catalogue::built_in();
    let price = |model| catalogue.price(Some("openai"), model);
    assert_eq!(price("gpt-4o-2024-08-06"), price("gpt-4o"));
    assert_ne!(price("gpt-4o-2024-05-13"), price("gpt-4o"));
    assert_eq!(catalogue.price(Some("anthropic"), "claude-opus-4-5-20251101").0.input, 5_000_000_000);
    assert!(price("gpt-4o-9999-99-99").0.assumed);
}

#[test]
fn writing_to_anthropic_s_cache_costs_more_than_input_and_to_openai_s_the_same() {
    let catalogue = Catalogue::built_in();
    let claude = catalogue.price(Some("anthropic"), "claude-sonnet-4-5").0;
    assert_eq!(
        (claude.input, claude.cache_write, claude.cache_write_1h),
        (3_000_000_000, 3_750_000_000, 6_000_000_000)
    );
    let gpt = catalogue.price(Some("openai"), "gpt-5").0;
    assert_eq!((gpt.cache_write, gpt.cache_write_1h), (gpt.input, gpt.input));
}

#[test]
fn an_unknown_model_costs_what_the_dearest_current_costs() {
    let catalogue = Catalogue::built_in();
    for family in ["openai", "anthropic", "google", "mistral", "xai", "deepseek"] {
        let (unknown, like) = catalogue.price(Some(family), "model-of-tomorrow");
        assert!(unknown.assumed && like.is_some(), "{family}");
        let current = catalogue
            .prices
            .iter()
            .filter(|one| one.family == family && one.retires.as_ref().is_none_or(|day| *day > catalogue.revision));
        for listed in current {
            let price = catalogue.price(Some(family), &listed.model).0;
            let not_below = unknown.input >= price.input
                && unknown.cached_input >= price.cached_input
                && unknown.cache_write >= price.cache_write
                && unknown.cache_write_1h >= price.cache_write_1h
                && unknown.output >= price.output;
            assert!(not_below, "{family}: {}", listed.model);
        }
        assert!(unknown.variants.iter().all(|one| !one.tier.is_empty() || one.output >= unknown.output), "{family}");
    }
    // o1-pro is not served any more, and does not set the price of what is.
    assert!(catalogue.price(Some("openai"), "gpt-99").0.output < catalogue.price(Some("openai"), "o1-pro").0.output);
    let (any, _) = catalogue.price(None, "llama");
    assert!(any.assumed && any.output >= catalogue.price(Some("openai"), "gpt-99").0.output);
    // A model behind somebody else's address is still that model.
    assert_eq!(catalogue.price(None, "gpt-5").0, catalogue.price(Some("openai"), "gpt-5").0);
}

/// What is said of each bound and each form, so that a value that is merely too large is never told to change its form.
#[test]
fn each_flaw_of_a_value_has_its_own_reason() {
    use Scalar::*;
    let long_name = "n".repeat(129);
    let long_text = "t".repeat(257);
    let cases: &[(Scalar, &str, &str)] = &[
        (Money, "", "there is no number here"),
        (Money, "100000000", "this amount of US dollars is too large"),
        (Money, "1000000.000000001", "this amount of US dollars is too large"),
        (Money, "99999999999999999999999", "this amount of US dollars is too large"),
        (Money, "-1", "this number is negative"),
        (Money, "+1", "this number has a sign"),
        (Money, "1e3", "this number has an exponent"),
        (Money, "1,000", "digits are grouped here"),
        (Money, "0.0000000001", "this amount is finer than a nano-dollar"),
        (Money, "$5", "an amount has no currency here: it is in US dollars"),
        (Money, "5 EUR", "an amount has no currency here: it is in US dollars"),
        (Money, ".5", "this is not an amount of US dollars"),
        (Size, "0", "this size is too small"),
        (Size, "257MiB", "this size is too large"),
        (Size, "1GiB", "this size is too large"),
        (Size, "99999999999999999999B", "this size is too large"),
        (Size, "1.5MiB", "this is not a whole number"),
        (Size, "20 apples", "this unit is not known here"),
        (Size, "20mib", "this unit is not known here"),
        (Size, "-1", "this number is negative"),
        (Size, "MiB", "there is no number here"),
        (Duration, "20", "this number has no unit"),
        (Duration, "25h", "this time is too long"),
        (Duration, "99999999999999999999s", "this time is too long"),
        (Duration, "2d", "this unit is not known here"),
        (Duration, "1.5s", "this is not a whole number"),
        (Duration, "-5s", "this number is negative"),
        (Timeout, "0s", "nothing can answer in no time"),
        (Timeout, "25h", "this time is too long"),
        (Retention, "0d", "this keeps nothing"),
        (Retention, "36501d", "this is too long"),
        (Retention, "90", "this number has no unit"),
        (Retention, "90h", "this unit is not known here"),
        (Retention, "09d", "this number of days begins with 0"),
        (Retention, "9 d", "there is a space in this number of days"),
        (Count, "1000000001", "this number is too large"),
        (Count, "99999999999999999999", "this number is too large"),
        (Count, "-1", "this number is negative"),
        (Count, "1.0", "this is not a whole number"),
        (Count, "1_000", "digits are grouped here"),
        (Count, "many", "this is not a number"),
        (Positive, "0", "this has to be at least 1"),
        (Positive, "1000000001", "this number is too large"),
        (Positive, "x", "this is not a number"),
        (Percent, "0", "this percentage is too small"),
        (Percent, "101", "this percentage is too large"),
        (Percent, "50%", "a percentage has no sign here"),
        (Percent, "7.5", "this is not a whole number"),
        (Share, "0", "this share is too small"),
        (Share, "0.0", "this share is too small"),
        (Share, "1.1", "this share is too large"),
        (Share, "80", "this share is too large"),
        (Share, "80%", "a share is a fraction, not a percentage"),
        (Share, "0.1234567", "this share is too fine"),
        (Share, "-0.5", "this number is negative"),
        (Rate, "60", "it is not said in which time"),
        (Rate, "0/min", "this lets nothing through at all"),
        (Rate, "1000001M/min", "this amount is too large"),
        (Rate, "99999999999999999999/min", "this amount is too large"),
        (Rate, "5/month", "a limit has no time as long as this"),
        (Rate, "5/10s", "a limit is for one unit of time"),
        (Rate, "5/fortnight", "this unit of time is not known"),
        (Rate, "5K/min", "this unit of an amount is not known"),
        (Rate, "-5/min", "this number is negative"),
        (Rate, "1.5/min", "this is not a whole number"),
        (Moment, "1969-12-31", "this date is before 1970"),
        (Moment, "2027-02-30", "there is no such day"),
        (Moment, "2027-01-01T00:00:00", "this time has no zone"),
        (Moment, "2027-01-01T99:00:00Z", "this is not a date and time"),
        (Moment, "tomorrow", "this is not a date"),
        (Trigger, "700", "no error has this status"),
        (Trigger, "399", "no error has this status"),
        (Trigger, "connekt", "nothing moves a request on by this name"),
        (Flag, "yes", "this is neither true nor false"),
        (Name, "", "there is no name here"),
        (Name, &long_name, "this name is longer than 128 characters"),
        (Name, "two words", "a character in this name is not allowed there"),
        (ProviderName, "OpenAI", "a provider name has no capital letters"),
        (HeaderName, "X-Region", "a header name has no capital letters"),
        (TagName, "a_b", "a character in this tag name is not allowed there"),
        (Text, &long_text, "this text is longer than 256 characters"),
        (Text, "a\u{7}", "there is a control character in this text"),
        (PriceName, "gpt-5", "there is no provider before this model"),
        (PriceName, "openai/", "there is no name or glob here"),
        (Variable, "sk-secret", "a secret does not stand in this file"),
        (Variable, "$KEY", "the braces around the variable's name are missing"),
        (Variable, "${KEY", "the brace after the variable's name is missing"),
        (Variable, "${}", "there is no name between the braces"),
        (Variable, "${1A}", "this is not the name of an environment variable"),
        (Sha256, "abc", "this is not a SHA-256: it does not have 64 hex digits"),
        (Sha256, "hg-xyz", "this is not a SHA-256: there are characters in it that are no hex digits"),
        (Url, "api.openai.com/v1", "this address does not begin with http:// or https://"),
        (Url, "ftp://a", "this address begins with something else than http:// or https://"),
        (Url, "https://u:p@a", "an address here has no user and no password"),
        (Url, "https://a?key=1", "an address here has no query"),
        (Url, "https://a:99999", "the port of this address is too large"),
        (Url, "https://a:0", "the port of this address is 0"),
        (Url, "https://a:x", "the port of this address is not a number"),
        (Url, "https:///v1", "this address has no host"),
        (Url, "https://::1/v1", "an IPv6 address stands in brackets here"),
        (Url, "https://a..b", "this address has no usable host"),
        (Socket, "localhost:8080", "this is not an IP address to listen on"),
        (Socket, "8080", "there is no IP address before this port"),
        (Socket, ":8080", "there is no IP address before this port"),
        (Socket, "0.0.0.0", "the port of this address is missing"),
        (Socket, "0.0.0.0:0", "the port of this address is 0"),
        (Socket, "0.0.0.0:70000", "the port of this address is too large"),
        (TimeZone, "Mars/Olympus", "this time zone is not known"),
        (TimeZone, "+01:00", "this is an offset, not a time zone"),
        (Origin, "https://app.example.com/", "an origin has no path and no slash at its end"),
        (Origin, "https://App.example.com", "browsers send an origin in small letters"),
        (Origin, "https://app.example.com:443", "browsers leave out a port that is the scheme's own"),
        (Path, "ca.pem", "this is not an absolute path"),
    ];
    for (kind, text, message) in cases {
        let wrong = kind.check(text).expect_err(text);
        assert_eq!(wrong.message, *message, "{kind:?} {text:?}");
        assert!(!wrong.help.is_empty(), "{kind:?} {text:?}");
    }
    for (kind, text) in [
        (Money, "1000000"),
        (Size, "256MiB"),
        (Duration, "24h"),
        (Count, "1000000000"),
        (Share, "1.0"),
        (Percent, "100"),
        (Rate, "1000000M/day"),
        (Retention, "36500d"),
        (Origin, "http://localhost:3000"),
        (Origin, "*"),
    ] {
        assert_eq!(kind.check(text), Ok(()), "{kind:?} {text:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn dollars_written_out_are_read_back(nano in 0_u64..1_000_000_000_000_000) {
        let text = format!("{}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000);
        prop_assert_eq!(nano_usd(&text), Ok(nano));
    }

    #[test]
    fn no_value_makes_a_reader_panic(text in "\\PC{0,80}|[0-9a-zA-Z.:/@${}*\\[\\]-]{0,80}") {
        for kind in [Scalar::Text, Scalar::Name, Scalar::ProviderName, Scalar::Glob, Scalar::HeaderName,
            Scalar::TagName, Scalar::PriceName, Scalar::Variable, Scalar::Size, Scalar::Duration, Scalar::Retention,
            Scalar::Flag, Scalar::Count, Scalar::Positive, Scalar::Url, Scalar::Socket, Scalar::Sha256, Scalar::Moment,
            Scalar::Trigger, Scalar::Format, Scalar::Money, Scalar::Path, Scalar::Share, Scalar::Rate, Scalar::Percent,
            Scalar::TimeZone, Scalar::Dimension, Scalar::Origin, Scalar::TierName, Scalar::File] {
            if let Err(wrong) = kind.check(&text) {
                prop_assert!(!wrong.message.is_empty() && !wrong.help.is_empty());
            }
        }
    }
}
