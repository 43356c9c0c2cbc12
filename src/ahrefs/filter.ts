/**
 * Ahrefs' `where` filters, in our column names. Filtered rows are not billed, the columns of a filter are.
 *
 * Source: filter syntax of ahrefs/ahrefs-python, 2026-03.
 *
 * @since 0.1.0
 */
import type { Column, Columns } from "./columns.js"

/**
 * What a column is held against. Regular expressions are RE2.
 *
 * @since 0.1.0
 * @category Models
 */
export type Condition =
  | "empty"
  | "is_null"
  | readonly [operator: "eq" | "neq" | "gt" | "gte" | "lt" | "lte", value: string | number | boolean]
  | readonly [
      operator: "substring" | "isubstring" | "phrase_match" | "iphrase_match" | "prefix" | "suffix" | "regex",
      value: string
    ]

/**
 * Conditions on columns, joined by `and`, `or` and `not`.
 *
 * @since 0.1.0
 * @category Models
 */
export type Filter<Name> =
  | { readonly and: ReadonlyArray<Filter<Name>> }
  | { readonly or: ReadonlyArray<Filter<Name>> }
  | { readonly not: Filter<Name> }
  | { readonly field: Name; readonly is: Condition }
  | { readonly field: Name; readonly listIs: { readonly any: Condition } | { readonly all: Condition } }

/**
 * A column to sort by.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Order<Name> {
  readonly column: Name
  readonly direction: "asc" | "desc"
}

const children = <Name>(filter: Filter<Name>): ReadonlyArray<Filter<Name>> =>
  "and" in filter ? filter.and : "or" in filter ? filter.or : "not" in filter ? [filter.not] : []

/**
 * Every column a filter names; they are billed.
 */
export const columnsOf = <Name extends string>(
  table: Readonly<Record<Name, Column>>,
  filter: Filter<Name>
): ReadonlyArray<Column> =>
  "field" in filter ? [table[filter.field]] : children(filter).flatMap((child) => columnsOf(table, child))

/**
 * The filter as the wire wants it.
 */
export const toWire = <Name extends string>(table: Readonly<Record<Name, Column>>, filter: Filter<Name>): unknown => {
  if ("and" in filter) return { and: filter.and.map((child) => toWire(table, child)) }
  if ("or" in filter) return { or: filter.or.map((child) => toWire(table, child)) }
  if ("not" in filter) return { not: toWire(table, filter.not) }
  const field = table[filter.field].wire
  return "is" in filter ? { field, is: filter.is } : { field, list_is: filter.listIs }
}

const isSendable = (condition: Condition): boolean =>
  typeof condition === "string" ||
  (typeof condition[1] === "number" ? Number.isFinite(condition[1]) : condition[1] !== "")

/**
 * Whether a filter names only columns of the table and holds no empty list, no empty text and no number that JSON lacks.
 */
export const isValid = (table: Columns, filter: Filter<string>): boolean => {
  if ("field" in filter) {
    const condition = "is" in filter ? filter.is : "any" in filter.listIs ? filter.listIs.any : filter.listIs.all
    return Object.hasOwn(table, filter.field) && isSendable(condition)
  }
  return children(filter).length > 0 && children(filter).every((child) => isValid(table, child))
}
