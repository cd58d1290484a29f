//! Attempts to take over the model's instructions, scored.
//!
//! This is a heuristic and no more. It knows the phrases of known attacks, in several languages, and adds up the claims
//! within a stretch of text. A newly worded attack passes, and a text about attacks may be stopped. Use it to notice, and to
//! block crude attacks; its silence does not prove safety.
//!
//! A part is a piece of a sentence, such as "ignore", "previous", "instructions"; some combinations of parts within a
//! stretch are a claim with a weight. The score is one minus the product of the remainders of each claim, over the claims of
//! the last [`MEMORY`] bytes, each sort once. A finding is the stretch of the claim that was made last.

use crate::context::ScanContext;
use crate::kinds::Kind;
use crate::text::Text;
use crate::words::topic::bits;
use std::collections::VecDeque;

/// Distance back within which claims count, bytes.
const MEMORY: usize = 1000;
/// Greatest distance between the parts of one claim, bytes.
const STRETCH: usize = 72;
/// Most parts and claims that are remembered.
const MOST: usize = 24;

/// Parts, one bit each.
pub(crate) mod role {
    /// ignore, disregard, forget, override
    pub(crate) const DROP: u32 = 1;
    /// Verbs that are said of programs too: override, bypass, discard.
    pub(crate) const SET_ASIDE: u32 = 1 << 11;
    /// previous, above, prior, all, your
    pub(crate) const EARLIER: u32 = 1 << 1;
    /// instructions, rules, guidelines, prompt
    pub(crate) const ORDERS: u32 = 1 << 2;
    /// reveal, print, repeat, show
    pub(crate) const REVEAL: u32 = 1 << 3;
    /// system prompt, initial instructions
    pub(crate) const HIDDEN: u32 = 1 << 4;
    /// you are now, act as, pretend
    pub(crate) const BECOME: u32 = 1 << 5;
    /// DAN, developer mode, jailbroken
    pub(crate) const UNBOUND: u32 = 1 << 6;
    /// without restrictions, no longer bound
    pub(crate) const LIMITLESS: u32 = 1 << 7;
    /// do not tell the user
    pub(crate) const CONCEAL: u32 = 1 << 8;
    /// from now on, new instructions
    pub(crate) const ANEW: u32 = 1 << 9;
    /// marks of a chat's roles
    pub(crate) const MARKUP: u32 = 1 << 10;
}

/// Parts that make a claim together, and its weight.
static CLAIMS: &[(u32, f32)] = &[
    (role::DROP | role::EARLIER | role::ORDERS, 0.85),
    (role::SET_ASIDE | role::EARLIER | role::ORDERS, 0.7),
    (role::SET_ASIDE | role::HIDDEN, 0.5),
    (role::DROP | role::ORDERS, 0.5),
    (role::DROP | role::HIDDEN, 0.8),
    (role::REVEAL | role::HIDDEN, 0.8),
    (role::BECOME | role::UNBOUND, 0.85),
    (role::UNBOUND, 0.5),
    (role::BECOME | role::LIMITLESS, 0.75),
    (role::LIMITLESS, 0.4),
    (role::CONCEAL, 0.55),
    (role::BECOME, 0.25),
    (role::ANEW, 0.3),
    (role::ANEW | role::DROP, 0.5),
    (role::MARKUP, 0.6),
    (role::MARKUP | role::HIDDEN, 0.8),
];

