// The line at the bottom: evaluation from left to right, then the sweep; back, forward, play.
import { announce, byId, element } from "./dom";
import type { Source } from "./data";
import type { Steps } from "./steps";

const MISTAKES = ["recursion", "leaves first", "no accumulation", "no zeroing"];
const BEAT = 400; // milliseconds a step when playing

export function timeline(steps: Steps, source: Source): void {
  const bar: HTMLInputElement = element("input", {
    type: "range", min: "0", max: `${steps.last}`, "aria-label": "Step", input: () => steps.go(+bar.value),
  });
  const play = button("Play", "▶", () => toggle());
  const told = element("output", { id: "told" });
  const mistake = element("output", { id: "mistake" });
  let timer = 0;

  function toggle(): void {
    if (timer) {
      clearInterval(timer);
      timer = 0;
    } else {
      if (steps.position === steps.last) steps.go(0);
      timer = window.setInterval(() => (steps.position === steps.last ? toggle() : steps.go(steps.position + 1)), BEAT);
    }
    play.textContent = timer ? "❚❚" : "▶";
    play.setAttribute("aria-label", timer ? "Pause" : "Play");
  }

  const how = element("select", { "aria-label": "How the sweep is done", change: () => void redo() },
    element("option", { value: "" }, "done right"), ...MISTAKES.map((name) => element("option", { value: name }, `wrong: ${name}`)));

  async function redo(): Promise<void> {
    try {
      const numbers = await source.sweep(how.value);
      steps.renumber(numbers);
      const wrong = numbers.nodes.filter((node) => node.wrong).length;
      const given = numbers.complete === false ? `, given up after ${numbers.uses.length.toLocaleString("en")} steps` : "";
      mistake.textContent = how.value ? `${numbers.told}${given}. ${wrong ? `✗ ${wrong} gradients are wrong.` : "Here it changes nothing."}` : "";
      announce(mistake.textContent);
    } catch (error) {
      mistake.textContent = (error as Error).message;
    }
  }

  function show(): void {
    bar.max = `${steps.last}`;
    bar.value = `${steps.position}`;
    bar.setAttribute("aria-valuetext", steps.told());
    told.textContent = steps.told();
    announce(steps.told());
  }

  const split = element("span", { class: "halves" }, "evaluation →", element("span", {}, "← sweep"));
  byId("timeline").append(
    button("First step", "❘◀", () => steps.go(0)), button("Step back", "◁", () => steps.go(steps.position - 1)), play,
    button("Step forward", "▷", () => steps.go(steps.position + 1)), button("Last step", "▶❘", () => steps.go(steps.last)),
    element("div", { class: "track" }, bar, split), told, how, mistake,
  );
  steps.onChange(show);
  show();
}

function button(name: string, glyph: string, click: () => void): HTMLButtonElement {
  return element("button", { type: "button", "aria-label": name, title: name, click }, glyph);
}
