// A request on record, as far as numbers and names tell it.
// @ts-check

/** Longest made-up text, characters. */
const MOST_TEXT = 100_000;

/** Paths, by the name that a record has for them. @type {Record<string, string>} */
const SURFACES = { chat_completions: CHAT, completions: "/v1/completions", embeddings: "/v1/embeddings", messages: MESSAGES, count_tokens: `${MESSAGES}/count_tokens` };

/** The behaviours of a provider, by the error of an attempt. @type {Record<string, string>} */
const ERRORS = { connect: "connect", timeout: "timeout", reset: "reset", reset_mid_stream: "breaks", rate_limited: "429", server_error: "503", client_error: "400", empty_answer: "empty" };

/** Returns a text of about this length. @param {number} length */
function madeUp(length) {
  const bounded = Math.min(Math.max(length, 1), MOST_TEXT);
  return "made-up text ".repeat(Math.ceil(bounded / 13)).slice(0, bounded).trim();
}

/** Returns the state of the form for a record, and what is not as it was. @param {any} record @param {string[]} keys */
function imported(record, keys) {
  const path = SURFACES[record.surface];
  if (!path) return { missing: [`A request of the kind ${record.surface} cannot be filled in.`] };
  const model = record.requested_model ?? "";
  const text = (/** @type {string} */ content) => {
    const body = path === "/v1/embeddings" ? { model, input: content }
      : path === "/v1/completions" ? { model, prompt: content }
        : { model, ...(path === MESSAGES ? { max_tokens: 256 } : {}), messages: [{ role: "user", content }] };
    return JSON.stringify(record.stream ? { ...body, stream: true } : body, null, 2);
  };
  const size = record.payload?.request_bytes ?? 0;
  const body = text(madeUp(size - text("").length));
  const key = record.caller?.key_id ?? "";
  const acts = new Map();
  // The last try at a provider is the one that counts.
  for (const attempt of record.attempts ?? []) acts.set(attempt.provider, [attempt.provider, ERRORS[attempt.error] ?? "answers", madeUp(Math.min((record.usage?.output_tokens ?? 8) * 4, 19_000))]);
  const headers = path.startsWith(MESSAGES) ? "anthropic-version: 2023-06-01" : "";
  const at = new Date(record.started_at / 1000).toISOString().slice(0, 19);
  const missing = ["The text of the request is not on record. A made-up text of the same size stands for it, so guardrails find other things."];
  if (size > MOST_TEXT) missing.push(`The made-up text has ${MOST_TEXT.toLocaleString("en")} characters at most.`);
  if (key && !keys.includes(key)) missing.push(`The key ${key} is not in this policy.`);
  const known = keys.includes(key) ? key : "?";
  return { state: { values: ["Chat", known, model, "POST", path, headers, "0", "1", "0", at], body, acts: [...acts.values()] }, missing };
}
