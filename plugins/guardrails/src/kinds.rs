//! Every kind of finding, in one table: its stable name, its group, its proof, and its reach.
//!
//! The names stand in policies and in records, so they never change their meaning. The reference page, the schema and
//! the limits of [`crate::StreamScanner`] come from this table.

use serde::{Deserialize, Serialize};

/// Kinds that policies can ask for together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Credentials: their holder can act as their owner.
    Secrets,
    /// Personal data.
    Pii,
    /// Attempts to take over the model's instructions.
    PromptInjection,
    /// Characters that are there and cannot be seen.
    InvisibleText,
    /// Lists of the operator: words, patterns, URLs.
    Custom,
}

impl Group {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Secrets, Self::Pii, Self::PromptInjection, Self::InvisibleText, Self::Custom];

    /// Its name in policies.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Secrets => "secrets",
            Self::Pii => "pii",
            Self::PromptInjection => "prompt_injection",
            Self::InvisibleText => "invisible_text",
            Self::Custom => "custom",
        }
    }
}

/// The evidence for a finding. Where two overlap, the one with the better proof stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Proof {
    /// Nothing but likelihood.
    Heuristic,
    /// A common form beside a word of its kind.
    Context,
    /// A form that hardly anything else has.
    Form,
    /// A prefix that its issuer published, with the right length and alphabet.
    Prefix,
    /// A check digit, a check sum or a signature over the rest.
    Checksum,
    /// The operator listed it.
    Listed,
}

/// One row of [`KINDS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KindInfo {
    /// The kind.
    pub kind: Kind,
    /// Its stable name, snake_case.
    pub name: &'static str,
    /// Its group.
    pub group: Group,
    /// Its evidence.
    pub proof: Proof,
    /// Most bytes of text, from where a match begins, that its verdict can depend on; a stream holds back no more.
    pub reach: usize,
    /// Its description on the reference page.
    pub about: &'static str,
    /// The publication of the format.
    pub source: &'static str,
}

impl Kind {
    /// Its row.
    #[must_use]
    pub fn info(self) -> &'static KindInfo {
        // The rows stand in the order of the variants; a test holds that.
        KINDS.get(self as usize).unwrap_or(&FIRST)
    }

    /// Its stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.info().name
    }

    /// Returns the kind of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        KINDS.iter().find(|row| row.name == name).map(|row| row.kind)
    }

    /// All kinds of a group, in the order of the table.
    pub fn of(group: Group) -> impl Iterator<Item = Self> {
        KINDS.iter().filter(move |row| row.group == group).map(|row| row.kind)
    }
}

macro_rules! kinds {
    ($($kind:ident $name:literal $group:ident $proof:ident $reach:literal $about:literal $source:literal;)+) => {
        /// The kind of a finding.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Kind {
            $(#[doc = $about] $kind,)+
        }

        /// The table, in the order of [`Kind`].
        pub static KINDS: &[KindInfo] = &[$(KindInfo {
            kind: Kind::$kind, name: $name, group: Group::$group, proof: Proof::$proof, reach: $reach, about: $about, source: $source,
        },)+];
    };
}

static FIRST: KindInfo = KindInfo {
    kind: Kind::Words,
    name: "words",
    group: Group::Custom,
    proof: Proof::Listed,
    reach: 0,
    about: "",
    source: "",
};

