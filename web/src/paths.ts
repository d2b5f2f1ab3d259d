// The largest whole paths from the loss to what the card shows, what the others add, and the gradient without some edges.
import type { Door, Graph, PathsTold, Source } from "./data";
import { announce, byId, element } from "./dom";
import { t } from "./language";
import { brief, isArray, signed, whole } from "./numbers";

export class PathsView {
  private muted: number[] = [];
  private asked = 0;
  private door: Door | null = null;

  constructor(readonly graph: Graph, readonly source: Source) {}

  // Show the paths to another gradient, if they are looked at.
  async show(door: Door): Promise<void> {
    this.door = door;
    if (byId("paths").hidden) return;
    const asked = ++this.asked;
    try {
      const found = await this.source.paths(door.node, door.index, this.muted);
      if (asked === this.asked) this.render(found);
    } catch (error) {
      byId("paths").replaceChildren(element("h2", {}, this.graph.nodes[door.node].name), element("p", { class: "error" }, (error as Error).message));
    }
  }

  again(): void {
    if (this.door) void this.show(this.door);
  }

  private mute(use: number, on: boolean): void {
    this.muted = on ? [...this.muted, use] : this.muted.filter((each) => each !== use);
    this.again();
  }

  private render(found: PathsTold): void {
    const rows = found.paths.map((path) => {
      const steps = path.edges.map((edge) => element("li", {},
        `${edge.from} → ${edge.to}`, edge.local === null ? "" : ` × ${brief(edge.local)} `,
        this.source.live && element("button", { type: "button", "aria-label": t("mute {0}", `${edge.from} → ${edge.to}`), click: () => this.mute(edge.use, true) }, t("mute"))));
      const part = path.along ?? path.contribution;
      const glyph = isArray(part) ? "" : signed(part) < 0 ? "▼ " : signed(part) > 0 ? "▲ " : "";
      return element("details", {}, element("summary", {},
        element("span", { class: "number", title: whole(path.contribution) }, `${glyph}${brief(part, true)}`), ` ${path.labels.join(" → ")}`),
        element("ol", {}, ...steps));
    });
    const rest = found.left === "0" ? "" : element("p", {}, element("span", { class: "number", title: whole(found.rest) }, brief(found.rest_along ?? found.rest, true)), ` ${t("{0} more, exactly", found.left)}`);
    const muted = found.muted.map((edge) => element("li", {}, `${edge.text} `,
      element("button", { type: "button", click: () => this.mute(edge.use, false) }, t("unmute"))));
    byId("paths").replaceChildren(
      element("h2", {}, `∂${found.of}/∂${found.name} = `, element("span", { class: "accent", title: whole(found.total) }, brief(found.total))),
      element("p", { class: "facts" }, found.count === "1" ? t("1 path") : t("{0} paths, added", found.count), found.exact ? "" : t("; arrays were on the way: among the others may be larger ones")),
      muted.length ? element("div", { class: "note" }, t("without these edges; with them it is {0}", brief(found.gradient)), element("ul", {}, ...muted)) : "",
      found.paths.some((path) => path.along !== null) ? element("p", { class: "facts" }, t("parts along the gradient: they add up to its norm")) : "",
      ...rows, rest,
    );
    announce(t("{0} paths, in all {1}", found.count, brief(found.total)));
  }
}
