// A derivation, drawn from MathML, and copied as LaTeX.
import { announce, element } from "./dom";
import { t } from "./language";

export function derivation(card: { mathml: string; latex: string }): HTMLElement {
  const shown = element("div", { class: "derivation" }, mathematics(card.mathml));
  const copy = element("button", { type: "button", click: () => {
    void navigator.clipboard.writeText(card.latex).then(() => announce(t("copied as LaTeX")));
  } }, t("Copy as LaTeX"));
  return element("div", {}, shown, copy);
}

export function mathematics(mathml: string): Node {
  return document.importNode(new DOMParser().parseFromString(mathml, "application/xml").documentElement, true);
}
