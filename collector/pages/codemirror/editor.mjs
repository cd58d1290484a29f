// The editor of the try-out page over CodeMirror, in a shadow root: there its styles are sheets that are made by script, which the
// page's security policy allows.
// @ts-check
import { autocompletion, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { yaml } from "@codemirror/lang-yaml";
import { HighlightStyle, bracketMatching, foldGutter, foldKeymap, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { EditorState } from "@codemirror/state";
import { EditorView, drawSelection, highlightActiveLine, hoverTooltip, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const colors = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--accent)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--good)" },
  { tag: [tags.number, tags.bool, tags.null, tags.keyword], color: "var(--warn)" },
  { tag: tags.comment, color: "var(--quiet)", fontStyle: "italic" },
  { tag: tags.invalid, color: "var(--bad)" },
]);

const theme = EditorView.theme({
  "&": { height: "100%", fontSize: "12px", backgroundColor: "var(--ground)", color: "var(--text)" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "1px" },
  ".cm-scroller": { fontFamily: "ui-monospace, monospace", lineHeight: "18px" },
  ".cm-gutters": { backgroundColor: "var(--raised)", color: "var(--quiet)", border: "0", borderRight: "1px solid var(--line)" },
  ".cm-activeLine": { backgroundColor: "transparent", boxShadow: "inset 2px 0 var(--line)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--tint) !important" },
  ".cm-tooltip, .cm-panels": { backgroundColor: "var(--ground)", color: "var(--text)", border: "1px solid var(--line)", maxWidth: "min(520px, 90vw)" },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--on-accent)" },
  ".cm-completionInfo": { maxWidth: "320px" },
  ".cm-about": { padding: "6px 10px", whiteSpace: "pre-wrap" },
  ".cm-foldPlaceholder": { backgroundColor: "var(--raised)", borderColor: "var(--line)", color: "var(--quiet)" },
  ".cm-searchMatch, .cm-selectionMatch": { backgroundColor: "var(--tint)" },
  ".cm-button, .cm-textfield": { backgroundImage: "none", backgroundColor: "var(--ground)", color: "var(--text)", border: "1px solid var(--line)" },
  // The library draws these as images, which the page's policy does not load.
  ".cm-lintRange": { backgroundImage: "none !important", paddingBottom: "0" },
  ".cm-lintRange-error": { textDecoration: "underline wavy var(--bad)" },
  ".cm-lintRange-warning, .cm-lintRange-info, .cm-lintRange-hint": { textDecoration: "underline wavy var(--warn)" },
  ".cm-gutter-lint .cm-gutterElement": { padding: "0 4px" },
  ".cm-lint-marker": { content: "normal !important", width: "8px", height: "8px", margin: "5px 0", borderRadius: "50%", backgroundColor: "var(--warn-fill)" },
  ".cm-lint-marker-error": { backgroundColor: "var(--bad-fill)", borderRadius: "1px" },
  ".cm-content": { caretColor: "var(--text)" },
});

/**
 * Makes an editor in the shadow root of an element.
 * @param {HTMLElement} parent
 * @param {{id: string, label: string, language: string, text: string, changed: () => void, moved: () => void, send: () => void, complete?: (text: string) => {word: string, offers: {text: string, about: string}[]}, about?: (text: string, word: string) => string | undefined}} options
 */
export function edit(parent, options) {
  const root = parent.shadowRoot ?? parent.attachShadow({ mode: "open" });
  const source = (/** @type {import("@codemirror/autocomplete").CompletionContext} */ context) => {
    const { word, offers } = options.complete?.(context.state.sliceDoc(0, context.pos)) ?? { word: "", offers: [] };
    if (!offers.length || (!context.explicit && !word)) return null;
    return { from: context.pos - word.length, options: offers.map(({ text, about }) => ({ label: text.trim(), apply: text, info: about })), validFor: /^[\w-]*$/ };
  };
  const hover = hoverTooltip((view, pos) => {
    const word = view.state.wordAt(pos);
    if (!word || !options.about) return null;
    const about = options.about(view.state.sliceDoc(0, word.to), view.state.sliceDoc(word.from, word.to));
    if (!about) return null;
    return { pos: word.from, end: word.to, above: true, create: () => {
      const dom = document.createElement("div");
      dom.className = "cm-about";
      dom.textContent = about;
      return { dom };
    } };
  });
  const view = new EditorView({
    root,
    parent: /** @type {any} */ (root),
    state: EditorState.create({
      doc: options.text,
      extensions: [
        lineNumbers(), foldGutter(), history(), drawSelection(), indentOnInput(), bracketMatching(), highlightActiveLine(), highlightSelectionMatches(), search({ top: true }),
        lintGutter(), indentUnit.of("  "), EditorState.tabSize.of(2), syntaxHighlighting(colors), theme, hover,
        options.language === "json" ? json() : yaml(),
        autocompletion({ override: options.complete ? [source] : [], activateOnTyping: true }),
        keymap.of([{ key: "Mod-Enter", run: () => { options.send(); return true; } }, ...completionKeymap, ...searchKeymap, ...lintKeymap, ...historyKeymap, ...foldKeymap, ...defaultKeymap]),
        EditorView.contentAttributes.of({ id: options.id, "aria-label": options.label, spellcheck: "false", autocapitalize: "off", tabindex: "0" }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) options.changed();
          if (update.selectionSet) options.moved();
        }),
      ],
    }),
  });
  return {
    get text() { return view.state.doc.toString(); },
    set text(text) { view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } }); },
    /** @param {number} from @param {number} to */
    select(from, to) {
      view.dispatch({ selection: { anchor: from, head: to }, effects: EditorView.scrollIntoView(from, { y: "center" }) });
      view.focus();
    },
    /** @param {string} text */
    insert(text) { view.dispatch(view.state.replaceSelection(text)); },
    /** @param {{from: number, to: number, severity: string, message: string}[]} problems */
    mark(problems) {
      const end = view.state.doc.length;
      const within = problems.map((one) => ({ ...one, severity: /** @type {any} */ (one.severity), from: Math.min(one.from, end), to: Math.min(Math.max(one.to, one.from), end) }));
      view.dispatch(setDiagnostics(view.state, within));
    },
    /** Returns the position of the cursor. */
    cursor: () => view.state.selection.main.head,
    focus: () => view.focus(),
  };
}
