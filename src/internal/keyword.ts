/** One form for the spellings of a keyword that search engines hold for the same. */
export const keywordKey = (keyword: string): string =>
  keyword.normalize("NFC").trim().toLowerCase().replace(/\s+/g, " ")
