/** Elements without HTML strings: all text goes in as text, so no name can be markup. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * A new element. Attributes by name; `on` maps events to listeners, `data` data attributes, `style`
 * custom properties and styles; true sets an attribute, false, null and undefined leave it out.
 * @param {string} tag
 * @param {Record<string, any>} [attributes]
 * @param {...(Node|string|number|null|undefined|false|any[])} children
 * @returns {HTMLElement}
 */
export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) put(element, name, value);
  add(element, ...children);
  return element;
}

function put(element, name, value) {
  if (name === "on") {
    for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
  } else if (name === "style") {
    for (const [key, each] of Object.entries(value)) element.style.setProperty(key, each);
  } else if (name === "data") {
    Object.assign(element.dataset, value);
  } else if (name === "value" || name === "checked" || name === "indeterminate") {
    element[name] = value;
  } else {
    attribute(element, name, value);
  }
}

/** Sets an attribute, or takes it away where the value is false, null or undefined. */
export function attribute(element, name, value) {
  if (value === false || value === null || value === undefined) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? "" : String(value));
}

/** Appends nodes and texts; what is null, undefined or false is left out, arrays are flattened. */
export function add(element, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

/** Replaces all that an element holds. */
export function fill(element, ...children) {
  element.replaceChildren();
  return add(element, ...children);
}

/** Makes nodes an element's only children, in this order; what is in place keeps focus and all. */
export function arrange(element, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...element.childNodes]) if (!wanted.has(child)) child.remove();
  let place = element.firstChild;
  for (const node of nodes) {
    if (node === place) place = place.nextSibling;
    else element.insertBefore(node, place);
  }
}

/** Listens, and returns what stops listening. */
export function listen(target, event, listener, options) {
  target.addEventListener(event, listener, options);
  return () => target.removeEventListener(event, listener, options);
}

/** A function that runs `act` once before the next frame, however often it is called. */
export function oncePerFrame(act) {
  let due = 0;
  const soon = () => {
    due ||= requestAnimationFrame(() => {
      due = 0;
      act();
    });
  };
  soon.cancel = () => {
    cancelAnimationFrame(due);
    due = 0;
  };
  return soon;
}

/** A function that runs `act` with its latest arguments once it was not called for `wait` ms. */
export function settled(act, wait = 200) {
  let timer = 0;
  const later = (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...given), wait);
  };
  later.cancel = () => clearTimeout(timer);
  return later;
}

/** Hands a file to the person. */
export function download(name, blob) {
  const url = URL.createObjectURL(blob);
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
