/** The rules of a project: what they watch, what they told of, and an editor. */

import { openForm } from "./dialog.js";
import { el, fill } from "./dom.js";
import { ago, count, duration, number, plural } from "./format.js";
import { matching } from "./glob.js";

/** Matching keys that the editor names. */
const NAMED = 8;

const KINDS = {
  above: "is above",
  below: "is below",
  nan: "is NaN or infinite",
  silent: "gets no data for",
};

/** What a new rule starts as. */
const NEW = {
  id: "",
  key: "",
  kind: "nan",
  value: null,
  seconds: null,
  level: "warn",
  webhook: null,
  form: "generic",
};

export class Rules {
  #rules = null;
  #deliveries = {};
  #alerts = [];
  #asked = 0;

  /** @param {HTMLElement} page @param {object} context see main.js */
  constructor(page, context) {
    this.page = page;
    this.context = context;
    this.add = el("button", { type: "button", on: { click: () => this.#edit(NEW) } }, "New rule");
    this.list = el("ul", { class: "rule-list" });
    this.problem = el("p", { class: "wrong", role: "alert" });
    const head = el("header", {}, el("h2", {}, "Rules"), this.add);
    this.element = el(
      "section",
      { class: "card panel rules", "aria-label": "Rules" },
      head,
      this.problem,
      this.list,
    );
    this.stops = [
      context.catalog.on("projects", () => this.#draw()),
      context.view.on(() => this.#read(), "project"),
    ];
    this.#read();
  }

  close() {
    this.#asked += 1;
    for (const stop of this.stops) stop();
  }

  /** Shows what of these alerts the rules told. */
  show(alerts) {
    this.#alerts = alerts;
    this.#draw();
  }

  async #read() {
    const asked = ++this.#asked;
    const { project } = this.context.view.now;
    if (!project) return;
    try {
      const { rules, deliveries, problem } = await this.context.client.get("rules", { project });
      if (asked !== this.#asked) return;
      this.#rules = rules;
      this.#deliveries = deliveries ?? {};
      this.problem.textContent = problem ? [problem.error, problem.hint].filter(Boolean).join("; ") : "";
      this.#draw();
    } catch (error) {
      if (asked === this.#asked) fill(this.list, el("li", { class: "wrong" }, error.message));
    }
  }

  #draw() {
    this.add.hidden = !this.context.catalog.editable;
    if (!this.#rules) return;
    const nothing =
      "None. A rule watches metrics while this server runs: a limit, NaN, or no data for a time.";
    fill(
      this.list,
      this.#rules.length ? this.#rules.map((rule) => this.#item(rule)) : el("li", { class: "soft" }, nothing),
    );
  }

  #item(rule) {
    const button = (text, label, click) =>
      el("button", { type: "button", class: "link", "aria-label": label, on: { click } }, text);
    return el(
      "li",
      { class: "rule" },
      el(
        "div",
        {},
        el("span", { class: "level", data: { level: rule.level } }, rule.level),
        " ",
        el("code", {}, rule.key),
        ` ${saying(rule)}`,
      ),
      el("div", { class: "soft" }, this.#fired(rule)),
      rule.webhook &&
        el(
          "div",
          { class: "soft" },
          `tells ${rule.form === "slack" ? "Slack" : "a webhook"} at ${hostOf(rule.webhook)}`,
          deliveryText(this.#deliveries[rule.id]),
        ),
      this.context.catalog.editable &&
        el(
          "div",
          { class: "rule-acts" },
          button("Edit", `Edit the rule for ${rule.key}`, () => this.#edit(rule)),
          button("Delete", `Delete the rule for ${rule.key}`, () => this.#remove(rule)),
        ),
    );
  }

  #fired(rule) {
    const own = this.#alerts.filter((alert) => alert.source === "rule" && alert.rule === rule.id);
    if (!own.length) return "has told of nothing yet";
    const last = own.reduce((latest, alert) => Math.max(latest, alert.time), 0);
    return `told ${plural(own.length, "time")}, last ${ago(last)}`;
  }

  #remove(rule) {
    const about = el("p", {}, el("code", {}, rule.key), ` ${saying(rule)}. What it told of stays.`);
    const submit = () => this.#save(this.#rules.filter((each) => each !== rule));
    openForm(this.page, "Delete rule?", [about], { action: "Delete rule", danger: true, submit });
  }

  #edit(rule) {
    const form = new RuleForm(
      rule,
      (this.context.catalog.metrics ?? []).map((metric) => metric.key),
    );
    const isNew = rule === NEW;
    const submit = () => {
      const edited = form.rule();
      return this.#save(
        isNew ? [...(this.#rules ?? []), edited] : this.#rules.map((each) => (each === rule ? edited : each)),
      );
    };
    openForm(this.page, isNew ? "New rule" : "Edit rule", form.fields, { action: "Save", submit });
  }

  async #save(rules) {
    const plain = rules.map((rule) =>
      Object.fromEntries(Object.keys(NEW).map((name) => [name, rule[name] ?? NEW[name]])),
    );
    const { project } = this.context.view.now;
    await this.context.client.put("rules", { project, rules: plain });
    await this.#read();
  }
}

/** The inputs of one rule. */
class RuleForm {
  /** @param {object} rule @param {string[]} keys All metrics of the project. */
  constructor(rule, keys) {
    this.before = rule;
    this.keys = keys;
    const select = (values, value) => {
      const made = el(
        "select",
        {},
        Object.entries(values).map(([name, text]) => el("option", { value: name }, text)),
      );
      made.value = value;
      return made;
    };
    this.key = el("input", {
      type: "text",
      required: true,
      maxlength: 1000,
      value: rule.key,
      placeholder: "train/*",
      "data-first": true,
    });
    this.kind = select(KINDS, rule.kind);
    this.value = el("input", { type: "number", step: "any", value: rule.value ?? "" });
    this.seconds = el("input", { type: "number", min: 5, step: 1, value: rule.seconds ?? 300 });
    this.level = select({ info: "info", warn: "warn", error: "error" }, rule.level);
    this.webhook = el("input", {
      type: "text",
      inputmode: "url",
      placeholder: "https://…",
      value: rule.webhook ?? "",
      maxlength: 2000,
    });
    this.form = select({ generic: "JSON", slack: "Slack" }, rule.form);
    this.matches = el("p", { class: "soft matches", role: "status" });
    this.key.addEventListener("input", () => this.#update());
    this.kind.addEventListener("change", () => this.#update());
    const field = (text, input) => el("label", { class: "field" }, el("span", {}, text), input);
    this.limit = field("Limit", this.value);
    this.wait = field("Seconds", this.seconds);
    this.fields = [
      field("Metrics; * is any text", this.key),
      this.matches,
      el(
        "div",
        { class: "field-row" },
        field("When it", this.kind),
        this.limit,
        this.wait,
        field("Level", this.level),
      ),
      el("div", { class: "field-row" }, field("Webhook, if any", this.webhook), field("Form", this.form)),
    ];
    this.#update();
  }

  #update() {
    const { value: kind } = this.kind;
    this.limit.hidden = kind !== "above" && kind !== "below";
    this.value.required = !this.limit.hidden;
    this.wait.hidden = kind !== "silent";
    this.seconds.required = !this.wait.hidden;
    const found = matching(this.keys, this.key.value);
    const rest = found.length - NAMED;
    const named = [...found.slice(0, NAMED), rest > 0 && `${count(rest)} more`].filter(Boolean).join(", ");
    this.matches.textContent = !this.key.value
      ? ""
      : found.length
        ? `Matches ${named}`
        : "Matches no metric so far.";
  }

  /** As the server takes it. */
  rule() {
    const { kind, level, form } = Object.fromEntries(
      ["kind", "level", "form"].map((name) => [name, this[name].value]),
    );
    return {
      id: this.before.id,
      key: this.key.value,
      kind,
      value: this.limit.hidden ? null : Number(this.value.value),
      seconds: this.wait.hidden ? null : Number(this.seconds.value),
      level,
      webhook: this.webhook.value || null,
      form,
    };
  }
}

function saying(rule) {
  if (rule.kind === "silent") return `${KINDS.silent} ${duration(rule.seconds * 1000)}`;
  return rule.kind === "nan" ? KINDS.nan : `${KINDS[rule.kind]} ${number(rule.value, 6)}`;
}

function hostOf(url) {
  try {
    return new URL(url).host;
  } catch {
    return "an address";
  }
}

function deliveryText(delivery) {
  if (!delivery) return "";
  const { sent, failed, held, error } = delivery;
  const told = [
    sent && `${count(sent)} sent`,
    failed && `${count(failed)} failed`,
    held && `${count(held)} held back`,
  ].filter(Boolean);
  return told.length ? `: ${told.join(", ")}${error ? ` (${error})` : ""}` : "";
}
