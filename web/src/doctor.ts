// What the doctor finds: evidence, one cause, one change; and the layers as a table with bars.
import type { Diagnosis, Options } from "./data";
import { element } from "./dom";
import { t } from "./language";
import { written } from "./numbers";

const columns = (): [string, string][] => [
  ["signal", t("signal (rms)")], ["gain", t("gain")], ["gradient", t("‖gradient‖")], ["gradient_gain", t("gain back")],
  ["share", t("share of gradient")], ["dead", t("dead")], ["saturated", t("saturated")], ["update_ratio", t("update / weight")],
];

// `rerun` trains `recipe` again with some options changed.
export function diagnosis(found: Diagnosis, recipe: string, rerun: (options: Options) => void): HTMLElement {
  const findings = found.findings.map((finding) => element("section", { class: "finding" },
    element("h3", {}, `${finding.rule}: ${finding.subject}`), element("p", {}, finding.evidence), element("p", {}, finding.cause),
    element("p", {}, finding.change), finding.code ? element("pre", { tabindex: "0" }, finding.code) : "", again(finding.options)));
  function again(options: Options): HTMLElement {
    const words = Object.entries(options).map(([name, value]) => `--${name.replaceAll("_", "-")} ${value}`);
    return words.length ? element("button", { type: "button", click: () => rerun(options) }, t("Train again beside it, with {0}", words.join(" ")))
      : element("p", { class: "facts" }, t("No option of {0} makes this change: it is one of the code.", recipe));
  }
  const shown = columns().filter(([name]) => found.layers.some((layer) => layer[name] !== null));
  const rows = found.layers.map((layer) => element("tr", {},
    element("th", { scope: "row" }, `${layer.name || t("model")} ${layer.kind}`),
    ...shown.map(([name]) => {
      const x = layer[name];
      const bar = name === "share" && typeof x === "number" ? element("meter", { class: "array", min: "0", max: "1", value: `${x}`, "aria-hidden": "true" }) : "";
      return element("td", { class: "number", title: `${x ?? ""}` }, bar, typeof x === "number" ? written(x) : "–");
    })));
  return element("div", { id: "diagnosis" },
    findings.length ? "" : element("p", {}, found.text), ...findings,
    rows.length ? element("div", { class: "table" }, element("table", {},
      element("caption", {}, t("The layers in one forward and backward pass")),
      element("thead", {}, element("tr", {}, element("th", { scope: "col" }, t("layer")), ...shown.map(([, head]) => element("th", { scope: "col" }, head)))),
      element("tbody", {}, ...rows))) : "");
}
