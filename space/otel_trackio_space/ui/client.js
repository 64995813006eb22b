/** The server: JSON by fetch, and changes as they happen by server-sent events. */

/** An answer that is no success: what is wrong, and what helps. */
export class Refused extends Error {
  /** @param {number} status 0 where no answer came at all */
  constructor(status, message, hint = "") {
    super(message);
    this.name = "Refused";
    this.status = status;
    this.hint = hint;
  }
}

/** Waits before a lost stream is opened again, in ms: the last one from then on. */
const PATIENCE = [500, 1000, 2000, 5000, 10_000];

/** A stream that brought nothing for this long, in ms, is opened anew: a dead one looks the same. */
const SILENCE = 600_000;

export class Client {
  /** @param {string|URL} base the folder above /ui/ */
  constructor(base) {
    this.base = new URL(base);
  }

  /** The address of a path under /api/, with parameters; a list is given as many. Null and undefined are left out. */
  url(path, parameters = {}) {
    const url = new URL(`api/${path}`, this.base);
    for (const [name, value] of Object.entries(parameters)) {
      if (Array.isArray(value)) for (const each of value) url.searchParams.append(name, each);
      else if (value !== null && value !== undefined) url.searchParams.set(name, value);
    }
    return url;
  }

  /** JSON of a GET. Raises Refused. */
  get(path, parameters = {}, signal = undefined) {
    return this.#ask(this.url(path, parameters), { signal });
  }

  /** JSON of a POST. Raises Refused. */
  post(path, body, signal = undefined) {
    return this.#send("POST", path, body, signal);
  }

  /** JSON of a PUT. Raises Refused. */
  put(path, body) {
    return this.#send("PUT", path, body);
  }

  /** Raises Refused. */
  delete(path) {
    return this.#ask(this.url(path), { method: "DELETE" });
  }

  #send(method, path, body, signal = undefined) {
    const headers = { "content-type": "application/json" };
    return this.#ask(this.url(path), { method, headers, body: JSON.stringify(body), signal });
  }

  async #ask(url, options) {
    let answer;
    try {
      answer = await fetch(url, options);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refused(0, "the server does not answer", "is otel-trackio show still running?");
    }
    if (answer.status === 204) return null;
    const said = await answer.json().catch(() => null);
    if (answer.ok && said !== null) return said;
    throw new Refused(answer.status, reason(said) ?? `${answer.status} ${answer.statusText}`, said?.hint);
  }

  /**
   * Follows changes until the returned function is called; reconnects by itself, and keeps no
   * connection while the page is hidden. After each gap it reports `{gap: true}`, since what
   * happened in it is unknown.
   * @param {string} project "" for all of them
   * @param {(change: {version?: number, runs?: string[], structure?: boolean, gap?: boolean}) => void} onChange
   * @param {(state: "live"|"lost"|"paused") => void} onState
   */
  follow(project, onChange, onState) {
    const stream = new Stream(this.url("stream", { project: project || null }), onChange, onState);
    return () => stream.stop();
  }
}

function reason(said) {
  if (typeof said?.error === "string") return said.error;
  return typeof said?.detail === "string" ? said.detail : null;
}

class Stream {
  #source = null;
  #timer = 0;
  #tries = 0;
  #opened = false;

  constructor(url, onChange, onState) {
    this.url = url;
    this.onChange = onChange;
    this.onState = onState;
    this.watch = () => (document.hidden ? this.#pause() : this.#open());
    document.addEventListener("visibilitychange", this.watch);
    this.watch();
  }

  stop() {
    document.removeEventListener("visibilitychange", this.watch);
    this.#close();
  }

  #open() {
    this.#close();
    const source = new EventSource(this.url);
    this.#source = source;
    source.addEventListener("open", () => this.#live());
    source.addEventListener("change", (event) => {
      this.#heard();
      this.onChange(JSON.parse(event.data));
    });
    source.addEventListener("error", () => this.#lost());
  }

  #live() {
    this.#tries = 0;
    this.onState("live");
    if (this.#opened) this.onChange({ gap: true });
    this.#opened = true;
    this.#heard();
  }

  /** Comments do not reach us, so a stream that is quiet for long is opened anew, to be sure. */
  #heard() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#open(), SILENCE);
  }

  #lost() {
    this.#close();
    this.onState("lost");
    const wait = PATIENCE[Math.min(this.#tries, PATIENCE.length - 1)];
    this.#tries += 1;
    this.#timer = setTimeout(() => this.#open(), wait);
  }

  #pause() {
    this.#close();
    this.onState("paused");
  }

  #close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }
}
