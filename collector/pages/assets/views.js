// Keeps named views of a page in this browser. A view is an address of the page, so nothing is lost without this script.
// @ts-check

const STORE = "headgate-views";
const MOST = 50;
/** Parts of an address that say where a reader is, not what is shown. */
const PLACES = ["row", "after", "before", "auto", "live"];

/** @typedef {{ name: string, url: string }} View */

/** Returns the views of a page; others, and addresses of other pages, are left out. @param {string} page @returns {View[]} */
function viewsOf(page) {
  try {
    const all = JSON.parse(localStorage.getItem(STORE) ?? "{}")[page];
    const isView = (/** @type {any} */ one) => typeof one?.name === "string" && typeof one?.url === "string" && (one.url === page || one.url.startsWith(`${page}?`));
    return Array.isArray(all) ? all.filter(isView).slice(0, MOST) : [];
  } catch {
    return [];
  }
}

/** @param {string} page @param {View[]} views */
function keep(page, views) {
  try {
    const all = JSON.parse(localStorage.getItem(STORE) ?? "{}");
    localStorage.setItem(STORE, JSON.stringify({ ...all, [page]: views.slice(0, MOST) }));
    return true;
  } catch {
    return false;
  }
}

/** Returns the address of what is shown now. */
function present() {
  const parameters = new URLSearchParams(location.search);
  PLACES.forEach((name) => parameters.delete(name));
  const query = parameters.toString();
  return location.pathname + (query ? `?${query}` : "");
}

/** @template {keyof HTMLElementTagNameMap} K @param {K} tag @param {Partial<HTMLElementTagNameMap[K]>} values */
const element = (tag, values) => Object.assign(document.createElement(tag), values);

/** Fills the menu of views. @param {HTMLElement} menu */
export function prepare(menu) {
  if (!menu.hidden) return;
  menu.hidden = false;
  const page = location.pathname;
  const body = element("div", {});
  const list = element("ul", {});
  const form = element("form", {});
  const name = element("input", { type: "text", name: "view", maxLength: 60, required: true, autocomplete: "off" });
  const label = element("label", { textContent: "Save what is shown as " });
  const note = element("p", { className: "quiet", role: "status" });
  label.append(name);
  form.append(label, element("button", { type: "submit", textContent: "Save" }));
  body.append(list, form, note);
  menu.append(body);
  const show = () => {
    const views = viewsOf(page);
    list.replaceChildren(...views.map((view) => {
      const item = element("li", {});
      const link = element("a", { href: view.url, textContent: view.name });
      if (view.url === present()) link.setAttribute("aria-current", "true");
      const remove = element("button", { type: "button", className: "copy", textContent: "×" });
      remove.setAttribute("aria-label", `Delete the view ${view.name}`);
      remove.addEventListener("click", (event) => {
        event.stopPropagation();
        note.textContent = keep(page, viewsOf(page).filter((other) => other.name !== view.name)) ? `${view.name} is deleted.` : "This browser keeps nothing.";
        show();
        name.focus();
      });
      item.append(link, remove);
      return item;
    }));
    list.hidden = !views.length;
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    event.stopPropagation();
    const view = { name: name.value.trim(), url: present() };
    if (!view.name) return;
    const others = viewsOf(page).filter((one) => one.name !== view.name);
    const kept = others.length < MOST && keep(page, [...others, view]);
    note.textContent = kept ? `${view.name} is saved in this browser.` : "Not saved: this browser keeps nothing, or has fifty views.";
    if (kept) name.value = "";
    show();
  });
  show();
}
