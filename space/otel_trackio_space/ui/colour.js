/**
 * The colours of runs and groups, by their order. Knows no DOM.
 *
 * 24 hues: six set by hand, and of the others each is that which, of all with a contrast of
 * 3:1 or more on the cards, was farthest from those before it in OKLab: as seen, and with red and
 * green blindness simulated, in the light and the dark form at once. Any two differ by 0.06 or more
 * as seen. After 24 runs colours come again with dashes, then with dots.
 */

const LIGHT = [
  "#1c6fd2",
  "#f55d1a",
  "#2c7043",
  "#691ca6",
  "#d43063",
  "#15959b",
  "#a1388d",
  "#4f991b",
  "#a74a04",
  "#cb6ac9",
  "#1e445c",
  "#783f09",
  "#38237a",
  "#811839",
  "#524dbd",
  "#e64887",
  "#612006",
  "#702f7e",
  "#1b6793",
  "#b13065",
  "#68013f",
  "#31079a",
  "#ac47c2",
  "#7f015d",
];

const DARK = [
  "#7ab3ff",
  "#ee8a54",
  "#6db180",
  "#a966ef",
  "#fe97aa",
  "#6ad6dc",
  "#e87ad0",
  "#8edb65",
  "#fec6b3",
  "#febafb",
  "#5c829e",
  "#bc7d4f",
  "#7264c1",
  "#ca5d75",
  "#8e92fd",
  "#fdb3c9",
  "#a65f46",
  "#b36fc2",
  "#61a7d7",
  "#fa74a3",
  "#b04d7d",
  "#645de5",
  "#ea91fe",
  "#c8549e",
];

const DASHES = [[], [7, 4], [2, 3]];

/** How many runs have a colour of their own. */
export const COLOURS = LIGHT.length;

/**
 * Colour and dashes of the run or group of that order.
 * @param {number} order
 * @param {boolean} dark whether the theme is
 * @returns {{colour: string, dash: number[]}}
 */
export function inkOf(order, dark) {
  const colour = (dark ? DARK : LIGHT)[order % COLOURS];
  return { colour, dash: DASHES[Math.floor(order / COLOURS) % DASHES.length] };
}

/** A colour "#rrggbb" with an opacity from 0 to 1. */
export function faint(colour, opacity) {
  const byte = Math.round(Math.min(1, Math.max(0, opacity)) * 255);
  return colour + byte.toString(16).padStart(2, "0");
}