kinds! {
    // Lists of the operator.
    Words "words" Custom Listed 1024 "A word or phrase of the policy, whatever its case and width" "policy";
    Pattern "pattern" Custom Listed 4096 "A regular expression of the policy" "policy";
    Url "url" Custom Listed 2048 "A URL whose host the policy denies, or does not allow" "RFC 3986";

    // Secrets: clouds and infrastructure.
    AwsAccessKeyId "aws_access_key_id" Secrets Prefix 64 "AWS access key id" "docs.aws.amazon.com: IAM identifiers, unique ID prefixes";
    AwsSecretAccessKey "aws_secret_access_key" Secrets Context 64 "AWS secret access key beside a word that names it" "docs.aws.amazon.com: access keys";
    AwsBedrockApiKey "aws_bedrock_api_key" Secrets Prefix 512 "Amazon Bedrock API key" "docs.aws.amazon.com: Bedrock API keys";
    AzureKey "azure_key" Secrets Prefix 160 "Azure storage, Cosmos DB, Service Bus or other resource key" "learn.microsoft.com: storage connection strings, identifiable keys";
    AzureSasSignature "azure_sas_signature" Secrets Form 128 "Signature of an Azure shared access URL" "learn.microsoft.com: service SAS";
    AzureClientSecret "azure_client_secret" Secrets Prefix 64 "Entra ID client secret" "learn.microsoft.com: client secret entity definition";
    GoogleApiKey "google_api_key" Secrets Prefix 64 "Google API key" "cloud.google.com: API keys";
    GoogleOauthToken "google_oauth_token" Secrets Prefix 512 "Google OAuth access token, refresh token or client secret" "developers.google.com: OAuth 2.0";
    AlibabaAccessKeyId "alibaba_access_key_id" Secrets Prefix 64 "Alibaba Cloud access key id" "alibabacloud.com: AccessKey pairs";
    TencentSecretId "tencent_secret_id" Secrets Prefix 64 "Tencent Cloud secret id" "cloud.tencent.com: access keys";
    DigitalOceanToken "digitalocean_token" Secrets Prefix 96 "DigitalOcean token" "docs.digitalocean.com: API tokens";
    HerokuApiKey "heroku_api_key" Secrets Prefix 96 "Heroku API key" "devcenter.heroku.com: token formats";
    CloudflareKey "cloudflare_key" Secrets Prefix 256 "Cloudflare API token or origin CA key" "developers.cloudflare.com: API token formats";
    FlyToken "fly_token" Secrets Prefix 1024 "Fly.io token" "fly.io: access tokens";
    NetlifyToken "netlify_token" Secrets Prefix 64 "Netlify personal access token" "docs.netlify.com: access tokens";
    VaultToken "vault_token" Secrets Prefix 256 "HashiCorp Vault token" "developer.hashicorp.com: Vault tokens";
    TerraformToken "terraform_token" Secrets Prefix 128 "HCP Terraform API token" "developer.hashicorp.com: Terraform API tokens";
    PulumiToken "pulumi_token" Secrets Prefix 64 "Pulumi access token" "pulumi.com: access tokens";
    DopplerToken "doppler_token" Secrets Prefix 128 "Doppler token" "docs.doppler.com: token formats";
    AgeSecretKey "age_secret_key" Secrets Checksum 96 "age secret key (Bech32)" "age-encryption.org/v1";
    TailscaleKey "tailscale_key" Secrets Prefix 128 "Tailscale key" "tailscale.com: key prefixes";
    OnePasswordToken "onepassword_token" Secrets Prefix 2048 "1Password service account token" "developer.1password.com: service accounts";
    // Secrets: data and observability.
    PlanetScaleToken "planetscale_token" Secrets Prefix 128 "PlanetScale token or password" "planetscale.com: service tokens";
    SupabaseKey "supabase_key" Secrets Prefix 96 "Supabase secret key or access token" "supabase.com: API keys";
    NeonApiKey "neon_api_key" Secrets Prefix 96 "Neon API key" "neon.com: API keys";
    AivenKey "aiven_key" Secrets Prefix 64 "Aiven service password" "aiven.io: service credentials";
    DatabricksToken "databricks_token" Secrets Prefix 64 "Databricks personal access token" "docs.databricks.com: token authentication";
    AirtableToken "airtable_token" Secrets Prefix 128 "Airtable personal access token" "airtable.com: personal access tokens";
    ContentfulToken "contentful_token" Secrets Prefix 64 "Contentful personal access token" "contentful.com: authentication";
    DynatraceToken "dynatrace_token" Secrets Prefix 128 "Dynatrace token" "docs.dynatrace.com: access tokens, token format";
    GrafanaToken "grafana_token" Secrets Prefix 1024 "Grafana service account or cloud token" "grafana.com: service accounts";
    NewRelicKey "new_relic_key" Secrets Prefix 64 "New Relic key" "docs.newrelic.com: API keys";
    SentryToken "sentry_token" Secrets Prefix 512 "Sentry auth token" "docs.sentry.io: auth tokens";
    PostHogKey "posthog_key" Secrets Prefix 64 "PostHog personal API key" "posthog.com: API";
    // Secrets: code hosts and package registries.
    GithubToken "github_token" Secrets Checksum 64 "GitHub personal, OAuth, user, server or refresh token (CRC-32)" "docs.github.com: token formats; github.blog: behind the new token formats";
    GithubFineGrainedToken "github_fine_grained_token" Secrets Prefix 128 "GitHub fine-grained personal access token" "docs.github.com: token formats";
    GitlabToken "gitlab_token" Secrets Prefix 384 "GitLab token" "docs.gitlab.com: token overview, prefixes";
    BitbucketAppPassword "bitbucket_app_password" Secrets Prefix 64 "Bitbucket app password" "support.atlassian.com: app passwords";
    NpmToken "npm_token" Secrets Checksum 64 "npm access token (CRC-32)" "github.blog: npm token format";
    PypiToken "pypi_token" Secrets Prefix 384 "PyPI API token" "pypi.org: help, API tokens; macaroon format";
    CratesIoToken "crates_io_token" Secrets Prefix 64 "crates.io API token" "github.com/rust-lang/crates.io: token format";
    RubygemsKey "rubygems_key" Secrets Prefix 80 "RubyGems API key" "guides.rubygems.org: API key scopes";
    NugetKey "nuget_key" Secrets Prefix 64 "NuGet API key" "learn.microsoft.com: nuget.org API keys";
    DockerHubToken "docker_hub_token" Secrets Prefix 64 "Docker Hub access token" "docs.docker.com: access tokens";
    SonarToken "sonar_token" Secrets Prefix 64 "SonarQube token" "docs.sonarsource.com: user tokens";
    BuildkiteToken "buildkite_token" Secrets Prefix 64 "Buildkite API token" "buildkite.com: managing API tokens";
    CircleciToken "circleci_token" Secrets Prefix 96 "CircleCI token" "circleci.com: managing API tokens";
    SourcegraphToken "sourcegraph_token" Secrets Prefix 96 "Sourcegraph access token" "sourcegraph.com: access token formats";
    // Secrets: chat and collaboration.
    SlackToken "slack_token" Secrets Prefix 384 "Slack token" "docs.slack.dev: token types";
    SlackWebhookUrl "slack_webhook_url" Secrets Prefix 160 "Slack incoming webhook" "docs.slack.dev: incoming webhooks";
    DiscordBotToken "discord_bot_token" Secrets Form 128 "Discord bot token" "discord.com/developers: authentication";
    DiscordWebhookUrl "discord_webhook_url" Secrets Prefix 192 "Discord webhook" "discord.com/developers: webhooks";
    TelegramBotToken "telegram_bot_token" Secrets Form 64 "Telegram bot token" "core.telegram.org/bots";
    TeamsWebhookUrl "teams_webhook_url" Secrets Prefix 384 "Microsoft Teams incoming webhook" "learn.microsoft.com: Teams webhooks";
    AtlassianToken "atlassian_token" Secrets Prefix 384 "Atlassian API token" "support.atlassian.com: API tokens";
    LinearApiKey "linear_api_key" Secrets Prefix 96 "Linear API key" "linear.app/developers";
    NotionToken "notion_token" Secrets Prefix 80 "Notion integration token" "developers.notion.com: authorization";
    FigmaToken "figma_token" Secrets Prefix 96 "Figma personal access token" "developers.figma.com: access tokens";
    PostmanApiKey "postman_api_key" Secrets Prefix 96 "Postman API key" "learning.postman.com: API keys";
    HubspotToken "hubspot_token" Secrets Prefix 64 "HubSpot private app token" "developers.hubspot.com: private apps";
    TypeformToken "typeform_token" Secrets Prefix 96 "Typeform personal access token" "typeform.com/developers";
    LinkedinToken "linkedin_token" Secrets Prefix 64 "LinkedIn client secret" "learn.microsoft.com: LinkedIn authentication";
    MapboxSecretToken "mapbox_secret_token" Secrets Prefix 256 "Mapbox secret token" "docs.mapbox.com: access tokens";
    // Secrets: payment and shops.
    StripeKey "stripe_key" Secrets Prefix 320 "Stripe secret or restricted key, or webhook secret" "docs.stripe.com: API keys";
    SquareToken "square_token" Secrets Prefix 96 "Square access token or secret" "developer.squareup.com: access tokens";
    BraintreeToken "braintree_token" Secrets Prefix 96 "PayPal Braintree access token" "developer.paypal.com/braintree: access tokens";
    RazorpayKey "razorpay_key" Secrets Prefix 48 "Razorpay key id" "razorpay.com/docs: API keys";
    FlutterwaveKey "flutterwave_key" Secrets Prefix 96 "Flutterwave secret key" "developer.flutterwave.com: API keys";
    PlaidToken "plaid_token" Secrets Prefix 64 "Plaid access token" "plaid.com/docs: tokens";
    ShopifyToken "shopify_token" Secrets Prefix 64 "Shopify access token or secret" "shopify.dev: authentication";
    EasypostKey "easypost_key" Secrets Prefix 80 "EasyPost API key" "docs.easypost.com: authentication";
    ShippoToken "shippo_token" Secrets Prefix 80 "Shippo token" "docs.goshippo.com: authentication";
    // Secrets: mail and messages.
    TwilioKey "twilio_key" Secrets Prefix 48 "Twilio API key SID" "twilio.com/docs: API keys, SID prefixes";
    SendgridKey "sendgrid_key" Secrets Prefix 96 "SendGrid API key" "twilio.com/docs/sendgrid: API keys";
    MailgunKey "mailgun_key" Secrets Prefix 64 "Mailgun API key" "documentation.mailgun.com: authentication";
    MailchimpKey "mailchimp_key" Secrets Form 48 "Mailchimp API key" "mailchimp.com/developer: API keys";
    BrevoKey "brevo_key" Secrets Prefix 112 "Brevo API key" "developers.brevo.com: authentication";
    ResendKey "resend_key" Secrets Prefix 64 "Resend API key" "resend.com/docs: API keys";
    // Secrets: model providers.
    OpenaiKey "openai_key" Secrets Prefix 256 "OpenAI API key" "platform.openai.com: API keys";
    AnthropicKey "anthropic_key" Secrets Prefix 192 "Anthropic API key or token" "docs.anthropic.com: API keys";
    HuggingFaceToken "hugging_face_token" Secrets Prefix 64 "Hugging Face token" "huggingface.co/docs: security tokens";
    GroqKey "groq_key" Secrets Prefix 80 "Groq API key" "console.groq.com/docs";
    XaiKey "xai_key" Secrets Prefix 112 "xAI API key" "docs.x.ai";
    PerplexityKey "perplexity_key" Secrets Prefix 80 "Perplexity API key" "docs.perplexity.ai";
    ReplicateToken "replicate_token" Secrets Prefix 64 "Replicate API token" "replicate.com/docs: API tokens";
    OpenrouterKey "openrouter_key" Secrets Prefix 96 "OpenRouter API key" "openrouter.ai/docs: authentication";
    DeepseekKey "deepseek_key" Secrets Form 64 "DeepSeek or like-formed API key" "api-docs.deepseek.com";
    NvidiaKey "nvidia_key" Secrets Prefix 96 "NVIDIA API key" "docs.nvidia.com: NIM API keys";
    LangsmithKey "langsmith_key" Secrets Prefix 80 "LangSmith API key" "docs.smith.langchain.com";
    PineconeKey "pinecone_key" Secrets Prefix 128 "Pinecone API key" "docs.pinecone.io: API keys";
    CerebrasKey "cerebras_key" Secrets Prefix 80 "Cerebras API key" "inference-docs.cerebras.ai";
    TavilyKey "tavily_key" Secrets Prefix 80 "Tavily API key" "docs.tavily.com";
    // Secrets: of this gateway.
    HeadgateKey "headgate_key" Secrets Prefix 80 "Virtual key of this gateway, or token of its collector" "`headgate keys new`, `headgate-collector token new`";
    // Secrets: by their form.
    PrivateKey "private_key" Secrets Form 16384 "Private key block: PEM, OpenSSH, PGP, PuTTY" "RFC 7468, RFC 9580, openssh PROTOCOL.key";
    Jwt "jwt" Secrets Form 8192 "JSON Web Token whose header decodes to JSON with an algorithm" "RFC 7519, RFC 7515";
    ConnectionString "connection_string" Secrets Form 1024 "URL or connection string with a password" "RFC 3986 user information";
    AuthorizationHeader "authorization_header" Secrets Context 1024 "Credential of an HTTP Authorization header" "RFC 7617, RFC 6750";
    GenericSecret "generic_secret" Secrets Heuristic 320 "A value of high entropy beside a word such as password, secret, token or api_key" "entropy and form";
    // PII: contact data.
    Email "email" Pii Form 512 "E-mail address" "RFC 5321, RFC 5322";
    Phone "phone" Pii Form 64 "Phone number: E.164, or a national form, most of them beside a word" "ITU-T E.164, E.123; NANP";
    IpAddress "ip_address" Pii Form 64 "IPv4 or IPv6 address" "RFC 791, RFC 4291, RFC 5952";
    MacAddress "mac_address" Pii Form 32 "MAC address" "IEEE 802";
    // PII: money.
    Card "card" Pii Checksum 48 "Payment card number (Luhn, issuer ranges, lengths)" "ISO/IEC 7812; issuers' ranges";
    Iban "iban" Pii Checksum 64 "International bank account number (mod 97, lengths of countries)" "ISO 13616, SWIFT IBAN registry";
    BitcoinAddress "bitcoin_address" Pii Checksum 112 "Bitcoin address (Base58Check, Bech32, Bech32m)" "BIP 13, 173, 350";
    EthereumAddress "ethereum_address" Pii Checksum 64 "Ethereum address (EIP-55; without mixed case beside a word)" "EIP-55";
    LitecoinAddress "litecoin_address" Pii Checksum 112 "Litecoin address" "litecoin chain parameters";
    DogecoinAddress "dogecoin_address" Pii Checksum 64 "Dogecoin address" "dogecoin chain parameters";
    DashAddress "dash_address" Pii Checksum 64 "Dash address" "dash chain parameters";
    ZcashAddress "zcash_address" Pii Checksum 128 "Zcash transparent or Sapling address" "Zcash protocol specification 5.6";
    TronAddress "tron_address" Pii Checksum 64 "Tron address" "tron developer documentation";
    RippleAddress "ripple_address" Pii Checksum 64 "XRP Ledger address" "xrpl.org: base58 encodings";
    CardanoAddress "cardano_address" Pii Checksum 128 "Cardano address" "CIP 19";
    BitcoinCashAddress "bitcoin_cash_address" Pii Checksum 80 "Bitcoin Cash address (CashAddr)" "CashAddr specification";
    // PII: identity.
    BirthDate "birth_date" Pii Context 64 "Date of birth beside a word that says so" "ISO 8601 and common written forms";
    Passport "passport" Pii Context 32 "Passport number beside a word that says so" "ICAO Doc 9303";
    UsSsn "us_ssn" Pii Context 32 "US social security number: dashed, or beside a word" "ssa.gov: SSN randomization, invalid numbers";
    UsItin "us_itin" Pii Context 32 "US individual taxpayer identification number" "irs.gov: ITIN ranges";
    GbNhsNumber "gb_nhs_number" Pii Context 32 "UK NHS number (mod 11) beside a word" "datadictionary.nhs.uk: NHS number";
    GbNino "gb_nino" Pii Form 32 "UK national insurance number" "gov.uk: NIM39110";
    CaSin "ca_sin" Pii Context 32 "Canadian social insurance number (Luhn) beside a word" "canada.ca: SIN";
    EsDni "es_dni" Pii Checksum 32 "Spanish DNI or NIE (mod 23)" "interior.gob.es: letter of the NIF";
    ItFiscalCode "it_fiscal_code" Pii Checksum 32 "Italian codice fiscale" "agenziaentrate.gov.it: D.M. 12/03/1974";
    FrNir "fr_nir" Pii Checksum 32 "French NIR (mod 97)" "insee.fr: NIR";
    DeTaxId "de_tax_id" Pii Context 32 "German tax id (ISO 7064) beside a word" "bzst.de: IdNr check digit";
    DePensionNumber "de_pension_number" Pii Checksum 32 "German pension insurance number" "deutsche-rentenversicherung.de; VKVV section 2";
    NlBsn "nl_bsn" Pii Context 32 "Dutch BSN (11-test) beside a word" "rvig.nl: BSN";
    BeNationalNumber "be_national_number" Pii Checksum 32 "Belgian national register number (mod 97)" "ibz.rrn.fgov.be";
    PlPesel "pl_pesel" Pii Context 32 "Polish PESEL beside a word" "gov.pl: PESEL";
    BrCpf "br_cpf" Pii Checksum 32 "Brazilian CPF" "receita.fazenda.gov.br: CPF";
    BrCnpj "br_cnpj" Pii Checksum 32 "Brazilian CNPJ, also alphanumeric" "receita.fazenda.gov.br: CNPJ, IN RFB 2229/2024";
    InAadhaar "in_aadhaar" Pii Checksum 32 "Indian Aadhaar number (Verhoeff)" "uidai.gov.in";
    InPan "in_pan" Pii Form 32 "Indian permanent account number" "incometax.gov.in: PAN structure";
    SePersonalNumber "se_personal_number" Pii Checksum 32 "Swedish personnummer (Luhn)" "skatteverket.se: SKV 704";
    NoNationalId "no_national_id" Pii Checksum 32 "Norwegian fødselsnummer (mod 11)" "skatteetaten.no: PIN";
    DkCpr "dk_cpr" Pii Context 32 "Danish CPR number" "cpr.dk: personnummeret i CPR";
    FiHetu "fi_hetu" Pii Checksum 32 "Finnish personal identity code (mod 31)" "dvv.fi: personal identity code";
    PtNif "pt_nif" Pii Context 32 "Portuguese NIF (mod 11) beside a word" "portaldasfinancas.gov.pt";
    ClRut "cl_rut" Pii Checksum 32 "Chilean RUT (mod 11)" "registrocivil.cl: RUN";
    AuTfn "au_tfn" Pii Context 32 "Australian tax file number beside a word" "ato.gov.au: TFN";
    AuMedicare "au_medicare" Pii Context 32 "Australian Medicare number" "servicesaustralia.gov.au: Medicare card";
    CnResidentId "cn_resident_id" Pii Checksum 32 "Chinese resident id (ISO 7064 mod 11-2)" "GB 11643-1999";
    KrRrn "kr_rrn" Pii Form 32 "Korean resident registration number" "mois.go.kr: RRN";
    TrTckn "tr_tckn" Pii Context 32 "Turkish TCKN beside a word" "nvi.gov.tr: T.C. kimlik no";
    JpMyNumber "jp_my_number" Pii Context 32 "Japanese individual number beside a word" "soumu.go.jp: ministry order 85/2014";
    MxCurp "mx_curp" Pii Checksum 32 "Mexican CURP" "gob.mx: CURP, DOF 18/10/2021";
    ZaId "za_id" Pii Context 32 "South African id number (Luhn) beside a word" "dha.gov.za";
    SgNric "sg_nric" Pii Checksum 32 "Singapore NRIC or FIN" "ica.gov.sg";
    HkId "hk_id" Pii Checksum 32 "Hong Kong identity card number" "immd.gov.hk: HKID";
    TwId "tw_id" Pii Context 32 "Taiwan national id beside a word" "ris.gov.tw";
    ChAhv "ch_ahv" Pii Checksum 32 "Swiss AHV number (EAN-13)" "bsv.admin.ch: AHVN13";
    CzBirthNumber "cz_birth_number" Pii Checksum 32 "Czech or Slovak birth number (mod 11)" "zakon 133/2000 Sb.";
    RoCnp "ro_cnp" Pii Context 32 "Romanian CNP beside a word" "Legea 105/1996";
    BgEgn "bg_egn" Pii Context 32 "Bulgarian EGN beside a word" "grao.bg: EGN";
    HrOib "hr_oib" Pii Context 32 "Croatian OIB (ISO 7064) beside a word" "porezna-uprava.hr: OIB";
    EePersonalCode "ee_personal_code" Pii Context 32 "Estonian or Lithuanian personal code beside a word" "EVS 585:2007";
    GrAmka "gr_amka" Pii Context 32 "Greek AMKA (Luhn) beside a word" "amka.gr";
    IePps "ie_pps" Pii Context 32 "Irish PPS number (mod 23) beside a word" "gov.ie: PPS number";
    AtSvnr "at_svnr" Pii Context 32 "Austrian social insurance number beside a word" "sozialversicherung.at";
    IlId "il_id" Pii Context 32 "Israeli id number beside a word" "gov.il";
    ThId "th_id" Pii Checksum 32 "Thai national id (mod 11)" "bora.dopa.go.th";
    ArCuit "ar_cuit" Pii Checksum 32 "Argentine CUIT or CUIL (mod 11)" "afip.gob.ar";
    // The rest.
    PromptInjection "prompt_injection" PromptInjection Heuristic 256 "Words that try to replace the instructions of the model, scored" "OWASP LLM01; published attacks";
    InvisibleText "invisible_text" InvisibleText Form 64 "Zero width, tag, bidi and other characters that cannot be seen" "Unicode UAX 9, UTS 39, UTS 51";
}
