// Which functions in the graph, such as softmax, are shown as one box: until one is opened, or something in it is selected.
import type { Graph } from "./data";

export class Folds {
  private opened = new Set<number>(); // by hand
  private within = new Set<number>(); // groups around the node that is selected, but for what it is the result of

  constructor(readonly graph: Graph) {}

  // The groups that a node is in, the innermost first.
  private around(node: number): number[] {
    const found: number[] = [];
    for (let at: number | null = this.graph.nodes[node].group; at !== null; at = this.graph.groups[at].group) found.push(at);
    return found;
  }

  select(node: number): void {
    this.within = new Set(this.around(node).filter((group) => this.graph.groups[group].result !== node));
  }

  folded(group: number): boolean {
    return this.graph.groups[group].call !== null && !this.opened.has(group) && !this.within.has(group);
  }

  // What is before a node that stands for a function shown as one box: the first thing that the function was given.
  before(node: number): number | undefined {
    const group = this.over(node);
    if (group === undefined) return undefined;
    return this.graph.uses.filter(({ to, from }) => this.around(to).includes(group) && !this.around(from).includes(group)).at(-1)?.from;
  }

  // A node, or what stands for the function that it is hidden in.
  after(node: number | undefined): number | undefined {
    if (node === undefined) return undefined;
    const group = this.over(node);
    return group === undefined ? node : this.graph.groups[group].result!;
  }

  // Of the functions that a node is in: the outermost that is one box, and the innermost that is open.
  over(node: number): number | undefined {
    return this.around(node).filter((group) => this.folded(group)).at(-1);
  }

  toClose(node: number): number | undefined {
    return this.around(node).find((group) => this.graph.groups[group].call !== null && !this.folded(group));
  }

  open(group: number): void {
    this.opened.add(group);
  }

  // One box again. What of it has to be selected then, if something in it was.
  close(group: number): number | null {
    this.opened.delete(group);
    return this.within.has(group) ? this.graph.groups[group].result : null;
  }
}
