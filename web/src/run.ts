/*! This page contains uPlot.

The MIT License (MIT)

Copyright (c) 2022 Leon Sorokin

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in
all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN
THE SOFTWARE.
*/
// A training run: its curves as they grow, pause and single steps, and the graph of the very next step.
import uPlot from "uplot";
import { axes, colour, Curves } from "./curves";
import type { Diagnosis, Run, Source } from "./data";
import { diagnosis } from "./doctor";
import { announce, byId, element } from "./dom";
import { t } from "./language";
import { written } from "./numbers";
import { Offers } from "./offers";

const EVERY = 500; // milliseconds between two looks

export class RunView {
  private told = element("p", { id: "run-told" });
  private message = element("p", { class: "error" });
  private curve = element("div", { role: "img" });
  private table = element("div", { class: "table" });
  private curves = new Curves();
  private offers: Offers;
  private pause = this.button(t("Pause"), () => this.tell(this.last.paused ? "resume" : "pause"));
  private step = this.button(t("One step"), () => this.tell("step"));
  private ask = this.button(t("Ask the doctor"), async () => {
    const found = await this.source.tell<Diagnosis>("doctor");
    this.found.replaceChildren(diagnosis(found, this.last.name, (options) => void this.rerun(options)));
    announce(this.found.innerText);
  });
  private found = element("div");
  private besideTold = element("p", { class: "facts", id: "beside" });
  private open = this.button(t("Open the next step"), () => this.openStep());
  private plot: uPlot | null = null;
  private last: Run;

  constructor(readonly source: Source, run: Run) {
    this.last = run;
    this.offers = new Offers(source, run, (name, click) => this.button(name, click));
    byId("run").append(
      element("h2", {}, run.name), element("p", { class: "facts" }, run.command), this.told,
      element("div", { class: "history" }, this.pause, this.step, this.open, this.ask), this.message, this.found, this.besideTold, this.curve, this.curves.place, this.offers.place, this.table,
    );
    this.ask.hidden = !run.examinable;
    this.show(run);
    window.setInterval(() => void this.look(), EVERY);
  }

  private button(name: string, click: () => Promise<unknown>): HTMLButtonElement {
    return element("button", { type: "button", click: () => {
      this.message.textContent = "";
      click().catch((error: Error) => {
        this.message.textContent = error.message;
        announce(error.message);
      });
    } }, name);
  }

  private async tell(command: string): Promise<void> {
    await this.source.tell(command);
    await this.look();
  }

  private async rerun(options: object): Promise<void> {
    try {
      await this.source.tell("rerun", { options });
      this.plot?.destroy(); // it gets a second curve
      this.plot = null;
      await this.look();
    } catch (error) {
      this.message.textContent = (error as Error).message;
    }
  }

  private async openStep(): Promise<void> {
    await this.source.tell("open");
    location.hash = "Graph";
    location.reload();
  }

  private async look(): Promise<void> {
    if (document.hidden) return;
    try {
      const run = await this.source.run();
      if (run) this.show(run);
    } catch {
      this.told.textContent = t("Python does not answer: the program has ended.");
    }
  }

  private show(run: Run): void {
    const before = this.last;
    this.last = run;
    const state = run.finished ? t("finished") : run.paused ? t("paused") : t("training");
    const loss = run.losses.at(-1);
    this.told.textContent = t("{0}: step {1} of {2}, epoch {3} of {4}", state, run.step.toLocaleString("en"), run.steps.toLocaleString("en"), run.epoch, run.epochs) +
      (loss ? t(", loss {0}", `${written(loss[1])} ${run.unit}`) : "") + (run.shown ? t("; the graph is of {0}", run.shown) : "") +
      (run.past?.same === false ? t(". Computed again, the last state is not the one that was saved: another version or machine?") : "");
    this.pause.textContent = run.paused ? t("Resume") : t("Pause");
    this.pause.disabled = this.step.disabled = run.finished;
    if (before.paused !== run.paused || before.finished !== run.finished) announce(state);
    this.draw(run);
    this.curves.show(run.curves);
    this.offers.show(run);
    if (run.metrics.length !== this.table.querySelectorAll("tbody tr").length) this.list(run);
  }

  private draw(run: Run): void {
    const own: uPlot.AlignedData = [run.losses.map(([step]) => step), run.losses.map(([, loss]) => loss)];
    const { beside } = run;
    const data = beside ? uPlot.join([own, [beside.losses.map(([step]) => step), beside.losses.map(([, loss]) => loss)]]) : own;
    this.besideTold.textContent = !beside ? "" : beside.said || t("beside it, with {0}: {1}", beside.changes, beside.losses.length ? t("loss {0} at step {1}", written(beside.losses.at(-1)![1]), beside.losses.at(-1)![0]) : t("no loss yet"));
    const last = run.losses.at(-1);
    this.curve.setAttribute("aria-label", last ? t("loss by step: {0} at step {1}, {2} at step {3}", written(run.losses[0][1]), run.losses[0][0], written(last[1]), last[0]) : t("no loss yet"));
    if (this.plot) {
      this.plot.setData(data);
      return;
    }
    if (!run.losses.length) return;
    this.plot = new uPlot({
      width: Math.max(300, byId("run").clientWidth - 40), height: 300, scales: { x: { time: false } }, axes: axes(),
      series: [
        { label: t("step") }, { label: t("loss, {0}", run.unit), stroke: colour("--accent"), width: 1.5, spanGaps: true },
        ...(beside ? [{ label: beside.changes, stroke: colour("--up"), width: 1.5, spanGaps: true, dash: [6, 3] }] : []),
      ],
    }, data, this.curve);
  }

  private list(run: Run): void {
    const names = Object.keys(run.headings);
    const rows = run.metrics.map((row) => element("tr", {}, ...names.map((name) => element("td", { class: "number" }, row[name] === null ? t("not finite") : written(row[name]!)))));
    this.table.replaceChildren(element("table", {},
      element("thead", {}, element("tr", {}, ...names.map((name) => element("th", { scope: "col", class: "number" }, run.headings[name])))),
      element("tbody", {}, ...rows)));
  }
}
