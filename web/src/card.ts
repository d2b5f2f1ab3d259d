// Why is a gradient what it is: each contribution as upstream × local, their sum, a check. Every number opens the next card.
import { contributions } from "./contributions";
import type { Card, Door, Graph, Source } from "./data";
import { announce, byId, element } from "./dom";
import { examples } from "./examples";
import { derivation } from "./derivation";
import { heatmap } from "./heatmap";
import { t } from "./language";
import { origin } from "./nonfinite";
import { brief, exact, whole } from "./numbers";
import { history } from "./past";
import type { Steps } from "./steps";
import { joinTerms } from "./terms";
import { update } from "./update";

export class CardPanel {
  private past: Door[] = [];
  private ahead: Door[] = [];
  private now: Door | null = null;
  private asked = 0;
  light: (nodes: number[]) => void = () => {}; // marks nodes in the graph
  point: (node: number | null) => void = () => {}; // marks what the card tells of a node
  private unfolded = new Set<number>(); // results of the functions whose operations are shown
  private head = element("div");
  private body = element("div", { id: "why" });
  private changing: { key: string; running: boolean; next?: number | null } = { key: "", running: false };

  constructor(readonly graph: Graph, readonly source: Source, readonly steps: Steps, readonly select: (door: Door) => void, readonly followed = false) {
    byId("card").append(this.head, this.body);
  }

  open(node: number, index: number[] | null): void {
    this.go({ node, index });
  }

  private go(door: Door): void {
    if (this.now) this.past.push(this.now);
    this.ahead = [];
    void this.show(door);
  }

  get door(): Door | null {
    return this.now;
  }

  back(): void {
    const before = this.past.pop();
    if (before === undefined || this.now === null) return;
    this.ahead.push(this.now);
    void this.show(before);
  }

  forward(): void {
    const next = this.ahead.pop();
    if (next === undefined || this.now === null) return;
    this.past.push(this.now);
    void this.show(next);
  }

  private async show(door: Door): Promise<void> {
    this.now = door;
    const asked = ++this.asked;
    this.select(door);
    try {
      const card = await this.source.why(door.node, door.index, door.example);
      if (asked === this.asked) this.render(card);
    } catch (error) {
      if (asked !== this.asked) return;
      const told = (error as Error).message;
      this.body.replaceChildren(element("h2", {}, this.graph.nodes[door.node].name), element("p", { class: "error" }, told));
      announce(told);
    }
  }

  private history(): HTMLElement {
    const back = element("button", { type: "button", "aria-label": t("Back"), disabled: !this.past.length, click: () => this.back() }, "←");
    const forward = element("button", { type: "button", "aria-label": t("Forward"), disabled: !this.ahead.length, click: () => this.forward() }, "→");
    const node = this.now!.node;
    const stop = element("button", { type: "button", "aria-pressed": `${this.steps.stops.has(node)}`, click: () => {
      this.steps.toggleStop(node);
      stop.setAttribute("aria-pressed", `${this.steps.stops.has(node)}`);
    } }, t("Stop here"));
    return element("div", { class: "history" }, back, forward, stop);
  }

