// Completes the search of the logs: names, and values of the records that match.
// @ts-check

/** Offers names and values for the term at the cursor. @param {HTMLInputElement} input */
export function complete(input) {
  if (input.dataset.ready) return;
  input.dataset.ready = "yes";
  const list = document.createElement("ul");
  list.id = "offers";
  list.className = "offers";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Completions");
  list.hidden = true;
  input.after(list);
  for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-controls", "offers"], ["aria-expanded", "false"]]) {
    input.setAttribute(name, value);
  }
  const names = [...document.querySelectorAll("#q-help [data-name]")].map((one) => `${one.textContent}:`);
  /** @type {(name: string) => string[]} */
  const values = (name) => [...document.querySelectorAll(`[data-facet="${CSS.escape(name)}"] [data-term]`)].map((one) => /** @type {HTMLElement} */ (one).dataset.term ?? "");
  const close = () => {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  /** Returns the beginning of the term at the cursor, and what may follow. */
  const offers = () => {
    const before = input.value.slice(0, input.selectionStart ?? input.value.length);
    const word = /(?:^|\s)(-?)([^\s"]*)$/.exec(before);
    if (!word || !word[2]) return { word: "", found: [] };
    const colon = word[2].indexOf(":");
    const known = colon < 0 ? names : values(word[2].slice(0, colon)).map((value) => `${word[2].slice(0, colon)}:${value}`);
    const typed = word[2].toLowerCase();
    return { word: word[2], found: known.filter((one) => one.toLowerCase().startsWith(typed) && one !== word[2]).slice(0, 8) };
  };
  const show = () => {
    const { found } = offers();
    list.replaceChildren(...found.map((text, place) => {
      const item = document.createElement("li");
      item.id = `offer-${place}`;
      item.setAttribute("role", "option");
      item.textContent = text;
      item.addEventListener("pointerdown", (event) => { event.preventDefault(); take(text); });
      return item;
    }));
    list.hidden = !found.length;
    input.setAttribute("aria-expanded", String(!!found.length));
    input.removeAttribute("aria-activedescendant");
  };
  /** @param {string} text */
  const take = (text) => {
    const at = input.selectionStart ?? input.value.length;
    const start = at - offers().word.length;
    const end = text.endsWith(":") ? "" : " ";
    input.setRangeText(text + end, start, at, "end");
    text.endsWith(":") ? show() : close();
  };
  /** @param {number} step */
  const choose = (step) => {
    const items = /** @type {HTMLElement[]} */ ([...list.children]);
    const at = items.findIndex((item) => item.getAttribute("aria-selected") === "true");
    const next = items[(at + step + items.length + (at < 0 && step < 0 ? 1 : 0)) % items.length];
    items.forEach((item) => item.setAttribute("aria-selected", String(item === next)));
    input.setAttribute("aria-activedescendant", next.id);
  };
  input.addEventListener("input", show);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    const chosen = list.querySelector('[aria-selected="true"]')?.textContent;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") choose(event.key === "ArrowDown" ? 1 : -1);
    else if ((event.key === "Enter" || event.key === "Tab") && chosen) take(chosen);
    else if (event.key === "Escape") { close(); event.stopPropagation(); return; }
    else return;
    event.preventDefault();
  });
}
