// The graph on a canvas: boxes of layers that open as one zooms in, operations within, edges as wide as what flows back.
import type { Graph, GraphNode, Group, Place } from "./data";
import { announce } from "./dom";
import { Folds } from "./folds";
import { t } from "./language";
import { brief, signed } from "./numbers";
import { paintGhosts, scissors } from "./ghosts";
import type { Steps } from "./steps";

const OPENED = 220; // pixels: a group that is wider shows what is inside
const READABLE = 72; // pixels: from this width on nodes have text
const FLAT = 60; // pixels: of a graph that is less high as a whole a part is shown
const SMALL = 60; // nodes: these are drawn to be read at once
const CURVED = 4000; // edges at most that are drawn as curves, one by one
const FAR = 150; // of the layout: an edge that is longer passes other layers
const REST = 120; // milliseconds after which a large graph that was moved is drawn anew
const WIDTHS = 4; // of edges that are drawn together

interface Colours { text: string; quiet: string; line: string; ground: string; box: string; accent: string; up: string; down: string; bad: string }
type Shown = { kind: "node" | "group"; id: number };

export class GraphView {
  private scale = 1;
  private x = 0;
  private y = 0;
  private selected: number;
  private at: number; // the step that is shown
  private lit = new Set<number>(); // what the card points to
  private pen: CanvasRenderingContext2D;
  private pending = false;
  private colours!: Colours;
  private users: number[][];
  private parents: number[][];
  private finest: number; // how much smaller than others the smallest node is
  private most: number; // the largest contribution
  private picture: { image: HTMLCanvasElement; scale: number; x: number; y: number } | null = null; // of a large graph
  private victims = new Set<number>(); // of the first NaN
  private movedAt = -REST;
  private folds: Folds;
  pointed: (node: number | null) => void = () => {}; // told of the node under the pointer

