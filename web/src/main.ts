// The page: reads the graph, then joins the views to it.
import { source } from "./data";
import { announce, byId, element } from "./dom";
import { CardPanel } from "./card";
import { GraphView } from "./graph";
import { NodeList } from "./list";
import { Steps } from "./steps";
import { timeline } from "./timeline";

async function start(): Promise<void> {
  const from = source();
  const graph = await from.graph();
  const steps = new Steps(graph);
  const card = new CardPanel(graph, from, steps, (node) => view.select(node));
  const view = new GraphView(byId<HTMLCanvasElement>("graph"), graph, steps, (node) => card.open(node, null));
  const list = new NodeList(graph, steps, (node) => card.open(node, null));
  document.title = `∂${graph.of} · Microgradient`;
  rail((shown) => {
    byId("graph").hidden = shown !== "Graph";
    byId("list").hidden = shown !== "List";
    if (shown === "List") list.show();
  });
  timeline(steps, from);
  document.addEventListener("keydown", (event) => {
    if (event.target instanceof HTMLInputElement || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === ".") steps.go(steps.position + 1);
    else if (event.key === ",") steps.go(steps.position - 1);
    else if (event.key === "Escape") card.back();
    else return;
    event.preventDefault();
  });
  card.open(graph.root, null);
}

function rail(show: (view: string) => void): void {
  const buttons = ["Graph", "List"].map((name) =>
    element("button", { type: "button", "aria-pressed": `${name === "Graph"}`, click: () => choose(name) }, name),
  );
  function choose(name: string): void {
    for (const each of buttons) each.setAttribute("aria-pressed", `${each.textContent === name}`);
    show(name);
  }
  byId("rail").append(element("strong", {}, "μ∂"), ...buttons);
}

start().catch((error: Error) => {
  announce(error.message);
  byId("card").replaceChildren(element("p", { class: "error" }, error.message));
});
