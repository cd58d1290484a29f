// Drafts a virtual key in the browser, as `headgate keys new` does: the key, its SHA-256, its entry for gateway.yaml. Nothing of
// it is sent or stored.
// @ts-check

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** Returns the key of 32 random bytes: `hg-` and 43 characters of base64url. @param {Uint8Array} random */
function keyOf(random) {
  let key = "hg-";
  for (let at = 0; at < random.length; at += 3) {
    const part = [...random.slice(at, at + 3)];
    const bits = part.reduce((sum, byte) => (sum << 8) | byte, 0) << (8 * (3 - part.length));
    for (let digit = 0; digit <= part.length; digit += 1) key += ALPHABET[(bits >> (18 - 6 * digit)) & 63];
  }
  return key;
}

/** @param {string} text */
async function sha256(text) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {HTMLElement} draft */
export function prepare(draft) {
  if (!draft.hidden) return;
  draft.hidden = false;
  /** @template {HTMLElement} T @param {string} name @returns {T} */
  const part = (name) => /** @type {T} */ (draft.querySelector(`#draft-${name}`));
  const value = (/** @type {string} */ name) => /** @type {HTMLInputElement} */ (part(name)).value.trim();
  const problem = part("problem");
  draft.querySelector("form")?.addEventListener("submit", async (event) => {
    event.preventDefault();
    event.stopPropagation();
    problem.hidden = true;
    if (!crypto.subtle) {
      problem.textContent = "This page came over plain HTTP, where browsers compute no hash. Use https, or the command headgate keys new.";
      problem.hidden = false;
      return;
    }
    const key = keyOf(crypto.getRandomValues(new Uint8Array(32)));
    const models = [...draft.querySelectorAll("fieldset input:checked")].map((box) => /** @type {HTMLInputElement} */ (box).value);
    // A JSON string is a YAML string too.
    const fields = [["id", value("id")], ["sha256", await sha256(key)], ["owner", value("owner")], ["team", value("team")], ["expires", value("expires")]]
      .filter(([, text]) => text)
      .map(([name, text]) => `${name}: ${JSON.stringify(text)}`);
    if (models.length) fields.push(`models: [${models.map((model) => JSON.stringify(model)).join(", ")}]`);
    part("key").textContent = key;
    part("entry").textContent = `- {${fields.join(", ")}}`;
    part("made").hidden = false;
    part("made").scrollIntoView({ block: "nearest" });
  });
}