  private render(card: Card): void {
    const symbol = `∂${card.of}/∂${card.name}`;
    const parts: (HTMLElement | string)[] = [
      element("h2", {}, `${symbol} = `, element("span", { class: "accent", title: whole(card.gradient) }, brief(card.gradient))),
      element("p", { class: "facts" }, `${card.name} = ${brief(card.value)}`, card.formula ? ` = ${card.formula}` : "", card.where ? ` · ${card.where}` : ""),
    ];
    if (card.example !== null) {
      const all = element("button", { type: "button", class: "door", click: () => this.open(card.node, card.index) }, t("all examples"));
      parts.push(element("p", {}, element("b", {}, t("example {0} alone", card.example)), " · ", all));
    }
    if (card.edges.length) parts.push(contributions(card, this.unfolded, (door) => this.go(door)));
    for (const rule of new Set(card.edges.map((edge) => edge.rule))) if (rule) parts.push(element("p", { class: "rule" }, rule));
    for (const line of card.code) parts.push(this.line(card, line));
    parts.push(element("p", { class: card.agrees ? "check" : "check differs" }, element("b", {}, `${t("check")} `), card.check));
    const sick = origin(this.graph, card, (node, index) => this.open(node, index));
    if (sick) parts.push(sick);
    for (const [subject, text] of card.notes.filter((note) => !sick?.textContent!.includes(note[1]))) parts.push(element("p", { class: "note" }, element("b", {}, `${subject} `), text));
    if (card.update) parts.push(update(card.update));
    if (card.update && card.index && this.followed) parts.push(history(this.source, card));
    const batch = element("div", { id: "examples" });
    parts.push(batch, card.mathml ? derivation(card) : "");
    const picture = element("div", { class: "pictures" });
    parts.push(picture);
    this.body.replaceChildren(...parts);
    this.point = joinTerms(this.body, card, this.light);
    this.offerChange(card);
    byId("card").setAttribute("data-node", `${card.node}`);
    if (card.shape.some((n) => n > 1)) {
      void heatmap(picture, this.source, card.node, card.shape, card.index, (index) => this.open(card.node, index));
    }
    if (card.examples) void examples(batch, this.source, card, (door) => this.go(door));
    announce(t("{0} is {1}", symbol, brief(card.gradient)));
  }

  // A line of the program; pointed at, what it computed lights up in the graph.
  private line(card: Card, { where, text, nodes }: Card["code"][number]): HTMLElement {
    const [on, off] = [() => this.light(nodes), () => this.light([])];
    const terms = card.edges.flatMap((edge, term) => (nodes.includes(edge.node) ? [term] : [])).join(" ");
    return element("pre", { class: "code", "data-term": terms, tabindex: "0", mouseenter: on, mouseleave: off, focus: on, blur: off }, text, element("span", { class: "where" }, ` ${where}`));
  }

  // Of a number that was given: another one, and everything computed again.
  private offerChange(card: Card): void {
    const key = `${card.node}:${card.index}`;
    const leaf = this.source.live && this.graph.nodes[card.node].op === null && typeof card.value === "number";
    if (leaf && key === this.changing.key) return;
    this.changing = { key: leaf ? key : "", running: false };
    if (!leaf) {
      this.head.replaceChildren(this.history());
      return;
    }
    const value = card.value as number, reach = 2 * Math.max(1, Math.abs(value));
    const slide: HTMLInputElement = element("input", {
      type: "range", min: `${value - reach}`, max: `${value + reach}`, step: "any", "aria-label": t("change {0}", card.name), input: () => {
        type.value = `${+(+slide.value).toPrecision(4)}`;
        void this.change(card, +type.value);
      },
    });
    const type: HTMLInputElement = element("input", {
      type: "number", step: "any", "aria-label": t("value of {0}", card.name), input: () => {
        if (!Number.isFinite(type.valueAsNumber)) return;
        slide.value = type.value;
        void this.change(card, type.valueAsNumber);
      },
    });
    slide.value = type.value = exact(value);
    const reset = element("button", { type: "button", click: () => {
      slide.value = type.value = exact(value);
      void this.change(card, null);
    } }, t("Reset all"));
    this.head.replaceChildren(this.history(), element("div", { class: "change" }, slide, type, reset));
  }

  // One question at a time: of those that come meanwhile the last.
  private async change(card: Card, value: number | null): Promise<void> {
    const queue = this.changing;
    if (queue.running) {
      queue.next = value;
      return;
    }
    queue.running = true;
    try {
      this.steps.renumber(await this.source.change(value === null ? null : { node: card.node, index: card.index, value }));
      await this.show({ node: card.node, index: card.index, example: card.example });
    } catch (error) {
      announce((error as Error).message);
    }
    queue.running = false;
    if (queue.next !== undefined) {
      const next = queue.next;
      queue.next = undefined;
      await this.change(card, next);
    }
  }
}
