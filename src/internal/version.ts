/** The package's version, as sent in the user agent; a test holds it equal to package.json. */
export const version = "0.1.0"
