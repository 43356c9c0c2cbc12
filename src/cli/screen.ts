/** What the terminal behind a stream can show. */

interface Stream {
  readonly isTTY?: boolean | undefined
}

/** Whether what is on it can be taken away again. */
export const isErasable = ({ isTTY }: Stream): boolean => isTTY === true && process.env["TERM"] !== "dumb"

/** As https://no-color.org has it: set to anything but nothing, it forbids colours. */
export const isColoured = (stream: Stream): boolean => isErasable(stream) && !process.env["NO_COLOR"]
