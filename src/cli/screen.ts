/** What the terminal behind a stream can show. */

/** As https://no-color.org has it: set to anything but nothing, it forbids colours. */
export const isColoured = ({ isTTY }: { readonly isTTY?: boolean | undefined }): boolean =>
  isTTY === true && !process.env["NO_COLOR"] && process.env["TERM"] !== "dumb"
