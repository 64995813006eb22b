/** Page System: what the hardware did meanwhile, a chart a measure, a curve a device and rank. */

import { clockChoice, resetButton } from "./clock.js";
import { deviceOf, devices, inksOf, measures } from "./device.js";
import { add, el, fill } from "./dom.js";
import { count } from "./format.js";
import { linkTo } from "./link.js";
import { whyNothing } from "./nothing.js";
import { dot } from "./runcell.js";
import { Wall } from "./wall.js";

/** Runs that are shown together, the newest of those chosen. */
const MOST = 10;

const UNMEASURED = "No run of this project measured its hardware. Metrics named hw.* and system.* stand here.";

/** See main.js. */
export const page = {
  name: "system",
  title: "System",
  sidebar: true,
  mount(root, context) {
    const shown = new SystemPage(root, context);
    return () => shown.close();
  },
};

class SystemPage {
  constructor(root, context) {
    this.context = context;
    const { view, catalog } = context;
    this.wall = new Wall(context);
    const choose = (name, field) =>
      el("select", {
        "aria-label": name,
        on: { change: (event) => view.change({ [field]: event.target.value }) },
      });
    this.rank = choose("Rank", "rank");
    this.device = choose("Device", "device");
    this.clock = clockChoice(view);
    this.reset = resetButton(view);
    this.runs = el("div", { class: "run-links" });
    this.tools = el(
      "div",
      { class: "tools" },
      this.clock.element,
      this.rank,
      this.device,
      this.reset.element,
      this.runs,
    );
    this.nothing = el("div", { class: "card empty" });
    add(
      root,
      el("h1", { class: "unseen" }, "System"),
      this.tools,
      this.nothing,
      this.wall.element,
    );
    const fields = [
      "rank",
      "device",
      "clock",
      "filter",
      "hide",
      "only",
      "none",
      "latest",
      "group",
      "theme",
      "from",
      "to",
    ];
    const show = () => this.#show();
    const events = ["runs", "projects", "error"];
    this.stops = [view.on(show, ...fields), ...events.map((event) => catalog.on(event, show))];
    this.#show();
  }

  close() {
    for (const stop of this.stops) stop();
    this.wall.close();
  }

  #show() {
    const { view, catalog } = this.context;
    const { rank, device, clock } = view.now;
    this.clock.show();
    this.reset.show();
    const chosen = catalog.runs ? this.context.choice().shown : [];
    const runs = chosen.slice(0, MOST);
    const found = measures(
      (catalog.metrics ?? []).filter((metric) => metric.system && metric.kind !== "histogram"),
    );
    const known = devices(found);
    this.#choices(runs, known);
    this.#links(runs, chosen.length);
    this.#empty(runs, found);
    const byId = new Map(runs.map((run) => [run.id, run]));
    const cards = found.map((measure) => this.#card(measure, byId)).filter((card) => card.keys.length > 0);
    const ids = new Set(byId.keys());
    this.wall.show([{ title: "", cards: runs.length ? cards : [] }], {
      ids,
      x: clock,
      rank: /^\d+$/.test(rank) ? rank : "all",
      events: [],
    });
    for (const [select, value] of [
      [this.rank, /^\d+$/.test(rank) ? rank : ""],
      [this.device, device],
    ])
      select.value = value;
  }

  #card(measure, runs) {
    const { theme, view } = this.context;
    const { device } = view.now;
    const shown = measure.series.filter((series) => !device || deviceOf(series) === device);
    const { name, unit, description } = measure;
    const inks = (found) => inksOf(found, runs, theme.dark);
    return { id: name, title: name, unit, description, keys: shown.map(({ key }) => key), inks };
  }

  #choices(runs, known) {
    const ranks = [...new Set(runs.flatMap((run) => run.ranks))].sort((one, other) => one - other);
    options(this.rank, [["", "All ranks"], ...ranks.map((rank) => [String(rank), `Rank ${rank}`])]);
    options(this.device, [["", "All devices"], ...known.map((id) => [id, id])]);
    this.rank.hidden = ranks.length < 2;
    this.device.hidden = known.length < 2;
  }

  #links(runs, all) {
    const links = runs.map((run) =>
      linkTo(
        this.context.view,
        { page: "run", run: run.id },
        { class: "run-link" },
        dot(this.context, run),
        run.name || run.id,
      ),
    );
    fill(
      this.runs,
      links,
      all > runs.length && el("span", { class: "soft" }, `the newest ${runs.length} of ${count(all)} chosen`),
    );
  }

  #empty(runs, found) {
    const { catalog, view } = this.context;
    const text = !catalog.runs ? "Loading" : !found.length ? UNMEASURED : runs.length ? null : "No run is chosen.";
    const why = whyNothing(catalog, view.now.project) ?? text;
    fill(this.nothing, why);
    this.nothing.hidden = why === null;
    this.tools.hidden = found.length === 0;
  }
}

function options(select, wanted) {
  const text = JSON.stringify(wanted);
  if (select.dataset.shown === text) return;
  select.dataset.shown = text;
  fill(
    select,
    wanted.map(([value, title]) => el("option", { value }, title)),
  );
}
