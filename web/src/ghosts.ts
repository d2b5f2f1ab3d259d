// Where the gradient was dropped: grey, with scissors and the line that cut. Above a node what came into it, below what left it.
import type { Cut, Graph, Place } from "./data";
import { t } from "./language";
import { where } from "./list";

type Pen = CanvasRenderingContext2D;

// What a cut is called in the drawing and the list.
export function cutting(cut: Cut): string {
  return `✂ ${cut.what}${cut.file === null ? "" : ` · ${where(cut.file, cut.line)}`}`;
}

// `ends` are those of the edge between two nodes, `box` where a node is drawn: null where it is not to be seen.
export function paintGhosts(
  pen: Pen, graph: Graph, colour: string, ends: (from: number, to: number) => number[] | null, box: (node: number) => Place | null,
): void {
  pen.strokeStyle = pen.fillStyle = colour;
  pen.lineWidth = 1.2;
  const above = new Map<number, string[]>(), below = new Map<number, string[]>();
  const note = (at: Map<number, string[]>, node: number, text: string) => at.set(node, [...(at.get(node) ?? []), text]);
  for (const cut of graph.cuts) {
    const edge = cut.from !== null && cut.to !== null ? ends(cut.from, cut.to) : null;
    if (edge) ghost(pen, edge);
    if (cut.to !== null) note(above, cut.to, cutting(cut));
    else if (cut.from !== null) note(below, cut.from, cutting(cut));
  }
  pen.setLineDash([]);
  const write = (node: number, texts: string[], under: boolean) => {
    const at = box(node);
    if (at === null) return;
    const unit = at.w / 132, more = texts.length > 1 ? ` ${t("and {0} more", texts.length - 1)}` : "";
    pen.font = `italic ${10 * unit}px system-ui, sans-serif`;
    pen.textAlign = "left";
    pen.textBaseline = "middle";
    pen.fillText(texts[0] + more, at.x + 4 * unit, under ? at.y + at.h + 8 * unit : at.y - 8 * unit, 1.4 * at.w);
  };
  below.forEach((texts, node) => write(node, texts, true));
  above.forEach((texts, node) => write(node, texts, false));
}

function ghost(pen: Pen, [x0, y0, x1, y1]: number[]): void {
  pen.setLineDash([2, 4]);
  pen.beginPath();
  pen.moveTo(x0, y0 + 4);
  pen.bezierCurveTo((x0 + x1) / 2, y0 + 24, (x0 + x1) / 2, y1 + 24, x1, y1 + 4);
  pen.stroke();
  scissors(pen, [x0, y0 + 18, x1, y1 + 18]);
}

export function scissors(pen: Pen, [x0, y0, x1, y1]: number[]): void {
  pen.font = "14px system-ui, sans-serif";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText("✂", (x0 + x1) / 2, (y0 + y1) / 2);
}
