// The language of the page: sentences are written in English, and shown as the catalogue that Python sends has them.

export interface Catalogue { language: string; languages: Record<string, string>; strings: Record<string, string> }

let strings: Record<string, string> = {};

export function speak(catalogue: Catalogue): void {
  strings = catalogue.strings;
  document.documentElement.lang = catalogue.language.replace("_", "-");
}

// A sentence with its holes, {0}, {1}, …, filled.
export function t(english: string, ...holes: (string | number)[]): string {
  return (strings[english] ?? english).replace(/\{(\d)\}/g, (_, n) => `${holes[+n]}`);
}
