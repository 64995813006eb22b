/** What a person may change of stored runs: name, tags, project, and whether they are there. */

import { openForm } from "./dialog.js";
import { el } from "./dom.js";
import { count, plural } from "./format.js";

/** Names that a dialog lists before it counts the rest. */
const NAMED = 8;

export class Edit {
  /**
   * @param {HTMLElement} page The page whose runs these are.
   * @param {{client: import("./client.js").Client, catalog: import("./catalog.js").Catalog}} context
   */
  constructor(page, { client, catalog }) {
    this.client = client;
    this.catalog = catalog;
    this.page = page;
  }

  /** Whether the server takes changes. */
  get allowed() {
    return this.catalog.editable;
  }

  /** Asks for another name. */
  rename(run) {
    const input = el("input", {
      type: "text",
      value: run.name,
      required: true,
      maxlength: 500,
      "data-first": true,
    });
    openForm(this.page, "Rename run", [field("Name", input)], {
      action: "Rename",
      submit: () => this.#each([run], (id) => this.client.post(`runs/${id}/name`, { name: input.value })),
    });
  }

  /** Asks for tags to add, and for those of these runs to take away. */
  tag(runs) {
    const input = el("input", { type: "text", placeholder: "best, to-check", "data-first": true });
    const known = [...new Set(runs.flatMap((run) => run.tags))].sort();
    const boxes = known.map((tag) => ({ tag, box: el("input", { type: "checkbox" }) }));
    const fields = [
      named(runs),
      field("Add tags, between commas", input),
      boxes.length > 0 &&
        el(
          "fieldset",
          {},
          el("legend", {}, "Take away"),
          boxes.map(({ tag, box }) => el("label", { class: "check" }, box, el("span", {}, tag))),
        ),
    ];
    const submit = () => {
      const add = input.value
        .split(",")
        .map((each) => each.trim())
        .filter(Boolean);
      const remove = boxes.filter(({ box }) => box.checked).map(({ tag }) => tag);
      return this.#each(runs, (id) => this.client.post(`runs/${id}/tags`, { add, remove }));
    };
    openForm(this.page, `Tags of ${plural(runs.length, "run")}`, fields, { action: "Save", submit });
  }

  /** Asks for another project. */
  move(runs) {
    const list = el("datalist", { id: "projects-to-move-to" });
    for (const { name } of this.catalog.projects ?? []) list.append(el("option", { value: name }));
    const input = el("input", {
      type: "text",
      list: list.id,
      required: true,
      maxlength: 500,
      "data-first": true,
    });
    const submit = () =>
      this.#each(runs, (id) => this.client.post(`runs/${id}/project`, { project: input.value }));
    const fields = [named(runs), field("To project", input), list];
    openForm(this.page, `Move ${plural(runs.length, "run")}`, fields, { action: "Move", submit });
  }

  /**
   * Asks whether to delete, saying what goes and what is live.
   * @param {object[]} runs
   * @param {() => void} [after] Called when they are gone.
   */
  remove(runs, after = () => {}) {
    const live = runs.filter((run) => run.state === "running");
    const points = runs.reduce((sum, run) => sum + run.points, 0);
    const sure = el("input", { type: "checkbox", required: true });
    const fields = [
      named(runs),
      el(
        "p",
        {},
        `This deletes ${plural(points, "point")}, and the config, summary, alerts and tables, for good.`,
      ),
      live.length > 0 && [
        el("p", { class: "warning" }, liveText(live, runs)),
        el("label", { class: "check" }, sure, el("span", {}, "Delete what is live, too")),
      ],
    ];
    const submit = async () => {
      await this.#each(runs, (id, run) =>
        this.client.delete(run.state === "running" ? `runs/${id}?force=true` : `runs/${id}`),
      );
      after();
    };
    const action = runs.length === 1 ? "Delete run" : `Delete ${count(runs.length)} runs`;
    openForm(this.page, `${action}?`, fields, { action, danger: true, submit });
  }

  /** One after another; what was done before one is refused is shown, too. */
  async #each(runs, act) {
    let done = 0;
    try {
      for (const run of runs) {
        await act(encodeURIComponent(run.id), run);
        done += 1;
      }
    } catch (error) {
      if (runs.length > 1) error.message = `${done} of ${runs.length} done, then: ${error.message}`;
      throw error;
    } finally {
      if (done) await Promise.all([this.catalog.refresh(), this.catalog.readProjects()]);
    }
  }
}

function liveText(live, runs) {
  const which = runs.length === 1 ? "It is" : `${plural(live.length, "run is", "runs are")}`;
  return `${which} still being recorded. What is logged from now on is lost as well.`;
}

function field(label, input) {
  return el("label", { class: "field" }, el("span", {}, label), input);
}

function named(runs) {
  const shown = runs.slice(0, NAMED).map((run) => el("li", { title: run.id }, run.name));
  const rest = runs.length - shown.length;
  return el(
    "ul",
    { class: "named", tabindex: 0 },
    shown,
    rest > 0 && el("li", {}, `and ${count(rest)} more`),
  );
}
