/** What a page says where there are no runs to show. */

import { el } from "./dom.js";

const FIRST = `import otel_trackio

with otel_trackio.init(project="first") as run:
    for step in range(100):
        run.log({"train/loss": 1 / (step + 1)}, step)`;

/** That there is no run at all, and how to record one. */
export function noRuns() {
  return [
    el("p", {}, "No runs yet. They show up here as soon as something is recorded:"),
    el("pre", { class: "card mono", tabindex: 0 }, FIRST),
  ];
}

/**
 * Why no run of a project can be shown; nothing while that is not known, or where there are runs.
 * @param {import("./catalog.js").Catalog} catalog
 * @param {string} project
 * @returns {HTMLElement[]|null}
 */
export function whyNothing({ error, projects, runs }, project) {
  if (error && runs === null) return [el("p", {}, error.message), el("p", {}, error.hint ?? "")];
  if (projects?.length === 0) return noRuns();
  const known = !project || !projects || projects.some(({ name }) => name === project);
  return known ? null : [el("p", {}, "There is no project of this name.")];
}
