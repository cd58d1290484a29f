// Makes the pages quicker to use: keys, a brush on the histogram, copies, reloads. Every page works without this script.
// @ts-check

const main = () => /** @type {HTMLElement} */ (document.getElementById("main"));

/** Tells the server the reader's time zone; it answers times and days in it. */
function tellZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  const known = document.cookie.split("; ").includes(`headgate-zone=${zone}`);
  if (known || !/^[\w/+-]{1,64}$/.test(zone)) return;
  document.cookie = `headgate-zone=${zone}; Path=/; Max-Age=31536000; SameSite=Lax`;
  if (zone !== "UTC" && document.cookie.includes("headgate-zone=")) location.reload();
}

/** @param {string} url */
function go(url) {
  const link = document.createElement("a");
  link.href = url;
  link.hidden = true;
  main().append(link);
  // htmx follows links of the page, so that a click here is like one of the reader's.
  if ("htmx" in window) /** @type {any} */ (window).htmx.process(link);
  link.click();
}

const rows = () => /** @type {HTMLElement[]} */ ([...document.querySelectorAll("tr[data-row]")]);

/** @param {HTMLElement | undefined} row */
const linkOf = (row) => /** @type {HTMLAnchorElement | null} */ (row?.querySelector("a") ?? null);

/** Moves the focus among the rows. @param {number} step */
function move(step) {
  const all = rows();
  const at = all.findIndex((row) => row.contains(document.activeElement));
  linkOf(all[at < 0 ? 0 : Math.min(Math.max(at + step, 0), all.length - 1)])?.focus();
}

/** Opens the next row with an error. @param {number} step */
function nextError(step) {
  const all = rows();
  const current = all.findIndex((row) => row.classList.contains("open") || row.contains(document.activeElement));
  for (let at = current + step; at >= 0 && at < all.length; at += step) {
    if (all[at].querySelector(".chip.error, .chip.refused")) return linkOf(all[at])?.click();
  }
}

/** @type {Record<string, () => void>} */
const keys = {
  f: () => only(),
  x: () => exclude(),
  "]": () => section(1),
  "[": () => section(-1),
  j: () => move(1),
  ArrowDown: () => move(1),
  k: () => move(-1),
  ArrowUp: () => move(-1),
  e: () => nextError(1),
  E: () => nextError(-1),
  c: () => void navigator.clipboard?.writeText(location.href),
  "?": () => {
    const help = document.querySelector(".help");
    if (help) help.toggleAttribute("open");
    else go("/help");
  },
};

/** Shows only the records with the focused value. */
function only() {
  const link = /** @type {HTMLAnchorElement | null} */ (document.activeElement?.closest("a[data-exclude]") ?? null);
  if (link) go(link.dataset.only ?? link.href);
}

/** Leaves out the records with the focused value. */
function exclude() {
  const url = /** @type {HTMLElement | null} */ (document.activeElement?.closest("a[data-exclude]") ?? null)?.dataset.exclude;
  if (url) go(url);
}

/** Goes to the next part of the open sheet. @param {number} step */
function section(step) {
  const parts = /** @type {HTMLElement[]} */ ([...document.querySelectorAll(".sheet h3")]);
  const at = parts.findIndex((part) => part === document.activeElement);
  const next = parts[at < 0 ? (step > 0 ? 0 : parts.length - 1) : at + step];
  if (!next) return;
  next.tabIndex = -1;
  next.focus();
  next.scrollIntoView({ block: "start" });
}

let pressedG = false;

document.addEventListener("keydown", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (target.matches("input, select, textarea")) {
    if (event.key === "Escape") target.blur();
    return;
  }
  const arrow = event.key.startsWith("Arrow");
  if (arrow && !rows().some((row) => row.contains(document.activeElement))) return;
  const place = pressedG && /** @type {HTMLElement | null} */ (document.querySelector(`[data-go="${CSS.escape(event.key)}"]`));
  pressedG = event.key === "g";
  if (place) return place.click();
  const named = /** @type {HTMLElement | null} */ (document.querySelector(`[data-key="${CSS.escape(event.key)}"]`));
  if (named) {
    event.preventDefault();
    if (named instanceof HTMLInputElement) named.focus();
    else named.click();
  } else if (event.key === "o") {
    const url = linkOf(rows().find((row) => row.contains(document.activeElement)))?.href;
    if (url) window.open(url, "_blank", "noopener");
  } else if (keys[event.key]) {
    event.preventDefault();
    keys[event.key]();
  }
});

const MENUS = "details.help,details.custom,details.export,details.menu-of";

/** A click anywhere on a row opens it. */
document.addEventListener("click", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  const row = /** @type {HTMLElement | null} */ (target.closest("tr[data-row]"));
  if (row && !target.closest("a") && !getSelection()?.toString()) linkOf(row)?.click();
  if (!target.closest(MENUS)) {
    document.querySelectorAll(MENUS.replaceAll(",", "[open],") + "[open]").forEach((one) => one.removeAttribute("open"));
  }
});

