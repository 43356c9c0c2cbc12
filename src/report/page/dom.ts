/** Elements made of text: nothing here ever takes markup. */

/** Everything that could hide text or turn its direction, as an escape that can be seen. */
export const visible = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`)

type Child = Node | string | number | null | undefined | false

export const h = <K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string | number | boolean | undefined>> = {},
  ...children: ReadonlyArray<Child>
): HTMLElementTagNameMap[K] => {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : String(value))
  }
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue
    element.append(typeof child === "object" ? child : visible(String(child)))
  }
  return element
}

/** A link, where the address is one of the web; else its text. */
export const link = (text: string, url: string): Node =>
  URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)
    ? h("a", { href: url, target: "_blank", rel: "noreferrer noopener" }, text)
    : h("span", {}, text)

export type Cell = Node | string | number | null

/** The first cell of a row is its header. Columns named in `numeric` stand to the right. */
export const table = (
  caption: string,
  head: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<Cell>>,
  { foot = [], numeric = [] }: { readonly foot?: ReadonlyArray<Cell>; readonly numeric?: ReadonlyArray<string> } = {}
): HTMLElement => {
  const kind = head.map((name) => (numeric.includes(name) ? "number" : undefined))
  const row = (cells: ReadonlyArray<Cell>) =>
    h(
      "tr",
      {},
      ...cells.map((cell, i) =>
        i === 0 ? h("th", { scope: "row", class: kind[i] }, cell) : h("td", { class: kind[i] }, cell)
      )
    )
  return h(
    "table",
    {},
    h("caption", {}, caption),
    h("thead", {}, h("tr", {}, ...head.map((name, i) => h("th", { scope: "col", class: kind[i] }, name)))),
    h("tbody", {}, ...rows.map(row)),
    foot.length > 0 && h("tfoot", {}, row(foot))
  )
}

export const figure = (title: string, ...children: ReadonlyArray<Child>): HTMLElement =>
  h("figure", { class: "card" }, h("figcaption", {}, h("h3", {}, title)), ...children)

/** The data of a chart, for whoever cannot see it. */
export const asTable = (element: HTMLElement): HTMLElement =>
  h("details", {}, h("summary", {}, "Show as a table"), element)
