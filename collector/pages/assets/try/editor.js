// The editor of a text: line numbers, problems in the margin. It is a text area until the bundled editor takes its place, and stays one
// where that cannot be loaded.
// @ts-check

/** A text area with line numbers. */
class Editor {
  /** @param {string} id @param {string} label @param {number} rows */
  constructor(id, label, rows) {
    this.area = /** @type {HTMLTextAreaElement} */ (
      h("textarea", { id, "aria-label": label, rows, spellcheck: "false", autocapitalize: "off", autocomplete: "off", wrap: "off" })
    );
    this.numbers = h("div.numbers", { "aria-hidden": "true" });
    this.element = h("div.editor", {}, this.numbers, this.area);
    this.lines = 0;
    /** The bundled editor. @type {any} */
    this.rich = undefined;
    /** @type {(() => void)[]} */
    this.watchers = [];
    /** @type {Map<number, string>} */
    this.marks = new Map();
    this.area.addEventListener("scroll", () => { this.numbers.scrollTop = this.area.scrollTop; });
    this.area.addEventListener("input", () => { this.count(); this.tell(); });
    this.area.addEventListener("keydown", (event) => {
      // Tab leaves the field, as everywhere; two spaces are typed.
      if (event.key === "Enter" && !event.ctrlKey && !event.metaKey && !event.isComposing) this.indent(event);
    });
  }

  get text() { return this.rich ? this.rich.text : this.area.value; }

  /** @param {string} text */
  set text(text) {
    if (this.rich) this.rich.text = text;
    else {
      this.area.value = text;
      this.count();
    }
  }

  /** Calls `work` after each change. @param {() => void} work */
  changed(work) { this.watchers.push(work); }

  tell() { for (const work of this.watchers) work(); }

  /** Returns the place of the cursor. */
  get cursor() { return this.rich ? this.rich.cursor() : this.area.selectionStart; }

  /** Puts the bundled editor in the place of the text area. @param {any} library @param {any} options */
  enrich(library, options) {
    // Outside of its shadow root a key looks as if it were pressed on the page, which has keys of its own.
    const host = h("div.rich", { onkeydown: (/** @type {Event} */ event) => event.stopPropagation() });
    this.element.replaceChildren(host);
    this.element.classList.add("is-rich");
    this.rich = library.edit(host, { id: this.area.id, label: this.area.getAttribute("aria-label"), text: this.area.value, changed: () => this.tell(), ...options });
  }

  /** Continues a line with the indentation of the one before. @param {KeyboardEvent} event */
  indent(event) {
    const { selectionStart: at, value } = this.area;
    const line = value.slice(value.lastIndexOf("\n", at - 1) + 1, at);
    const spaces = /^ */.exec(line)?.[0] ?? "";
    const deeper = /:\s*$/.test(line) ? "  " : "";
    if (!spaces && !deeper) return;
    event.preventDefault();
    this.insert(`\n${spaces}${deeper}`);
  }

  /** Types a text at the cursor, so that undo works. @param {string} text @param {number} [before] characters that it replaces */
  insert(text, before = 0) {
    if (this.rich) {
      this.rich.insert(text);
      return;
    }
    const { selectionStart: start, selectionEnd: end } = this.area;
    this.area.setRangeText(text, start - before, end, "end");
    this.area.dispatchEvent(new Event("input", { bubbles: true }));
  }

  /** Selects a place. @param {number} line from 1 @param {number} column from 1, in characters @param {number} length */
  select(line, column, length) {
    const [start, end] = this.range(line, column, length);
    if (this.rich) {
      this.rich.select(start, end);
      return;
    }
    this.area.focus();
    this.area.setSelectionRange(start, end);
    const height = parseFloat(getComputedStyle(this.area).lineHeight) || 18;
    this.area.scrollTop = Math.max(0, (line - 4) * height);
  }

  /** Returns the places of a problem in UTF-16 units. @param {number} line @param {number} column @param {number} length */
  range(line, column, length) {
    const { text } = this;
    let at = 0;
    for (let passed = 1; passed < line; passed += 1) {
      const end = text.indexOf("\n", at);
      if (end < 0) break;
      at = end + 1;
    }
    const units = (/** @type {number} */ from, /** @type {number} */ count) => {
      let place = from;
      for (let passed = 0; passed < count && place < text.length; passed += 1) place += (text.codePointAt(place) ?? 0) > 0xffff ? 2 : 1;
      return place;
    };
    const start = units(at, column - 1);
    return [start, units(start, length)];
  }

  /** Marks problems. @param {{line: number, column: number, length: number, severity: string, message: string, help: string}[]} problems */
  mark(problems) {
    if (this.rich) {
      this.rich.mark(problems.map(({ line, column, length, severity, message, help }) => {
        const [from, to] = this.range(line, column, length);
        return { from, to, severity, message: `${message}: ${help}` };
      }));
      return;
    }
    this.marks = new Map();
    for (const { line, severity } of problems) {
      if (this.marks.get(line) !== "error") this.marks.set(line, severity);
    }
    this.lines = 0;
    this.count();
  }

  /** Writes the numbers of the lines. */
  count() {
    const lines = Math.min(this.text.split("\n").length, 20_000);
    if (lines === this.lines) return;
    this.lines = lines;
    let text = "";
    const marked = [];
    for (let line = 1; line <= lines; line += 1) {
      const severity = this.marks.get(line);
      if (severity) {
        marked.push(text, h(`b.${severity}`, {}, `${line}\n`));
        text = "";
      } else text += `${line}\n`;
    }
    this.numbers.replaceChildren(...marked, text);
    this.numbers.scrollTop = this.area.scrollTop;
  }
}
