// The contributions to a gradient as a table. Those through one function, such as a cross-entropy, are one row that opens.
import type { Card, Door, Edge, Number, Rest, Through, Told } from "./data";
import { element } from "./dom";
import { t } from "./language";
import { brief, isArray, signed, whole } from "./numbers";
import { mathematics } from "./derivation";

// `unfolded` has the results of the calls whose operations are shown.
export function contributions(card: Card, unfolded: Set<number>, open: (door: Door) => void): HTMLElement {
  const most = Math.max(...card.edges.map((edge) => edge.size), ...card.through.map((each) => each.size), 1e-300);
  const rows: HTMLElement[] = [];
  const told = new Set<number>();
  const group = (k: number) => {
    if (!told.has(k)) rows.push(...folded(card, k, most, unfolded, open));
    told.add(k);
  };
  card.edges.forEach((edge, k) => (edge.through === null ? rows.push(row(card, edge, k, most, open)) : group(edge.through)));
  card.through.forEach((_, k) => group(k));
  if (card.more.count) rows.push(rest(card.more));
  const total = element("tr", { class: "sum" }, element("td"), element("th", { scope: "row", colspan: "2" }, t("sum = gradient")), number(card.sum, card.along, false));
  const paths = card.paths === 1 ? t("1 path") : t("{0} paths, added", card.paths.toLocaleString("en"));
  const caption = card.along === null ? paths : `${paths} · ${t("parts along the gradient: they add up to its norm")}`;
  return element("table", { class: "paths" }, element("caption", {}, caption), element("tbody", {}, ...rows, total));
}

// What came through a function: one row, the reason in closed form, and the rows of its operations.
function folded(card: Card, k: number, most: number, unfolded: Set<number>, open: (door: Door) => void): HTMLElement[] {
  const each = card.through[k];
  const inside = card.edges.flatMap((edge, at) => (edge.through === k ? [row(card, edge, at, most, open)] : []));
  if (each.more.count) inside.push(rest(each.more));
  const fold: HTMLElement = element("button", { type: "button", class: "fold", click: () => show(!unfolded.has(each.node)) }, each.call);
  const show = (opened: boolean) => {
    if (opened) unfolded.add(each.node);
    else unfolded.delete(each.node);
    fold.setAttribute("aria-expanded", `${opened}`);
    for (const line of inside) line.hidden = !opened;
  };
  inside.forEach((line) => line.classList.add("inside"));
  show(unfolded.has(each.node));
  const terms = card.edges.flatMap((edge, at) => (edge.through === k ? [at] : [])).join(" ");
  const name = element("th", { scope: "row", colspan: "2" }, fold);
  const head = element("tr", { "data-term": terms }, bar(each, most), name, number(each.contribution, each.along, true));
  return [head, reason(card, each, open), ...inside];
}

// What arrived at its result, and the closed form, where there is one.
function reason(card: Card, each: Through, open: (door: Door) => void): HTMLElement {
  const upstream = door(card, each.result, each.upstream, () => open({ node: each.node, index: null }));
  const told = element("td", { colspan: "3" }, element("p", {}, `∂${card.of}/∂${each.result} = `, upstream));
  if (each.mathml) told.append(mathematics(each.mathml), element("p", {}, each.told));
  return element("tr", { class: "reason" }, element("td"), told);
}

function row(card: Card, edge: Edge, k: number, most: number, open: (door: Door) => void): HTMLElement {
  const upstream = door(card, edge.via, edge.upstream, () => open({ node: edge.node, index: edge.index }));
  const local = edge.local === null ? ` ${t("through {0}", edge.op)}` : ` ${isArray(edge.local) ? "⊙" : "×"} ${brief(edge.local)}`;
  const told = element("td", {}, upstream, element("span", { title: edge.local === null ? edge.formula : whole(edge.local) }, local));
  const name = element("th", { scope: "row", title: `${edge.formula} ${edge.where}` }, t("via {0}", edge.via));
  return element("tr", { "data-term": `${k}` }, bar(edge, most), name, told, number(edge.contribution, edge.along, true));
}

function door(card: Card, via: string, upstream: Told, click: () => void): HTMLElement {
  return element("button", { type: "button", class: "door", title: whole(upstream), "aria-label": t("open {0}, {1}", `∂${card.of}/∂${via}`, brief(upstream)), click }, brief(upstream));
}

function bar({ contribution, along, size }: { contribution: Told; along: Number | null; size: number }, most: number): HTMLElement {
  const part = along ?? contribution;
  const sign = isArray(part) ? "array" : signed(part) < 0 ? "down" : "up";
  return element("td", { class: "bar" }, element("meter", { class: sign, min: "0", max: "1", value: `${size / most}`, "aria-hidden": "true" }));
}

function rest({ count, sum, along }: Rest): HTMLElement {
  return element("tr", { class: "rest" }, element("td"), element("th", { scope: "row", colspan: "2" }, t("{0} more, exactly", count.toLocaleString("en"))), number(sum, along, true));
}

// Of an array the part along the gradient; the array itself on demand.
function number(x: Told, along: Number | null, sign: boolean): HTMLElement {
  const part = along ?? x, size = signed(part);
  const glyph = !sign || isArray(part) ? "" : size < 0 ? "▼ " : size > 0 ? "▲ " : "";
  return element("td", { class: "number", title: along === null ? whole(x) : `${whole(along)}, ${whole(x)}` }, `${glyph}${brief(part, sign)}`);
}
