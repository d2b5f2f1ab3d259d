// Small curves by step, each with a sentence that says where it began and where it is.
import uPlot from "uplot";
import type { Run } from "./data";
import { element } from "./dom";
import { t } from "./language";
import { written } from "./numbers";

const WIDTH = 300; // pixels

export function colour(variable: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(variable);
}

// Steps below, numbers as the page writes them on the left.
export function axes(): uPlot.Axis[] {
  const line = colour("--line");
  const axis: uPlot.Axis = { stroke: colour("--quiet"), grid: { stroke: line, width: 1 }, ticks: { stroke: line }, splits: (_plot, _axis, least, most) => ticks(least, most) };
  return [axis, { ...axis, size: 80, values: (_, marks) => marks.map((mark) => written(mark)) }];
}

// Round numbers from `least` to `most`, six at most. uPlot's own add up a step that may be lost in rounding, and never end.
function ticks(least: number, most: number): number[] {
  const range = most / 5 - least / 5, power = 10 ** Math.floor(Math.log10(range)), step = power * [1, 2, 5, 10].find((k) => k * power >= range)!;
  const first = Math.ceil(least / step);
  return [0, 1, 2, 3, 4, 5].map((k) => (first + k) * step).filter((tick) => tick >= least && tick <= most);
}

export function curve(place: HTMLElement, width: number, data: uPlot.AlignedData): uPlot {
  return new uPlot({
    width, height: 140, scales: { x: { time: false } }, legend: { show: false }, axes: axes(), series: [{}, { stroke: colour("--accent"), width: 1.5 }],
  }, data, place);
}

export class Curves {
  readonly place = element("div", { id: "curves" });
  private drawn = new Map<string, { plot: uPlot; place: HTMLElement; told: HTMLElement }>();

  show(curves: Run["curves"]): void {
    for (const { name, points } of curves) {
      const data: uPlot.AlignedData = [points.map(([step]) => step), points.map(([, value]) => value)];
      const one = this.drawn.get(name) ?? this.draw(name, data);
      const [first, last] = [points[0], points.at(-1)!];
      const told = t("{0}: {1} at step {2}, {3} at step {4}", name, written(first[1]), first[0], written(last[1]), last[0]);
      if (told === one.told.textContent) continue;
      one.told.textContent = told;
      one.place.setAttribute("aria-label", told);
      one.plot.setData(data);
    }
  }

  private draw(name: string, data: uPlot.AlignedData): { plot: uPlot; place: HTMLElement; told: HTMLElement } {
    const place = element("div", { role: "img" }), told = element("figcaption");
    this.place.append(element("figure", {}, place, told));
    const one = { plot: curve(place, WIDTH, data), place, told };
    this.drawn.set(name, one);
    return one;
  }
}
