// An array as two pictures, value and gradient: a click, or the arrow keys and Enter, open the card of one entry.
import type { Number, Picture, Source } from "./data";
import { announce, element } from "./dom";
import { t } from "./language";
import { written } from "./numbers";

const CELL = 12; // pixels at most
const WIDE = 300;

export async function heatmap(
  into: HTMLElement, source: Source, node: number, shape: number[], index: number[] | null, open: (index: number[]) => void,
): Promise<void> {
  const lead = index ? index.slice(0, -2) : new Array(Math.max(0, shape.length - 2)).fill(0);
  let picture: Picture;
  try {
    picture = await source.array(node, shape.length > 2 ? lead : []);
  } catch (error) {
    into.replaceChildren(element("p", { class: "note" }, (error as Error).message));
    return;
  }
  const at = shape.length > 2 ? t("[{0}, …] of ", lead.join(", ")) : "";
  const thin = Math.max(...picture.step) > 1 ? t("; a cell is the largest of {0} entries", picture.step.join(" × ")) : "";
  into.replaceChildren(element("p", { class: "note" }, t("{0}: choose an entry", `${at}(${shape.join(", ")})${thin}`)));
  for (const name of ["value", "gradient"] as const) {
    const cells = picture[name];
    if (cells) into.append(element("figure", {}, element("figcaption", {}, name === "value" ? t("value") : t("gradient")), drawn(cells, picture, shape, index, name, open)));
  }
}

function drawn(
  cells: Number[][], picture: Picture, shape: number[], index: number[] | null, name: string, open: (index: number[]) => void,
): HTMLCanvasElement {
  const rows = cells.length, columns = cells[0]?.length ?? 0;
  const size = Math.max(1, Math.min(CELL, Math.floor(WIDE / Math.max(columns, 1)), 240 / Math.max(rows, 1)));
  const canvas = element("canvas", { tabindex: "0", role: "application", "aria-label": t("{0}: arrow keys choose an entry, Enter opens it", name === "value" ? t("value") : t("gradient")) });
  canvas.width = columns * size;
  canvas.height = rows * size;
  const pen = canvas.getContext("2d")!;
  const style = getComputedStyle(document.documentElement);
  const [up, down, ground] = ["--up", "--down", "--ground"].map((name) => style.getPropertyValue(name));
  const most = Math.max(...cells.flat().map((x) => (typeof x === "number" ? Math.abs(x) : 0)), 1e-300);
  let [row, column] = index ? [Math.floor((index.at(-2) ?? 0) / picture.step[0]), Math.floor((index.at(-1) ?? 0) / picture.step[1])] : [0, 0];
  let marked = index !== null;

  function paint(): void {
    pen.globalAlpha = 1;
    pen.fillStyle = ground;
    pen.fillRect(0, 0, canvas.width, canvas.height);
    cells.forEach((line, r) => line.forEach((x, c) => {
      if (typeof x === "number") {
        pen.globalAlpha = 0.08 + 0.92 * Math.log1p(1000 * Math.abs(x) / most) / Math.log1p(1000);
        if (x === 0) pen.globalAlpha = 0;
        pen.fillStyle = x > 0 ? up : down;
        pen.fillRect(c * size, r * size, size, size);
      } else {
        pen.globalAlpha = 1;
        pen.strokeStyle = style.getPropertyValue("--text");
        pen.beginPath();
        pen.moveTo(c * size, r * size);
        pen.lineTo((c + 1) * size, (r + 1) * size);
        pen.stroke();
      }
    }));
    if (marked) {
      pen.globalAlpha = 1;
      pen.strokeStyle = style.getPropertyValue("--text");
      pen.lineWidth = 2;
      pen.strokeRect(column * size + 1, row * size + 1, size - 2, size - 2);
    }
  }

  function entry(): number[] {
    const r = row * picture.step[0], c = column * picture.step[1];
    return shape.length > 1 ? [...picture.lead, r, c] : [c];
  }

  canvas.addEventListener("click", (event) => {
    const box = canvas.getBoundingClientRect();
    column = Math.min(columns - 1, Math.floor((event.clientX - box.left) / box.width * columns));
    row = Math.min(rows - 1, Math.floor((event.clientY - box.top) / box.height * rows));
    open(entry());
  });
  canvas.addEventListener("keydown", (event) => {
    const moves: Record<string, [number, number]> = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    if (event.key === "Enter") open(entry());
    else if (event.key in moves) {
      row = Math.max(0, Math.min(rows - 1, row + moves[event.key][0]));
      column = Math.max(0, Math.min(columns - 1, column + moves[event.key][1]));
      marked = true;
      paint();
      announce(`[${entry().join(", ")}] ${written(cells[row][column])}`);
    } else return;
    event.preventDefault();
  });
  paint();
  return canvas;
}