#[rustfmt::skip]
pub(crate) static PARTS: &[(u32, &[&str])] = &[
    (role::DROP, &[
        "ignore", "ignoring", "disregard", "disregarding", "forget", "forget about", "do not follow", "don't follow", "stop following", "pay no attention to",
        "ignoriere", "ignorieren sie", "vergiss", "missachte", "ignore toutes", "ignorez", "oublie", "oubliez", "ne tiens pas compte", "ignora", "ignorar", "ignore todas", "olvida", "olvide", "desconsidere", "esqueça", "dimentica", "negeer", "vergeet", "zignoruj", "zapomnij",
        "игнорируй", "игнорируйте", "забудь", "забудьте", "忽略", "无视", "忘记", "忽視", "無視して", "無視し", "忘れて", "무시하고", "무시해", "잊어", "अनदेखा", "تجاهل", "התעלם", "yok say", "görmezden gel", "abaikan", "bỏ qua",
    ]),
    (role::SET_ASIDE, &["override", "overrides", "bypass", "discard", "neglect", "set aside", "erase"]),
    (role::EARLIER, &[
        "previous", "prior", "above", "earlier", "preceding", "all previous", "all prior", "all of your", "your", "all the", "any previous", "initial", "original", "foregoing", "before this", "everything above", "everything before", "you were given", "you have been given", "you received",
        "vorherigen", "bisherigen", "obigen", "vorigen", "alle", "précédentes", "antérieures", "ci dessus", "anteriores", "previas", "de arriba", "acima", "precedenti", "vorige", "eerdere", "poprzednie", "предыдущие", "все предыдущие", "прежние", "之前", "以上", "先前", "前面", "上述", "これまで", "以前の", "上記", "이전", "위의", "पिछले", "السابقة", "önceki", "sebelumnya", "trước đó",
    ]),
    (role::ORDERS, &[
        "instruction", "instructions", "directive", "directives", "guideline", "guidelines", "rules", "prompt", "prompts", "commands", "orders", "programming", "training", "context", "constraints", "messages", "policies", "safety guidelines", "safety rules",
        "anweisung", "anweisungen", "vorgaben", "regeln", "instrucciones", "instruções", "instruções", "reglas", "regras", "consignes", "directives", "règles", "istruzioni", "regole", "instructies", "regels", "instrukcje", "polecenia", "инструкции", "инструкций", "указания", "правила", "指令", "指示", "提示", "规则", "規則", "命令", "지시", "지침", "명령", "निर्देश", "निर्देशों", "التعليمات", "ההוראות", "talimatları", "talimatlar", "instruksi", "hướng dẫn",
    ]),
    (role::REVEAL, &[
        "reveal", "print", "repeat", "show", "show me", "output", "display", "disclose", "leak", "tell me", "give me", "what is", "what are", "what were", "summarize", "translate", "recite", "expose", "share", "dump", "write out", "copy", "verbatim", "zeige", "zeig mir", "verrate", "montre", "affiche", "révèle", "muestra", "revela", "mostre", "mostra", "rivela", "toon", "pokaż", "покажи", "раскрой", "выведи", "显示", "告诉我", "输出", "重复", "表示して", "教えて", "보여줘", "알려줘",
    ]),
    (role::HIDDEN, &[
        "system prompt", "system message", "system instructions", "hidden prompt", "hidden instructions", "initial prompt", "initial instructions", "original instructions", "original prompt", "developer message", "developer instructions", "secret instructions", "internal instructions", "your instructions", "your prompt", "pre prompt", "preprompt", "systemprompt", "confidential instructions",
        "text above", "words above", "everything above this line", "systemanweisung", "systemanweisungen", "invite système", "prompt système", "instructions système", "prompt del sistema", "instrucciones del sistema", "prompt do sistema", "istruzioni di sistema", "системный промпт", "системную подсказку", "системные инструкции", "系统提示", "系统提示词", "系統提示", "システムプロンプト", "시스템 프롬프트",
    ]),
    (role::BECOME, &[
        "you are now", "you're now", "from now on you are", "act as", "act like", "pretend to be", "pretend you are", "pretend that you are", "roleplay as", "role play as", "simulate", "you will act as", "imagine you are", "assume the role", "assume the persona", "du bist jetzt", "du bist nun", "tu es maintenant", "ahora eres", "agora você é", "ora sei", "je bent nu", "jesteś teraz", "теперь ты", "你现在是", "あなたは今", "이제 너는",
    ]),
    (role::UNBOUND, &[
        "do anything now", "developer mode", "dev mode enabled", "jailbreak", "jailbroken", "god mode", "dan mode", "you are dan", "now dan", "as dan", "unrestricted ai", "unfiltered ai", "evil ai", "amoral", "uncensored ai", "unrestricted model", "stan mode", "dude mode", "opposite mode", "sudo mode", "admin mode", "debug mode enabled", "entwicklermodus", "modo desarrollador", "modo desenvolvedor", "mode développeur", "режим разработчика", "开发者模式", "越狱",
    ]),
    (role::LIMITLESS, &[
        "without restrictions", "without any restrictions", "no restrictions", "without limitations", "without any limitations", "no longer bound", "not bound by", "freed from", "without filters", "no filters", "without ethical", "no ethical", "without moral", "no moral", "ignore ethics", "no content policy", "free of all", "broken free", "do not refuse", "never refuse", "cannot refuse", "no safety", "without censorship", "disable safety", "turn off safety", "ohne einschränkungen", "sans restrictions", "sin restricciones", "sem restrições", "senza restrizioni", "без ограничений", "没有任何限制", "不受限制", "制限なし",
    ]),
    (role::CONCEAL, &[
        "do not tell the user", "don't tell the user", "do not mention this", "don't mention this", "without telling the user", "without informing the user", "do not inform the user", "do not reveal this", "hide this from the user", "keep this secret from", "do not let the user know", "never mention these instructions", "do not disclose this", "secretly", "sag dem benutzer nicht", "ne dis pas à l'utilisateur", "no le digas al usuario", "não diga ao usuário", "не говори пользователю", "不要告诉用户",
    ]),
    (role::ANEW, &[
        "new instructions", "your new instructions", "updated instructions", "your new task", "new task", "your real task", "your true purpose", "from now on", "starting now", "begin new", "instead do", "instead say", "new system prompt", "important instruction", "system override", "admin override", "neue anweisungen", "ab jetzt", "nouvelles instructions", "à partir de maintenant", "nuevas instrucciones", "a partir de ahora", "novas instruções", "a partir de agora", "nuove istruzioni", "d'ora in poi", "новые инструкции", "с этого момента", "新的指令", "新指令", "从现在开始", "今から", "이제부터",
    ]),
];

