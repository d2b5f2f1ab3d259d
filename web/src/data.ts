// What Python tells the page, and how it is asked: a server, or the data within a saved file.
import { t, type Catalogue } from "./language";

export type Number = number | "nan" | "inf" | "-inf";
export interface ArrayTold { shape: number[]; text: string; norm: Number; nonfinite: number }
export interface Door { node: number; index: number[] | null; example?: number | null } // whose card is opened
export type Told = Number | ArrayTold | Told[] | null;

export interface Place { x: number; y: number; w: number; h: number }
export interface GraphNode extends Place {
  name: string; op: string | null; formula: string; shape: number[] | null; value: Told; gradient: Told;
  wrong: boolean; file: string | null; line: number | null; group: number;
}
export interface Group extends Place {
  path: string; kind: string; group: number | null;
  call: string | null; result: number | null; // of a function, such as softmax: how it was called, and the node it gave
}
export interface Use {
  from: number; to: number; upstream: Told; local: Told; contribution: Told; size: number; total: Told;
  dropped: [number, number] | null; // of relu and clip: how many entries let nothing through, of how many
}
export interface Cut {
  from: number | null; to: number | null; name: string; what: string; file: string | null; line: number | null;
}
export interface Graph {
  version: number; root: number; of: string; nodes: GraphNode[]; groups: Group[]; uses: Use[]; cuts: Cut[]; nonfinite: Origin | null;
}
// Where the first NaN or ∞ comes from, and from where the ∞ that became NaN.
export interface Origin {
  node: number; what: string; backward: boolean; text: string; shown: { node: number; index: number[] | null };
  culprits: { text: string; node: number | null; index: number[] }[]; count: number; victims: number[]; cause: Origin | null;
}
export interface Numbers {
  nodes: { value: Told; gradient: Told; wrong: boolean }[]; uses: Use[]; nonfinite: Origin | null; told?: string; complete?: boolean;
}
export interface Edge {
  via: string; node: number; index: number[] | null; op: string; upstream: Told; local: Told; contribution: Told; size: number;
  formula: string; rule: string; where: string; layer: string; argument: number; through: number | null; along: Number | null; // of a contribution to an array: its part along the gradient
}
export interface Rest { count: number; sum: Told; along: Number | null }
// What came through one call of a function that is made of several operations, and why, in closed form.
export interface Through {
  call: string; node: number; result: string; upstream: Told; paths: number; contribution: Told; along: Number | null; size: number;
  more: Rest; text: string; mathml: string; told: string;
}
// What an optimiser makes of a gradient: coefficient × value = contribution, added up.
export interface UpdateTold {
  symbol: string; optimizer: string; step: number | null; before: Told; after: Told; change: Told;
  terms: { kind: string; symbol: string; coefficient: Told; value: Told; contribution: Told; size: number; formula: string }[];
  rounding: Told; notes: [string, string][]; mathml: string; latex: string;
}
export interface Card {
  node: number; index: number[] | null; shape: number[]; name: string; of: string; value: Told; gradient: Told; where: string;
  formula: string; example: number | null; examples: boolean; paths: number; edges: Edge[]; through: Through[]; more: Rest; sum: Told; along: Number | null; check: string; agrees: boolean;
  code: { where: string; text: string; nodes: number[] }[]; notes: [string, string][]; mathml: string; latex: string; text: string; update: UpdateTold | null;
}
export interface ExamplesTold {
  unknown?: string; // why nothing else is told
  symbol: string; gradient: Told; along: string; count: number; more: { count: number; sum: Told }; rest: Told;
  examples: { number: number; contribution: Told; size: number; label: string | null; numbers: string; picture: number[][] | null }[];
}
export interface Picture {
  shape: number[]; lead: number[]; matrix: [number, number]; step: [number, number];
  value: Number[][] | null; gradient: Number[][] | null;
}

