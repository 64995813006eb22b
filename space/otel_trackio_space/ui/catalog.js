/** What there is: projects, and the runs and metrics of the project that is shown, kept fresh. */

/** Facts of runs that only grew are asked for this often, in ms, and this much more a run. */
const FRESH = 3000;
const FRESH_PER_RUN = 20;

export class Catalog {
  #listeners = new Set();
  #stop = null;
  #asked = 0;
  #timer = 0;
  #last = 0;

  /**
   * @param {import("./client.js").Client} client
   * @param {import("./view.js").View} view
   */
  constructor(client, view) {
    this.client = client;
    this.view = view;
    /** Projects, latest first; null until they are known. */
    this.projects = null;
    /** Name of the project whose runs these are. */
    this.project = "";
    /** Runs, oldest first, each with its `order`; null until they are known. */
    this.runs = null;
    /** Metrics by key order; null until they are known. */
    this.metrics = null;
    this.byId = new Map();
    this.version = 0;
    this.about = null;
    /** Why there is nothing, or null. @type {Error|null} */
    this.error = null;
    /** @type {"loading"|"live"|"lost"|"paused"} */
    this.connection = "loading";
    view.on(() => this.open(view.now.project), "project");
  }

  /**
   * Listens to "projects", "runs" (runs or metrics changed), "change" (data of runs changed; gets
   * `{runs, structure, gap}`), "connection" and "error". Returns what stops listening.
   */
  on(event, listener) {
    const entry = { event, listener };
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  }

  /** Whether runs and rules can be changed here: not in a frame, where a click may be stolen. */
  get editable() {
    return this.about !== null && !this.about.readonly && !this.view.now.embed;
  }

  #tell(event, detail) {
    for (const each of [...this.#listeners]) if (each.event === event) each.listener(detail);
  }

  /** Reads everything for the first time. */
  async start() {
    const named = this.view.now.project;
    const projects = this.readProjects();
    this.client.get("about").then(
      (about) => {
        this.about = about;
        this.#tell("projects");
      },
      () => {},
    );
    if (named) return this.open(named);
    await projects;
    if (this.projects?.length) this.#openLatest();
    else this.#follow("");
  }

  #openLatest() {
    this.view.openProject(this.projects[0].name, "replace");
  }

  async readProjects() {
    try {
      const answer = await this.client.get("projects");
      this.projects = [...answer.projects].sort((a, b) => b.updated - a.updated);
      this.#tell("projects");
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Shows another project. */
  async open(project) {
    if (project === this.project && this.runs) return;
    this.project = project;
    this.runs = this.metrics = null;
    this.byId = new Map();
    this.#tell("runs");
    this.#follow(project);
    await this.refresh();
  }

  /** Reads the runs anew. */
  async refresh() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    const asked = ++this.#asked;
    const project = this.project;
    try {
      const answer = await this.client.get("runs", { project });
      if (asked === this.#asked) this.#take(answer);
    } catch (error) {
      if (asked === this.#asked) this.#fail(error);
    }
  }

  #take(answer) {
    const runs = [...answer.runs].sort((a, b) => a.created - b.created || (a.id < b.id ? -1 : 1));
    runs.forEach((run, order) => (run.order = order));
    this.runs = runs;
    this.byId = new Map(runs.map((run) => [run.id, run]));
    this.metrics = answer.metrics;
    this.version = answer.version;
    this.error = null;
    this.#last = performance.now();
    this.#tell("runs");
  }

  #fail(error) {
    this.error = error;
    this.#tell("error", error);
  }

  #follow(project) {
    this.#stop?.();
    this.#stop = this.client.follow(
      project,
      (change) => this.#changed(change),
      (state) => {
        this.connection = state;
        this.#tell("connection");
      },
    );
  }

  #changed(change) {
    if (!this.project) return this.#awaitProject();
    if (change.structure || change.gap || this.error) this.refresh();
    else this.#refreshSoon();
    if (change.structure || change.gap) this.readProjects();
    this.#tell("change", { runs: [], structure: false, gap: false, ...change });
  }

  /** While there is no project, the first one that comes is shown. */
  async #awaitProject() {
    await this.readProjects();
    if (!this.project && this.projects?.length) this.#openLatest();
  }

  #refreshSoon() {
    if (this.#timer) return;
    const due = this.#last + FRESH + FRESH_PER_RUN * (this.runs?.length ?? 0);
    this.#timer = setTimeout(() => this.refresh(), Math.max(0, due - performance.now()));
  }
}
