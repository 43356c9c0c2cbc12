/** Numbers from 0 to 1, the same for the same seed. */
import { PCGRandom } from "effect/Utils"

export const random = (seed: number): (() => number) => {
  const numbers = new PCGRandom(seed)
  return () => numbers.number()
}
