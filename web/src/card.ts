// Why is a gradient what it is: each contribution as upstream × local, their sum, a check. Every number opens the next card.
import type { Card, Edge, Graph, Source, Told } from "./data";
import { announce, byId, element } from "./dom";
import { heatmap } from "./heatmap";
import { brief, isArray, signed, whole } from "./numbers";

type Door = { node: number; index: number[] | null };

export class CardPanel {
  private past: Door[] = [];
  private ahead: Door[] = [];
  private now: Door | null = null;
  private asked = 0;

  constructor(readonly graph: Graph, readonly source: Source, readonly select: (node: number) => void) {}

  open(node: number, index: number[] | null): void {
    if (this.now) this.past.push(this.now);
    this.ahead = [];
    void this.show({ node, index });
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
    this.select(door.node);
    try {
      const card = await this.source.why(door.node, door.index);
      if (asked === this.asked) this.render(card);
    } catch (error) {
      if (asked !== this.asked) return;
      const told = (error as Error).message;
      byId("card").replaceChildren(this.history(), element("h2", {}, this.graph.nodes[door.node].name), element("p", { class: "error" }, told));
      announce(told);
    }
  }

  private history(): HTMLElement {
    const back = element("button", { type: "button", "aria-label": "Back", disabled: !this.past.length, click: () => this.back() }, "←");
    const forward = element("button", { type: "button", "aria-label": "Forward", disabled: !this.ahead.length, click: () => this.forward() }, "→");
    return element("div", { class: "history" }, back, forward);
  }

  private render(card: Card): void {
    const most = Math.max(...card.edges.map((edge) => edge.size), 1e-300);
    const symbol = `∂${card.of}/∂${card.name}`;
    const rows = card.edges.map((edge) => this.row(card, edge, most));
    if (card.more.count) {
      rows.push(element("tr", { class: "rest" }, element("td"), element("th", { scope: "row", colspan: "2" }, `${card.more.count.toLocaleString("en")} more, exactly`), number(card.more.sum, true)));
    }
    const total = element("tr", { class: "sum" }, element("td"), element("th", { scope: "row", colspan: "2" }, "sum = gradient"), number(card.sum, false));
    const parts: (HTMLElement | string)[] = [
      this.history(),
      element("h2", {}, `${symbol} = `, element("span", { class: "accent", title: whole(card.gradient) }, brief(card.gradient))),
      element("p", { class: "facts" }, `${card.name} = ${brief(card.value)}`, card.formula ? ` = ${card.formula}` : "", card.where ? ` · ${card.where}` : ""),
    ];
    if (card.edges.length) {
      const caption = `${card.paths.toLocaleString("en")} ${card.paths === 1 ? "path" : "paths, added"}`;
      parts.push(element("table", { class: "paths" }, element("caption", {}, caption), element("tbody", {}, ...rows, total)));
    }
    for (const rule of new Set(card.edges.map((edge) => edge.rule))) if (rule) parts.push(element("p", { class: "rule" }, rule));
    parts.push(element("p", { class: card.agrees ? "check" : "check differs" }, card.check));
    for (const [subject, text] of card.notes) parts.push(element("p", { class: "note" }, element("b", {}, `${subject} `), text));
    parts.push(derivation(card));
    const picture = element("div", { class: "pictures" });
    parts.push(picture);
    byId("card").replaceChildren(...parts);
    byId("card").setAttribute("data-node", `${card.node}`);
    if (card.shape.some((n) => n > 1)) {
      void heatmap(picture, this.source, card.node, card.shape, card.index, (index) => this.open(card.node, index));
    }
    announce(`${symbol} is ${brief(card.gradient)}`);
  }

  private row(card: Card, edge: Edge, most: number): HTMLElement {
    const size = signed(edge.contribution);
    const sign = isArray(edge.contribution) ? "array" : size < 0 ? "down" : "up";
    const bar = element("meter", { class: sign, min: "0", max: "1", value: `${edge.size / most}`, "aria-hidden": "true" });
    const upstream = element("button", {
      type: "button", class: "door", title: whole(edge.upstream), "aria-label": `open ∂${card.of}/∂${edge.via}, ${brief(edge.upstream)}`,
      click: () => this.open(edge.node, edge.index),
    }, brief(edge.upstream));
    const local = edge.local === null ? ` through ${edge.op}` : ` × ${brief(edge.local)}`;
    const told = element("td", {}, upstream, element("span", { title: edge.local === null ? edge.formula : whole(edge.local) }, local));
    const glyph = sign === "array" ? "" : size < 0 ? "▼ " : size > 0 ? "▲ " : "";
    return element("tr", {}, element("td", { class: "bar" }, bar), element("th", { scope: "row", title: `${edge.formula} ${edge.where}` }, `via ${edge.via}`), told, number(edge.contribution, true, glyph));
  }
}

function number(x: Told, sign: boolean, glyph = ""): HTMLElement {
  return element("td", { class: "number", title: whole(x) }, `${glyph}${brief(x, sign)}`);
}

function derivation(card: Card): HTMLElement {
  const shown = element("div", { class: "derivation" });
  shown.append(document.importNode(new DOMParser().parseFromString(card.mathml, "application/xml").documentElement, true));
  const copy = element("button", { type: "button", click: () => {
    void navigator.clipboard.writeText(card.latex).then(() => announce("copied as LaTeX"));
  } }, "Copy as LaTeX");
  return element("div", {}, shown, copy);
}
