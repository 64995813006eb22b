/** What surrounds every page: the header, the place of the sidebar, messages. */

import { el, fill, attribute } from "./dom.js";
import { count } from "./format.js";
import { icon } from "./icons.js";
import { Follow } from "./follow.js";
import { Sidebar } from "./sidebar.js";
import { Title } from "./title.js";

const TABS = [
  ["metrics", "Metrics"],
  ["runs", "Runs"],
  ["system", "System"],
  ["alerts", "Alerts"],
];

const THEMES = {
  auto: ["light", "Theme: as the system"],
  light: ["dark", "Theme: light"],
  dark: ["auto", "Theme: dark"],
};

const STATES = {
  loading: ["Connecting", "Waiting for the server."],
  live: ["Live", "New points show up by themselves."],
  lost: ["Stale", "The server does not answer. Reconnecting; what is shown may be old."],
  paused: ["Paused", "The page is hidden, so nothing is fetched."],
};

/** How long a message stays, in ms. */
const SHOWN = 6000;

export class Frame {
  /** @param {HTMLElement} root @param {object} context see main.js */
  constructor(root, context) {
    this.context = context;
    this.main = el("main", { class: "main", id: "ot-main", tabindex: -1 });
    this.spoken = el("div", { class: "unseen", role: "status", "aria-live": "polite" });
    this.toasts = el("div", { class: "toasts", role: "alert" });
    this.sidebar = new Sidebar(context);
    this.root = root;
    this.hasSidebar = true;
    root.append(
      el("a", { class: "skip", href: "#ot-main", on: { click: (event) => this.#skip(event) } }, "Skip to the charts"),
      this.#header(),
      el("div", { class: "body" }, this.sidebar.root, this.#shade(), this.main),
      this.spoken,
      this.toasts,
    );
    const { view, catalog } = context;
    view.on(() => this.#arrange(), "sidebar", "embed");
    view.on(() => this.#theme(), "theme");
    view.on(() => this.#projects(), "project");
    for (const event of ["projects", "runs", "error"]) catalog.on(event, () => this.#projects());
    catalog.on("connection", () => this.#status());
    catalog.on("error", (error) => this.#failed(error));
    if (matchMedia("(max-width: 760px)").matches) this.closed = true;
    this.title = new Title();
    this.#arrange();
    this.#theme();
    this.#projects();
    this.#status();
  }

  /** Not by the address: Gradio's <base> would lead to another one, without the view. */
  #skip(event) {
    event.preventDefault();
    this.main.focus();
  }

  #header() {
    const { view } = this.context;
    this.menu = el(
      "button",
      {
        class: "plain square",
        type: "button",
        "aria-label": "Runs",
        title: "Show or hide the runs",
        on: { click: () => this.#toggle() },
      },
      icon("panel"),
    );
    this.project = el("select", {
      class: "project",
      "aria-label": "Project",
      on: { change: () => view.openProject(this.project.value) },
    });
    this.tabs = TABS.map(([name, title]) => this.#tab(name, title));
    this.status = el("span", { class: "status", role: "status" });
    this.theme = el("button", { class: "plain square", type: "button", on: { click: () => this.#nextTheme() } });
    const link = el(
      "button",
      { class: "plain", type: "button", "aria-label": "Copy link", title: "Copy a link to exactly this view", on: { click: () => this.#copy() } },
      icon("link"),
      el("span", { class: "wide-only" }, "Copy link"),
    );
    return el(
      "header",
      { class: "header" },
      this.menu,
      el("span", { class: "brand" }, "otel-trackio"),
      this.project,
      el("nav", { class: "tabs", "aria-label": "Pages" }, this.tabs),
      el("div", { class: "header-end" }, new Follow(this.context).element, this.status, link, this.theme),
    );
  }

  #tab(name, title) {
    const open = (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
      event.preventDefault();
      this.context.view.change({ page: name });
    };
    return el("a", { class: "tab", href: "?", data: { page: name }, on: { click: open } }, title);
  }

  /** Behind the sidebar on a phone, where it covers the page. */
  #shade() {
    return el("div", { class: "shade", on: { click: () => this.#toggle() } });
  }

  /** Marks the tab of a page. */
  mark(name) {
    this.page = name;
    this.#name();
    for (const tab of this.tabs) {
      attribute(tab, "aria-current", tab.dataset.page === name && "page");
      tab.href = this.context.view.link({ page: tab.dataset.page });
    }
  }

  /** Whether the present page has the list of runs beside it. */
  withSidebar(has) {
    this.hasSidebar = has;
    this.#arrange();
  }

  /** On a phone the sidebar opens for the moment only; elsewhere that is part of the view. */
  #toggle() {
    if (this.closed !== undefined) {
      this.closed = !this.closed;
      this.#arrange();
    } else {
      this.context.view.change({ sidebar: !this.context.view.now.sidebar });
    }
  }

  #arrange() {
    const { sidebar, embed } = this.context.view.now;
    const open = this.hasSidebar && !embed && (this.closed === undefined ? sidebar : !this.closed);
    this.root.classList.toggle("embed", embed);
    this.root.classList.toggle("open", open);
    this.menu.hidden = !this.hasSidebar;
    attribute(this.menu, "aria-expanded", String(open));
  }

  #theme() {
    const { theme } = this.context.view.now;
    fill(this.theme, icon({ auto: "auto", light: "sun", dark: "moon" }[theme]));
    attribute(this.theme, "aria-label", THEMES[theme][1]);
    attribute(this.theme, "title", `${THEMES[theme][1]}; click to change`);
  }

  #nextTheme() {
    const { view } = this.context;
    view.change({ theme: THEMES[view.now.theme][0] }, "replace");
  }

  #projects() {
    const { catalog, view } = this.context;
    const known = catalog.projects ?? [];
    const names = known.map((each) => each.name);
    if (view.now.project && !names.includes(view.now.project)) names.unshift(view.now.project);
    const amounts = new Map(known.map((each) => [each.name, each.runs]));
    const options = names.map((name) =>
      el("option", { value: name }, name, amounts.has(name) ? ` (${count(amounts.get(name))})` : ""),
    );
    fill(
      this.project,
      options.length ? options : el("option", { value: "" }, catalog.projects ? "No projects yet" : "…"),
    );
    this.project.value = view.now.project;
    this.#name();
  }

  /** What the browser calls the page: the run or else the project, the page, and us. */
  #name() {
    const { catalog, view } = this.context;
    const { project, run } = view.now;
    const tab = TABS.find(([name]) => name === this.page)?.[1];
    const shown = this.page === "run" ? (catalog.byId.get(run)?.name ?? "Run") : tab;
    this.title.set([...(this.page === "run" ? [shown, project] : [project, shown]), "otel-trackio"]);
  }

  #status() {
    const { connection } = this.context.catalog;
    const [name, meaning] = STATES[connection];
    this.status.dataset.state = connection;
    this.status.title = meaning;
    fill(this.status, el("i", { class: "dot" }), el("span", {}, name));
  }

  #failed(error) {
    this.toast([error.message, error.hint].filter(Boolean).join("; "), "bad");
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(this.context.view.link());
      this.toast("The link is copied.", "good");
    } catch {
      this.toast("The browser did not allow it; the address bar has the link.", "bad");
    }
  }

  /** Tells screen readers something. */
  say(text) {
    this.spoken.textContent = text;
  }

  /** Shows everybody a message for a while. @param {"good"|"bad"} [kind] */
  toast(text, kind = "good") {
    const shown = [...this.toasts.children].find((each) => each.dataset.text === text);
    shown?.remove();
    const close = () => toast.remove();
    const toast = el(
      "div",
      { class: `toast ${kind}`, data: { text } },
      el("span", {}, text),
      el(
        "button",
        { class: "plain square", type: "button", "aria-label": "Close", on: { click: close } },
        icon("close"),
      ),
    );
    this.toasts.append(toast);
    setTimeout(close, SHOWN);
  }
}
