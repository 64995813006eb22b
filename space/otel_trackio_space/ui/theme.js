/** Light or dark: what the person chose, or else what the system prefers. */

const SYSTEM = matchMedia("(prefers-color-scheme: dark)");

export class Theme {
  #listeners = new Set();

  /**
   * @param {HTMLElement} root gets data-theme
   * @param {import("./view.js").View} view
   */
  constructor(root, view) {
    this.root = root;
    this.view = view;
    view.on(() => this.#apply(), "theme");
    SYSTEM.addEventListener("change", () => this.#apply());
    this.#apply();
  }

  /** Calls `listener` whenever light becomes dark, or dark light. Returns what stops it. */
  on(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A custom property of the present theme, such as "--ink". */
  token(name) {
    return getComputedStyle(this.root).getPropertyValue(name).trim();
  }

  #apply() {
    const { theme } = this.view.now;
    const dark = theme === "auto" ? SYSTEM.matches : theme === "dark";
    const before = this.dark;
    /** Whether it is dark now. */
    this.dark = dark;
    this.root.dataset.theme = dark ? "dark" : "light";
    if (before !== undefined && before !== dark) for (const each of [...this.#listeners]) each();
  }
}
