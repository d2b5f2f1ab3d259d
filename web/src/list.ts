// The graph as a table: everything that the drawing shows, for those who read it line by line.
import type { Graph } from "./data";
import { byId, element, type Child } from "./dom";
import { t } from "./language";
import { brief } from "./numbers";
import type { Steps } from "./steps";

const MOST = 2000; // rows at a time

export class NodeList {
  constructor(readonly graph: Graph, readonly steps: Steps, readonly open: (node: number) => void) {
    steps.onChange(() => this.shown && this.show());
  }

  private get shown(): boolean {
    return !byId("list").hidden;
  }

  show(): void {
    const found = this.graph.nonfinite, victims = new Set(found?.victims);
    const rows = this.graph.nodes.slice(0, MOST).map((node, k) => {
      const name = element("button", { type: "button", class: "door", click: () => this.open(k) }, node.name);
      return element("tr", { class: victims.has(k) ? "victim" : "" },
        element("th", { scope: "row" }, name, ...[found, found?.cause].map((at) => at?.node === k && element("span", { class: "bad" }, ` ${t("{0} starts here", at.what)}`))), element("td", {}, node.formula || t("given")),
        element("td", { class: "number" }, this.steps.evaluated(k) ? brief(node.value) : t("not computed yet")),
        element("td", { class: "number" }, `${node.wrong ? "✗ " : ""}${brief(this.steps.gradient(k))}`), element("td", {}, where(node.file, node.line)),
      );
    });
    const heads = [t("name"), t("computed as"), t("value"), `∂${this.graph.of}/∂…`, t("where")];
    const more = this.graph.nodes.length - rows.length;
    byId("list").replaceChildren(
      element("table", {},
        element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head)))),
        element("tbody", {}, ...rows)),
      this.cuts() ?? "",
      more > 0 ? element("p", {}, t("{0} more nodes: find them in the graph.", more)) : "",
    );
  }

  private cuts(): HTMLElement | null {
    const { nodes, uses, cuts } = this.graph;
    const door = (k: number, text: string) => element("button", { type: "button", class: "door", click: () => this.open(k) }, text);
    const rows = cuts.slice(0, MOST).map((cut) => {
      const name = cut.name || t("a constant");
      const into = cut.to === null ? "" : t("; goes into {0}", nodes[cut.to].name);
      return cutRow(cut.from === null ? (cut.to === null ? name : door(cut.to, name)) : door(cut.from, name), cut.what + into, where(cut.file, cut.line));
    });
    for (const use of uses.slice(0, MOST)) {
      if (!use.dropped?.[0]) continue;
      const node = nodes[use.to];
      rows.push(cutRow(door(use.to, node.name), t("{0}: {1} of {2} entries let nothing through", node.op ?? "", ...use.dropped), where(node.file, node.line)));
    }
    if (!rows.length) return null;
    const heads = [t("name"), t("made a constant by"), t("where")];
    return element("table", { id: "cuts" }, element("caption", {}, t("Where the gradient was dropped")),
      element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head)))), element("tbody", {}, ...rows));
  }
}

// Where the gradient was dropped, with the line that did it.
function cutRow(name: Child, what: string, at: string): HTMLElement {
  return element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, `✂ ${what}`), element("td", {}, at));
}

export function where(file: string | null, line: number | null): string {
  return file === null ? "" : `${file.split("/").pop()}:${line}`;
}
