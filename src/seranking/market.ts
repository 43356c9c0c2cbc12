/**
 * Countries as SE Ranking's two contracts name them: market codes (`us`, `uk`) and English names ("United States").
 *
 * @since 0.1.0
 */

const names = new Intl.DisplayNames(["en"], { type: "region", fallback: "none" })
const letters = Array.from("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
const codes = new Map(
  letters.flatMap((a) =>
    letters.flatMap((b) => {
      const name = names.of(a + b)
      return name === undefined ? [] : [[name.toLowerCase(), `${a}${b}`.toLowerCase()] as const]
    })
  )
)

const isoOf = (location: string): string | undefined => {
  const text = location.trim().toLowerCase()
  const code = text === "uk" ? "gb" : text
  return codes.get(text) ?? (/^[a-z]{2}$/.test(code) && names.of(code.toUpperCase()) !== undefined ? code : undefined)
}

/** The market code of a country given by English name or ISO code; SE Ranking says `uk` where ISO says `gb`. */
export const marketOf = (location: string): string | undefined => {
  const code = isoOf(location)
  return code === "gb" ? "uk" : code
}

/** The English name of a country given by ISO code; any other location stays as it is. */
export const nameOf = (location: string): string => {
  const code = /^[a-z]{2}$/i.test(location.trim()) ? isoOf(location) : undefined
  return (code && names.of(code.toUpperCase())) ?? location
}
