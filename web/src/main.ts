// The page: reads the graph, then joins the views to it.
import { source } from "./data";
import { announce, byId, element } from "./dom";
import { CardPanel } from "./card";
import { FlowView } from "./flow";
import { GraphView } from "./graph";
import { speak, t, type Catalogue } from "./language";
import { LessonView } from "./lesson";
import { NodeList } from "./list";
import { firstButton } from "./nonfinite";
import { keep, kept, machine } from "./past";
import { PathsView } from "./paths";
import { RunView } from "./run";
import { Steps } from "./steps";
import { timeline } from "./timeline";

const VIEWS = ["Graph", "Flow", "Paths", "List"]; // their names: t("Run") t("Learn") t("Graph") t("Flow") t("Paths") t("List")

async function start(): Promise<void> {
  const from = source();
  const catalogue = await from.language();
  speak(catalogue);
  for (const [id, name] of [["rail", t("Views")], ["graph", t("Graph")], ["card", t("Why")], ["timeline", t("Steps")]]) byId(id).setAttribute("aria-label", name);
  const run = await from.run();
  const lesson = await from.lesson();
  const own = run ? "Run" : lesson ? "Learn" : null; // the view that comes before those of a graph
  const first = own !== null && location.hash !== "#Graph" ? own : "Graph";
  if (run) new RunView(from, run);
  if (lesson) new LessonView(from, lesson);
  if (own !== null && !(run ?? lesson)!.opened) {
    const told = run ? t("No step has been opened yet. Pause the run, then open the next step: its graph is shown here.")
      : t("No graph has been opened yet. Where the lesson has differentiated something, open its graph: it is shown here.");
    byId("card").append(element("p", {}, told));
    rail([own], own, () => {});
    if (from.addressed) languages(catalogue, () => {});
    return;
  }
  const graph = await from.graph();
  const steps = new Steps(graph);
  const paths = new PathsView(graph, from);
  const card = new CardPanel(graph, from, steps, (door) => {
    view.select(door.node);
    void paths.show(door);
    flow.show(door);
  }, Boolean(run?.past));
  const view = new GraphView(byId<HTMLCanvasElement>("graph"), graph, steps, (node) => card.open(node, null));
  card.light = (nodes) => view.light(nodes);
  view.pointed = (node) => card.point(node);
  const flow = new FlowView(graph, from, steps, (node) => card.open(node, null));
  const list = new NodeList(graph, steps, (node) => card.open(node, null));
  document.title = `∂${graph.of} · Microgradient`;
  rail(own ? [own, ...VIEWS] : VIEWS, first, (shown) => {
    if (shown === "Graph") view.show();
    if (shown === "List") list.show();
    if (shown === "Flow") flow.again();
    if (shown === "Paths") paths.again();
  });
  byId("rail").append(firstButton(steps, (node, index) => card.open(node, index)));
  if (from.addressed) languages(catalogue, () => keep(card.door));
  timeline(steps, from);
  if (run?.past) machine(from, run, () => card.door);
  document.addEventListener("keydown", (event) => {
    if (event.target instanceof HTMLInputElement || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === ".") steps.go(steps.position + 1);
    else if (event.key === ",") steps.go(steps.position - 1);
    else if (event.key === "Escape") card.back();
    else return;
    event.preventDefault();
  });
  const before = from.addressed ? kept() : null;
  if (before && before.node < graph.nodes.length) card.open(before.node, before.index);
  else card.open(graph.root, null);
}

// The views of the page; `show` is told which one is chosen.
function rail(names: string[], first: string, show: (view: string) => void): void {
  const buttons = names.map((name) => element("button", { type: "button", click: () => choose(name) }, t(name)));
  function choose(name: string): void {
    buttons.forEach((each, k) => each.setAttribute("aria-pressed", `${names[k] === name}`));
    for (const view of ["Run", "Learn", ...VIEWS]) byId(view.toLowerCase()).hidden = view !== name;
    show(name);
  }
  byId("rail").append(element("h1", { "aria-label": "Microgradient" }, "μ∂"), ...buttons);
  choose(first);
}

// The switch between languages: the page is asked for again, in the other; `before` is done first.
function languages({ language, languages }: Catalogue, before: () => void): void {
  const choice: HTMLSelectElement = element("select", { "aria-label": "Language · 语言", change: () => {
    before();
    location.search = `?lang=${choice.value}`;
  } }, ...Object.entries(languages).map(([code, name]) => element("option", { value: code, lang: code.replace("_", "-"), selected: code === language }, name)));
  byId("rail").append(choice);
}

start().catch((error: Error) => {
  announce(error.message);
  byId("card").replaceChildren(element("p", { class: "error" }, error.message));
});
