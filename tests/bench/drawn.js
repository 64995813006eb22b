// When charts of any page show their curves, as a person sees it: colour on a canvas in the window.
// Axes and grids are grey, curves are not. Added to a page before its own scripts run.

globalThis.drawn = (() => {
  const SIDE = 64; // A canvas is looked at in this many pixels a side.
  const GREY = 24; // How far red, green and blue lie apart at most in what counts as grey.
  const small = document.createElement("canvas");
  small.width = small.height = SIDE;
  const glass = small.getContext("2d", { willReadFrequently: true });
  const first = new Map(); // Of each canvas, when it was first seen with a curve, in ms.

  /** What a canvas shows, small; null where it shows no colour. */
  function look(canvas) {
    glass.clearRect(0, 0, SIDE, SIDE);
    glass.drawImage(canvas, 0, 0, SIDE, SIDE);
    const { data } = glass.getImageData(0, 0, SIDE, SIDE);
    for (let at = 0; at < data.length; at += 4) {
      const [red, green, blue, alpha] = data.subarray(at, at + 4);
      if (alpha > 8 && Math.max(red, green, blue) - Math.min(red, green, blue) > GREY) return data;
    }
    return null;
  }

  function inWindow(canvas) {
    const box = canvas.getBoundingClientRect();
    const across = box.right > 0 && box.left < innerWidth && box.width > 40;
    return across && box.bottom > 0 && box.top < innerHeight && box.height > 40;
  }

  const shown = () => [...document.querySelectorAll("canvas")].filter(inWindow);

  function watch() {
    for (const canvas of shown()) {
      if (!first.has(canvas) && canvas.width && look(canvas)) first.set(canvas, performance.now());
    }
  }
  setInterval(watch, 50);

  let longest = 0;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longest = Math.max(longest, duration);
  }).observe({ type: "longtask" });

  return {
    /** The longest time that the page did not answer since this was asked before, in ms. */
    longest() {
      const found = longest;
      longest = 0;
      return found;
    },

    /** Milliseconds after the navigation began, of each canvas that has shown a curve. */
    times: () => [...first.values()].sort((one, other) => one - other),

    /** A number for all that canvases in the window show; another picture has another. */
    picture: () =>
      shown().reduce((sum, canvas) => {
        const data = (canvas.width && look(canvas)) || [];
        return data.reduce((hash, each) => (hash * 31 + each) | 0, sum);
      }, 7),
  };
})();
