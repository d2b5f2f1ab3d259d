// How numbers are written: four significant digits, a true minus sign, every digit on demand.
import type { ArrayTold, Number, Told } from "./data";
import { t } from "./language";

const NAMES: Record<string, string> = { nan: "NaN", inf: "∞", "-inf": "−∞" };

export function written(x: Number, sign = false): string {
  if (typeof x === "string") return NAMES[x];
  if (x === 0) return "0";
  const size = Math.abs(x);
  let text = size >= 1e-4 && size < 1e6 ? `${+size.toPrecision(4)}` : size.toExponential(3);
  if (text.includes("e")) {
    const [mantissa, exponent] = text.split("e");
    text = `${+mantissa}×10${superscript(+exponent)}`;
  }
  return (x < 0 ? "−" : sign ? "+" : "") + text;
}

function superscript(n: number): string {
  return `${n}`.replace(/./g, (c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]);
}

// Every digit, as it is copied.
export function exact(x: Number): string {
  return typeof x === "string" ? NAMES[x] : `${x}`;
}

export function isArray(x: Told): x is ArrayTold {
  return x !== null && typeof x === "object" && !Array.isArray(x);
}

// A few characters for the graph: a number, or the norm of an array.
export function brief(x: Told, sign = false): string {
  if (x === null) return t("not computed yet");
  if (Array.isArray(x)) return x.map((part) => brief(part)).join(", ");
  if (!isArray(x)) return written(x, sign);
  return x.nonfinite ? t("{0} not finite", x.nonfinite) : `‖${written(x.norm)}‖`;
}

export function whole(x: Told): string {
  if (x === null) return t("not computed yet");
  if (Array.isArray(x)) return x.map(whole).join("; ");
  return isArray(x) ? x.text : exact(x);
}

// A number that orders and colours: of an array its norm, without a sign.
export function signed(x: Told): number {
  if (x === null || Array.isArray(x)) return 0;
  const number = isArray(x) ? x.norm : x;
  return typeof number === "number" ? number : 0;
}