export type Options = Record<string, number | string>;
export interface Diagnosis {
  loss: number | null; text: string;
  findings: { rule: string; subject: string; evidence: string; cause: string; change: string; code: string; options: Options }[];
  layers: Record<string, string | number | null>[];
}
export interface PathsTold {
  name: string; of: string; count: string; left: string; exact: boolean; total: Told; gradient: Told; rest: Told; rest_along: Number | null;
  muted: { use: number; text: string }[];
  paths: { labels: string[]; contribution: Told; along: Number | null; edges: { use: number; from: string; to: string; local: Told }[] }[];
}
// How a gradient flows between layers, as it is drawn: contributions that raise it and those that lower it, and their sum.
export interface PartTold { up: Number; down: Number; net: Number }
export interface FlowBand {
  start: number; end: number; part: PartTold; wide: number; y: number[]; count: number;
  edges: { node: number; from: string; to: string; part: PartTold }[];
}
export interface FlowStation {
  number: number; name: string; kind: string; count: number; inside: boolean; node: number | null; column: number; y: number; high: number;
  inflow: PartTold; source: PartTold | null; outflow: PartTold; kept: PartTold; keptAt: number; keptWide: number;
  ends: { node: number; name: string; part: PartTold }[];
}
export interface FlowTold {
  symbol: string; total: Number; height: number; columns: number; stations: FlowStation[]; bands: FlowBand[];
  open: { number: number; name: string; kind: string }[];
}
export type Offer = [name: string, called: string];
export interface Sample { step: number; headings: string[]; rows: string[][] }
export interface Drawing { step: number; address: string }
export interface Film {
  step: number; left: number; right: number; bottom: number; top: number; every: number; per_second: number; told: string;
  frames: { points: [number, number][]; width: number; colour: string }[][];
}
export interface Run {
  name: string; command: string; folder: string; step: number; steps: number; epoch: number; epochs: number; unit: string;
  losses: [number, number][]; metrics: Record<string, number | null>[]; headings: Record<string, string>; examinable: boolean; paused: boolean; finished: boolean; opened: number;
  // What else there is to follow, and what the recipe offers to be looked at: names, and what they are called.
  curves: { name: string; points: [number, number][] }[]; pictures: Offer[]; samples: Offer[]; films: Offer[];
  shown: string; beside: { changes: string; losses: [number, number][]; going: boolean; said: string } | null;
  // Of a run folder: how many steps it has, how far what is being computed is, and whether the last state came out as it was.
  past: { last: number; working: [number, number] | null; same: boolean | null } | null;
}
// A weight in each step of a run.
export interface History { name: string; steps: number[]; series: Record<string, Told[]> }

export interface LessonCell { kind: "text" | "code" | "question"; html: string; code: string; output: string | null; verdict: string; correct: boolean; shown: boolean }
export interface Lesson {
  number: number; title: string; lessons: { number: number; title: string }[]; opened: number; waiting: number | null; right: number;
  of: number; cells: LessonCell[];
}

export interface Source {
  live: boolean;
  // Whether it can be asked for again in another language: it has an address.
  addressed: boolean;
  language(): Promise<Catalogue>;
  graph(): Promise<Graph>;
  // With the number of an example, what that one contributed alone.
  why(node: number, index: number[] | null, example?: number | null): Promise<Card>;
  examples(node: number, index: number[] | null): Promise<ExamplesTold>;
  array(node: number, lead: number[]): Promise<Picture>;
  // Another number in a leaf; null: the original ones.
  change(leaf: { node: number; index: number[] | null; value: number } | null): Promise<Numbers>;
  // The sweep again; with the name of a mistake, done wrong.
  sweep(mistake: string): Promise<Numbers>;
  // The largest paths to a gradient, without the uses that are muted.
  paths(node: number, index: number[] | null, muted: number[]): Promise<PathsTold>;
  // How a gradient, or that of all leaves (null), flows between layers; `open` are the numbers of those that are looked into.
  flow(node: number | null, index: number[] | null, open: number[] | null): Promise<FlowTold>;
  // The training run that the page is of; null: of none.
  run(): Promise<Run | null>;
  // The lesson that the page is of; null: of none.
  lesson(): Promise<Lesson | null>;
  // To that run, or lesson: pause, resume, step, open, answer; gives what it answers.
  tell<T>(command: string, words?: object): Promise<T>;
}

export function source(): Source {
  const stored = document.getElementById("data");
  if (!stored) return answered(byAddress(), true);
  const data = JSON.parse(stored.textContent!);
  return data ? saved(data) : answered(byMessages(), false);
}

// Carries a question to Python, and the text of the answer back. What only asks may go as an address, what tells may not.
type Carrier = (name: string, words: Record<string, unknown>, tells: boolean) => Promise<{ ok: boolean; text: string }>;