/// Marks that separate a chat's roles in prompts of models.
static MARKS: &[&[u8]] = &[
    b"<|im_start|>system",
    b"<|im_start|>",
    b"<|system|>",
    b"<|start_header_id|>system",
    b"<<SYS>>",
    b"[INST] <<SYS>>",
    b"[SYSTEM]",
    b"[system](#",
    b"### System:",
    b"### Instruction:",
    b"<system>",
    b"</system>",
    b"<|endofprompt|>",
];

/// Parts and claims of the last stretch of text.
#[derive(Debug, Default)]
pub(crate) struct Injection {
    parts: VecDeque<(u32, usize, usize)>,
    /// Rows of [`CLAIMS`], and where each was completed.
    claims: VecDeque<(usize, usize)>,
}

impl Injection {
    /// Notes a part; returns the score if it completes a claim.
    pub(crate) fn note(&mut self, text: &Text<'_>, roles: u32, start: usize, end: usize) -> Option<f32> {
        self.forget(text, start);
        if self.parts.len() >= MOST {
            self.parts.pop_front();
        }
        self.parts.push_back((roles, start, end));
        let seen = self.parts.iter().fold(0, |seen, (roles, ..)| seen | roles);
        crate::steps::count(CLAIMS.len());
        let mut made: Option<(usize, f32)> = None;
        for (row, &(claim, weight)) in CLAIMS.iter().enumerate() {
            let complete = claim & seen == claim && claim & roles != 0;
            if complete && made.is_none_or(|(_, best)| weight > best) && self.allows(claim) {
                made = Some((row, weight));
            }
        }
        let (row, _) = made?;
        if self.claims.len() >= MOST {
            self.claims.pop_front();
        }
        self.claims.push_back((row, end));
        Some(self.score())
    }

