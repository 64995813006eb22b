/** What lies under and over a chart's lines: bands, raw values, and marks of what is not finite. */

import { faint } from "./colour.js";

/** How much is seen of what a line was made of, and of lines beside an emphasised one. */
const BAND = 0.16;
const RAW = 0.34;
export const BESIDE = 0.18;

/** With more lines less is seen of what each was made of: many lie over each other. */
const FEW = 3;

/** How much wider an emphasised line is, in pixels of the page. */
const WIDER = 0.7;

/** Envelopes of more runs than this would hide each other. */
const MOST_BANDS = 30;

/** Half the size of a mark, and the size of an alert's flag, in pixels of the page. */
const MARK = 4;
const FLAG = 7;

/**
 * Bands and raw values, under the lines.
 * @param {object} u uPlot
 * @param {import("./lines.js").Line[]} lines
 * @param {{envelope: boolean, emphasis: string|null}} how
 */
export function drawUnder(u, lines, { envelope, emphasis }) {
  const place = placer(u);
  const share = Math.min(1, Math.sqrt(FEW / lines.length));
  clipped(u, (context) => {
    for (const line of frontLast(lines, emphasis)) {
      const own = line.id === emphasis ? 1 : share;
      context.globalAlpha = alphaOf(line, emphasis);
      const banded = line.group || (envelope && lines.length <= MOST_BANDS);
      if (line.min && line.max && banded) drawBand(context, line, place, BAND * own);
      if (line.raw) drawRaw(context, line, place, RAW * own);
    }
  });
}

/** What is emphasised, before all other lines, and marks at the edge where values were not finite. */
export function drawOver(u, lines, emphasis) {
  const place = placer(u);
  clipped(u, (context) => {
    lines.forEach((line, index) => {
      if (line.id === emphasis) drawFront(context, line, place, u.series[index + 1].width + WIDER);
    });
    for (const line of frontLast(lines, emphasis)) {
      context.globalAlpha = alphaOf(line, emphasis);
      drawMarks(context, line, place, u.bbox);
    }
  });
}

function alphaOf(line, emphasis) {
  return emphasis && line.id !== emphasis ? BESIDE : 1;
}

function frontLast(lines, emphasis) {
  return emphasis ? [...lines].sort((a, b) => (a.id === emphasis) - (b.id === emphasis)) : lines;
}

/** Vertical lines where something was reported. */
export function drawEvents(u, events, colours) {
  const place = placer(u);
  const { left, top, width, height } = u.bbox;
  const size = FLAG * devicePixelRatio;
  clipped(u, (context) => {
    for (const event of events) {
      context.strokeStyle = context.fillStyle = colours[event.level] ?? colours.info;
      context.lineWidth = Math.round(devicePixelRatio);
      const x = Math.round(place.x(event.x)) - context.lineWidth / 2; // On whole pixels, and within.
      context.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
      context.beginPath();
      context.moveTo(x, top);
      context.lineTo(x, top + height);
      context.stroke();
      context.setLineDash([]);
      flag(context, x, top, x + size < left + width ? size : -size);
    }
  });
}

function placer(u) {
  const logx = u.scales.x.distr === 3;
  const logy = u.scales.y.distr === 3;
  return {
    x: (value) => (logx && !(value > 0) ? NaN : u.valToPos(value, "x", true)),
    y: (value) => u.valToPos(logy && !(value > 0) ? u.scales.y.min : value, "y", true),
    shows: (value) => Number.isFinite(value) && (!logy || value > 0),
  };
}

function clipped(u, draw) {
  const { ctx: context, bbox } = u;
  context.save();
  context.beginPath();
  context.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  context.clip();
  draw(context);
  context.restore();
}

function drawBand(context, line, place, opacity) {
  context.fillStyle = faint(line.colour, opacity);
  let start = 0;
  while (start < line.x.length) {
    while (start < line.x.length && !Number.isFinite(line.max[start])) start += 1;
    let end = start;
    while (end < line.x.length && Number.isFinite(line.max[end])) end += 1;
    if (end - start > 1) fillBetween(context, line, start, end, place);
    start = end;
  }
}

function fillBetween(context, line, start, end, place) {
  context.beginPath();
  for (let index = start; index < end; index++) point(context, place.x(line.x[index]), place.y(line.max[index]));
  for (let index = end - 1; index >= start; index--) point(context, place.x(line.x[index]), place.y(line.min[index]));
  context.fill();
}

function point(context, x, y) {
  if (!Number.isNaN(x)) context.lineTo(x, y);
}

function drawRaw(context, line, place, opacity) {
  context.strokeStyle = faint(line.colour, opacity);
  context.lineWidth = devicePixelRatio;
  trace(context, line.x, line.raw, place);
}

function drawFront(context, line, place, width) {
  context.strokeStyle = line.colour;
  context.lineWidth = width * devicePixelRatio;
  context.lineJoin = "round";
  context.setLineDash(line.dash.map((each) => each * devicePixelRatio));
  trace(context, line.x, line.y, place);
  context.setLineDash([]);
}

/** Strokes a line through all values; where one is missing there is a gap. */
function trace(context, xs, values, place) {
  context.beginPath();
  let drawing = false;
  for (let index = 0; index < xs.length; index++) {
    const value = values[index];
    const x = place.x(xs[index]);
    if (!place.shows(value) || Number.isNaN(x)) drawing = false;
    else if (drawing) context.lineTo(x, place.y(value));
    else {
      context.moveTo(x, place.y(value));
      drawing = true;
    }
  }
  context.stroke();
}

function drawMarks(context, { colour, marks }, place, { top, height }) {
  const size = MARK * devicePixelRatio;
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = 1.6 * devicePixelRatio;
  for (const x of apart(marks.nan.map(place.x), size)) cross(context, x, top + height - 2 * size, size);
  for (const x of apart(marks.inf.map(place.x), size)) triangle(context, x, top + size, size, 1);
  for (const x of apart(marks.ninf.map(place.x), size)) triangle(context, x, top + height - size, size, -1);
}

/** Of places in a row those that can be told apart when marks of that size stand there. */
function apart(places, size) {
  let last = -Infinity;
  return places.filter((place) => {
    if (place - last < 3 * size) return false;
    last = place;
    return true;
  });
}

function cross(context, x, y, size) {
  context.beginPath();
  context.moveTo(x - size, y - size);
  context.lineTo(x + size, y + size);
  context.moveTo(x - size, y + size);
  context.lineTo(x + size, y - size);
  context.stroke();
}

function triangle(context, x, y, size, up) {
  context.beginPath();
  context.moveTo(x, y - size * up);
  context.lineTo(x + size, y + size * up);
  context.lineTo(x - size, y + size * up);
  context.closePath();
  context.fill();
}

/** To the right, or by a size below 0 to the left. */
function flag(context, x, y, size) {
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(x + size, y + Math.abs(size) / 2);
  context.lineTo(x, y + Math.abs(size));
  context.closePath();
  context.fill();
}
