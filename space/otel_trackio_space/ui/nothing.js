/** What a page says where there are no runs to show. */

import { el } from "./dom.js";

const FIRST = `import otel_trackio

with otel_trackio.init(project="first") as run:
    run.log({"train/loss": 0.5}, step=0)`;

/**
 * Why no run of a project can be shown; nothing while that is not known, or where there are runs.
 * @param {import("./catalog.js").Catalog} catalog
 * @param {string} project
 * @returns {HTMLElement[]|null}
 */
export function whyNothing({ error, projects, runs }, project) {
  if (error && runs === null) return [el("p", {}, error.message), el("p", {}, error.hint ?? "")];
  if (projects?.length === 0) return [el("p", {}, "No runs yet."), el("pre", { class: "mono", tabindex: 0 }, FIRST)];
  const known = !project || !projects || projects.some(({ name }) => name === project);
  return known ? null : [el("p", {}, "There is no project of this name.")];
}
