// The river of the gradient: from the loss at the right through the layers to what keeps it. A band is as wide as the sizes of all
// contributions in it, the stripe within as wide as their sum: the rest cancels.
import type { Door, FlowBand, FlowStation, FlowTold, Graph, PartTold, Source } from "./data";
import { announce, byId, drawn, element, type Child } from "./dom";
import { t } from "./language";
import { brief, signed, whole } from "./numbers";
import type { Steps } from "./steps";

const BOX = 14; // pixels: the width of a station
const STUB = 30; // of what ends in a station, or begins
const APART = 104; // from one column to the next, at least

type Point = [number, number];

export class FlowView {
  private door: Door | null = null; // of the card
  private everything = true; // flows to all leaves, not to what the card is of
  private inside: number[] | null = null; // the stations that are looked into; null: as Python chooses
  private asked = 0;
  private chosen = element("p", { class: "choice" });
  private told = element("div", { id: "flow-told", "aria-live": "polite" });

  constructor(readonly graph: Graph, readonly source: Source, steps: Steps, readonly open: (node: number) => void) {
    new ResizeObserver(() => this.found && this.shown && this.render(this.found)).observe(byId("stage"));
    steps.onChange(() => this.shown && steps.position === steps.last && this.again());
  }

  private found: FlowTold | null = null;

  private get shown(): boolean {
    return !byId("flow").hidden;
  }

  // The card shows another gradient.
  show(door: Door): void {
    this.door = door;
    if (!this.everything) this.again();
    else if (this.shown) this.chosen.replaceChildren(...this.choice());
  }

  again(): void {
    if (this.shown) void this.ask();
  }

  private async ask(): Promise<void> {
    this.chosen.replaceChildren(...this.choice());
    const asked = ++this.asked, door = this.everything ? null : this.door;
    try {
      const found = await this.source.flow(door?.node ?? null, door?.index ?? null, this.inside);
      if (asked === this.asked) this.render(found);
    } catch (error) {
      if (asked === this.asked) byId("flow").replaceChildren(this.chosen, element("p", { class: "error" }, (error as Error).message));
    }
  }

  // Whose gradient: that of all leaves, or that of the card.
  private choice(): HTMLElement[] {
    const button = (everything: boolean, name: string) => element("button", { type: "button", "aria-pressed": `${this.everything === everything}`, click: () => {
      this.everything = everything;
      void this.ask();
    } }, name);
    const { of, nodes } = this.graph;
    const entry = this.door?.index?.length ? `[${this.door.index.join(", ")}]` : "";
    const all = button(true, t("to all leaves"));
    return this.door ? [all, button(false, `∂${of}/∂${nodes[this.door.node].name}${entry}`)] : [all];
  }

  private look(numbers: number[]): void {
    this.inside = numbers;
    void this.ask();
  }

  private render(found: FlowTold): void {
    this.found = found;
    const outer = found.open.filter((each) => each.name);
    const close = this.source.live && outer.map((each) => element("button", { type: "button", click: () => this.look(found.open.map((other) => other.number).filter((n) => n !== each.number)) }, t("close {0}", each.name)));
    this.told.replaceChildren(element("p", { class: "note" }, t("Choose a band or a layer: its numbers are told here.")));
    byId("flow").replaceChildren(
      this.chosen,
      element("h2", {}, `${found.symbol} = `, element("span", { class: "accent", title: whole(found.total) }, brief(found.total))),
      element("p", { class: "facts" }, t("From the loss to the leaves, right to left. A band is as wide as all contributions in it, above those that raise the gradient, below those that lower it; the stripe is their sum, which is preserved.")),
      element("div", { class: "river" }, this.picture(found)), this.told,
      element("p", { class: "choice" }, ...(close || [])), this.table(found),
    );
    const river = byId("flow").querySelector(".river")!;
    river.scrollLeft = river.scrollWidth; // the loss is at the right
    announce(`${found.symbol} = ${brief(found.total)}`);
  }

