// What the optimiser makes of a gradient: a row for each term, coefficient × value, and their sum, the change of the parameter.
import { derivation } from "./derivation";
import type { Told, UpdateTold } from "./data";
import { element } from "./dom";
import { t } from "./language";
import { brief, isArray, signed, whole } from "./numbers";

export function update(found: UpdateTold): HTMLElement {
  const most = Math.max(...found.terms.map((term) => term.size), 1e-300);
  const rows = found.terms.map((term) => {
    const size = signed(term.contribution), array = isArray(term.contribution);
    const sign = array ? "array" : size < 0 ? "down" : "up", glyph = array || !size ? "" : size < 0 ? "▼ " : "▲ ";
    const bar = element("meter", { class: sign, min: "0", max: "1", value: `${term.size / most}`, "aria-hidden": "true" });
    const coefficient = element("span", { title: `${term.formula} = ${whole(term.coefficient)}` }, brief(term.coefficient));
    const value = element("span", { title: whole(term.value) }, ` × ${term.symbol} ${brief(term.value)}`);
    return element("tr", {}, element("td", { class: "bar" }, bar), element("th", { scope: "row" }, term.kind), element("td", {}, coefficient, value), number(term.contribution, glyph));
  });
  const line = (name: string, told: Told, kind: string) => rows.push(element("tr", { class: kind }, element("td"), element("th", { scope: "row", colspan: "2" }, name), number(told)));
  if (rows.length && (isArray(found.rounding) ? found.rounding.norm : found.rounding) !== 0) line(t("rounding"), found.rounding, "rest");
  line(t("sum = change"), found.change, "sum");
  const title = found.step === null ? t("{0} makes of it", found.optimizer) : t("{0} makes of it, in step {1}", found.optimizer, found.step.toLocaleString("en"));
  return element("section", { id: "update" },
    element("h3", {}, `${title}: ${found.symbol} = `, element("span", { class: "accent", title: whole(found.change) }, brief(found.change, true))),
    element("p", { class: "facts" }, `${brief(found.before)} → ${brief(found.after)}`),
    element("table", { class: "paths" }, element("tbody", {}, ...rows)),
    ...found.notes.map(([subject, text]) => element("p", { class: "note" }, element("b", {}, `${subject} `), text)),
    element("details", {}, element("summary", {}, t("The step as a formula")), derivation(found)),
  );
}

function number(x: Told, glyph = ""): HTMLElement {
  return element("td", { class: "number", title: whole(x) }, `${glyph}${brief(x, true)}`);
}
