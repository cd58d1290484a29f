//! Credentials with a prefix of their issuer: prefix, lengths and alphabet as the issuer publishes them.
//!
//! A row is one format. Where an issuer publishes no length, the row takes the length that its documentation shows, with room.
//! Sources stand beside the kinds in `kinds.rs`.

use crate::kinds::Kind::{self, *};
use crate::text::class::{
    BASE64, DASH, DIGIT, DOT, EQUALS, HEX, HEX_UPPER, LETTER, LOWER, UNDERSCORE, UPPER, URL64, WORD,
};

/// One format.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) kind: Kind,
    pub(crate) prefix: &'static [u8],
    pub(crate) body: &'static [Part],
    pub(crate) check: Check,
}

/// A part of the body after the prefix.
#[derive(Debug)]
pub(crate) enum Part {
    /// So many bytes of a class, and no more of it.
    Run(u32, usize, usize),
    /// This.
    Text(&'static [u8]),
}

/// The check of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// Nothing.
    None,
    /// The last six are the CRC-32 of the others, in base 62; or it looks random all the same. A prefix of its own and an
    /// exact length are so specific that a wrong sum is more likely a copying mistake than another kind of word.
    Crc32Base62,
    /// The checksum of Bech32 over the whole.
    Bech32,
}

const UPPER_DIGIT: u32 = UPPER | DIGIT;
const LOWER_DIGIT: u32 = LOWER | DIGIT;
const WORD_: u32 = WORD | UNDERSCORE;
const STANDARD64: u32 = WORD | BASE64 | EQUALS;
const ANY_HEX: u32 = HEX | HEX_UPPER;

const fn rule(kind: Kind, prefix: &'static str, body: &'static [Part]) -> Rule {
    Rule { kind, prefix: prefix.as_bytes(), body, check: Check::None }
}

const fn checked(kind: Kind, prefix: &'static str, body: &'static [Part], check: Check) -> Rule {
    Rule { kind, prefix: prefix.as_bytes(), body, check }
}

const fn run(class: u32, least: usize, most: usize) -> Part {
    Part::Run(class, least, most)
}

const fn exactly(class: u32, length: usize) -> Part {
    Part::Run(class, length, length)
}

const fn text(text: &'static str) -> Part {
    Part::Text(text.as_bytes())
}

