/** The colours of shares: as many steps as the eye tells apart, each as far from the next. Knows no DOM. */

/** Steps of the ramp. */
export const STEPS = 64;

/**
 * Stops in OKLCH (lightness, chroma, hue in degrees), from the card's own colour, where nothing is, to
 * the most. Lightness goes one way all along, so that shares are told apart without hue, too.
 */
const LIGHT = [
  [0.955, 0.018, 240],
  [0.63, 0.15, 252],
  [0.3, 0.12, 268],
];
const DARK = [
  [0.27, 0.045, 262],
  [0.6, 0.15, 252],
  [0.94, 0.06, 215],
];

/** All steps as "#rrggbb", from the least share to the most. @param {boolean} dark */
export function rampOf(dark) {
  const stops = (dark ? DARK : LIGHT).map(labOf);
  const lengths = [distance(stops[0], stops[1]), distance(stops[1], stops[2])];
  const middle = lengths[0] / (lengths[0] + lengths[1]);
  return Array.from({ length: STEPS }, (_, index) => {
    const place = index / (STEPS - 1);
    const [from, to, share] =
      place < middle
        ? [stops[0], stops[1], place / middle]
        : [stops[1], stops[2], (place - middle) / (1 - middle)];
    return hexOf(from.map((value, axis) => value + (to[axis] - value) * share));
  });
}

/** Which step a share has of the greatest one that the ramp tells; what is there at all is seen. */
export function stepOf(share, most) {
  return Math.min(STEPS - 1, Math.max(1, Math.round((share / most) * (STEPS - 1))));
}

function labOf([lightness, chroma, hue]) {
  const angle = (hue * Math.PI) / 180;
  return [lightness, chroma * Math.cos(angle), chroma * Math.sin(angle)];
}

function distance(one, other) {
  return Math.hypot(...one.map((value, axis) => value - other[axis]));
}

function hexOf([lightness, a, b]) {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  return `#${linear.map(channel).join("")}`;
}

function channel(linear) {
  const value = linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055;
  const byte = Math.round(255 * Math.min(1, Math.max(0, value)));
  return byte.toString(16).padStart(2, "0");
}
