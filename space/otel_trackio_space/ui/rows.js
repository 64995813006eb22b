/** The rows of the list of runs: groups and their runs, or runs alone. Knows no DOM. */

/**
 * @param {ReturnType<import("./choice.js").chosen>} choice
 * @param {{group: string, folded: string[], baseline: string, lines: string}} view
 */
export function choiceRows(choice, view) {
  const row = (inner, group) => (run) => ({
    run,
    inner,
    shown: choice.ids.has(run.id),
    base: run.id === view.baseline,
    // A line that is its group's mean has its group's colour.
    order: view.lines === "runs" || run.id === view.baseline ? run.order : group.order,
  });
  if (!view.group) return choice.matching.map(row(false, { order: 0 }));
  return choice.groups.flatMap((group) => {
    const folded = view.folded.includes(group.name);
    const shown = group.runs.filter((run) => choice.ids.has(run.id)).length;
    const head = { group, folded, on: shown === group.runs.length, some: shown > 0 };
    return folded ? [head] : [head, ...group.runs.map(row(true, group))];
  });
}
