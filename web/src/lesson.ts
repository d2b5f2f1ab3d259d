// A lesson: its text and code as far as it has been run, what that printed, and the question that waits for an answer.
import type { Lesson, LessonCell, Source } from "./data";
import { announce, byId, element } from "./dom";
import { t } from "./language";

export class LessonView {
  private choice = element("select", { "aria-label": t("Lesson"), change: () => void this.tell("choose", { lesson: this.choice.value }) });
  private body = element("div", { class: "lesson" });
  private message = element("p", { class: "error", role: "alert" });

  constructor(readonly source: Source, private lesson: Lesson) {
    byId("learn").append(element("div", { class: "history" }, this.choice), this.body, this.message);
    this.show();
  }

  // Tell Python something about the lesson, and show it as it is then.
  private async tell(command: string, words: object = {}): Promise<void> {
    try {
      await this.source.tell(command, words);
      const before = this.lesson;
      this.lesson = (await this.source.lesson())!;
      this.message.textContent = "";
      this.show();
      if (before.number !== this.lesson.number) byId("learn").scrollTop = 0;
      else this.afterAnswer(before);
    } catch (error) {
      this.lesson = (await this.source.lesson())!; // an answer counts, even if it could not be written down
      this.show();
      this.message.textContent = (error as Error).message;
    }
  }

  // Say the verdict, and go where the reader goes on: to the next question, or to the same one again.
  private afterAnswer(before: Lesson): void {
    const place = before.waiting;
    if (place === null) return;
    announce(this.lesson.cells[place].verdict);
    const again = this.lesson.waiting === place;
    this.body.children[again ? place : place + 1]?.scrollIntoView({ block: "nearest" });
    this.body.querySelector<HTMLInputElement>("input")?.focus({ preventScroll: !again });
  }

  private show(): void {
    const { lesson } = this;
    this.choice.replaceChildren(...lesson.lessons.map(({ number, title }) => element("option", { value: `${number}`, selected: number === lesson.number }, title)));
    this.body.replaceChildren(...lesson.cells.map((cell, k) => this.cell(cell, k)));
    const end = element("div", { class: "history" }, this.button(t("Open the graph"), async () => {
      await this.source.tell("open");
      location.hash = "Graph";
      location.reload();
    }), this.button(t("Save the score"), () => this.save()));
    const next = lesson.lessons.find(({ number }) => number === lesson.number + 1);
    if (lesson.waiting === null && next) end.append(this.button(t("Next: {0}", next.title), () => this.tell("choose", { lesson: `${next.number}` })));
    this.body.append(element("p", { class: "facts" }, t("{0} of {1} questions answered rightly.", lesson.right, lesson.of)), end);
  }

  private button(name: string, click: () => Promise<unknown>): HTMLButtonElement {
    return element("button", { type: "button", click: () => {
      click().catch((error: Error) => {
        this.message.textContent = error.message;
      });
    } }, name);
  }

  private cell(cell: LessonCell, k: number): HTMLElement {
    if (cell.kind === "code") {
      const printed = cell.output ? element("pre", { class: "output", tabindex: "0" }, cell.output.trimEnd()) : "";
      return element("section", {}, element("pre", { class: "code", tabindex: "0" }, cell.code), printed);
    }
    // Python made the markup from Markdown, with all else in it as text
    const text = element("div", {}, ...new DOMParser().parseFromString(cell.html, "text/html").body.childNodes);
    if (cell.kind === "text") return text;
    const [sign, kind] = cell.correct ? ["✓ ", ""] : cell.shown ? ["", ""] : ["✗ ", "wrong"];
    const verdict = cell.verdict ? element("p", { class: `verdict ${kind}` }, `${sign}${cell.verdict}`) : "";
    if (k !== this.lesson.waiting) return element("section", { class: "question" }, text, verdict);
    const answer = element("input", { type: "text", autocomplete: "off", spellcheck: "false", "aria-label": t("Your answer") });
    const form = element("form", { submit: () => {
      if (answer.value.trim()) void this.tell("answer", { text: answer.value, question: k });
    } }, answer, element("button", { type: "submit" }, t("Check")), element("button", { type: "button", click: () => void this.tell("give_up", { question: k }) }, t("Show the answer")));
    form.addEventListener("submit", (event) => event.preventDefault());
    return element("section", { class: "question" }, text, form, verdict);
  }

  private async save(): Promise<void> {
    const score = await this.source.tell<object>("score");
    const link = element("a", { href: URL.createObjectURL(new Blob([JSON.stringify(score, null, 1)], { type: "application/json" })), download: `lesson-${this.lesson.number}.json` });
    link.click();
    URL.revokeObjectURL(link.href);
  }
}
