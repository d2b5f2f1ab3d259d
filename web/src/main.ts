// The page: reads the graph, then joins the views to it.
import { source } from "./data";
import { announce, byId, element } from "./dom";
import { CardPanel } from "./card";
import { GraphView } from "./graph";
import { NodeList } from "./list";
import { PathsView } from "./paths";
import { RunView } from "./run";
import { Steps } from "./steps";
import { timeline } from "./timeline";

const VIEWS = ["Graph", "Paths", "List"];

async function start(): Promise<void> {
  const from = source();
  const run = await from.run();
  const first = run && location.hash !== "#Graph" ? "Run" : "Graph";
  if (run) new RunView(from, run);
  if (run && !run.opened) {
    byId("card").append(element("p", {}, "No step has been opened yet. Pause the run, then open the next step: its graph is shown here."));
    rail(["Run"], "Run", () => {});
    return;
  }
  const graph = await from.graph();
  const steps = new Steps(graph);
  const paths = new PathsView(graph, from);
  const card = new CardPanel(graph, from, steps, (door) => {
    view.select(door.node);
    void paths.show(door);
  });
  const view = new GraphView(byId<HTMLCanvasElement>("graph"), graph, steps, (node) => card.open(node, null));
  const list = new NodeList(graph, steps, (node) => card.open(node, null));
  document.title = `∂${graph.of} · Microgradient`;
  rail(run ? ["Run", ...VIEWS] : VIEWS, first, (shown) => {
    if (shown === "Graph") view.show();
    if (shown === "List") list.show();
    if (shown === "Paths") paths.again();
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

// The views of the page; `show` is told which one is chosen.
function rail(names: string[], first: string, show: (view: string) => void): void {
  const buttons = names.map((name) => element("button", { type: "button", click: () => choose(name) }, name));
  function choose(name: string): void {
    for (const each of buttons) each.setAttribute("aria-pressed", `${each.textContent === name}`);
    for (const view of ["Run", ...VIEWS]) byId(view.toLowerCase()).hidden = view !== name;
    show(name);
  }
  byId("rail").append(element("h1", { "aria-label": "Microgradient" }, "μ∂"), ...buttons);
  choose(first);
}

start().catch((error: Error) => {
  announce(error.message);
  byId("card").replaceChildren(element("p", { class: "error" }, error.message));
});
