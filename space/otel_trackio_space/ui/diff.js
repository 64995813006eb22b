/** In what the configs of several runs differ. Knows no DOM. */

import { leaves, plain } from "./nested.js";

/** @typedef {{path: string, values: (string|undefined)[], differs: boolean}} Difference */

/**
 * Every path of the runs' configs, with what each run has there as text; undefined where it has
 * nothing, which is a difference too.
 * @param {{config: Record<string, unknown>}[]} runs
 * @returns {Difference[]}
 */
export function differences(runs) {
  const configs = runs.map((run) => new Map(leaves(run.config).map(pair)));
  const paths = new Set(configs.flatMap((config) => [...config.keys()]));
  return [...paths].map((path) => {
    const values = configs.map((config) => config.get(path));
    return { path, values, differs: new Set(values).size > 1 };
  });
}

function pair({ path, value }) {
  return [path, plain(value)];
}
