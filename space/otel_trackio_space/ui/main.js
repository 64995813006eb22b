/**
 * The page: loads the style, mounts the frame at once, then the page that the URL names.
 *
 * How a page is made: a module that exports `page = {name, title, sidebar, mount}`, listed in PAGES
 * below, which loads it when it is first shown. `mount(root, context)` fills the empty element `root`
 * and returns a function that lets go of everything it listens to. `sidebar` true shows the list of
 * runs beside it. The context holds
 *   view     `.now` (fields of state.js), `.change(patch, "step"|"gradual"|"replace")`,
 *            `.on((now, names) => ..., ...fields)` -> off, `.link(patch)`
 *   catalog  `.runs` (oldest first, null while unknown), `.metrics`, `.byId`, `.projects`, `.about`,
 *            `.on("runs"|"change"|"connection"|"error", listener)` -> off, `.refresh()`
 *   client   `.get(path, parameters)`, `.post(path, body)`, `.put`, `.delete`, `.url(path, parameters)`;
 *            they raise Refused with `.message`, `.hint`, `.status`
 *   choice() the runs that the sidebar shows: `{shown: Run[], groups, ...}`, see choice.js
 *   highlight `.set(run id or null)`, `.on(listener)`: the run that the pointer is on
 *   colour(run) its colour in the present theme; listen to "theme" by `view.on(..., "theme")`
 *   say(text) for screen readers; toast(text, "good"|"bad") for everybody
 * Texts go into the DOM by dom.js alone. Styles of a page lie in style/<name>.css, listed in STYLES.
 */

import { Catalog } from "./catalog.js";
import { Client } from "./client.js";
import { chosen } from "./choice.js";
import { inkOf } from "./colour.js";
import { el, fill } from "./dom.js";
import { Frame } from "./frame.js";
import { Theme } from "./theme.js";
import { Highlight } from "./highlight.js";
import { View } from "./view.js";

/** Pages by name: title, and what loads the module. The ones without a title have no tab. */
const PAGES = [
  { name: "metrics", title: "Metrics", load: () => import("./metrics.js") },
  { name: "runs", title: "Runs", load: () => import("./runs.js") },
  { name: "system", title: "System", load: () => import("./system.js") },
  { name: "alerts", title: "Alerts", load: () => import("./alerts.js") },
  { name: "run", title: "", load: () => import("./run.js") },
];

const STYLES = ["vendor/uPlot.min.css", "style/base.css", "style/frame.css", "style/metrics.css", "style/pages.css"];

class Router {
  #unmount = null;
  #shown = "";
  #turn = 0;

  constructor(frame, context) {
    this.frame = frame;
    this.context = context;
    context.view.on(() => this.show(), "page", "run");
  }

  /** Shows the page that the view names; page Run anew for another run. */
  async show() {
    const { page: name, run } = this.context.view.now;
    const wanted = PAGES.find((each) => each.name === name) ?? PAGES[0];
    const shown = wanted.name === "run" ? `run ${run}` : wanted.name;
    if (shown === this.#shown) return;
    const turn = ++this.#turn;
    this.#shown = shown;
    this.frame.mark(wanted.name);
    const module = await wanted.load().catch((error) => ({ page: broken(error) }));
    if (turn !== this.#turn) return;
    this.#unmount?.();
    const root = el("div", { class: `page page-${wanted.name}` });
    fill(this.frame.main, root);
    this.frame.main.scrollTop = 0;
    this.frame.withSidebar(Boolean(module.page.sidebar));
    this.#unmount = module.page.mount(root, this.context);
  }
}

function broken(error) {
  const mount = (root) => {
    fill(root, el("p", { class: "empty" }, "This page could not be loaded: ", error.message));
    return () => {};
  };
  return { mount };
}

/** Style sheets that the shell has not linked already; true once all are there. */
function styled(base) {
  const wait = STYLES.map((path) => {
    const href = new URL(path, base).href;
    if ([...document.styleSheets].some((sheet) => sheet.href === href)) return null;
    const link = el("link", { rel: "stylesheet", href });
    document.head.append(link);
    return new Promise((done) => {
      link.addEventListener("load", done);
      link.addEventListener("error", done);
    });
  });
  return Promise.all(wait);
}

/** The runs that are shown, worked out once for each state of both. */
function choice(catalog, view) {
  let [runs, now, known] = [null, null, null];
  return () => {
    if (!known || runs !== catalog.runs || now !== view.now) {
      [runs, now] = [catalog.runs, view.now];
      known = chosen(runs ?? [], now);
    }
    return known;
  };
}

/** Mounts everything into the body. */
async function start() {
  const base = new URL(".", import.meta.url);
  const root = el("div", { class: "ot", id: "otel-trackio" });
  const view = new View();
  const theme = new Theme(root, view);
  const client = new Client(new URL("..", base));
  const catalog = new Catalog(client, view);
  const context = {
    view,
    catalog,
    client,
    theme,
    highlight: new Highlight(),
    choice: choice(catalog, view),
    colour: (run) => inkOf(run.order, theme.dark).colour,
  };
  const frame = new Frame(root, context);
  context.say = (text) => frame.say(text);
  context.toast = (text, kind) => frame.toast(text, kind);
  const ready = catalog.start();
  await styled(base);
  document.body.append(root);
  document.body.classList.add("ot-page"); // What else is there, Gradio's own page, is hidden.
  await new Router(frame, context).show();
  await ready;
}

start();
