// What a recipe offers to be looked at: pictures and films at the press of a button; samples of what the model writes after each
// epoch, too.
import type { Drawing, Film, Offer, Run, Sample, Source } from "./data";
import { announce, element } from "./dom";
import { FilmView } from "./film";
import { t } from "./language";

export class Offers {
  readonly place = element("div", { id: "offers" });
  private buttons = element("div", { class: "history" });
  private message = element("p", { class: "error" });
  private samples: (() => Promise<void>)[] = [];
  private film: FilmView | null = null;
  private epoch = -1;
  private busy = false;

  constructor(readonly source: Source, run: Run, readonly button: (name: string, click: () => Promise<unknown>) => HTMLButtonElement) {
    this.place.append(this.buttons, this.message);
    for (const offer of run.pictures) this.add(t("Draw {0}", offer[1]), this.picture(offer));
    for (const offer of run.films) this.add(t("Play {0}", offer[1]), this.played(offer));
    for (const offer of run.samples) {
      const write = this.written(offer);
      this.samples.push(write);
      this.add(t("Write {0}", offer[1]), async () => {
        await write();
        announce(t("written anew"));
      });
    }
  }

  // Samples are renewed with each epoch.
  show(run: Run): void {
    if (run.epoch === this.epoch || this.busy) return;
    this.busy = true;
    Promise.all(this.samples.map((write) => write())).then(() => {
      this.epoch = run.epoch;
      this.message.textContent = "";
    }, (error: Error) => {
      this.message.textContent = error.message;
    }).finally(() => {
      this.busy = false;
    });
  }

  private add(name: string, click: () => Promise<unknown>): void {
    this.buttons.append(this.button(name, click));
  }

  private frame(): HTMLElement {
    const place = element("figure", { hidden: true });
    this.place.append(place);
    return place;
  }

  private picture([name, called]: Offer): () => Promise<void> {
    const place = this.frame();
    return async () => {
      const { step, address } = await this.source.tell<Drawing>("picture", { name });
      place.replaceChildren(element("img", { src: address, alt: t("{0} after step {1}", called, step) }));
      place.hidden = false;
    };
  }

  private played([name, called]: Offer): () => Promise<void> {
    const place = this.frame();
    let number = 0;
    return async () => {
      const film = await this.source.tell<Film>("film", { name, number: number++ });
      this.film?.pause();
      this.film = new FilmView(film);
      const told = `${t("{0} after step {1}", called, film.step)}: ${film.told}`;
      place.replaceChildren(this.film.place, element("figcaption", {}, told));
      place.hidden = false;
      announce(told);
    };
  }

  private written([name, called]: Offer): () => Promise<void> {
    const place = this.frame();
    return async () => {
      const { step, headings, rows } = await this.source.tell<Sample>("sample", { name });
      place.replaceChildren(element("div", { class: "table" }, element("table", { class: "sample" },
        element("caption", {}, t("{0} after step {1}", called, step)),
        element("thead", {}, element("tr", {}, ...headings.map((head) => element("th", { scope: "col" }, head)))),
        element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map((text) => element("td", {}, text))))))));
      place.hidden = false;
    };
  }
}
