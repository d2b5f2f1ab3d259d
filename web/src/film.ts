// A film: moments after one another, drawn by strokes. It is played, paused and moved through; where the reader wants less motion it
// stands still until it is played.
import type { Film } from "./data";
import { element } from "./dom";
import { t } from "./language";

const WIDTH = 320; // pixels

export class FilmView {
  private canvas: HTMLCanvasElement = element("canvas", { role: "img" });
  private bar: HTMLInputElement = element("input", { type: "range", min: "0", "aria-label": t("Step of the film"), input: () => {
    this.pause();
    this.draw();
  } });
  private button = element("button", { type: "button", click: () => (this.timer ? this.pause() : this.play()) });
  private at = element("output");
  private timer = 0;
  readonly place: HTMLElement;

  constructor(readonly film: Film) {
    const scale = window.devicePixelRatio || 1, height = (WIDTH * (film.top - film.bottom)) / (film.right - film.left);
    Object.assign(this.canvas, { width: WIDTH * scale, height: Math.round(height * scale) });
    this.canvas.style.width = `${WIDTH}px`;
    this.canvas.setAttribute("aria-label", film.told);
    this.bar.max = `${film.frames.length - 1}`;
    this.bar.value = "0";
    this.place = element("div", { class: "film" }, this.canvas, element("div", { class: "change" }, this.button, this.bar, this.at));
    this.pause();
    this.draw();
    if (!window.matchMedia("(prefers-reduced-motion: reduce)").matches) this.play();
  }

  pause(): void {
    window.clearInterval(this.timer);
    this.timer = 0;
    this.button.textContent = t("Play");
  }

  private play(): void {
    const last = this.film.frames.length - 1;
    if (+this.bar.value >= last) this.bar.value = "0";
    this.button.textContent = t("Pause");
    this.timer = window.setInterval(() => {
      this.bar.value = `${+this.bar.value + 1}`;
      this.draw();
      if (+this.bar.value >= last) this.pause();
    }, 1000 / this.film.per_second);
  }

  private draw(): void {
    const { left, right, top, every, frames } = this.film;
    const context = this.canvas.getContext("2d")!, scale = this.canvas.width / (right - left);
    context.fillStyle = "#fff";
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    context.lineCap = context.lineJoin = "round";
    for (const { points, width, colour } of frames[+this.bar.value]) {
      context.strokeStyle = colour;
      context.lineWidth = scale * width;
      context.beginPath();
      for (const [x, y] of points) context.lineTo(scale * (x - left), scale * (top - y));
      if (points.length === 1) context.closePath(); // a disc
      context.stroke();
    }
    this.at.textContent = t("step {0} of {1}", +this.bar.value * every, (frames.length - 1) * every);
    this.bar.setAttribute("aria-valuetext", this.at.textContent);
  }
}