  constructor(readonly canvas: HTMLCanvasElement, readonly graph: Graph, readonly steps: Steps, readonly open: (node: number) => void) {
    this.pen = canvas.getContext("2d")!;
    this.selected = graph.root;
    this.folds = new Folds(graph);
    this.at = steps.position;
    this.users = graph.nodes.map(() => []);
    this.parents = graph.nodes.map(() => []);
    for (const use of graph.uses) {
      this.users[use.from].push(use.to);
      this.parents[use.to].push(use.from);
    }
    this.most = graph.uses.reduce((most, use) => Math.max(most, use.size), 1e-300);
    this.finest = 132 / graph.nodes.reduce((least, node) => Math.min(least, node.w), 132);
    new ResizeObserver(() => {
      this.fit();
      if (graph.groups[0].h * this.scale < FLAT) this.select(this.selected);
    }).observe(canvas.parentElement!);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.readColours());
    this.readColours();
    this.listen();
    this.victims = new Set(graph.nonfinite?.victims);
    steps.onChange(() => {
      this.victims = new Set(graph.nonfinite?.victims);
      const now = steps.current;
      if (now && steps.position !== this.at) this.select(now.node);
      this.at = steps.position;
      this.draw();
    });
  }

  // Mark nodes, such as those of a line of code, until others are.
  light(nodes: number[]): void {
    this.lit = new Set(nodes);
    this.draw();
  }

  // Show a node, large enough to be read, moving as little as is needed.
  select(node: number): void {
    this.selected = node;
    this.folds.select(node);
    const { clientWidth: wide, clientHeight: high } = this.canvas;
    if (!wide) return; // another view is shown
    const group = this.folds.over(node);
    const at = group === undefined ? this.graph.nodes[node] : this.graph.groups[group];
    const width = at.w * this.scale;
    if ((width < READABLE && (this.graph.nodes.length > SMALL || at.w < 132)) || width > 5 * READABLE) this.scale = 110 / at.w;
    const box = this.screen(at);
    if (box.x < 4 || box.x + box.w > wide - 4) this.x = wide / 2 - (at.x + at.w / 2) * this.scale;
    if (box.y < 4 || box.y + box.h > high - 4) this.y = high / 2 - (at.y + at.h / 2) * this.scale;
    this.draw();
  }

  // Where a place of the layout is on the canvas. Computed here and not by the canvas, whose numbers have 24 bits.
  private screen(place: Place): Place {
    return { x: place.x * this.scale + this.x, y: place.y * this.scale + this.y, w: place.w * this.scale, h: place.h * this.scale };
  }

  // The view is shown again, after another one: in the place where it was, if it had one.
  show(): void {
    if (this.canvas.width !== this.canvas.clientWidth * devicePixelRatio) this.fit();
    this.select(this.selected);
  }

  fit(): void {
    const { clientWidth: wide, clientHeight: high } = this.canvas;
    if (!wide) return;
    const whole = this.graph.groups[0];
    this.canvas.width = wide * devicePixelRatio;
    this.canvas.height = high * devicePixelRatio;
    this.scale = Math.min(1.2, wide / whole.w, high / whole.h);
    this.x = (wide - whole.w * this.scale) / 2;
    this.y = (high - whole.h * this.scale) / 2;
    this.draw();
  }

  zoom(factor: number, cx = this.canvas.clientWidth / 2, cy = this.canvas.clientHeight / 2): void {
    const to = Math.min(4 * this.finest, Math.max(0.01, this.scale * factor));
    this.x = cx - (cx - this.x) * to / this.scale;
    this.y = cy - (cy - this.y) * to / this.scale;
    this.scale = to;
    this.move();
  }

  // Drawn again where it is now: of a large graph at once the picture of before, and all anew when it rests.
  private move(): void {
    if (this.graph.uses.length >= CURVED) {
      this.movedAt = performance.now();
      window.setTimeout(() => this.draw(), REST + 1);
    }
    this.draw();
  }

  private readColours(): void {
    const style = getComputedStyle(document.documentElement);
    const names: (keyof Colours)[] = ["text", "quiet", "line", "ground", "box", "accent", "up", "down", "bad"];
    this.colours = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`)])) as unknown as Colours;
    this.draw();
  }

  draw(): void {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      if (this.picture && performance.now() - this.movedAt < REST) this.paintMoved(this.picture);
      else this.paint();
    });
  }

  // The picture that was drawn last, moved and scaled.
  private paintMoved({ image, scale, x, y }: { image: HTMLCanvasElement; scale: number; x: number; y: number }): void {
    const { pen } = this, by = this.scale / scale;
    const { clientWidth: wide, clientHeight: high } = this.canvas;
    this.clear();
    pen.drawImage(image, this.x - x * by, this.y - y * by, wide * by, high * by);
  }

  private clear(): void {
    this.pen.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    this.pen.fillStyle = this.colours.ground;
    this.pen.fillRect(0, 0, this.canvas.clientWidth, this.canvas.clientHeight);
  }

  // The outermost closed group that a node is in; the node itself if all are open.
  private shown(): Shown[] {
    const closed = new Int32Array(this.graph.groups.length).fill(-1);
    this.graph.groups.forEach((group, k) => {
      if (group.group !== null && closed[group.group] >= 0) closed[k] = closed[group.group];
      else if (k > 0 && (group.w * this.scale < OPENED || this.folds.folded(k))) closed[k] = k;
    });
    return this.graph.nodes.map((node, id) => (closed[node.group] >= 0 ? { kind: "group", id: closed[node.group] } : { kind: "node", id }));
  }

  private paint(): void {
    this.clear();
    const shown = this.shown();
    const closed = new Set(shown.filter((s) => s.kind === "group").map((s) => s.id));
    const chosen = new Set([this.selected, ...this.lit].filter((k) => shown[k].kind === "group").map((k) => shown[k].id));
    this.graph.groups.forEach((group, k) => k > 0 && !closed.has(k) && !this.hidden(group, closed) && this.paintGroup(group, this.screen(group), false, false));
    if (this.graph.uses.length < CURVED) this.paintEdges(shown);
    else this.paintManyEdges(shown);
    if (this.graph.cuts.length) this.paintCuts(shown);
    for (const k of closed) this.paintGroup(this.graph.groups[k], this.screen(this.graph.groups[k]), true, chosen.has(k));
    this.graph.nodes.forEach((node, k) => shown[k].kind === "node" && this.visible(this.screen(node)) && this.paintNode(node, this.screen(node), k));
    if (this.graph.uses.length >= CURVED) this.keepPicture();
  }

  private keepPicture(): void {
    const image = this.picture?.image ?? document.createElement("canvas");
    image.width = this.canvas.width;
    image.height = this.canvas.height;
    image.getContext("2d")!.drawImage(this.canvas, 0, 0);
    this.picture = { image, scale: this.scale, x: this.x, y: this.y };
  }

  private hidden(group: Group, closed: Set<number>): boolean {
    for (let at = group.group; at !== null; at = this.graph.groups[at].group) if (closed.has(at)) return true;
    return false;
  }

  private visible(box: Place): boolean {
    return box.x < this.canvas.clientWidth && box.y < this.canvas.clientHeight && box.x + box.w > 0 && box.y + box.h > 0;
  }

  private paintGroup(group: Group, box: Place, closed: boolean, chosen: boolean): void {
    if (!this.visible(box) || box.w < 2) return;
    const { pen, colours } = this;
    pen.strokeStyle = chosen ? colours.accent : colours.line;
    pen.lineWidth = chosen ? 2.5 : 1;
    pen.fillStyle = closed ? colours.box : "transparent";
    pen.beginPath();
    pen.roundRect(box.x, box.y, box.w, box.h, Math.min(6, box.w / 8));
    pen.fill();
    pen.stroke();
    if (box.w < 24) return;
    const name = group.call ?? group.path.split(" … ").map((path) => path.split(".").pop()).join("…");
    pen.fillStyle = colours.quiet;
    pen.textAlign = "left";
    pen.textBaseline = "top";
    pen.save();
    pen.beginPath();
    pen.rect(box.x, box.y, box.w, box.h);
    pen.clip();
    pen.font = "13px system-ui, sans-serif";
    if (closed && group.result !== null && box.h > 34) {
      const result = this.graph.nodes[group.result], gradient = this.steps.gradient(group.result);
      pen.fillText(name, box.x + 6, box.y + 5, box.w - 12);
      pen.fillStyle = colours.text;
      pen.fillText(`${shortName(result)} = ${this.steps.evaluated(group.result) ? brief(result.value) : "·"}`, box.x + 6, box.y + 22, box.w - 12);
      pen.fillStyle = signed(gradient) < 0 ? colours.down : colours.up;
      if (gradient !== null && box.h > 52) pen.fillText(`∂ ${brief(gradient)}`, box.x + 6, box.y + 39, box.w - 12);
    } else if (closed && box.h > 34) {
      pen.fillText(name, box.x + 6, box.y + 5, box.w - 12);
      pen.fillText(group.kind, box.x + 6, box.y + 20, box.w - 12);
    } else pen.fillText(`${name} ${group.kind}`, box.x + 6, box.y + 5);
    pen.restore();
  }

  // The ends of an edge on the canvas; null if it is not to be seen.
  private ends(a: Shown, b: Shown): [number, number, number, number] | null {
    const from = this.screen(this.place(a)), to = this.screen(this.place(b));
    const x0 = from.x + from.w, y0 = from.y + from.h / 2, x1 = to.x, y1 = to.y + to.h / 2;
    const near = Math.abs(x1 - x0) + Math.abs(y1 - y0) < 2;
    const seen = this.visible({ x: Math.min(x0, x1), y: Math.min(y0, y1), w: Math.abs(x1 - x0) + 1, h: Math.abs(y1 - y0) + 1 });
    return near || !seen ? null : [x0, y0, x1, y1];
  }

  // How wide an edge is, from 0 to 1: by the logarithm of what it sends.
  private weight(k: number): number {
    return k < this.steps.swept ? Math.log1p(1000 * this.graph.uses[k].size / this.most) / Math.log1p(1000) : 0;
  }

  private paintEdges(shown: Shown[]): void {
    const { pen, graph, steps } = this;
    const now = steps.current?.use ?? null;
    const seen = new Set<string>();
    graph.uses.forEach((use, k) => {
      const a = shown[use.from], b = shown[use.to];
      if (a.kind === b.kind && a.id === b.id) return;
      const joined = a.kind === "group" || b.kind === "group" ? `${a.kind}${a.id}>${b.kind}${b.id}` : "";
      if (joined && seen.has(joined)) return;
      seen.add(joined);
      const ends = this.ends(a, b);
      if (ends === null) return;
      const [x0, y0, x1, y1] = ends;
      const arrived = k < steps.swept, down = signed(use.contribution) < 0;
      const shut = arrived && use.dropped !== null && use.dropped[0] === use.dropped[1]; // nothing comes through
      pen.strokeStyle = !arrived ? this.colours.line : shut ? this.colours.quiet : down ? this.colours.down : this.colours.up;
      const thin = Math.min(1, Math.max(0.2, this.place(b).h * this.scale / 30));
      const width = 1 + 4 * this.weight(k);
      pen.lineWidth = k === now ? width + 2 : width * thin;
      pen.setLineDash(shut ? [2, 4] : arrived && down ? [7, 4] : []);
      pen.beginPath();
      pen.moveTo(x0, y0);
      const tall = this.place(b).h * this.scale, far = x1 - x0 > FAR * this.scale * (this.place(b).w / 132);
      if (far && Math.abs(y1 - y0) < 2 * tall) { // over the nodes between, which may be in the same row
        const over = Math.min(y0, y1) - 1.4 * tall;
        pen.bezierCurveTo(x0 + (x1 - x0) / 4, over, x1 - (x1 - x0) / 4, over, x1, y1);
      } else pen.bezierCurveTo((x0 + x1) / 2, y0, (x0 + x1) / 2, y1, x1, y1);
      pen.stroke();
      if (!shut) return;
      pen.fillStyle = this.colours.quiet;
      scissors(pen, ends);
    });
    pen.setLineDash([]);
  }

  private paintCuts(shown: Shown[]): void {
    const readable = (node: number) => {
      const box = this.screen(this.graph.nodes[node]);
      return shown[node].kind === "node" && box.w >= READABLE && this.visible(box) ? box : null;
    };
    const apart = (from: number, to: number) => shown[from].kind === "node" || shown[to].kind === "node" || shown[from].id !== shown[to].id;
    paintGhosts(this.pen, this.graph, this.colours.quiet, (from, to) => (apart(from, to) ? this.ends(shown[from], shown[to]) : null), readable);
  }

  // Straight lines in a few widths, those of a kind as one path.
  private paintManyEdges(shown: Shown[]): void {
    const { pen, graph, steps, colours } = this;
    const kinds = [colours.line, colours.up, colours.down].map((colour) => ({ colour, paths: Array.from({ length: WIDTHS }, () => new Path2D()) }));
    const seen = new Set<number>();
    const now = steps.current?.use ?? null;
    let current: { colour: string; ends: number[] } | null = null;
    graph.uses.forEach((use, k) => {
      const a = shown[use.from], b = shown[use.to];
      if (a.kind === b.kind && a.id === b.id) return;
      if (a.kind === "group" || b.kind === "group") {
        const joined = (a.kind === "group" ? a.id : -1 - a.id) * 2 ** 26 + (b.kind === "group" ? b.id : -1 - b.id);
        if (seen.has(joined)) return;
        seen.add(joined);
      }
      const ends = this.ends(a, b);
      if (ends === null) return;
      const arrived = k < steps.swept, kind = kinds[!arrived ? 0 : signed(use.contribution) < 0 ? 2 : 1];
      const path = kind.paths[Math.min(WIDTHS - 1, Math.floor(WIDTHS * this.weight(k)))];
      path.moveTo(ends[0], ends[1]);
      path.lineTo(ends[2], ends[3]);
      if (k === now) current = { colour: kind.colour, ends };
    });
    pen.globalAlpha = 0.35;
    for (const { colour, paths } of kinds) {
      paths.forEach((path, width) => {
        pen.strokeStyle = colour;
        pen.lineWidth = 0.3 + width / 2;
        pen.stroke(path);
      });
    }
    pen.globalAlpha = 1;
    this.paintCurrent(current);
  }

  private paintCurrent(edge: { colour: string; ends: number[] } | null): void {
    if (edge === null) return;
    const [x0, y0, x1, y1] = edge.ends;
    this.pen.strokeStyle = edge.colour;
    this.pen.lineWidth = 4;
    this.pen.beginPath();
    this.pen.moveTo(x0, y0);
    this.pen.lineTo(x1, y1);
    this.pen.stroke();
  }

  private place(shown: Shown): GraphNode | Group {
    return shown.kind === "node" ? this.graph.nodes[shown.id] : this.graph.groups[shown.id];
  }

  private paintNode(node: GraphNode, box: Place, k: number): void {
    const { pen, colours, steps } = this;
    const chosen = k === this.selected || this.lit.has(k), current = steps.current?.node === k;
    pen.lineWidth = chosen ? 2.5 : 1;
    const sick = this.graph.nonfinite?.node === k || this.graph.nonfinite?.cause?.node === k, victim = !sick && this.victims.has(k);
    pen.strokeStyle = sick ? colours.bad : node.wrong ? colours.up : chosen || current ? colours.accent : colours.line;
    if (sick) pen.lineWidth = 3;
    pen.fillStyle = colours.box;
    if (box.w <= 3 && !chosen) { // a point
      pen.fillStyle = colours.quiet;
      pen.fillRect(box.x, box.y, Math.max(box.w, 0.7), Math.max(box.h, 0.7));
      return;
    }
    pen.beginPath();
    if (node.op === null) pen.rect(box.x, box.y, box.w, box.h);
    else pen.roundRect(box.x, box.y, box.w, box.h, box.h / 4.4);
    pen.fill();
    if (victim) pen.setLineDash([3, 3]);
    pen.stroke();
    pen.setLineDash([]);
    if (box.w < READABLE) return;
    const unit = box.w / 132;
    let taken = 0; // of the line, by what was written to its right
    const label = (text: string, y: number, colour: string, align: CanvasTextAlign, size: number, family: string) => {
      pen.font = `${size * unit}px ${family}`;
      pen.fillStyle = colour;
      pen.textAlign = align;
      pen.fillText(text, align === "left" ? box.x + 7 * unit : box.x + box.w - 7 * unit, box.y + y * unit, box.w - 18 * unit - (align === "left" ? taken : 0));
      taken = align === "right" ? pen.measureText(text).width : 0;
    };
    pen.textBaseline = "middle";
    const mono = "ui-monospace, monospace", gradient = steps.gradient(k);
    label(node.op ?? "", 13, colours.quiet, "right", 11, mono);
    label(shortName(node), 13, sick ? colours.bad : victim ? colours.quiet : colours.text, "left", 12, "system-ui, sans-serif");
    if (steps.stops.has(k)) {
      pen.fillStyle = colours.accent;
      pen.beginPath();
      pen.arc(box.x, box.y, 5 * unit, 0, 2 * Math.PI);
      pen.fill();
    }
    const told = gradient === null ? "" : `${node.wrong ? "✗ " : ""}∂ ${brief(gradient)}`;
    label(told, 31, victim ? colours.quiet : signed(gradient) < 0 ? colours.down : colours.up, "right", 11, mono);
    label(steps.evaluated(k) ? brief(node.value) : "·", 31, victim ? colours.quiet : colours.text, "left", 11, mono);
  }

  private listen(): void {
    const { canvas } = this;
    let held: { x: number; y: number; moved: boolean } | null = null;
    canvas.addEventListener("pointerdown", (event) => {
      held = { x: event.clientX, y: event.clientY, moved: false };
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!held) {
        if (this.graph.uses.length < CURVED) this.pointed(this.nodeAt(event.offsetX, event.offsetY));
        return;
      }
      const dx = event.clientX - held.x, dy = event.clientY - held.y;
      held.moved ||= Math.hypot(dx, dy) > 4;
      if (!held.moved) return;
      this.x += dx;
      this.y += dy;
      held.x = event.clientX;
      held.y = event.clientY;
      this.move();
    });
    canvas.addEventListener("pointerup", (event) => {
      if (held && !held.moved) this.choose(event.offsetX, event.offsetY);
      held = null;
    });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY * 0.0015), event.offsetX, event.offsetY);
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  private nodeAt(offsetX: number, offsetY: number, shown = this.shown()): number | null {
    const node = this.graph.nodes.findIndex((n, k) => shown[k].kind === "node" && this.holds(n, offsetX, offsetY));
    return node >= 0 ? node : null;
  }

  private holds(place: Place, offsetX: number, offsetY: number): boolean {
    const x = (offsetX - this.x) / this.scale, y = (offsetY - this.y) / this.scale;
    return x >= place.x && x <= place.x + place.w && y >= place.y && y <= place.y + place.h;
  }

  private choose(offsetX: number, offsetY: number): void {
    const shown = this.shown(), { groups } = this.graph;
    const node = this.nodeAt(offsetX, offsetY, shown);
    if (node !== null) {
      this.open(node);
      return;
    }
    const closed = shown.find((s) => s.kind === "group" && this.holds(groups[s.id], offsetX, offsetY));
    if (closed) this.enter(closed.id);
    else { // between the operations of a function: it is folded again
      const inner = groups.map((_, k) => k).filter((k) => groups[k].call !== null && !this.folds.folded(k) && this.holds(groups[k], offsetX, offsetY)).at(-1);
      if (inner !== undefined) this.fold(inner);
    }
  }

  // A function as one box again.
  private fold(group: number): void {
    const result = this.folds.close(group);
    if (result !== null) this.open(result);
    announce(t("{0} is one box", this.graph.groups[group].call!));
    this.draw();
  }

  // Open a group: if it is too small, zoom so that it fills the view.
  private enter(id: number): void {
    const group = this.graph.groups[id];
    const { clientWidth: wide, clientHeight: high } = this.canvas;
    if (group.call !== null) this.folds.open(id);
    announce(group.call !== null ? t("inside {0}", group.call) : t("inside {0}, {1}", group.path, group.kind));
    this.scale = Math.max((OPENED + 1) / group.w, 0.9 * Math.min(wide / group.w, high / group.h));
    this.x = wide / 2 - (group.x + group.w / 2) * this.scale;
    this.y = high / 2 - (group.y + group.h / 2) * this.scale;
    this.draw();
  }

  private key(event: KeyboardEvent): void {
    const { nodes } = this.graph;
    const beside = (step: number): number | undefined => {
      const here = nodes[this.selected];
      const column = nodes.map((n, k) => ({ n, k })).filter(({ n }) => Math.abs(n.x - here.x) < 1).sort((a, b) => a.n.y - b.n.y);
      return column[column.findIndex(({ k }) => k === this.selected) + step]?.k;
    };
    const moves: Record<string, () => number | undefined> = {
      ArrowLeft: () => this.folds.before(this.selected) ?? this.parents[this.selected][0],
      ArrowRight: () => this.folds.after(this.users[this.selected].at(-1)),
      ArrowUp: () => beside(-1), ArrowDown: () => beside(1),
    };
    if (event.key in moves) {
      const to = moves[event.key]();
      if (to !== undefined) {
        this.select(to);
        announce(t("{0}: {1}, gradient {2}", nodes[to].name, brief(nodes[to].value), brief(this.steps.gradient(to))));
      }
    } else if (event.key === "Enter") this.open(this.selected);
    else if (event.key === "o" || event.key === "f") {
      const inner = event.key === "o" ? this.folds.over(this.selected) : this.folds.toClose(this.selected);
      if (inner !== undefined) event.key === "o" ? this.enter(inner) : this.fold(inner);
    } else if (event.key === "b") this.steps.toggleStop(this.selected);
    else if (event.key === "+" || event.key === "=") this.zoom(1.25);
    else if (event.key === "-") this.zoom(0.8);
    else if (event.key === "0") this.fit();
    else return;
    event.preventDefault();
  }
}

function shortName(node: GraphNode): string {
  return node.name.split(".").slice(-2).join(".");
}
