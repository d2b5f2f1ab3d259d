// Where the first NaN or ∞ comes from: a button that opens it, and on its card the entries that did it.
import type { Card, Graph, Origin } from "./data";
import { element } from "./dom";
import { t } from "./language";
import type { Steps } from "./steps";

type Open = (node: number, index: number[] | null) => void;

// The button "first NaN", to be seen only where there is one.
export function firstButton(steps: Steps, open: Open): HTMLElement {
  const button = element("button", { type: "button", id: "first", class: "bad", click: () => {
    const found = steps.graph.nonfinite;
    if (found) open(found.shown.node, found.shown.index);
  } });
  const show = () => {
    button.hidden = !steps.graph.nonfinite;
    button.textContent = t("first {0}", steps.graph.nonfinite?.what ?? "");
  };
  steps.onChange(show);
  show();
  return button;
}

// What the card of the producer, or of what it was computed from, tells of it.
export function origin(graph: Graph, card: Card, open: Open): HTMLElement | null {
  let found = graph.nonfinite;
  while (found && card.node !== found.node && card.node !== found.shown.node) found = found.cause;
  return found ? section(graph, found, open) : null;
}

function section(graph: Graph, found: Origin, open: Open): HTMLElement {
  const rows = found.culprits.map(({ text, node, index }) => element("li", {},
    node === null ? text : element("button", { type: "button", class: "door", click: () => open(node, index) }, text)));
  const more = found.count - found.culprits.length;
  if (more > 0 && rows.length) rows.push(element("li", {}, t("and {0} more", more.toLocaleString("en"))));
  const heading = found.backward ? t("{0} starts here, on the way back", found.what) : t("{0} starts here", found.what);
  const from = found.cause;
  return element("section", { class: "finding nonfinite" },
    element("h3", {}, `${graph.nodes[found.node].name}: ${heading}`), element("p", {}, found.text), rows.length ? element("ul", {}, ...rows) : "",
    from ? element("p", {}, element("button", { type: "button", class: "door", click: () => open(from.shown.node, from.shown.index) }, t("the ∞ comes from {0}", graph.nodes[from.node].name))) : "");
}
