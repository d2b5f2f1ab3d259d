// One contribution in three places: a line of code, a term of the formula, numbers. Pointed at in one, it lights up in all.
import type { Card } from "./data";
import { element } from "./dom";
import { t } from "./language";
import { brief } from "./numbers";

const termsOf = (at: Element) => at.getAttribute("data-term")!.split(" ").filter(Boolean).map(Number);

// Joins what has the number of a term in `body`; `light` marks nodes in the graph. Gives what lights the terms of a node.
export function joinTerms(body: HTMLElement, card: Card, light: (nodes: number[]) => void): (node: number | null) => void {
  const places = () => [...body.querySelectorAll("[data-term]")];
  const show = (terms: number[]) => {
    for (const at of places()) at.classList.toggle("lit", termsOf(at).some((term) => terms.includes(term)));
  };
  for (const at of places()) {
    const terms = termsOf(at);
    if (!terms.length) continue;
    at.setAttribute("aria-describedby", terms.map((term) => `term-${term}`).join(" "));
    const code = at.classList.contains("code"); // lights all that its line computed
    const on = () => {
      show(terms);
      if (!code) light(terms.map((term) => card.edges[term].node));
    };
    const off = () => {
      show([]);
      light([]);
    };
    at.addEventListener("mouseenter", on);
    at.addEventListener("mouseleave", off);
    at.addEventListener("focusin", on);
    at.addEventListener("focusout", off);
  }
  body.append(element("div", { hidden: true }, ...card.edges.map((edge, term) => {
    const local = edge.local === null ? t("through {0}", edge.op) : `× ${brief(edge.local)}`;
    return element("span", { id: `term-${term}` }, `${t("via {0}", edge.via)}: ${brief(edge.upstream)} ${local} = ${brief(edge.contribution, true)} `);
  })));
  return (node) => show(node === null ? [] : card.edges.flatMap((edge, term) => (edge.node === node ? [term] : [])));
}
