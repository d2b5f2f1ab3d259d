// Which examples of the batch push a gradient up and which down: the largest, what they look like, and what all others add.
import type { Card, Door, ExamplesTold, Source } from "./data";
import { element } from "./dom";
import { t } from "./language";
import { brief, signed, whole } from "./numbers";

export async function examples(into: HTMLElement, source: Source, card: Card, open: (door: Door) => void): Promise<void> {
  let found: ExamplesTold;
  try {
    found = await source.examples(card.node, card.index);
  } catch (error) {
    into.replaceChildren(element("p", { class: "note" }, (error as Error).message));
    return;
  }
  if (found.unknown) {
    into.replaceChildren(element("p", { class: "note" }, found.unknown));
    return;
  }
  const most = Math.max(...found.examples.map((each) => each.size), 1e-300);
  const rows = found.examples.map((each) => {
    const size = signed(each.contribution), label = each.label === null ? "" : t("label {0}", each.label);
    const name = t("example {0}", each.number);
    const chosen = each.number === card.example;
    const door = source.live
      ? element("button", { type: "button", class: "door", "aria-current": chosen && "true", click: () => open({ node: card.node, index: card.index, example: each.number }) }, name)
      : name;
    const looks = each.picture ? thumbnail(each.picture) : element("span", { class: "numbers" }, each.numbers);
    return element("tr", { class: chosen ? "chosen" : "" },
      element("td", { class: "bar" }, element("meter", { class: size < 0 ? "down" : "up", min: "0", max: "1", value: `${each.size / most}`, "aria-hidden": "true" })),
      element("th", { scope: "row" }, door, label && ` · ${label}`), element("td", {}, looks),
      element("td", { class: "number", title: whole(each.contribution) }, `${size < 0 ? "▼ " : size > 0 ? "▲ " : ""}${brief(each.contribution, true)}`));
  });
  const line = (name: string, told: Parameters<typeof whole>[0], kind: string) => rows.push(element("tr", { class: kind },
    element("td"), element("th", { scope: "row", colspan: "2" }, name), element("td", { class: "number", title: whole(told) }, brief(told, true))));
  if (found.more.count) line(t("{0} more, exactly", found.more.count.toLocaleString("en")), found.more.sum, "rest");
  if (found.rest !== 0) line(t("by no example"), found.rest, "rest");
  line(`${t("sum")} = ${found.symbol}`, found.gradient, "all");
  into.replaceChildren(element("table", {}, element("caption", {}, t("By example: {0}", found.along)), element("tbody", {}, ...rows)));
}

function thumbnail(greys: number[][]): HTMLCanvasElement {
  const canvas = element("canvas", { class: "thumbnail", "aria-hidden": "true" });
  canvas.height = greys.length;
  canvas.width = greys[0].length;
  const pen = canvas.getContext("2d")!;
  const picture = pen.createImageData(canvas.width, canvas.height);
  greys.flat().forEach((grey, k) => picture.data.set([grey, grey, grey, 255], 4 * k));
  pen.putImageData(picture, 0, 0);
  return canvas;
}
