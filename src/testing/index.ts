/**
 * @since 0.1.0
 */
export * as AhrefsSimulator from "./AhrefsSimulator.js"

/**
 * @since 0.1.0
 */
export * as MajesticSimulator from "./MajesticSimulator.js"

/**
 * @since 0.1.0
 */
export * as SERankingSimulator from "./SERankingSimulator.js"

/**
 * @since 0.1.0
 */
export * as Simulators from "./Simulators.js"