function byAddress(): Carrier {
  const lang = new URLSearchParams(location.search).get("lang") ?? "";
  return async (name, words, tells) => {
    const said = { ...words, lang };
    const answer = await (tells ? fetch(`api/${name}`, { method: "POST", body: JSON.stringify(said) })
      : fetch(`api/${name}?${new URLSearchParams(said as Record<string, string>)}`));
    return { ok: answer.ok, text: await answer.text() };
  };
}

// In a frame: whoever has made it passes messages on, to a notebook's kernel.
function byMessages(): Carrier {
  const page = `${Math.random()}`; // the same widget may be shown twice, and each page hears the answers to both
  const waiting = new Map<string, (answer: { ok: boolean; text: string }) => void>();
  window.addEventListener("message", ({ source, data }) => {
    if (source !== window.parent) return;
    waiting.get(data.id)?.({ ok: data.status === 200, text: data.text });
    waiting.delete(data.id);
  });
  let asked = 0;
  return (name, words) => new Promise((answer) => {
    const id = `${page} ${asked++}`;
    waiting.set(id, answer);
    window.parent.postMessage({ id, name, words }, "*");
  });
}

function answered(carry: Carrier, addressed: boolean): Source {
  async function said<T>(name: string, words: Record<string, unknown>, tells: boolean): Promise<T> {
    const { ok, text } = await carry(name, words, tells);
    const data = JSON.parse(text);
    if (!ok) throw new Error(data.error);
    return data as T;
  }
  const ask = <T>(name: string, words: Record<string, string>) => said<T>(name, words, false);
  const tell = <T>(name: string, words: object) => said<T>(name, { ...words }, true);
  const cards = new Map<string, Promise<Card>>();
  return {
    live: true,
    addressed,
    language: () => ask("language", {}),
    graph: () => ask("graph", {}),
    why(node, index, example) {
      const key = `${node}:${index ?? ""}:${example ?? ""}`;
      if (!cards.has(key)) {
        const asked = ask<Card>("why", { node: `${node}`, index: index?.join(",") ?? "", example: `${example ?? ""}` });
        asked.catch(() => cards.delete(key));
        cards.set(key, asked);
      }
      return cards.get(key)!;
    },
    examples: (node, index) => ask("examples", { node: `${node}`, index: index?.join(",") ?? "" }),
    array: (node, lead) => ask("array", { node: `${node}`, lead: lead.join(",") }),
    change(leaf) {
      cards.clear();
      return tell("change", leaf === null ? {} : { ...leaf, index: leaf.index?.join(",") ?? "" });
    },
    sweep: (mistake) => ask("sweep", { mistake }),
    paths: (node, index, muted) => ask("paths", { node: `${node}`, index: index?.join(",") ?? "", muted: muted.join(",") }),
    flow: (node, index, open) => ask("flow", {
      ...(node === null ? {} : { node: `${node}`, index: index?.join(",") ?? "" }), ...(open === null ? {} : { open: open.join(",") }),
    }),
    run: () => ask("run", {}),
    lesson: () => ask("lesson", {}),
    tell: (command, words = {}) => tell(command, words),
  };
}

function saved(data: { language: Catalogue; graph: Graph; why: Record<string, Card>; examples: Record<string, ExamplesTold>; array: Record<string, Picture>; sweep: Record<string, Numbers>; paths: Record<string, PathsTold>; flow: Record<string, FlowTold> }): Source {
  async function kept<T>(found: T | undefined): Promise<T> {
    if (found === undefined) throw new Error(t("This was not saved in the file: it needs Python. Use mg.view(loss)."));
    return found;
  }
  const entry = (node: number, index: number[] | null) => index?.length && data.graph.nodes[node].shape?.some((n) => n > 1);
  return {
    live: false,
    addressed: false,
    language: async () => data.language,
    graph: async () => data.graph,
    why: (node, index, example) => kept(typeof example === "number" || entry(node, index) ? undefined : data.why[node]),
    examples: (node, index) => kept(entry(node, index) ? undefined : data.examples[node]),
    array: (node, lead) => kept(lead.some((n) => n) ? undefined : data.array[node]),
    change: () => kept<Numbers>(undefined),
    sweep: (mistake) => kept(data.sweep[mistake]),
    paths: (node, index, muted) => kept(muted.length || index?.length ? undefined : data.paths[node]),
    flow: (node, index) => kept(node === null ? data.flow[""] : entry(node, index) ? undefined : data.flow[node]),
    run: async () => null,
    lesson: async () => null,
    tell: <T>() => kept<T>(undefined),
  };
}