/** A drag over the histogram narrows the range. @param {SVGSVGElement} svg */
function brush(svg) {
  if (svg.dataset.ready) return;
  svg.dataset.ready = "yes";
  const { start, width, bars, url } = svg.dataset;
  if (!start || !width || !bars || !url) return;
  let from = -1;
  const mark = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  mark.setAttribute("class", "brush");
  mark.setAttribute("y", "0");
  mark.setAttribute("height", "100");
  /** @param {PointerEvent} event */
  const bar = (event) => {
    const box = svg.getBoundingClientRect();
    const place = Math.floor(((event.clientX - box.left) / box.width) * Number(bars));
    return Math.min(Math.max(place, 0), Number(bars) - 1);
  };
  svg.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    from = bar(event);
    addEventListener("pointerup", end, { once: true });
  });
  svg.addEventListener("dragstart", (event) => event.preventDefault());
  svg.addEventListener("pointermove", (event) => {
    if (from < 0) return;
    const [low, high] = [Math.min(from, bar(event)), Math.max(from, bar(event))];
    if (low === high) return;
    mark.setAttribute("x", String(low * 10));
    mark.setAttribute("width", String((high - low + 1) * 10));
    svg.append(mark);
  });
  svg.addEventListener("click", (event) => { if (mark.isConnected) event.preventDefault(); }, true);
  /** @param {PointerEvent} event */
  const end = (event) => {
    const [low, high] = [Math.min(from, bar(event)), Math.max(from, bar(event))];
    from = -1;
    const isDrag = mark.isConnected;
    // The click that follows a drag must not open a bar; later clicks must.
    setTimeout(() => mark.remove());
    if (low === high || !isDrag) return;
    const time = (/** @type {number} */ place) => Number(start) + Number(width) * place;
    const [first, last] = [Math.max(time(low), Number(svg.dataset.from)), Math.min(time(high + 1), Number(svg.dataset.to))];
    go(`${url}${url.includes("?") ? "&" : "?"}from=${first}&to=${last}`);
  };
}

/** Adds a button that copies a value. @param {Element} value */
function copyable(value) {
  if (value.nextElementSibling?.classList.contains("copy")) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.setAttribute("aria-label", `Copy ${/** @type {HTMLElement} */ (value).dataset.copy || value.textContent}`);
  button.addEventListener("click", () => void navigator.clipboard?.writeText(value.textContent ?? ""));
  value.after(button);
}

/** Whether the reader is in the middle of something that a reload would undo. */
const isBusy = () =>
  document.hidden || !!document.activeElement?.closest("main input") ||
  !!document.querySelector(MENUS.replaceAll(",", "[open],") + "[open], aside.sheet");

/** @type {EventSource | undefined} */
let source;
let arrived = 0;
/** Loads the page again when records arrive, at most once a second. */
function live() {
  const url = /** @type {HTMLElement | null} */ (document.querySelector("[data-live]"))?.dataset.live;
  if (source && source.url === (url && new URL(url, location.href).href)) return;
  source?.close();
  source = url ? new EventSource(url) : undefined;
  const refresh = () => {
    if (arrived) return;
    arrived = setTimeout(() => {
      arrived = 0;
      const link = /** @type {HTMLElement | null} */ (document.querySelector('[data-key="r"]'));
      if (!isBusy()) link?.click();
    }, 1000);
  };
  source?.addEventListener("request", refresh);
  source?.addEventListener("damaged", refresh);
}

let timer = 0;
/** Loads the page again after some seconds, if its state says so. */
function schedule() {
  clearTimeout(timer);
  const seconds = Number(/** @type {HTMLElement | null} */ (document.querySelector("[data-auto]"))?.dataset.auto);
  const refresh = /** @type {HTMLElement | null} */ (document.querySelector('[data-key="r"]'));
  if (seconds && refresh) timer = setTimeout(() => (isBusy() ? schedule() : refresh.click()), seconds * 1000);
}

function prepare() {
  document.querySelectorAll(".bars svg").forEach((svg) => brush(/** @type {SVGSVGElement} */ (svg)));
  document.querySelectorAll("[data-origin]").forEach((one) => { one.textContent = location.origin; });
  document.querySelectorAll("main [data-copy]").forEach(copyable);
  live();
  const search = /** @type {HTMLElement | null} */ (document.querySelector("[data-complete]"));
  if (search?.dataset.complete) import(search.dataset.complete).then((module) => module.complete(search));
  const draft = /** @type {HTMLElement | null} */ (document.querySelector("[data-draft]"));
  if (draft?.dataset.draft) import(draft.dataset.draft).then((module) => module.prepare(draft));
  const views = /** @type {HTMLElement | null} */ (document.querySelector("[data-views]"));
  if (views?.dataset.views) import(views.dataset.views).then((module) => module.prepare(views));
  schedule();
}

tellZone();
prepare();
document.addEventListener("htmx:afterSettle", prepare);
// A load that failed does not end the reloads.
document.addEventListener("htmx:sendError", schedule);
