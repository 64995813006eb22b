/** A recorded text, or a trace: the messages of a conversation. */

import { el, fill } from "./dom.js";
import { plain } from "./nested.js";
import { urlOf } from "./recordimages.js";

/** Messages of a trace that are shown. */
const MOST = 200;

export class RecordText {
  #asked = 0;

  constructor(context, run, kind, key) {
    this.context = context;
    this.run = run;
    this.kind = kind;
    this.key = key;
    this.element = el("div", { class: "record-body" });
  }

  close() {
    this.#asked += 1;
  }

  /** @param {object[]} records The last one counts. */
  async show(records) {
    const asked = ++this.#asked;
    const { id, key } = records.at(-1);
    try {
      const path = `runs/${encodeURIComponent(this.run)}/records/${this.kind}/${id}`;
      const { data } = await this.context.client.get(path, { key });
      const told = data.file ? await this.#read(data.file) : data;
      if (asked !== this.#asked) return;
      fill(this.element, this.kind === "trace" ? conversation(told) : el("pre", { tabindex: 0 }, plain(told.text)));
    } catch (error) {
      if (asked === this.#asked)
        fill(this.element, el("p", { class: "soft" }, "It cannot be shown: ", error.message));
    }
  }

  /** What a file holds that is too large to stand in the record. */
  async #read(file) {
    const url = urlOf(this.context, this.run, file);
    const answer = url && (await fetch(url));
    if (!answer?.ok) throw new Error("its file is not here");
    return answer.json();
  }
}

function conversation({ messages, metadata, spans }) {
  const said = Array.isArray(messages) ? messages : [];
  const more = [
    ["Metadata", metadata],
    ["Spans", spans],
  ].filter(([, value]) => value && Object.keys(value).length > 0);
  return [
    el(
      "dl",
      { class: "messages" },
      said.slice(0, MOST).map((message) => [
        el("dt", {}, plain(message?.role ?? "message")),
        el("dd", {}, el("pre", {}, plain(message?.content ?? message))),
      ]),
    ),
    said.length > MOST && el("p", { class: "soft" }, `and ${said.length - MOST} more`),
    more.map(([title, value]) =>
      el("details", {}, el("summary", {}, title), el("pre", {}, JSON.stringify(value, null, 2))),
    ),
  ];
}