  private picture(found: FlowTold): SVGElement {
    const wide = byId("flow").clientWidth - 32;
    const apart = Math.max(APART, (wide - 2 * STUB - BOX - 76) / Math.max(1, found.columns - 1));
    const left = (station: FlowStation) => STUB + 8 + station.column * apart;
    const at = new Map(found.stations.map((station) => [station.number, station]));
    const parts = found.bands.map((band) => this.band(band, at.get(band.start)!, at.get(band.end)!, left, apart));
    for (const station of found.stations) {
      const x = left(station), y = station.keptAt;
      if (station.ends.length) parts.push(this.stream([[x, y], [x - STUB, y]], station.kept, station.keptWide, t("{0} keeps it", station.name), () => this.tellStation(station)));
      if (station.source) {
        const middle = station.y + station.high / 2;
        parts.push(drawn("text", { x: `${x + BOX + 6}`, y: `${middle}`, class: "source" }, `← ${brief(found.total)}`));
      }
      parts.push(this.station(station, x, apart));
    }
    const width = 2 * STUB + BOX + 76 + (found.columns - 1) * apart, height = found.height + 8;
    return drawn("svg", { width: `${width}`, height: `${height}`, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": t("Flow") }, ...parts);
  }

  private band(band: FlowBand, start: FlowStation, end: FlowStation, left: (station: FlowStation) => number, apart: number): SVGElement {
    const points: Point[] = [[left(start), band.y[0]]];
    band.y.slice(1).forEach((y, k) => {
      const x = left(start) - (k + 1) * apart;
      points.push([x + BOX, y]);
      if (k < band.y.length - 2) points.push([x, y]); // a lane past a column
    });
    return this.stream(points, band.part, band.wide, `${start.name} → ${end.name}`, () => this.tellBand(band, start, end));
  }

  // One band along its points: above what raises, below what lowers, in the middle the sum.
  private stream(points: Point[], part: PartTold, wide: number, name: string, act: () => void): SVGElement {
    const up = signed(part.up), down = -signed(part.down), gross = up + down || 1, net = signed(part.net);
    const filled = (kind: string, width: number, shift: number) => width > 0 && drawn("path", { d: ribbon(points, Math.max(1, width), shift), class: kind });
    return this.button("band", sentence(name, part), act,
      drawn("path", { d: ribbon(points, Math.max(10, wide), 0), class: "reach" }),
      filled("rises", wide * up / gross, -wide * down / gross / 2), filled("falls", wide * down / gross, wide * up / gross / 2),
      filled(net < 0 ? "sum down" : "sum up", wide * Math.abs(net) / gross, 0),
      net < 0 && drawn("path", { d: `M${along(points, 0)}`, class: "dashes" })); // not by its colour alone
  }

  private station(station: FlowStation, x: number, apart: number): SVGElement {
    const most = Math.floor(apart / 7.5);
    const name = short(station.name, most), kind = short(kindOf(station), most);
    return this.button("station", told(station), () => this.tellStation(station),
      drawn("rect", { x: `${x}`, y: `${station.y}`, width: `${BOX}`, height: `${station.high}`, rx: "3" }),
      drawn("text", { x: `${x}`, y: `${station.y - 19}` }, name), drawn("text", { x: `${x}`, y: `${station.y - 5}`, class: "kind" }, kind));
  }

  private button(kind: string, label: string, act: () => void, ...children: (SVGElement | false)[]): SVGElement {
    const made = drawn("g", { class: kind, role: "button", tabindex: "0", "aria-label": label }, drawn("title", {}, label), ...children.filter((child): child is SVGElement => child !== false));
    made.addEventListener("click", act);
    made.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      act();
    });
    return made;
  }

  private tell(name: string, rows: HTMLElement[], ...more: HTMLElement[]): void {
    this.told.replaceChildren(element("h3", {}, name), accounts(rows), ...more);
  }

  private tellBand(band: FlowBand, start: FlowStation, end: FlowStation): void {
    const rows = [...band.edges.map((edge) => row(this.to(edge.node, `${edge.from} → ${edge.to}`), edge.part)), row(band.count > band.edges.length ? t("all {0} edges", band.count) : t("together"), band.part)];
    this.tell(`${start.name} → ${end.name}`, rows);
  }

