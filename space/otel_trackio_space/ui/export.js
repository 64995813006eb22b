/** A chart as a file: its points as CSV, its picture as PNG. */

import { download } from "./dom.js";

/** Pixels around the picture, and a line of its legend. */
const MARGIN = 16;
const LINE = 18;

/**
 * All points that the runs recorded of a metric, not buckets.
 * @param {object} context see main.js
 * @param {string} key
 * @param {string[]} runs ids
 */
export async function saveCsv(context, key, runs) {
  const { project } = context.catalog;
  const url = context.client.url("export", { project, keys: key, runs, format: "csv" });
  try {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error((await answer.json().catch(() => null))?.error ?? answer.statusText);
    download(`${fileName(key)}.csv`, await answer.blob());
  } catch (error) {
    context.toast(`No CSV: ${error.message}`, "bad");
  }
}

/**
 * The chart as it is drawn, with title and legend.
 * @param {HTMLCanvasElement} canvas
 * @param {string} title
 * @param {import("./lines.js").Line[]} lines
 * @param {(name: string) => string} token colours of the theme
 */
export async function savePng(canvas, title, lines, token) {
  const ratio = devicePixelRatio || 1;
  const width = canvas.width / ratio + 2 * MARGIN;
  const font = '12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
  const measure = document.createElement("canvas").getContext("2d");
  measure.font = font;
  const rows = legendRows(lines, width - 2 * MARGIN, (text) => measure.measureText(text).width);
  const top = MARGIN + 24;
  const height = top + canvas.height / ratio + rows.length * LINE + MARGIN;
  const picture = document.createElement("canvas");
  [picture.width, picture.height] = [Math.ceil(width * ratio), Math.ceil(height * ratio)];
  const context = picture.getContext("2d");
  context.scale(ratio, ratio);
  context.fillStyle = token("--card");
  context.fillRect(0, 0, width, height);
  context.fillStyle = token("--ink");
  context.font = `600 14px ${font.slice(5)}`;
  context.fillText(title, MARGIN, MARGIN + 10);
  context.drawImage(canvas, MARGIN, top, canvas.width / ratio, canvas.height / ratio);
  context.font = font;
  rows.forEach((row, index) => drawRow(context, row, top + canvas.height / ratio + (index + 1) * LINE, token));
  const blob = await new Promise((done) => picture.toBlob(done, "image/png"));
  if (blob) download(`${fileName(title)}.png`, blob);
}

function legendRows(lines, width, measure) {
  const rows = [[]];
  let left = 0;
  for (const line of lines) {
    const size = measure(line.name) + 40;
    if (left + size > width && left > 0) {
      rows.push([]);
      left = 0;
    }
    rows[rows.length - 1].push({ line, left });
    left += size;
  }
  return rows;
}

function drawRow(context, row, bottom, token) {
  for (const { line, left } of row) {
    context.fillStyle = line.colour;
    context.fillRect(MARGIN + left, bottom - 6, 14, 3);
    context.fillStyle = token("--ink");
    context.fillText(line.name, MARGIN + left + 20, bottom);
  }
}

function fileName(title) {
  return title.replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(/^[-.]+|-+$/g, "") || "chart";
}