    /// Returns whether the parts of a claim that is complete stand in the order of a sentence: the object of a verb of revealing follows
    /// it, and another verb stands at one end of its objects.
    fn allows(&self, claim: u32) -> bool {
        let has = |roles: u32| move |part: &(u32, usize, usize)| part.0 & roles != 0;
        let first = |roles: u32| self.parts.iter().position(has(roles));
        let last = |roles: u32| self.parts.iter().rposition(has(roles));
        crate::steps::count(self.parts.len());
        let verbs = claim & (role::DROP | role::SET_ASIDE);
        if verbs != 0 && claim & role::EARLIER != 0 {
            let verb = first(verbs);
            return !(last(role::ORDERS) < verb && verb < last(role::EARLIER));
        }
        claim & role::REVEAL == 0 || first(role::REVEAL) < last(role::HIDDEN)
    }

    /// Forgets parts and claims that are too far behind, and parts of another sentence.
    fn forget(&mut self, text: &Text<'_>, at: usize) {
        while self.parts.front().is_some_and(|(_, start, _)| at.saturating_sub(*start) > STRETCH) {
            self.parts.pop_front();
        }
        if self.parts.back().is_some_and(|(.., end)| ends_sentence(text.slice(*end, at))) {
            self.parts.clear();
        }
        while self.claims.front().is_some_and(|(.., end)| at.saturating_sub(*end) > MEMORY) {
            self.claims.pop_front();
        }
    }

    /// Each part counts in the weightiest claim that it is in.
    fn score(&self) -> f32 {
        let (mut made, mut first) = (0_u64, [0_usize; CLAIMS.len()]);
        for (place, &(row, _)) in self.claims.iter().enumerate() {
            crate::steps::count(1);
            if made >> row & 1 == 0
                && let Some(first) = first.get_mut(row)
            {
                (made, *first) = (made | 1 << row, place);
            }
        }
        let (mut counted, mut left) = (0, 1.0);
        while let Some((row, claim, weight)) = heaviest(made, &first) {
            made &= !(1 << row);
            if counted & claim == 0 {
                counted |= claim;
                left *= 1.0 - weight;
            }
        }
        1.0 - left
    }
}

/// Returns the heaviest of the claims that were made, and of several the one that was made first.
fn heaviest(made: u64, first: &[usize; CLAIMS.len()]) -> Option<(usize, u32, f32)> {
    let claims = bits(made).filter_map(|row| {
        let (claim, weight) = CLAIMS.get(row)?;
        Some((*weight, first.get(row)?, row, *claim))
    });
    let heaviest = claims.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(a.1)));
    heaviest.map(|(weight, _, row, claim)| (row, claim, weight))
}

/// Returns whether the text between two parts separates them: the end of a sentence or paragraph, or a piece of code.
fn ends_sentence(between: &[u8]) -> bool {
    let sign = |byte: &u8| b";{}=()[]!?<>|".contains(byte);
    let stop = |pair: &[u8]| matches!(pair, [b'.' | b':', next] if next.is_ascii_whitespace()) || pair == b"\n\n";
    between.iter().any(sign) || between.windows(2).any(stop) || between.windows(3).any(|three| three == "。".as_bytes())
}

/// Examines `<`, `[` and `#`.
pub(crate) fn mark(context: &mut ScanContext<'_, '_>, at: usize, byte: u8) {
    if !matches!(byte, b'<' | b'[' | b'#')
        || !context.wants(Kind::PromptInjection)
        || context.text.before(at) == Some(byte)
    {
        return;
    }
    let Some(next) = context.text.get(at + 1) else { return };
    let begins = |mark: &&&[u8]| mark.first_chunk() == Some(&[byte, next]) && context.text.starts(at, mark);
    let mark = MARKS.iter().find(begins);
    if let Some(mark) = mark {
        context.draft.roles.push((role::MARKUP, at, at + mark.len()));
    }
}
