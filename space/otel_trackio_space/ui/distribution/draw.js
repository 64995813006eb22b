/** Draws a heat map on a canvas. */

import { placeOf, ticksOfX, ticksOfY } from "./heat.js";
import { rampOf, stepOf } from "./ramp.js";

/** Pixels that ticks take, and those between ticks. */
const BELOW = 22;
const ABOVE = 6;
const BESIDE = 8;
const RIGHT = 8;
const APART_X = 90;
const APART_Y = 34;

const FONT = "12px";

/**
 * Draws, and tells where: the box of the cells in pixels of the page.
 * @param {HTMLCanvasElement} canvas
 * @param {import("./heat.js").Heat} heat
 * @param {{width: number, height: number, dark: boolean, token: (name: string) => string}} how
 * @returns {{left: number, top: number, width: number, height: number}}
 */
export function draw(canvas, heat, { width, height, dark, token }) {
  canvas.width = Math.round(width * devicePixelRatio);
  canvas.height = Math.round(height * devicePixelRatio);
  const context = canvas.getContext("2d");
  context.scale(devicePixelRatio, devicePixelRatio);
  context.font = `${FONT} ${getComputedStyle(canvas).fontFamily}`;
  const tall = height - ABOVE - BELOW;
  const beside = ticksOfY(heat, Math.max(2, Math.floor(tall / APART_Y)));
  const texts = beside.map(({ text }) => context.measureText(text).width);
  const left = Math.ceil(Math.max(24, ...texts)) + BESIDE;
  const box = { left, top: ABOVE, width: Math.max(1, width - left - RIGHT), height: tall };
  drawCells(context, heat, box, rampOf(dark));
  context.fillStyle = token("--soft");
  context.strokeStyle = token("--line");
  context.strokeRect(box.left - 0.5, box.top - 0.5, box.width + 1, box.height + 1);
  drawBeside(context, beside, box);
  drawBelow(context, ticksOfX(heat, Math.max(2, Math.floor(box.width / APART_X))), box);
  return box;
}

function drawCells(context, heat, box, ramp) {
  const rows = heat.edges.length - 1;
  const y = Array.from({ length: rows + 1 }, (_, row) => snapped(box.top + box.height * (1 - row / rows)));
  heat.spans.forEach(([from, to], column) => {
    const left = snapped(box.left + box.width * placeOf(heat, from));
    const right = snapped(box.left + box.width * placeOf(heat, to));
    const share = heat.shares[column];
    for (let row = 0; row < rows; row++) {
      if (!(share[row] > 0)) continue;
      context.fillStyle = ramp[stepOf(share[row], heat.most)];
      context.fillRect(left, y[row + 1], Math.max(right - left, 1 / devicePixelRatio), y[row] - y[row + 1]);
    }
  });
}

/** On whole pixels of the screen: else there are seams between cells. */
function snapped(place) {
  return Math.round(place * devicePixelRatio) / devicePixelRatio;
}

function drawBeside(context, ticks, box) {
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const { place, text } of ticks) context.fillText(text, box.left - BESIDE, box.top + box.height * (1 - place));
}

/** Those that would cover one before them, or leave the picture, are moved or left out. */
function drawBelow(context, ticks, box) {
  context.textAlign = "left";
  context.textBaseline = "top";
  let free = box.left - BESIDE;
  for (const { place, text } of ticks) {
    const { width } = context.measureText(text);
    const middle = box.left + box.width * place - width / 2;
    const x = Math.min(Math.max(middle, box.left - BESIDE), box.left + box.width + RIGHT - width);
    if (x < free) continue;
    context.fillText(text, x, box.top + box.height + 6);
    free = x + width + BESIDE;
  }
}