  private tellStation(station: FlowStation): void {
    const rows = [row(t("flows in"), station.inflow), row(t("flows out"), station.outflow)];
    if (station.source) rows.unshift(row(t("begins"), station.source));
    for (const end of station.ends) rows.push(row(this.to(end.node, t("{0} keeps it", end.name)), end.part));
    const found = this.found!;
    const inside = this.source.live && station.inside && element("button", { type: "button", click: () => this.look([...found.open.map((each) => each.number), station.number]) }, t("look inside"));
    const card = station.node !== null && this.to(station.node, t("card of {0}", this.graph.nodes[station.node].name));
    this.tell(`${station.name} ${kindOf(station)}`, rows, element("p", { class: "choice" }, inside, card));
  }

  private to(node: number, name: string): HTMLElement {
    return element("button", { type: "button", class: "door", click: () => this.open(node) }, name);
  }

  // The same for those who read it line by line.
  private table(found: FlowTold): HTMLElement {
    const at = new Map(found.stations.map((station) => [station.number, station]));
    const bands = found.bands.map((band) => {
      const start = at.get(band.start)!, end = at.get(band.end)!;
      return row(element("button", { type: "button", class: "door", click: () => this.tellBand(band, start, end) }, `${start.name} → ${end.name}`), band.part);
    });
    const kept = found.stations.filter((station) => station.ends.length).reverse().map((station) =>
      row(element("button", { type: "button", class: "door", click: () => this.tellStation(station) }, t("{0} keeps it", station.name)), station.kept));
    return accounts([...bands, ...kept], t("What flows from layer to layer"));
  }
}

function accounts(rows: HTMLElement[], caption = ""): HTMLElement {
  const heads = ["", t("raises"), t("lowers"), t("sum")];
  return element("table", {}, caption && element("caption", {}, caption),
    element("thead", {}, element("tr", {}, ...heads.map((head, k) => element(k ? "th" : "td", k ? { scope: "col", class: "number" } : {}, head)))), element("tbody", {}, ...rows));
}

function row(name: Child, part: PartTold): HTMLElement {
  const cell = (x: PartTold["net"], glyph = "") => element("td", { class: "number", title: whole(x) }, `${glyph}${brief(x, true)}`);
  return element("tr", {}, element("th", { scope: "row" }, name), cell(part.up), cell(part.down), cell(part.net, signed(part.net) < 0 ? "▼ " : signed(part.net) > 0 ? "▲ " : ""));
}

// The outline of a band through points; `shift` moves it down.
function ribbon(points: Point[], width: number, shift: number): string {
  return `M${along(points, shift - width / 2)}L${along([...points].reverse(), shift + width / 2)}Z`;
}

// A curve through points, moved down by `by`.
function along(points: Point[], by: number): string {
  return points.map(([x, y], k) => {
    if (!k) return `${x} ${y + by}`;
    const [before, from] = points[k - 1], middle = (before + x) / 2;
    return `C${middle} ${from + by} ${middle} ${y + by} ${x} ${y + by}`;
  }).join("");
}

// What a band carries, in words.
function sentence(name: string, part: PartTold): string {
  return t("{0}: {1} and {2}, together {3}", name, brief(part.up, true), brief(part.down, true), brief(part.net, true));
}

function told(station: FlowStation): string {
  return t("{0} {1}: {2} flows in, {3} flows out, {4} is kept", station.name, kindOf(station), brief(station.inflow.net, true), brief(station.outflow.net, true), brief(station.kept.net, true));
}

function kindOf(station: FlowStation): string {
  return station.kind || (station.count > 1 ? t("{0} operations", station.count) : "");
}

function short(name: string, most: number): string {
  return name.length > most ? `${name.slice(0, Math.ceil(most / 3))}…${name.slice(-Math.floor(2 * most / 3) + 1)}` : name;
}
