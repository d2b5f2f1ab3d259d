// The line at the bottom: evaluation from left to right, then the sweep; back, forward, play.
import { announce, byId, element } from "./dom";
import type { Source } from "./data";
import { t } from "./language";
import type { Steps } from "./steps";

const MISTAKES = ["recursion", "leaves first", "no accumulation", "no zeroing"]; // their names: t("recursion") t("leaves first") t("no accumulation") t("no zeroing")
const BEAT = 400; // milliseconds a step when playing

export function timeline(steps: Steps, source: Source): void {
  const bar: HTMLInputElement = element("input", {
    type: "range", min: "0", max: `${steps.last}`, "aria-label": t("Step"), input: () => steps.go(+bar.value),
  });
  const play = button(t("Play"), "▶", () => toggle());
  const told = element("output", { id: "told" });
  const mistake = element("output", { id: "mistake" });
  let timer = 0;

  function toggle(): void {
    if (timer) {
      clearInterval(timer);
      timer = 0;
    } else {
      if (steps.position === steps.last) steps.go(0);
      timer = window.setInterval(() => {
        if (steps.position < steps.last) steps.go(steps.position + 1);
        if (steps.position === steps.last || steps.stopped) toggle();
      }, BEAT);
    }
    play.textContent = timer ? "❚❚" : "▶";
    play.setAttribute("aria-label", timer ? t("Pause") : t("Play"));
  }

  const how = element("select", { "aria-label": t("How the sweep is done"), change: () => void redo() },
    element("option", { value: "" }, t("done right")), ...MISTAKES.map((name) => element("option", { value: name }, t("wrong: {0}", t(name)))));

  async function redo(): Promise<void> {
    try {
      const numbers = await source.sweep(how.value);
      steps.renumber(numbers);
      const wrong = numbers.nodes.filter((node) => node.wrong).length;
      const given = numbers.complete === false ? t(", given up after {0} steps", numbers.uses.length.toLocaleString("en")) : "";
      mistake.textContent = how.value ? `${numbers.told}${given}${t(". ")}${wrong ? t("✗ {0} gradients are wrong.", wrong) : t("Here it changes nothing.")}` : "";
      announce(mistake.textContent);
    } catch (error) {
      mistake.textContent = (error as Error).message;
      how.value = ""; // the numbers are still those of before
    }
  }

  function show(): void {
    bar.max = `${steps.last}`;
    bar.value = `${steps.position}`;
    bar.setAttribute("aria-valuetext", steps.told());
    told.textContent = steps.told();
    announce(steps.told());
  }

  const split = element("span", { class: "halves" }, t("evaluation →"), element("span", {}, t("← sweep")));
  byId("timeline").append(
    button(t("First step"), "❘◀", () => steps.go(0)), button(t("Step back"), "◁", () => steps.go(steps.position - 1)), play,
    button(t("Step forward"), "▷", () => steps.go(steps.position + 1)), button(t("Last step"), "▶❘", () => steps.go(steps.last)),
    element("div", { class: "track" }, bar, split), told, how, mistake,
  );
  steps.onChange(show);
  show();
}

function button(name: string, glyph: string, click: () => void): HTMLButtonElement {
  return element("button", { type: "button", "aria-label": name, title: name, click }, glyph);
}
