/** The page's title, which stays ours: Gradio sets one of its own once it has loaded. */

export class Title {
  #text = document.title;

  constructor() {
    new MutationObserver(() => this.#put()).observe(document.head, {
      childList: true,
      subtree: true,
      characterData: true,
    });
  }

  /** @param {(string|undefined)[]} parts what is empty is left out */
  set(parts) {
    this.#text = parts.filter(Boolean).join(" · ");
    this.#put();
  }

  #put() {
    if (document.title !== this.#text) document.title = this.#text;
  }
}
