/** Ahrefs, vendor contract: 2 units a domain rating, at least 50 a call. */
export const unitsOf = (targets: number): number => Math.max(50, 2 * targets)
/** Of a domain in a call that has more than 25. */
export const leastUnits = 2