/// All rows; sorted into an index when a guard is built.
pub(crate) static RULES: &[Rule] = &[
    // AWS
    rule(AwsAccessKeyId, "AKIA", &[exactly(UPPER_DIGIT, 16)]),
    rule(AwsAccessKeyId, "ASIA", &[exactly(UPPER_DIGIT, 16)]),
    rule(AwsAccessKeyId, "ABIA", &[exactly(UPPER_DIGIT, 16)]),
    rule(AwsAccessKeyId, "ACCA", &[exactly(UPPER_DIGIT, 16)]),
    rule(AwsBedrockApiKey, "ABSK", &[run(STANDARD64, 109, 269)]),
    rule(AwsBedrockApiKey, "bedrock-api-key-", &[run(STANDARD64, 40, 480)]),
    // Google
    rule(GoogleApiKey, "AIza", &[exactly(URL64, 35)]),
    rule(GoogleOauthToken, "ya29.", &[run(URL64 | DOT, 20, 480)]),
    rule(GoogleOauthToken, "GOCSPX-", &[exactly(URL64, 28)]),
    rule(GoogleOauthToken, "1//0", &[run(URL64, 40, 160)]),
    // Other clouds
    rule(AlibabaAccessKeyId, "LTAI", &[run(WORD, 12, 26)]),
    rule(TencentSecretId, "AKID", &[run(WORD, 32, 32)]),
    rule(DigitalOceanToken, "dop_v1_", &[exactly(HEX, 64)]),
    rule(DigitalOceanToken, "doo_v1_", &[exactly(HEX, 64)]),
    rule(DigitalOceanToken, "dor_v1_", &[exactly(HEX, 64)]),
    rule(HerokuApiKey, "HRKU-AA", &[exactly(URL64, 58)]),
    rule(
        HerokuApiKey,
        "HRKU-",
        &[
            exactly(HEX, 8),
            text("-"),
            exactly(HEX, 4),
            text("-"),
            exactly(HEX, 4),
            text("-"),
            exactly(HEX, 4),
            text("-"),
            exactly(HEX, 12),
        ],
    ),
    rule(CloudflareKey, "v1.0-", &[exactly(HEX, 24), text("-"), exactly(HEX, 146)]),
    rule(CloudflareKey, "cfut_", &[run(WORD, 40, 64)]),
    rule(CloudflareKey, "cfat_", &[run(WORD, 40, 64)]),
    rule(CloudflareKey, "cfk_", &[run(WORD, 37, 64)]),
    rule(FlyToken, "fo1_", &[exactly(URL64, 43)]),
    rule(FlyToken, "fm1r_", &[run(STANDARD64, 80, 900)]),
    rule(FlyToken, "fm2_", &[run(STANDARD64, 80, 900)]),
    rule(NetlifyToken, "nfp_", &[run(WORD, 36, 40)]),
    rule(VaultToken, "hvs.", &[run(URL64, 24, 160)]),
    rule(VaultToken, "hvb.", &[run(URL64, 100, 240)]),
    rule(VaultToken, "hvr.", &[run(URL64, 24, 160)]),
    rule(PulumiToken, "pul-", &[exactly(HEX, 40)]),
    rule(DopplerToken, "dp.pt.", &[run(WORD, 40, 44)]),
    rule(DopplerToken, "dp.ct.", &[run(WORD, 40, 44)]),
    rule(DopplerToken, "dp.sa.", &[run(WORD, 40, 44)]),
    rule(DopplerToken, "dp.scim.", &[run(WORD, 40, 44)]),
    rule(DopplerToken, "dp.audit.", &[run(WORD, 40, 44)]),
    rule(DopplerToken, "dp.said.", &[run(WORD, 40, 44)]),
    rule(DopplerToken, "dp.st.", &[run(WORD, 40, 44)]),
    rule(DopplerToken, "dp.st.", &[run(LOWER_DIGIT | UNDERSCORE | DASH, 2, 35), text("."), run(WORD, 40, 44)]),
    checked(AgeSecretKey, "AGE-SECRET-KEY-1", &[exactly(UPPER_DIGIT, 58)], Check::Bech32),
    rule(TailscaleKey, "tskey-auth-", &[run(WORD, 6, 32), text("-"), run(WORD, 16, 64)]),
    rule(TailscaleKey, "tskey-api-", &[run(WORD, 6, 32), text("-"), run(WORD, 16, 64)]),
    rule(TailscaleKey, "tskey-client-", &[run(WORD, 6, 32), text("-"), run(WORD, 16, 64)]),
    rule(TailscaleKey, "tskey-scim-", &[run(WORD, 6, 32), text("-"), run(WORD, 16, 64)]),
    rule(TailscaleKey, "tskey-webhook-", &[run(WORD, 6, 32), text("-"), run(WORD, 16, 64)]),
    rule(OnePasswordToken, "ops_eyJ", &[run(WORD_ | DASH | BASE64 | EQUALS, 200, 1900)]),
    // Data
    rule(PlanetScaleToken, "pscale_tkn_", &[run(WORD_ | DASH | DOT | EQUALS, 32, 64)]),
    rule(PlanetScaleToken, "pscale_pw_", &[run(WORD_ | DASH | DOT | EQUALS, 32, 64)]),
    rule(PlanetScaleToken, "pscale_oauth_", &[run(WORD_ | DASH | DOT | EQUALS, 32, 64)]),
    rule(SupabaseKey, "sbp_", &[exactly(HEX, 40)]),
    rule(SupabaseKey, "sbp_oauth_", &[exactly(HEX, 40)]),
    rule(SupabaseKey, "sb_secret_", &[run(URL64, 22, 64)]),
    rule(NeonApiKey, "napi_", &[run(LOWER_DIGIT, 60, 68)]),
    rule(AivenKey, "AVNS_", &[run(URL64, 19, 24)]),
    rule(DatabricksToken, "dapi", &[exactly(HEX, 32)]),
    rule(DatabricksToken, "dapi", &[exactly(HEX, 32), text("-"), exactly(DIGIT, 1)]),
    rule(AirtableToken, "pat", &[exactly(WORD, 14), text("."), exactly(HEX, 64)]),
    rule(ContentfulToken, "CFPAT-", &[exactly(URL64, 43)]),
    rule(DynatraceToken, "dt0c01.", &[exactly(UPPER_DIGIT, 24), text("."), exactly(UPPER_DIGIT, 64)]),
    rule(DynatraceToken, "dt0s01.", &[exactly(UPPER_DIGIT, 24), text("."), exactly(UPPER_DIGIT, 64)]),
    rule(GrafanaToken, "glsa_", &[exactly(WORD, 32), text("_"), exactly(ANY_HEX, 8)]),
    rule(GrafanaToken, "glc_", &[run(STANDARD64, 32, 900)]),
    rule(NewRelicKey, "NRAK-", &[exactly(UPPER_DIGIT, 27)]),
    rule(NewRelicKey, "NRII-", &[exactly(URL64, 32)]),
    rule(NewRelicKey, "NRIQ-", &[exactly(URL64, 32)]),
    rule(NewRelicKey, "NRJS-", &[exactly(HEX, 19)]),
    rule(NewRelicKey, "NRRA-", &[exactly(HEX, 42)]),
    rule(SentryToken, "sntryu_", &[exactly(HEX, 64)]),
    rule(SentryToken, "sntrys_eyJ", &[run(STANDARD64, 60, 380), text("_"), run(URL64 | BASE64, 40, 48)]),
    rule(PostHogKey, "phx_", &[run(URL64, 40, 56)]),
    // Code hosts and registries
    checked(GithubToken, "ghp_", &[exactly(WORD, 36)], Check::Crc32Base62),
    checked(GithubToken, "gho_", &[exactly(WORD, 36)], Check::Crc32Base62),
    checked(GithubToken, "ghu_", &[exactly(WORD, 36)], Check::Crc32Base62),
    checked(GithubToken, "ghs_", &[exactly(WORD, 36)], Check::Crc32Base62),
    checked(GithubToken, "ghr_", &[exactly(WORD, 36)], Check::Crc32Base62),
    rule(GithubToken, "ghr_", &[exactly(WORD, 76)]),
    rule(GithubFineGrainedToken, "github_pat_", &[exactly(WORD, 22), text("_"), exactly(WORD, 59)]),
    rule(GitlabToken, "glpat-", &[run(URL64, 20, 22)]),
    rule(
        GitlabToken,
        "glpat-",
        &[run(URL64, 27, 300), text("."), exactly(LOWER_DIGIT, 2), text("."), exactly(LOWER_DIGIT, 9)],
    ),
    rule(GitlabToken, "gldt-", &[run(URL64, 20, 64)]),
    rule(GitlabToken, "glrt-", &[run(URL64, 20, 64)]),
    rule(
        GitlabToken,
        "glrt-",
        &[run(URL64, 20, 300), text("."), exactly(LOWER_DIGIT, 2), text("."), exactly(LOWER_DIGIT, 9)],
    ),
    rule(GitlabToken, "glptt-", &[exactly(HEX, 40)]),
    rule(GitlabToken, "glft-", &[run(URL64, 20, 64)]),
    rule(GitlabToken, "glimt-", &[exactly(URL64, 25)]),
    rule(GitlabToken, "glagent-", &[run(URL64, 50, 64)]),
    rule(GitlabToken, "gloas-", &[exactly(URL64, 64)]),
    rule(GitlabToken, "glsoat-", &[run(URL64, 20, 22)]),
    rule(GitlabToken, "glffct-", &[run(URL64, 20, 22)]),
    rule(GitlabToken, "glcbt-", &[run(URL64, 20, 28)]),
    rule(GitlabToken, "GR1348941", &[exactly(URL64, 20)]),
    rule(BitbucketAppPassword, "ATBB", &[exactly(WORD, 32)]),
    checked(NpmToken, "npm_", &[exactly(WORD, 36)], Check::Crc32Base62),
    rule(PypiToken, "pypi-AgEIcHlwaS5vcmc", &[run(URL64, 50, 300)]),
    rule(PypiToken, "pypi-AgENdGVzdC5weXBpLm9yZ", &[run(URL64, 50, 300)]),
    rule(CratesIoToken, "cio", &[exactly(WORD, 32)]),
    rule(RubygemsKey, "rubygems_", &[exactly(HEX, 48)]),
    rule(NugetKey, "oy2", &[exactly(LOWER_DIGIT, 43)]),
    rule(DockerHubToken, "dckr_pat_", &[exactly(URL64, 27)]),
    rule(DockerHubToken, "dckr_oat_", &[run(URL64, 27, 32)]),
    rule(SonarToken, "squ_", &[exactly(HEX, 40)]),
    rule(SonarToken, "sqp_", &[exactly(HEX, 40)]),
    rule(SonarToken, "sqa_", &[exactly(HEX, 40)]),
    rule(BuildkiteToken, "bkua_", &[exactly(HEX, 40)]),
    rule(CircleciToken, "CCIPAT_", &[exactly(WORD, 22), text("_"), exactly(HEX, 40)]),
    rule(CircleciToken, "CCIPRJ_", &[exactly(WORD, 22), text("_"), exactly(HEX, 40)]),
    rule(SourcegraphToken, "sgp_", &[exactly(HEX, 40)]),
    rule(SourcegraphToken, "sgp_", &[run(WORD, 5, 16), text("_"), exactly(HEX, 40)]),
    // Chat and collaboration
    rule(SlackToken, "xoxb-", &[run(DIGIT, 9, 14), text("-"), run(WORD | DASH, 16, 80)]),
    rule(SlackToken, "xoxp-", &[run(DIGIT, 9, 14), text("-"), run(WORD | DASH, 24, 120)]),
    rule(SlackToken, "xoxa-", &[run(WORD | DASH, 24, 120)]),
    rule(SlackToken, "xoxr-", &[run(WORD | DASH, 24, 120)]),
    rule(SlackToken, "xoxs-", &[run(WORD | DASH, 24, 120)]),
    rule(SlackToken, "xoxo-", &[run(WORD | DASH, 24, 120)]),
    rule(SlackToken, "xoxc-", &[run(WORD | DASH, 24, 120)]),
    rule(SlackToken, "xoxe-", &[exactly(DIGIT, 1), text("-"), run(WORD, 60, 180)]),
    rule(SlackToken, "xoxe.xoxb-", &[exactly(DIGIT, 1), text("-"), run(WORD, 120, 200)]),
    rule(SlackToken, "xoxe.xoxp-", &[exactly(DIGIT, 1), text("-"), run(WORD, 120, 200)]),
    rule(
        SlackToken,
        "xapp-",
        &[
            exactly(DIGIT, 1),
            text("-"),
            run(UPPER_DIGIT, 8, 16),
            text("-"),
            run(DIGIT, 9, 16),
            text("-"),
            run(LOWER_DIGIT, 60, 72),
        ],
    ),
    rule(AtlassianToken, "ATATT3", &[run(URL64 | EQUALS, 150, 260)]),
    rule(AtlassianToken, "ATCTT3", &[run(URL64 | EQUALS, 150, 260)]),
    rule(LinearApiKey, "lin_api_", &[run(WORD, 40, 48)]),
    rule(LinearApiKey, "lin_oauth_", &[run(WORD, 40, 64)]),
    rule(NotionToken, "ntn_", &[run(WORD, 43, 50)]),
    rule(NotionToken, "secret_", &[exactly(WORD, 43)]),
    rule(FigmaToken, "figd_", &[run(URL64, 36, 64)]),
    rule(FigmaToken, "figo_", &[run(URL64, 36, 64)]),
    rule(FigmaToken, "figu_", &[run(URL64, 36, 64)]),
    rule(PostmanApiKey, "PMAK-", &[exactly(HEX, 24), text("-"), exactly(HEX, 34)]),
    rule(
        HubspotToken,
        "pat-na1-",
        &[
            exactly(ANY_HEX, 8),
            text("-"),
            exactly(ANY_HEX, 4),
            text("-"),
            exactly(ANY_HEX, 4),
            text("-"),
            exactly(ANY_HEX, 4),
            text("-"),
            exactly(ANY_HEX, 12),
        ],
    ),
    rule(
        HubspotToken,
        "pat-eu1-",
        &[
            exactly(ANY_HEX, 8),
            text("-"),
            exactly(ANY_HEX, 4),
            text("-"),
            exactly(ANY_HEX, 4),
            text("-"),
            exactly(ANY_HEX, 4),
            text("-"),
            exactly(ANY_HEX, 12),
        ],
    ),
    rule(TypeformToken, "tfp_", &[run(URL64 | DOT, 44, 64)]),
    rule(LinkedinToken, "WPL_AP1.", &[run(WORD | DOT, 16, 24), text("==")]),
    rule(LinkedinToken, "WPL_AP1.", &[run(WORD | DOT, 16, 24)]),
    rule(MapboxSecretToken, "sk.eyJ", &[run(URL64, 60, 160), text("."), run(URL64, 20, 24)]),
    // Payment and shops
    rule(StripeKey, "sk_live_", &[run(WORD, 16, 247)]),
    rule(StripeKey, "sk_test_", &[run(WORD, 16, 247)]),
    rule(StripeKey, "rk_live_", &[run(WORD, 16, 247)]),
    rule(StripeKey, "rk_test_", &[run(WORD, 16, 247)]),
    rule(StripeKey, "sk_org_live_", &[run(WORD, 16, 247)]),
    rule(StripeKey, "whsec_", &[run(WORD | BASE64 | EQUALS, 32, 72)]),
    rule(SquareToken, "sq0atp-", &[exactly(URL64, 22)]),
    rule(SquareToken, "sq0csp-", &[exactly(URL64, 43)]),
    rule(SquareToken, "EAAA", &[exactly(URL64, 60)]),
    rule(BraintreeToken, "access_token$production$", &[exactly(LOWER_DIGIT, 16), text("$"), exactly(HEX, 32)]),
    rule(BraintreeToken, "access_token$sandbox$", &[exactly(LOWER_DIGIT, 16), text("$"), exactly(HEX, 32)]),
    rule(RazorpayKey, "rzp_live_", &[run(WORD, 14, 20)]),
    rule(RazorpayKey, "rzp_test_", &[run(WORD, 14, 20)]),
    rule(FlutterwaveKey, "FLWSECK-", &[run(WORD, 32, 50), text("-X")]),
    rule(FlutterwaveKey, "FLWSECK_TEST-", &[run(WORD, 32, 50), text("-X")]),
    rule(
        PlaidToken,
        "access-production-",
        &[
            exactly(HEX, 8),
            text("-"),
            exactly(HEX, 4),
            text("-"),
            exactly(HEX, 4),
            text("-"),
            exactly(HEX, 4),
            text("-"),
            exactly(HEX, 12),
        ],
    ),
    rule(
        PlaidToken,
        "access-sandbox-",
        &[
            exactly(HEX, 8),
            text("-"),
            exactly(HEX, 4),
            text("-"),
            exactly(HEX, 4),
            text("-"),
            exactly(HEX, 4),
            text("-"),
            exactly(HEX, 12),
        ],
    ),
    rule(ShopifyToken, "shpat_", &[exactly(ANY_HEX, 32)]),
    rule(ShopifyToken, "shpca_", &[exactly(ANY_HEX, 32)]),
    rule(ShopifyToken, "shppa_", &[exactly(ANY_HEX, 32)]),
    rule(ShopifyToken, "shpss_", &[exactly(ANY_HEX, 32)]),
    rule(EasypostKey, "EZAK", &[exactly(WORD, 54)]),
    rule(EasypostKey, "EZTK", &[exactly(WORD, 54)]),
    rule(ShippoToken, "shippo_live_", &[exactly(HEX, 40)]),
    rule(ShippoToken, "shippo_test_", &[exactly(HEX, 40)]),
    // Mail
    rule(SendgridKey, "SG.", &[exactly(URL64, 22), text("."), exactly(URL64, 43)]),
    rule(MailgunKey, "key-", &[exactly(LOWER_DIGIT, 32)]),
    rule(BrevoKey, "xkeysib-", &[exactly(HEX, 64), text("-"), exactly(WORD, 16)]),
    rule(ResendKey, "re_", &[exactly(WORD, 8), text("_"), run(WORD, 20, 28)]),
    // Model providers
    rule(OpenaiKey, "sk-proj-", &[run(URL64, 40, 240)]),
    rule(OpenaiKey, "sk-svcacct-", &[run(URL64, 40, 240)]),
    rule(OpenaiKey, "sk-admin-", &[run(URL64, 40, 240)]),
    rule(OpenaiKey, "sk-None-", &[run(URL64, 40, 240)]),
    rule(OpenaiKey, "sk-", &[exactly(WORD, 48)]),
    rule(AnthropicKey, "sk-ant-api03-", &[run(URL64, 80, 120)]),
    rule(AnthropicKey, "sk-ant-admin01-", &[run(URL64, 80, 120)]),
    rule(AnthropicKey, "sk-ant-oat01-", &[run(URL64, 80, 120)]),
    rule(AnthropicKey, "sk-ant-ort01-", &[run(URL64, 80, 120)]),
    rule(AnthropicKey, "sk-ant-sid01-", &[run(URL64, 80, 150)]),
    rule(OpenrouterKey, "sk-or-v1-", &[exactly(HEX, 64)]),
    rule(DeepseekKey, "sk-", &[exactly(HEX, 32)]),
    rule(HuggingFaceToken, "hf_", &[exactly(LETTER, 34)]),
    rule(HuggingFaceToken, "hf_", &[run(WORD, 34, 40)]),
    rule(HuggingFaceToken, "api_org_", &[exactly(WORD, 34)]),
    rule(GroqKey, "gsk_", &[exactly(WORD, 52)]),
    rule(XaiKey, "xai-", &[run(WORD, 70, 90)]),
    rule(PerplexityKey, "pplx-", &[run(WORD, 40, 64)]),
    rule(ReplicateToken, "r8_", &[exactly(WORD, 37)]),
    rule(NvidiaKey, "nvapi-", &[run(URL64, 60, 72)]),
    rule(LangsmithKey, "lsv2_pt_", &[exactly(HEX, 32), text("_"), exactly(HEX, 10)]),
    rule(LangsmithKey, "lsv2_sk_", &[exactly(HEX, 32), text("_"), exactly(HEX, 10)]),
    rule(PineconeKey, "pcsk_", &[run(WORD_, 60, 100)]),
    rule(CerebrasKey, "csk-", &[exactly(LOWER_DIGIT, 48)]),
    rule(TavilyKey, "tvly-", &[run(WORD, 32, 40)]),
    rule(TavilyKey, "tvly-dev-", &[run(WORD, 32, 64)]),
    rule(TavilyKey, "tvly-prod-", &[run(WORD, 32, 64)]),
    // This gateway
    rule(HeadgateKey, "hg-", &[exactly(URL64, 43)]),
    rule(HeadgateKey, "hgc_", &[exactly(HEX, 64)]),
];
