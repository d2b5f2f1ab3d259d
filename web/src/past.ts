// A run that is over: any of its steps is computed again and opened, and a weight is followed through them.
import { curve } from "./curves";
import type { Card, Door, History, Run, Source } from "./data";
import { announce, byId, element } from "./dom";
import { t } from "./language";
import { brief } from "./numbers";

const KEPT = "card"; // what was open before a jump or in another language, in the browser's storage of this tab
const EVERY = 300; // milliseconds between two looks
const NAMES: Record<string, string> = { value: "value", change: "change", gradient: "gradient" }; // t("value") t("change") t("gradient")

// The line of the training steps, above that of the evaluation; `door` is the card that is open.
export function machine(source: Source, run: Run, door: () => Door | null): void {
  const last = run.past!.last, now = run.step + 1;
  const choice: HTMLInputElement = element("input", {
    type: "range", min: "1", max: `${last + 1}`, "aria-label": t("Training step"), input: () => tell(+choice.value),
  });
  choice.value = `${now}`;
  const told = element("output", { id: "past-told" });
  const open = element("button", { type: "button", click: () => void jump(+choice.value) }, t("Open"));
  const halt = element("button", { type: "button", hidden: true, click: () => void source.tell("halt") }, t("Stop"));

  function tell(step: number): void {
    told.textContent = step > last ? t("the step after the last, {0}", last.toLocaleString("en")) : t("step {0} of {1}", step.toLocaleString("en"), last.toLocaleString("en"));
    choice.setAttribute("aria-valuetext", told.textContent);
  }

  async function jump(step: number): Promise<void> {
    open.disabled = true;
    halt.hidden = false;
    try {
      await watched(source, told, source.tell("jump", { step }));
      keep(door());
      location.hash = "Graph";
      location.reload();
    } catch (error) {
      told.textContent = (error as Error).message;
      announce(told.textContent);
    }
    open.disabled = false;
    halt.hidden = true;
  }

  byId("timeline").prepend(element("div", { id: "past" }, element("span", {}, t("Training step")), choice, told, open, halt));
  tell(now);
}

// For the page as it is after it is asked for again.
export function keep(door: Door | null): void {
  sessionStorage.setItem(KEPT, JSON.stringify(door));
}

// The card that was open before, once.
export function kept(): Door | null {
  const found = JSON.parse(sessionStorage.getItem(KEPT) ?? "null") as Door | null;
  sessionStorage.removeItem(KEPT);
  return found;
}

// While something is computed, say how far it is.
async function watched<T>(source: Source, told: HTMLElement, answer: Promise<T>): Promise<T> {
  const timer = window.setInterval(() => {
    void source.run().then((run) => {
      const working = run?.past?.working;
      if (working) told.textContent = t("computing step {0} of {1} …", working[0].toLocaleString("en"), working[1].toLocaleString("en"));
    }, () => {});
  }, EVERY);
  try {
    return await answer;
  } finally {
    clearInterval(timer);
  }
}

// The button in the card of a weight, and what it shows.
export function history(source: Source, card: Card): HTMLElement {
  const told = element("p", { class: "note" }), plots = element("div");
  const open = element("button", { type: "button", click: () => {
    open.disabled = true;
    watched(source, told, source.tell<History>("history", { node: card.node, index: card.index?.join(",") ?? "" })).then((found) => {
      told.textContent = "";
      plots.replaceChildren();
      for (const [name, row] of Object.entries(found.series)) plot(plots, found, name, row);
      announce(t("{0} over {1} steps", found.name, found.steps.length));
    }, (error: Error) => {
      told.textContent = error.message;
    }).finally(() => {
      open.disabled = false;
    });
  } }, t("Over the steps"));
  return element("section", { id: "history" }, open, told, plots);
}

function plot(into: HTMLElement, found: History, name: string, row: History["series"][string]): void {
  const label = name in NAMES ? t(NAMES[name]) : name;
  const numbers = row.map((x) => (typeof x === "number" ? x : null));
  const told = found.steps.length ? t("{0}: {1} at step {2}, {3} at step {4}", label, brief(row[0]), found.steps[0], brief(row.at(-1)!), found.steps.at(-1)!) : label;
  const place = element("div", { role: "img", "aria-label": told });
  into.append(element("figure", {}, place, element("figcaption", {}, told)));
  curve(place, Math.max(240, into.clientWidth), [found.steps, numbers]);
}
