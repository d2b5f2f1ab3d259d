// Where in the evaluation and the sweep the page stands: 0 … nodes evaluated, then one step for each use of the sweep.
import type { Graph, Numbers, Told } from "./data";
import { t } from "./language";
import { brief } from "./numbers";

export class Steps {
  position: number;
  readonly stops = new Set<number>(); // nodes at which playing stops
  private listeners: (() => void)[] = [];
  private known: { use: number; total: Told }[][] = [];

  constructor(readonly graph: Graph) {
    this.position = this.last;
    this.index();
  }

  private index(): void {
    this.known = this.graph.nodes.map(() => []);
    this.graph.uses.forEach((use, k) => this.known[use.from].push({ use: k, total: use.total }));
  }

  // Other numbers in the same graph; who stands at the end stays there.
  renumber(numbers: Numbers): void {
    const atEnd = this.position === this.last;
    this.graph.nodes.forEach((node, k) => Object.assign(node, numbers.nodes[k]));
    this.graph.uses = numbers.uses;
    this.graph.nonfinite = numbers.nonfinite;
    this.index();
    this.position = atEnd ? this.last : Math.min(this.position, this.last);
    for (const listener of this.listeners) listener();
  }

  get last(): number {
    return this.graph.nodes.length + this.graph.uses.length;
  }

  // How many edges of the sweep have been taken; negative during the evaluation.
  get swept(): number {
    return this.position - this.graph.nodes.length;
  }

  go(position: number): void {
    const to = Math.max(0, Math.min(this.last, Math.round(position)));
    if (to === this.position) return;
    this.position = to;
    for (const listener of this.listeners) listener();
  }

  // Whether playing stops here.
  get stopped(): boolean {
    return this.current !== null && this.stops.has(this.current.node);
  }

  toggleStop(node: number): void {
    if (!this.stops.delete(node)) this.stops.add(node);
    for (const listener of this.listeners) listener();
  }

  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  evaluated(node: number): boolean {
    return node < this.position;
  }

  // The gradient that has arrived at a node so far; null: none yet.
  gradient(node: number): Told {
    if (this.swept < 0) return null;
    if (this.swept === this.graph.uses.length) return this.graph.nodes[node].gradient;
    let found: Told = node === this.graph.root ? 1 : null;
    for (const { use, total } of this.known[node]) {
      if (use < this.swept) found = total;
      else break;
    }
    return found;
  }

  // The node that the current step is about, and the use, in the sweep.
  get current(): { node: number; use: number | null } | null {
    if (this.position === 0) return null;
    if (this.swept <= 0) return { node: this.position - 1, use: null };
    const use = this.swept - 1;
    return { node: this.graph.uses[use].from, use };
  }

  // The step in words.
  told(): string {
    const { nodes, uses } = this.graph;
    const now = this.current;
    if (now === null) return t("before the first operation");
    const node = nodes[now.node];
    if (now.use === null) {
      const made = node.formula ? `${node.name} = ${node.formula}` : t("{0} is given", node.name);
      return t("evaluation, step {0} of {1}: {2}, {3}", this.position, nodes.length, made, brief(node.value));
    }
    const use = uses[now.use];
    const product = use.local === null || typeof use.local === "object" || typeof use.upstream === "object" ? "" : `${brief(use.upstream)} × ${brief(use.local)} = `;
    const received = t("{0} receives {1} via {2}", node.name, product + brief(use.contribution, true), nodes[use.to].name);
    return t("sweep, step {0} of {1}: {2}; its gradient is {3} so far", this.swept, uses.length, received, brief(use.total));
  }
}
