import { random } from "../support/random.js"

/** jsfuzz draws from `Math.random`, which takes no seed: this one does. */
export const setRandom = (seed: number): void => {
  Math.random = random(seed)
}
